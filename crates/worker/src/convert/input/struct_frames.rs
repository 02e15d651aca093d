//! Struct columns whole: Arrow → the frame that a function gets, for kinds whose batches stock reads.

use std::sync::{Arc, Mutex};

use arrow_array::make_array;
use arrow_schema::{DataType, Field};
use pyo3::prelude::*;

use crate::convert::c_data::flat_array;
use crate::convert::conversions::Conversions;
use crate::convert::input::column::Column;
use crate::convert::input::frame::GroupFrames;
use crate::convert::input::group_columns::zoned;
use crate::convert::input::key_columns::KeyColumns;
use crate::convert::observed::Dtype;
use crate::convert::types::SparkType;
use crate::facades::conversion::Stock;
use crate::facades::record::SelfTest;

/// Builds the frames of one task's struct columns.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct StructFrames {
    conversions: Arc<Conversions>,
    /// For the type of the last column.
    made: Mutex<Option<Made>>,
}

#[derive(Debug)]
struct Made {
    /// `pyarrow.StructType`
    data_type: Py<PyAny>,
    frames: GroupFrames,
}

#[pymethods]
impl StructFrames {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
    fn new(py: Python<'_>, stock: Stock, proven: SelfTest) -> PyResult<Self> {
        Ok(Self {
            conversions: Arc::new(Conversions::new(py, stock, &proven)?),
            made: Mutex::new(None),
        })
    }

    /// The frame of a `pyarrow.StructArray`, or `None` if stock has to make it.
    fn frame<'py>(&self, array: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = array.py();
        let rows = array.len()?;
        let fields: Vec<Bound<'_, PyAny>> = array.call_method0("flatten")?.extract()?;
        if rows == 0 || fields.is_empty() {
            return Ok(None);
        }
        let mut native = Vec::with_capacity(fields.len());
        for field in &fields {
            match self.column(field)? {
                Some(column) => native.push(Some(column)),
                None => return Ok(None),
            }
        }
        let data_type = array.getattr("type")?;
        // Never waits: whoever has it may wait for the interpreter.
        let Ok(mut made) = self.made.try_lock() else {
            return Ok(None);
        };
        let known = match &*made {
            Some(made) => data_type.eq(&made.data_type)?,
            None => false,
        };
        if !known {
            *made = Some(self.start(data_type)?);
        }
        let Some(made) = made.as_mut() else {
            return Ok(None);
        };
        made.frames.of_columns(py, rows, &native, &[])
    }
}

impl StructFrames {
    fn start(&self, data_type: Bound<'_, PyAny>) -> PyResult<Made> {
        let labels = data_type
            .try_iter()?
            .map(|field| field?.getattr("name")?.extract())
            .collect::<PyResult<Vec<String>>>()?;
        let offsets = KeyColumns::all(labels.len());
        Ok(Made {
            frames: GroupFrames::labelled(&self.conversions, &offsets, &labels, data_type.py())?,
            data_type: data_type.unbind(),
        })
    }

    fn column(&self, array: &Bound<'_, PyAny>) -> PyResult<Option<(Column<'static>, Dtype)>> {
        let conversions = &self.conversions;
        let type_of = |data_type: &DataType| {
            let field = Field::new("", data_type.clone(), true);
            let zone = conversions.session_zone.as_deref();
            SparkType::of(&field, zone, &conversions.observed)
        };
        let Some(data) = flat_array(array, |data_type| type_of(data_type).is_some())? else {
            return Ok(None);
        };
        let Some(spark) = type_of(data.data_type()) else {
            return Ok(None);
        };
        let column = Column::of(spark, make_array(data));
        let Some(column) = zoned(array.py(), conversions, column)? else {
            return Ok(None);
        };
        let dtype = column.dtype(&conversions.observed);
        Ok(dtype.map(|dtype| (column, dtype)))
    }
}
