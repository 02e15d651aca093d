//! Columns of a result → values appended to Arrow builders.
//!
//! Each function takes a column only where it is proven to give what stock gives. Otherwise it
//! appends nothing and returns `false`, and the caller asks stock.

use arrow_array::Array;
use arrow_array::builder::{BooleanBuilder, PrimitiveBuilder};
use arrow_array::types::ArrowPrimitiveType;
use bowstring_memory as memory;
use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyString};

use crate::convert::output::batch::{MAX_BYTES, Names};
use crate::convert::output::text::{append_array, append_categories, text_chunk};
use crate::convert::zone::Zone;

/// What decides between equal-looking conversions.
#[derive(Clone, Debug)]
pub struct Rules {
    /// `spark.sql.execution.pandas.convertToArrowArraySafely`.
    pub safe: bool,
    /// Time zone of the session.
    pub zone: Zone,
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

pub(crate) fn append_booleans(
    builder: &mut BooleanBuilder,
    values: &Bound<'_, PyAny>,
    names: &Names,
) -> bool {
    if let Some(array) = column::<bool>(values) {
        array
            .as_array()
            .iter()
            .for_each(|value| builder.append_value(*value));
        return true;
    }
    let Some(elements) = elements(values) else {
        return false;
    };
    let exact = |object| exact_bool(object);
    let Some(values) = objects(&elements, names, exact) else {
        return false;
    };
    for value in values {
        builder.append_option(value);
    }
    true
}

pub(crate) fn exact_bool(object: &Bound<'_, PyAny>) -> Option<bool> {
    Some(object.cast_exact::<PyBool>().ok()?.is_true())
}

pub(crate) fn append_integers<T>(
    builder: &mut PrimitiveBuilder<T>,
    values: &Bound<'_, PyAny>,
) -> bool
where
    T: ArrowPrimitiveType,
    T::Native: Element + TryFrom<i64> + TryFrom<u64>,
{
    if let Some(array) = column::<T::Native>(values) {
        match array.as_slice() {
            Ok(slice) => builder.append_slice(slice),
            Err(_) => array
                .as_array()
                .iter()
                .for_each(|value| builder.append_value(*value)),
        }
        return true;
    }
    macro_rules! try_types {
        ($($native:ty => $wide:ty),*) => {$(
            if let Some(array) = column::<$native>(values) {
                let converted: Option<Vec<_>> = array.as_array().iter().map(|value| T::Native::try_from(<$wide>::from(*value)).ok()).collect();
                return converted.is_some_and(|converted| { builder.append_slice(&converted); true });
            }
        )*};
    }
    try_types!(i64 => i64, i32 => i64, i16 => i64, i8 => i64, u64 => u64, u32 => u64, u16 => u64, u8 => u64);
    let converted: Option<Vec<_>> = if let Some(array) = column::<f64>(values) {
        array
            .as_array()
            .iter()
            .map(|value| integral(*value))
            .collect()
    } else if let Some(array) = column::<f32>(values) {
        array
            .as_array()
            .iter()
            .map(|value| integral(f64::from(*value)))
            .collect()
    } else {
        None
    };
    let converted: Option<Vec<Option<T::Native>>> =
        converted.and_then(|values: Vec<Option<i64>>| {
            values
                .into_iter()
                .map(|value| {
                    value
                        .map(|value| T::Native::try_from(value).ok())
                        .map_or(Some(None), |fit| fit.map(Some))
                })
                .collect()
        });
    converted.is_some_and(|converted| {
        for value in converted {
            builder.append_option(value);
        }
        true
    })
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

pub(crate) fn append_floats<T>(
    builder: &mut PrimitiveBuilder<T>,
    values: &Bound<'_, PyAny>,
    mantissa: u32,
    from_double: impl Fn(f64) -> T::Native,
    from_float: impl Fn(f32) -> T::Native,
) -> bool
where
    T: ArrowPrimitiveType,
{
    // PARITY: NaN in a NumPy column is null.
    if let Some(array) = column::<f64>(values) {
        array.as_array().iter().for_each(|value| {
            builder.append_option((!value.is_nan()).then(|| from_double(*value)));
        });
        return true;
    }
    if let Some(array) = column::<f32>(values) {
        array
            .as_array()
            .iter()
            .for_each(|value| builder.append_option((!value.is_nan()).then(|| from_float(*value))));
        return true;
    }
    macro_rules! try_integers {
        ($($native:ty),*) => {$(
            if let Some(array) = column::<$native>(values) {
                let doubles = array.as_array().iter().map(|value| exact_double(i64::from(*value), mantissa)).collect::<Option<Vec<_>>>();
                return doubles.is_some_and(|doubles| {
                    for value in doubles { builder.append_value(from_double(value)); }
                    true
                });
            }
        )*};
    }
    try_integers!(i64, i32, i16, i8, u32, u16, u8);
    false
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
    names: &Names,
    accept: impl Fn(&'a Bound<'py, PyAny>) -> Option<T>,
) -> Option<Vec<Option<T>>> {
    array
        .iter()
        .map(|object| {
            if names.is_null(object) {
                Some(None)
            } else {
                accept(object).map(Some)
            }
        })
        .collect()
}

/// The objects of a one-dimensional object array; `None` if it is anything else.
pub fn elements<'py>(values: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
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

pub(crate) fn append_strings(
    values: &Bound<'_, PyAny>,
    names: &Names,
    append: impl FnMut(Option<&str>),
    room: usize,
) -> PyResult<bool> {
    if let Some(elements) = elements(&names.unwrap_strings(values)?) {
        let exact = |object| exact_string(object);
        let Some(strings) = objects(&elements, names, exact) else {
            return Ok(false);
        };
        let bytes = strings.iter().flatten().map(|value| value.len()).sum();
        if bytes > room || !can_grow(bytes) {
            return Ok(false);
        }
        strings.into_iter().for_each(append);
        return Ok(true);
    }
    if names.is_categorical(values) {
        return append_categories(values, names, append, room);
    }
    let Some(array) = text_chunk(values, names)? else {
        return Ok(false);
    };
    let bytes = array.get_buffer_memory_size();
    Ok(bytes <= room && can_grow(bytes) && append_array(&array, append))
}

/// Whether a builder can take so many bytes more: it doubles what it has.
fn can_grow(bytes: usize) -> bool {
    memory::ensure("text or bytes of a result", bytes.saturating_mul(2)).is_ok()
}

pub(crate) fn exact_string<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    // A lone surrogate has no UTF-8.
    object.cast_exact::<PyString>().ok()?.to_str().ok()
}

pub(crate) fn append_binary(
    values: &Bound<'_, PyAny>,
    names: &Names,
    append: impl FnMut(Option<&[u8]>),
    room: usize,
) -> bool {
    let Some(elements) = elements(values) else {
        return false;
    };
    let exact = |object| exact_bytes(object);
    let Some(values) = objects(&elements, names, exact) else {
        return false;
    };
    let bytes = values.iter().flatten().map(|value| value.len()).sum();
    if bytes > room || !can_grow(bytes) {
        return false;
    }
    values.into_iter().for_each(append);
    true
}

pub(crate) fn exact_bytes<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a [u8]> {
    Some(object.cast_exact::<PyBytes>().ok()?.as_bytes())
}

/// Whether `object` is the float NaN.
pub(crate) fn is_nan(object: &Bound<'_, PyAny>) -> bool {
    object
        .cast_exact::<PyFloat>()
        .is_ok_and(|float| float.value().is_nan())
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
