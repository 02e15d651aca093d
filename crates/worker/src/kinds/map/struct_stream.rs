//! A stream of one struct column, written from record batches that have its fields as columns.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::writer::StreamEncoder;
use arrow_pyarrow::FromPyArrow;
use arrow_schema::{DataType, Field, Fields, Schema};
use pyo3::prelude::*;

use crate::connection::files::OutputFile;
use crate::convert::c_data::{Layout, sends_as_it_is, to_pyarrow};
use crate::errors::internal;

/// What takes the place of pyarrow's writer.
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct StructStream {
    /// That of the first batch, a `pyarrow.Schema`: pyarrow's writer takes no other.
    schema: Py<PyAny>,
    fields: Fields,
    /// `None` after the end.
    encoder: Mutex<Option<StreamEncoder>>,
}

impl std::fmt::Debug for StructStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StructStream")
            .finish_non_exhaustive()
    }
}

#[pymethods]
impl StructStream {
    /// For batches of this `pyarrow.Schema`; `None` if it has types that Spark does not.
    #[staticmethod]
    fn of(schema: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let Ok(known) = Schema::from_pyarrow_bound(schema) else {
            return Ok(None);
        };
        if !known.fields.iter().all(|field| sends_as_it_is(field)) {
            return Ok(None);
        }
        let fields = Layout::of(schema)?.fields().clone();
        let column = Field::new("_0", DataType::Struct(known.fields), true);
        let encoder = StreamEncoder::try_new(&Schema::new(vec![column]));
        Ok(Some(Self {
            schema: schema.clone().unbind(),
            fields,
            encoder: Mutex::new(Some(encoder.map_err(|error| internal(&error))?)),
        }))
    }

    /// Writes a batch of fields. `false` if it is none, or of another schema. `compare` is called with what is about to be
    /// written, again as a batch of pyarrow's.
    #[pyo3(signature = (batch, outfile, compare=None))]
    fn write(
        &self,
        py: Python<'_>,
        batch: &Bound<'_, PyAny>,
        outfile: &Bound<'_, OutputFile>,
        compare: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let layout = Layout::known(self.schema.bind(py).clone(), self.fields.clone());
        let Some(columns) = layout.columns_if_it_fits(batch)? else {
            return Ok(false);
        };
        if let Some(compare) = compare {
            compare.call1((to_pyarrow(&columns, self.schema.bind(py))?,))?;
        }
        let column: ArrayRef = Arc::new(columns);
        let batch = RecordBatch::try_from_iter_with_nullable([("_0", column, true)])
            .map_err(|error| internal(&error))?;
        let mut encoder = self.encoder.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(encoder) = encoder.as_mut() else {
            return Ok(false);
        };
        let encoded = encoder.encode(&batch).map_err(|error| internal(&error))?;
        outfile.get().write_pieces(py, &encoded)?;
        Ok(true)
    }

    /// Ends the stream.
    fn close(&self, py: Python<'_>, outfile: &Bound<'_, OutputFile>) -> PyResult<()> {
        let encoder = self
            .encoder
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(encoder) = encoder {
            let end: Vec<Buffer> = encoder.finish().map_err(|error| internal(&error))?;
            outfile.get().write_pieces(py, &end)?;
        }
        Ok(())
    }
}
