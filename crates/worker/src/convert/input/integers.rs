//! Arrow integers → what pandas has of them: numbers, floats beside nulls, objects, or one of its own arrays.

use arrow_array::types::{Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};
use numpy::{Element, PyArray1, PyArrayMethods};
use pyo3::prelude::*;

use crate::convert::input::column::Column;
use crate::convert::input::numpy::{BLOCK, Builder, convert};
use crate::convert::input::objects;
use crate::convert::types::SparkType;
use crate::errors;

/// Runs the code for the Arrow type of integers of one width; what comes last is for all other types.
macro_rules! of_width {
    ($spark:expr, $width:ident => $code:expr, $otherwise:expr) => {
        match $spark {
            SparkType::Byte => {
                type $width = Int8Type;
                $code
            }
            SparkType::Short => {
                type $width = Int16Type;
                $code
            }
            SparkType::Int => {
                type $width = Int32Type;
                $code
            }
            SparkType::Long => {
                type $width = Int64Type;
                $code
            }
            _ => $otherwise,
        }
    };
}

/// Fills in floats, NaN for null; `false` if the column has no integers.
pub(super) fn fill_floats(column: &Column<'_>, target: &mut [f64]) -> bool {
    of_width!(
        column.spark,
        Width => convert::<Width, _>(column, target, f64::NAN, rounded),
        return false
    );
    true
}

/// PARITY: above 2^53 stock rounds too.
#[expect(
    clippy::cast_precision_loss,
    reason = "an integer column with nulls is float64 in stock, rounded to nearest"
)]
fn rounded(value: impl Into<i64>) -> f64 {
    value.into() as f64
}

impl<'py> Builder<'_, 'py> {
    /// `int` objects: integers with nulls inside arrays, structs and maps.
    ///
    /// # Errors
    ///
    /// Python has no memory.
    pub(super) fn fill_integers(
        &self,
        column: &Column<'_>,
        target: &mut [Py<PyAny>],
    ) -> PyResult<()> {
        of_width!(
            column.spark,
            Width => objects::fill_integers(self.py, &column.primitive::<Width>(), target),
            Ok(())
        )
    }

    /// `float` objects of integers: with nulls inside arrays, structs and maps, before Spark 4.2. `None` if these are no
    /// integers.
    ///
    /// # Errors
    ///
    /// Python has no memory.
    pub(super) fn float_objects(
        &self,
        spark: SparkType,
        array: &ArrayRef,
    ) -> PyResult<Option<Vec<Py<PyAny>>>> {
        of_width!(
            spark,
            Width => self.values::<Width, _>(array, rounded).map(Some),
            Ok(None)
        )
    }

    /// Values and mask of one of pandas' own arrays of integers; `None` if the column has other values.
    ///
    /// # Errors
    ///
    /// Python has no memory.
    pub(crate) fn masked(
        &self,
        column: &Column<'_>,
    ) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let values = of_width!(
            column.spark,
            Width => self.integers::<Width>(column)?,
            return Ok(None)
        );
        let mask = column
            .arrays
            .iter()
            .flat_map(|array| (0..array.len()).map(|row| array.is_null(row)));
        let mask = PyArray1::from_iter(self.py, mask);
        Ok(Some((values, mask.into_any())))
    }

    fn integers<T: ArrowPrimitiveType>(&self, column: &Column<'_>) -> PyResult<Bound<'py, PyAny>>
    where
        T::Native: Element + From<bool>,
    {
        errors::ensure(BLOCK, self.rows * size_of::<T::Native>())?;
        let array = PyArray1::<T::Native>::zeros(self.py, self.rows, false);
        // PARITY: below a null pandas puts a one.
        convert::<T, _>(
            column,
            array.readwrite().as_slice_mut()?,
            true.into(),
            |value| value,
        );
        Ok(array.into_any())
    }
}
