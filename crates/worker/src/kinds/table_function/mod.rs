//! UDTFs over Arrow: the rows that one call has given → the IPC message of their record batch. Eval
//! type 301.
//!
//! Where they come from, and when stock is asked instead, is in `table_rows.py`.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use arrow_ipc::writer::StreamWriter;
use arrow_pyarrow::FromPyArrow;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};
use bowstring_ipc::nullable;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple, PyType};

use crate::convert::output::scalars::Scalars;
use crate::errors::internal;
use crate::kinds::arrow_batched::{array_of, inferred};

/// Encodes the rows of one task, whose answer has this schema: a struct column.
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct TableRows {
    /// Null is allowed in all of them.
    fields: Fields,
    /// Which of them are declared without null.
    required: Vec<bool>,
    /// Stock makes a pandas frame of the rows first.
    in_frames: bool,
    /// `pyspark.sql.Row`
    row: Py<PyType>,
    writer: Mutex<StreamWriter<Vec<u8>>>,
}

#[pymethods]
impl TableRows {
    #[new]
    fn new(schema: &Bound<'_, PyAny>, in_frames: bool, row: Py<PyType>) -> PyResult<Self> {
        let schema = Schema::from_pyarrow_bound(schema)?;
        let [column] = schema.fields.as_ref() else {
            return Err(PyTypeError::new_err("bowstring: an answer has one column"));
        };
        let DataType::Struct(declared) = column.data_type() else {
            return Err(PyTypeError::new_err("bowstring: an answer is a struct"));
        };
        let fields: Fields = declared.iter().map(nullable).collect();
        let column = Field::new("_0", DataType::Struct(fields.clone()), true);
        let writer = StreamWriter::try_new(Vec::new(), &Schema::new(vec![column]));
        Ok(Self {
            fields,
            required: declared.iter().map(|field| !field.is_nullable()).collect(),
            in_frames,
            row,
            writer: Mutex::new(writer.map_err(|error| internal(&error))?),
        })
    }

    /// The message of a batch of these rows, or `None` if only stock may judge or convert them.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        rows: &Bound<'py, PyList>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let width = self.fields.len();
        let Some(tuples) = self.tuples(rows) else {
            return Ok(None);
        };
        let scalars = Scalars::new(py)?;
        let mut columns = Vec::with_capacity(width);
        for index in 0..width {
            let values: PyResult<Vec<_>> =
                tuples.iter().map(|tuple| tuple.get_item(index)).collect();
            let Some(column) = self.column(&scalars, index, &values?)? else {
                return Ok(None);
            };
            columns.push(column);
        }
        self.message(py, columns, tuples.len())
            .map(Some)
            .map_err(|error| internal(&error))
    }
}

impl TableRows {
    /// The rows, if all of them are tuples of the right width.
    fn tuples<'py>(&self, rows: &Bound<'py, PyList>) -> Option<Vec<Bound<'py, PyTuple>>> {
        let row = self.row.bind(rows.py());
        let tuple = |item: Bound<'py, PyAny>| {
            // What pandas makes of a `Row` is not known here.
            let known = item.is_exact_instance_of::<PyTuple>()
                || (!self.in_frames && item.get_type().is(row));
            let tuple = item.cast_into::<PyTuple>().ok()?;
            (known && tuple.len() == self.fields.len()).then_some(tuple)
        };
        rows.iter().map(tuple).collect()
    }

    fn column<'py>(
        &self,
        scalars: &Scalars<'py>,
        index: usize,
        values: &[Bound<'py, PyAny>],
    ) -> PyResult<Option<ArrayRef>> {
        let Some(data_type) = self.fields.get(index).map(|field| field.data_type()) else {
            return Ok(None);
        };
        let array = if self.in_frames {
            inferred(scalars, values, data_type)?
        } else {
            array_of(values.iter().cloned(), values.len(), data_type)
        };
        let required = self.required.get(index) == Some(&true);
        Ok(array.filter(|array| !required || array.null_count() == 0))
    }

    fn message<'py>(
        &self,
        py: Python<'py>,
        columns: Vec<ArrayRef>,
        rows: usize,
    ) -> Result<Bound<'py, PyBytes>, ArrowError> {
        let column = StructArray::try_new_with_length(self.fields.clone(), columns, None, rows)?;
        let column: ArrayRef = Arc::new(column);
        let batch = RecordBatch::try_from_iter_with_nullable([("_0", column, true)])?;
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // What is there is the message before, or the schema, which stock has sent.
        writer.get_mut().clear();
        writer.write(&batch)?;
        Ok(PyBytes::new(py, writer.get_ref()))
    }
}
