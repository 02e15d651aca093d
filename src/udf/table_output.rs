//! Arrow results of many groups, coalesced into record batches of one struct column.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray, new_empty_array};
use arrow_pyarrow::FromPyArrow;
use arrow_schema::{ArrowError, DataType, Fields, Schema, SchemaRef};
use arrow_select::concat::concat;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::task::internal;
use super::verifier::Verifier;
use crate::frame::c_data::{Layout, table_class, to_pyarrow};
use crate::frame::output::{MAX_BYTES, MAX_ROWS};

/// What is sent, and how results get there.
#[derive(Debug)]
pub struct TableOutput<'a, 'py> {
    /// The conversions of the Spark line (`stock_arrow.py`).
    stock: &'a Bound<'py, PyAny>,
    /// What a result has that stock sends as it is, but for metadata of the schema as a whole.
    plain: Layout<'py>,
    /// Decided by the first batch.
    wire: Option<Wire<'py>>,
    pieces: Vec<Vec<ArrayRef>>,
    batches: usize,
    rows: usize,
    bytes: usize,
}

/// The schema of the answer: a struct column `_0`.
#[derive(Debug)]
struct Wire<'py> {
    layout: Layout<'py>,
    schema: SchemaRef,
    /// Of the struct, as they are held.
    fields: Fields,
    /// It is what plain results make.
    is_plain: bool,
}

impl<'py> Wire<'py> {
    fn of(schema: &Bound<'py, PyAny>, is_plain: bool) -> PyResult<Self> {
        let layout = Layout::of(schema)?;
        let fields = match layout.fields().first().map(|field| field.data_type()) {
            Some(DataType::Struct(fields)) => fields.clone(),
            _ => {
                return Err(PyTypeError::new_err(
                    "bowstring: a result is not one struct column",
                ));
            }
        };
        Ok(Self {
            schema: Arc::new(Schema::from_pyarrow_bound(schema)?),
            layout,
            fields,
            is_plain,
        })
    }
}

impl<'a, 'py> TableOutput<'a, 'py> {
    /// Before the first result.
    ///
    /// # Errors
    ///
    /// Fails if a result is declared with a type that arrow-rs does not know.
    pub fn new(stock: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        Ok(Self {
            plain: Layout::of(&stock.getattr("plain")?)?,
            stock,
            wire: None,
            pieces: Vec::new(),
            batches: 0,
            rows: 0,
            bytes: 0,
        })
    }

    /// Appends a result that should be a table; a verifier looks at what is appended.
    ///
    /// # Errors
    ///
    /// What stock raises for one that is not as declared, and a difference that was found.
    pub fn table(
        &mut self,
        result: &Bound<'py, PyAny>,
        verifier: Option<&Verifier<'py>>,
    ) -> PyResult<()> {
        let py = result.py();
        if result.get_type().is(table_class(py)?) && self.takes(result)? {
            let batches = result.call_method0(intern!(py, "to_batches"))?;
            let ours = PyList::empty(py);
            for batch in batches.cast::<PyList>()? {
                let columns = self.append_plain(&batch)?;
                if verifier.is_some() {
                    ours.append(to_pyarrow(&columns, self.plain.schema())?)?;
                }
            }
            if let Some(verifier) = verifier {
                verifier.batches(&ours, &self.stock.call_method1("convert", (result,))?)?;
            }
            return Ok(());
        }
        let batches = self.stock.call_method1(intern!(py, "convert"), (result,))?;
        for batch in batches.try_iter()? {
            self.append_wrapped(&batch?)?;
        }
        Ok(())
    }

    /// Whether stock would send the columns of this table or batch as they are.
    fn takes(&self, result: &Bound<'py, PyAny>) -> PyResult<bool> {
        let py = result.py();
        if self.wire.as_ref().is_some_and(|wire| !wire.is_plain) {
            return Ok(false);
        }
        let equals = intern!(py, "equals");
        let schema = result.getattr(intern!(py, "schema"))?;
        if schema
            .call_method1(equals, (self.plain.schema(), true))?
            .is_truthy()?
        {
            return Ok(true);
        }
        // Such as pandas' metadata, which belong to no column.
        schema
            .call_method0(intern!(py, "remove_metadata"))?
            .call_method1(equals, (self.plain.schema(), true))?
            .is_truthy()
    }

    fn append_plain(&mut self, batch: &Bound<'py, PyAny>) -> PyResult<StructArray> {
        if self.wire.is_none() {
            let schema = self.stock.call_method0("wrapped")?;
            self.wire = Some(Wire::of(&schema, true)?);
        }
        let columns = self.plain.columns(batch)?;
        self.append(&columns)?;
        Ok(columns)
    }

    /// Appends a batch that stock has made.
    fn append_wrapped(&mut self, batch: &Bound<'py, PyAny>) -> PyResult<()> {
        let schema = batch.getattr("schema")?;
        let wire = match &mut self.wire {
            Some(wire) => wire,
            none => {
                let usual = self.stock.call_method0("wrapped")?;
                let is_plain = schema.call_method1("equals", (usual, true))?.is_truthy()?;
                none.insert(Wire::of(&schema, is_plain)?)
            }
        };
        // PARITY: the first batch decides on the schema, and pyarrow's writer refuses others.
        self.stock
            .call_method1("agree", (batch, wire.layout.schema()))?;
        let columns = wire.layout.columns(batch)?;
        match columns
            .columns()
            .first()
            .and_then(|column| column.as_struct_opt())
        {
            Some(columns) if columns.null_count() == 0 => self.append(&columns.clone()),
            _ => Err(PyTypeError::new_err(
                "bowstring: a result has null rows, this is a bug",
            )),
        }
    }

    fn append(&mut self, columns: &StructArray) -> PyResult<()> {
        self.pieces.resize_with(columns.num_columns(), Vec::new);
        let bytes = columns.get_buffer_memory_size();
        // A small piece may hold a large array alive, of which it shows some rows.
        let copied = columns.len() < MAX_ROWS && bytes < MAX_BYTES;
        for (pieces, column) in self.pieces.iter_mut().zip(columns.columns()) {
            pieces.push(if copied {
                let empty = new_empty_array(column.data_type());
                concat(&[column.as_ref(), empty.as_ref()]).map_err(|error| internal(&error))?
            } else {
                Arc::clone(column)
            });
        }
        self.batches += 1;
        self.rows += columns.len();
        self.bytes += bytes;
        Ok(())
    }

    /// Whether there is enough for a batch.
    pub fn is_due(&self) -> bool {
        self.rows >= MAX_ROWS || self.bytes >= MAX_BYTES
    }

    /// Whether anything waits to be written, be it without rows.
    pub fn waits(&self) -> bool {
        self.batches > 0
    }

    /// Takes everything as one batch, with the schema of the answer.
    ///
    /// # Errors
    ///
    /// Fails if the columns do not fit together, which is a bug.
    pub fn take(&mut self) -> Result<Option<(SchemaRef, RecordBatch)>, ArrowError> {
        let Some(wire) = &self.wire else {
            return Ok(None);
        };
        let columns = self.pieces.iter_mut().map(|pieces| {
            let arrays: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
            let column = concat(&arrays);
            pieces.clear();
            column
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let rows = std::mem::take(&mut self.rows);
        self.batches = 0;
        self.bytes = 0;
        let column = StructArray::try_new_with_length(wire.fields.clone(), columns, None, rows)?;
        let batch =
            RecordBatch::try_from_iter_with_nullable([("_0", Arc::new(column) as ArrayRef, true)])?;
        Ok(Some((Arc::clone(&wire.schema), batch)))
    }
}
