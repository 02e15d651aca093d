//! Columns of Python objects.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use ahash::RandomState;
use arrow_array::types::{ArrowPrimitiveType, Date32Type, Decimal128Type, Time64NanosecondType};
use arrow_array::{BooleanArray, GenericBinaryArray, OffsetSizeTrait, PrimitiveArray};
use bowstring_memory as memory;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDate, PyString, PyTime};

use crate::convert::calendar::{TimeOfDay, civil_from_days};
use crate::errors;

/// Gives equal values of one column the same object, as pyarrow's `to_pandas` does.
struct Shared<K> {
    objects: HashMap<K, Py<PyAny>, RandomState>,
}

impl<K: Eq + Hash + Copy> Shared<K> {
    fn new(rows: usize) -> Self {
        // Where values differ, to grow the map costs more than to look into it; where they do not, its size matters little.
        Self {
            objects: HashMap::with_capacity_and_hasher(rows.min(4096), RandomState::default()),
        }
    }

    fn get(
        &mut self,
        py: Python<'_>,
        key: K,
        make: impl FnOnce() -> PyResult<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        if self.objects.len() == self.objects.capacity() {
            let bytes = 2 * self.objects.capacity() * size_of::<(K, Py<PyAny>)>();
            errors::ensure("the values of a column", bytes)?;
        }
        Ok(match self.objects.entry(key) {
            Entry::Occupied(entry) => entry.get().clone_ref(py),
            Entry::Vacant(entry) => entry.insert(make()?).clone_ref(py),
        })
    }
}

/// `True`, `False` and `None`.
pub(crate) fn fill_booleans(py: Python<'_>, arrays: &[&BooleanArray], target: &mut [Py<PyAny>]) {
    let (yes, no) = (true.into_pyobject(py), false.into_pyobject(py));
    let (Ok(yes), Ok(no)) = (yes, no);
    let values = arrays.iter().flat_map(|array| array.iter());
    for (slot, value) in target.iter_mut().zip(values) {
        *slot = match value {
            Some(true) => yes.to_owned().into_any().unbind(),
            Some(false) => no.to_owned().into_any().unbind(),
            None => py.None(),
        };
    }
}

/// `int` objects: integers with nulls inside arrays, structs and maps.
pub(crate) fn fill_integers<T>(
    py: Python<'_>,
    arrays: &[&PrimitiveArray<T>],
    target: &mut [Py<PyAny>],
) -> PyResult<()>
where
    T: ArrowPrimitiveType,
    T::Native: for<'a> IntoPyObjectExt<'a>,
{
    let values = arrays.iter().flat_map(|array| array.iter());
    for (slot, value) in target.iter_mut().zip(values) {
        *slot = match value {
            Some(value) => value.into_py_any(py)?,
            None => py.None(),
        };
    }
    Ok(())
}

/// `str` or `bytes` objects.
pub(crate) fn fill_bytes<O: OffsetSizeTrait>(
    py: Python<'_>,
    arrays: &[GenericBinaryArray<O>],
    target: &mut [Py<PyAny>],
    make: impl Fn(Python<'_>, &[u8]) -> PyResult<Py<PyAny>>,
) -> PyResult<()> {
    let mut shared = Shared::new(target.len());
    let values = arrays.iter().flat_map(|array| array.iter());
    for (slot, value) in target.iter_mut().zip(values) {
        *slot = match value {
            Some(value) => shared.get(py, value, || make(py, value))?,
            None => py.None(),
        };
    }
    Ok(())
}

/// A `str` of UTF-8 text, which the caller has looked at.
pub(crate) fn string(py: Python<'_>, value: &[u8]) -> PyResult<Py<PyAny>> {
    Ok(PyString::from_bytes(py, value)?.into_any().unbind())
}

/// A `bytes`.
pub(crate) fn bytes(py: Python<'_>, value: &[u8]) -> PyResult<Py<PyAny>> {
    if value.len() < memory::LARGE {
        return Ok(PyBytes::new(py, value).into_any().unbind());
    }
    let bytes = PyBytes::new_with(py, value.len(), |target| {
        target.copy_from_slice(value);
        Ok(())
    })?;
    Ok(bytes.into_any().unbind())
}

/// `datetime.date` objects. The caller has checked the range.
pub(crate) fn fill_dates(
    py: Python<'_>,
    arrays: &[&PrimitiveArray<Date32Type>],
    target: &mut [Py<PyAny>],
) -> PyResult<()> {
    let mut shared = Shared::new(target.len());
    let values = arrays.iter().flat_map(|array| array.iter());
    for (slot, value) in target.iter_mut().zip(values) {
        *slot = match value.and_then(|days| Some((days, civil_from_days(days)?))) {
            Some((days, (year, month, day))) => shared.get(py, days, || {
                Ok(PyDate::new(py, year, month, day)?.into_any().unbind())
            })?,
            None => py.None(),
        };
    }
    Ok(())
}

/// `datetime.time` objects. The caller has checked the range.
pub(crate) fn fill_times(
    py: Python<'_>,
    arrays: &[&PrimitiveArray<Time64NanosecondType>],
    target: &mut [Py<PyAny>],
) -> PyResult<()> {
    let mut shared = Shared::new(target.len());
    let values = arrays.iter().flat_map(|array| array.iter());
    for (slot, value) in target.iter_mut().zip(values) {
        *slot = match value.and_then(|nanos| Some((nanos, TimeOfDay::new(nanos)?))) {
            Some((nanos, time)) => shared.get(py, nanos, || {
                let time = PyTime::new(py, time.hour, time.minute, time.second, time.micros, None)?;
                Ok(time.into_any().unbind())
            })?,
            None => py.None(),
        };
    }
    Ok(())
}

/// `decimal.Decimal` objects with the exponent `-scale`; equal values are distinct objects.
pub(crate) fn fill_decimals(
    py: Python<'_>,
    decimal: &Bound<'_, PyAny>,
    arrays: &[&PrimitiveArray<Decimal128Type>],
    scale: i8,
    target: &mut [Py<PyAny>],
) -> PyResult<()> {
    let mut text = Vec::with_capacity(48);
    let values = arrays.iter().flat_map(|array| array.iter());
    for (slot, value) in target.iter_mut().zip(values) {
        *slot = match value {
            Some(value) => {
                write_decimal(&mut text, value, scale);
                decimal.call1((PyString::from_bytes(py, &text)?,))?.unbind()
            }
            None => py.None(),
        };
    }
    Ok(())
}

/// Writes `value · 10^-scale` with all digits of the scale, so that `Decimal` of it has the exponent `-scale`.
fn write_decimal(text: &mut Vec<u8>, value: i128, scale: i8) {
    text.clear();
    let mut rest = value.unsigned_abs();
    // Division of 64 bits is many times faster, and nearly every decimal has fewer.
    while u64::try_from(rest).is_err() {
        push_digit(text, scale, rest % 10);
        rest /= 10;
    }
    let mut rest = u64::try_from(rest).unwrap_or_default();
    while rest > 0 || !has_whole_digit(text, scale) {
        push_digit(text, scale, u128::from(rest % 10));
        rest /= 10;
    }
    if value < 0 {
        text.push(b'-');
    }
    text.reverse();
}

/// Appends the next digit from the right, and the point behind it, which is to its left.
fn push_digit(text: &mut Vec<u8>, scale: i8, digit: u128) {
    if scale > 0 && i8::try_from(text.len()) == Ok(scale) {
        text.push(b'.');
    }
    text.push(b'0' + u8::try_from(digit).unwrap_or_default());
}

/// Whether there is a digit left of the point.
fn has_whole_digit(text: &[u8], scale: i8) -> bool {
    let point = usize::from(scale > 0);
    text.len() > usize::try_from(scale).unwrap_or_default() + point
}

#[cfg(test)]
mod tests {
    use super::write_decimal;

    #[test]
    fn decimal_text_keeps_the_scale() {
        let mut text = Vec::new();
        for (value, scale, expected) in [
            (150, 2, "1.50"),
            (-5, 2, "-0.05"),
            (-99, 2, "-0.99"),
            (100, 2, "1.00"),
            (0, 18, "0.000000000000000000"),
            (0, 0, "0"),
            (-7, 0, "-7"),
            (i128::from(u64::MAX) + 1, 1, "1844674407370955161.6"),
            (i128::MAX, 38, "1.70141183460469231731687303715884105727"),
            (i128::MAX, 0, "170141183460469231731687303715884105727"),
        ] {
            write_decimal(&mut text, value, scale);
            assert_eq!(text, expected.as_bytes());
        }
    }
}
