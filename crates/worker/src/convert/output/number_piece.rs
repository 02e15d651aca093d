//! Long columns of numbers, as Arrow arrays over the memory in which NumPy has them.

use arrow_array::{ArrayRef, make_array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_pyarrow::{FromPyArrow, ToPyArrow};
use arrow_schema::{ArrowError, DataType};
use numpy::{Element, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert::output::values::column;

/// Bytes of a column from which on it is not copied. Two threads have to wait for one another then.
const LONG: usize = 256 << 10;

/// Values that are looked at together: without a branch for each they are compared many at a time.
const CHUNK: usize = 1 << 10;

/// The column as an array of `data_type` over its own memory, which the user's function may write to when it is called
/// again; `None` if it is not long, not in one piece, or of another type.
///
/// # Errors
///
/// Fails if pyarrow refuses the memory.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an allow-list: the values of all others are converted"
)]
pub(crate) fn number_piece(
    values: &Bound<'_, PyAny>,
    data_type: &DataType,
) -> PyResult<Option<ArrayRef>> {
    match data_type {
        DataType::Int8 => lent::<i8>(values, data_type, |_| false),
        DataType::Int16 => lent::<i16>(values, data_type, |_| false),
        DataType::Int32 => lent::<i32>(values, data_type, |_| false),
        DataType::Int64 => lent::<i64>(values, data_type, |_| false),
        DataType::Float32 => lent(values, data_type, f32::is_nan),
        DataType::Float64 => lent(values, data_type, f64::is_nan),
        _ => Ok(None),
    }
}

fn lent<T: Element + Copy>(
    values: &Bound<'_, PyAny>,
    data_type: &DataType,
    is_null: impl Fn(T) -> bool,
) -> PyResult<Option<ArrayRef>> {
    // First, because it is asked of every column, and costs nothing.
    let is_long = |array: &Bound<'_, PyUntypedArray>| array.len() * size_of::<T>() >= LONG;
    if !values.cast::<PyUntypedArray>().is_ok_and(is_long) {
        return Ok(None);
    }
    let Some(array) = column::<T>(values) else {
        return Ok(None);
    };
    let Ok(slice) = array.as_slice() else {
        return Ok(None);
    };
    let py = values.py();
    let pyarrow = py.import(intern!(py, "pyarrow"))?;
    let memory = pyarrow.call_method1(intern!(py, "py_buffer"), (values,))?;
    let lent = pyarrow.getattr(intern!(py, "Array"))?.call_method1(
        intern!(py, "from_buffers"),
        (
            data_type.to_pyarrow(py)?,
            slice.len(),
            PyList::new(py, [py.None().into_bound(py), memory])?,
        ),
    )?;
    let data = ArrayData::from_pyarrow_bound(&lent)?;
    let with_nulls = data.into_builder().nulls(nulls(slice, is_null)).build();
    with_nulls
        .map(|data| Some(make_array(data)))
        .map_err(|error: ArrowError| {
            PyRuntimeError::new_err(format!("bowstring: take a column: {error}"))
        })
}

/// PARITY: NaN in a NumPy column is null.
fn nulls<T: Copy>(values: &[T], is_null: impl Fn(T) -> bool) -> Option<NullBuffer> {
    let in_chunk = |chunk: &[T]| chunk.iter().fold(false, |any, value| any | is_null(*value));
    if !values.chunks(CHUNK).any(in_chunk) {
        return None;
    }
    let valid = values.iter().map(|value| !is_null(*value));
    Some(NullBuffer::new(valid.collect::<BooleanBuffer>()))
}

#[cfg(test)]
mod tests {
    use super::nulls;

    #[test]
    fn only_nan_is_null() {
        let mut values = vec![f64::INFINITY; 3000];
        assert!(nulls(&values, f64::is_nan).is_none());
        values[2999] = -f64::NAN;
        let nulls = nulls(&values, f64::is_nan).unwrap();
        assert_eq!((nulls.len(), nulls.null_count()), (3000, 1));
        assert!(nulls.is_null(2999));
    }
}
