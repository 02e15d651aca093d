//! Columns of Python objects.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use ahash::RandomState;
use arrow_array::types::{
    ArrowPrimitiveType, ByteArrayType, Date32Type, Decimal128Type, Time64NanosecondType,
};
use arrow_array::{BooleanArray, GenericByteArray, PrimitiveArray};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDate, PyString, PyTime};

use super::calendar::{TimeOfDay, civil_from_days};

/// Gives equal values of one column the same object, as pyarrow's `to_pandas` does.
struct Shared<K> {
    objects: HashMap<K, Py<PyAny>, RandomState>,
}

impl<K: Eq + Hash + Copy> Shared<K> {
    fn new(rows: usize) -> Self {
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
        Ok(match self.objects.entry(key) {
            Entry::Occupied(entry) => entry.get().clone_ref(py),
            Entry::Vacant(entry) => entry.insert(make()?).clone_ref(py),
        })
    }
}

/// `True`, `False` and `None`.
pub fn fill_booleans(py: Python<'_>, arrays: &[&BooleanArray], target: &mut [Py<PyAny>]) {
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
///
/// # Errors
///
/// Fails only if Python itself does.
pub fn fill_integers<T>(
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

/// `str` objects of UTF-8 text, or `bytes` objects.
///
/// # Errors
///
/// Fails only if Python itself does.
pub fn fill_bytes<T: ByteArrayType>(
    py: Python<'_>,
    arrays: &[&GenericByteArray<T>],
    target: &mut [Py<PyAny>],
    make: impl for<'a> Fn(&'a T::Native) -> Py<PyAny>,
) -> PyResult<()>
where
    T::Native: AsRef<[u8]>,
{
    let mut shared = Shared::new(target.len());
    let values = arrays.iter().flat_map(|array| array.iter());
    for (slot, value) in target.iter_mut().zip(values) {
        *slot = match value {
            Some(value) => shared.get(py, AsRef::<[u8]>::as_ref(value), || Ok(make(value)))?,
            None => py.None(),
        };
    }
    Ok(())
}

/// A `str`.
pub fn string(py: Python<'_>, value: &str) -> Py<PyAny> {
    PyString::new(py, value).into_any().unbind()
}

/// A `bytes`.
pub fn bytes(py: Python<'_>, value: &[u8]) -> Py<PyAny> {
    PyBytes::new(py, value).into_any().unbind()
}

/// `datetime.date` objects. The caller has checked the range.
///
/// # Errors
///
/// Fails only if Python itself does.
pub fn fill_dates(
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
///
/// # Errors
///
/// Fails only if Python itself does.
pub fn fill_times(
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
///
/// # Errors
///
/// Fails only if Python itself does.
pub fn fill_decimals(
    py: Python<'_>,
    decimal: &Bound<'_, PyAny>,
    arrays: &[&PrimitiveArray<Decimal128Type>],
    scale: i8,
    target: &mut [Py<PyAny>],
) -> PyResult<()> {
    let mut text = String::with_capacity(48);
    let values = arrays.iter().flat_map(|array| array.iter());
    for (slot, value) in target.iter_mut().zip(values) {
        *slot = match value {
            Some(value) => {
                write_decimal(&mut text, value, scale);
                decimal.call1((text.as_str(),))?.unbind()
            }
            None => py.None(),
        };
    }
    Ok(())
}

/// Writes `value · 10^-scale` so that `Decimal(text)` has the exponent `-scale`.
fn write_decimal(text: &mut String, value: i128, scale: i8) {
    use std::fmt::Write;
    text.clear();
    // Writing to a String cannot fail.
    let _: Result<(), std::fmt::Error> = if scale == 0 {
        write!(text, "{value}")
    } else {
        write!(text, "{value}E-{scale}")
    };
}

#[cfg(test)]
mod tests {
    use super::write_decimal;

    #[test]
    fn decimal_text_keeps_the_scale() {
        let mut text = String::new();
        for (value, scale, expected) in [
            (150, 2, "150E-2"),
            (0, 18, "0E-18"),
            (-7, 0, "-7"),
            (i128::MAX, 37, "170141183460469231731687303715884105727E-37"),
        ] {
            write_decimal(&mut text, value, scale);
            assert_eq!(text, expected);
        }
    }
}
