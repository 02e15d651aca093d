//! Single columns, for kinds whose frames stock puts together: Arrow → what a pandas column is made
//! of, and a result's column → Arrow.

use arrow_array::{Array, make_array};
use arrow_pyarrow::{FromPyArrow, ToPyArrow};
use arrow_schema::{DataType, Field};
use pyo3::prelude::*;

use crate::convert::c_data::flat_array;
use crate::convert::conversions::Conversions;
use crate::convert::input::column::Column;
use crate::convert::input::group_columns::zoned;
use crate::convert::input::numpy::Builder;
use crate::convert::observed::{Dtype, Unit};
use crate::convert::types::{Series, SparkType};
use crate::facades::conversion::Stock;
use crate::facades::record::SelfTest;
use crate::words::Word;

/// The native conversions of one task's columns, one of stock's two ways.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct Columns {
    conversions: Conversions,
    /// Stock goes through nanoseconds and Python's integers: Spark 4.2 on, for structs with a type
    /// that it cannot convert in the other way.
    legacy: bool,
}

/// What becomes of a column: the name of a maker in `columns.py`, and the arrays that it takes.
type Made<'py> = (&'static str, Vec<Bound<'py, PyAny>>);

#[pymethods]
impl Columns {
    /// `unit`: that of timestamps, if it is not the one of grouped maps.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
    fn new(
        py: Python<'_>,
        stock: Stock,
        proven: SelfTest,
        unit: Option<Word<Unit>>,
    ) -> PyResult<Self> {
        let mut conversions = Conversions::new(py, stock, &proven)?;
        if let Some(Word(unit)) = unit {
            conversions.observed.timestamp_unit = unit;
        }
        Ok(Self {
            conversions,
            legacy: unit.is_some(),
        })
    }

    /// What the `pyarrow.Array` becomes, or `None` if only stock may convert it, or does it as well.
    fn values<'py>(&self, array: &Bound<'py, PyAny>) -> PyResult<Option<Made<'py>>> {
        let py = array.py();
        let conversions = &self.conversions;
        let type_of = |data_type: &DataType| {
            let field = Field::new("", data_type.clone(), true);
            SparkType::of(
                &field,
                conversions.session_zone.as_deref(),
                &conversions.observed,
            )
        };
        let Some(data) = flat_array(array, |data_type| type_of(data_type).is_some())? else {
            return Ok(None);
        };
        let Some(spark) = type_of(data.data_type()) else {
            return Ok(None);
        };
        let array = make_array(data);
        match (spark.row().series, array.null_count() > 0) {
            (Series::Always, _) | (Series::WithNulls, true) => {}
            (Series::OlderWithNulls, true) if self.legacy => {}
            (Series::Never | Series::WithNulls | Series::OlderWithNulls, _) => return Ok(None),
        }
        let rows = array.len();
        let column = Column::of(spark, array);
        let builder = Builder {
            py,
            decimal: conversions.classes.decimal.bind(py).as_any(),
            observed: &conversions.observed,
            rows,
        };
        if let Some((values, mask)) = builder.masked(&column)? {
            return Ok(Some(("integers", vec![values, mask])));
        }
        let Some(column) = zoned(py, conversions, column)? else {
            return Ok(None);
        };
        // What has no nanoseconds is an error where stock goes through them.
        let mut strict = conversions.observed.clone();
        if self.legacy {
            strict.timestamp_unit = Unit::Nano;
        }
        let (Some(dtype), Some(_)) = (column.dtype(&conversions.observed), column.dtype(&strict))
        else {
            return Ok(None);
        };
        let read_only = conversions.observed.arrow_strings
            && !self.legacy
            && column.is_zero_copy_in_stock(dtype);
        let maker = if dtype == Dtype::Object {
            "objects"
        } else if read_only {
            "datetimes read-only"
        } else {
            "datetimes"
        };
        Ok(Some((
            maker,
            vec![builder.block(dtype, &[Some(&column)], false)?.get_item(0)?],
        )))
    }

    /// The Arrow array of `data_type` that the values of a pandas column become, or `None` if only
    /// stock may convert them. `nested`: the Arrow type says all about what it holds, too.
    fn array<'py>(
        &self,
        values: &Bound<'py, PyAny>,
        data_type: &Bound<'py, PyAny>,
        nested: bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let data_type = DataType::from_pyarrow_bound(data_type)?;
        if data_type.is_nested() && !nested {
            return Ok(None);
        }
        let Some(array) = self.conversions.array(&data_type, values)? else {
            return Ok(None);
        };
        array.to_data().to_pyarrow(values.py()).map(Some)
    }
}
