//! Values of a result's columns, for the files of their types.
//!
//! These append a column only where it is proven to give what stock gives. Otherwise they append nothing and return
//! `false`, and the caller asks stock.

use bowstring_memory as memory;
use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyString};

use crate::convert::limits::MAX_BYTES;
use crate::convert::zone::Zone;
use crate::facades::frames::PandasClasses;

/// What decides between equal-looking conversions.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// `spark.sql.execution.pandas.convertToArrowArraySafely`.
    pub(crate) safe: bool,
    /// Time zone of the session.
    pub(crate) zone: Zone,
}

/// A 1-D array of exactly this dtype, in native byte order.
pub(crate) fn column<'py, T: Element>(
    values: &Bound<'py, PyAny>,
) -> Option<PyReadonlyArray1<'py, T>> {
    values.cast::<PyArray1<T>>().ok()?.try_readonly().ok()
}

/// Bytes that a column may add to a builder that holds `held` ones: 32-bit offsets end at 2 GiB, for all groups of a
/// batch together. Finished pieces of those are less than a batch that is due.
pub(crate) fn room(held: usize) -> usize {
    (i32::MAX as usize).saturating_sub(MAX_BYTES + held)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "stock rounds a float64 column to nearest for a float field, too large becomes infinite"
)]
pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}

pub(crate) fn exact_bool(object: &Bound<'_, PyAny>) -> Option<bool> {
    Some(object.cast_exact::<PyBool>().ok()?.is_true())
}

/// `Some(None)` for NaN, the integer for an integral value that a float64 holds exactly.
#[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
#[expect(
    clippy::option_option,
    reason = "the outer None leaves the column to stock, the inner one is null"
)]
pub(crate) fn integral(value: f64) -> Option<Option<i64>> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.is_nan() {
        return Some(None);
    }
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(Some(value as i64))
}

/// The float of an integer, if so many bits of mantissa hold it exactly.
#[expect(clippy::cast_precision_loss, reason = "the size was checked")]
pub(crate) fn exact_double(value: i64, mantissa: u32) -> Option<f64> {
    let fits = value.unsigned_abs() <= 1_u64 << mantissa;
    fits.then_some(value as f64)
}

/// The elements of an object column, `None` for what stock's mask calls null. `None` in all if
/// any other element is not accepted.
pub(crate) fn objects<'a, 'py, T>(
    array: &'a [Bound<'py, PyAny>],
    classes: &PandasClasses,
    accept: impl Fn(&'a Bound<'py, PyAny>) -> Option<T>,
) -> Option<Vec<Option<T>>> {
    array
        .iter()
        .map(|object| {
            if classes.is_null(object) {
                Some(None)
            } else {
                accept(object).map(Some)
            }
        })
        .collect()
}

/// The objects of a one-dimensional object array; `None` if it is anything else.
pub(crate) fn elements<'py>(values: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    let array = column::<Py<PyAny>>(values)?;
    let py = values.py();
    Some(
        array
            .as_array()
            .iter()
            .map(|object| object.bind(py).clone())
            .collect(),
    )
}

/// Whether a builder can take so many bytes more: it doubles what it has.
pub(crate) fn can_grow(bytes: usize) -> bool {
    memory::ensure("text or bytes of a result", bytes.saturating_mul(2)).is_ok()
}

pub(crate) fn exact_string<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    // A lone surrogate has no UTF-8.
    object.cast_exact::<PyString>().ok()?.to_str().ok()
}

pub(crate) fn exact_bytes<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a [u8]> {
    Some(object.cast_exact::<PyBytes>().ok()?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_integral_floats_become_integers() {
        assert_eq!(integral(2.0), Some(Some(2)));
        assert_eq!(integral(-0.0), Some(Some(0)));
        assert_eq!(integral(f64::NAN), Some(None));
        assert_eq!(integral(1.5), None);
        assert_eq!(integral(f64::INFINITY), None);
        assert_eq!(integral(1e20), None);
    }
}
