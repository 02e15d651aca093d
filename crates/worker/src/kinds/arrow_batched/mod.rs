//! `ARROW_BATCHED`: the Arrow-optimised `udf`, called row by row. Eval type 101.
//!
//! The batches' way through the task is in `arrow_batched.py`; here are its three steps that are
//! done once per row: values to objects, calls, results to values.

use arrow_array::builder::{BooleanBuilder, GenericByteBuilder, PrimitiveBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, BinaryType, ByteArrayType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, LargeBinaryType, LargeUtf8Type, Utf8Type,
};
use arrow_array::{Array, ArrayRef, make_array, new_empty_array};
use arrow_data::ArrayData;
use arrow_pyarrow::{FromPyArrow, ToPyArrow};
use arrow_schema::DataType;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::convert::c_data::flat_array;
use crate::convert::output::field_builder::FieldBuilder;
use crate::convert::output::scalars::{Scalar, Scalars};
use crate::convert::types::SparkType;
use crate::errors::internal;

/// What `pyarrow.Array.to_pylist` returns, or `None` if the type is not one of those that are
/// converted here or the array is not sound.
///
/// # Errors
///
/// It is no array.
#[pyfunction]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of those that scalars become only text is left"
)]
pub(crate) fn to_list<'py>(
    py: Python<'py>,
    array: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyList>>> {
    let Some(data) = flat_array(array, |_| true)? else {
        return Ok(None);
    };
    let spark = SparkType::of_result(data.data_type());
    let Some(spark) = spark.filter(|spark| spark.row().is_of_scalars()) else {
        return Ok(None);
    };
    let sound = if spark == SparkType::String {
        data.validate_full()
    } else {
        data.validate()
    };
    if sound.is_err() {
        return Ok(None);
    }
    let array = make_array(data);
    let list = match spark {
        SparkType::Boolean => PyList::new(py, array.as_boolean().iter().collect::<Vec<_>>()),
        SparkType::Byte => primitive::<Int8Type>(py, &array),
        SparkType::Short => primitive::<Int16Type>(py, &array),
        SparkType::Int => primitive::<Int32Type>(py, &array),
        SparkType::Long => primitive::<Int64Type>(py, &array),
        SparkType::Float => primitive::<Float32Type>(py, &array),
        SparkType::Double => primitive::<Float64Type>(py, &array),
        _ => match array.as_string_opt::<i32>() {
            Some(text) => PyList::new(py, text.iter().collect::<Vec<_>>()),
            None => PyList::new(py, array.as_string::<i64>().iter().collect::<Vec<_>>()),
        },
    };
    list.map(Some)
}

fn primitive<'py, T>(py: Python<'py>, array: &ArrayRef) -> PyResult<Bound<'py, PyList>>
where
    T: ArrowPrimitiveType,
    T::Native: IntoPyObject<'py>,
{
    let array = array.as_primitive::<T>();
    if array.null_count() == 0 {
        PyList::new(py, array.values().iter().copied())
    } else {
        PyList::new(py, array.iter().collect::<Vec<_>>())
    }
}

/// The results of `function` for each row of these columns, lists of equal length. With `text`, what
/// is neither a `str` nor `None` is made one before the next call.
///
/// # Errors
///
/// Those of the function.
#[pyfunction]
#[pyo3(signature = (function, columns, rows, text = false))]
#[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
pub(crate) fn evaluate<'py>(
    py: Python<'py>,
    function: &Bound<'py, PyAny>,
    columns: Vec<Bound<'py, PyList>>,
    rows: usize,
    text: bool,
) -> PyResult<Bound<'py, PyList>> {
    let results = PyList::empty(py);
    let keep = |result: Bound<'py, PyAny>| {
        if text && !result.is_none() && !result.is_exact_instance_of::<PyString>() {
            return results.append(result.str()?);
        }
        results.append(result)
    };
    match columns.as_slice() {
        [] => {
            for _ in 0..rows {
                keep(function.call0()?)?;
            }
        }
        [column] => {
            for row in 0..rows {
                keep(function.call1((column.get_item(row)?,))?)?;
            }
        }
        [left, right] => {
            for row in 0..rows {
                let arguments = (left.get_item(row)?, right.get_item(row)?);
                keep(function.call1(arguments)?)?;
            }
        }
        columns => {
            for row in 0..rows {
                let arguments: PyResult<Vec<_>> =
                    columns.iter().map(|column| column.get_item(row)).collect();
                keep(function.call1(PyTuple::new(py, arguments?)?)?)?;
            }
        }
    }
    Ok(results)
}

/// The array that stock makes of a Series of these values, or `None` if it has to be asked. The type
/// is that of an empty array.
///
/// # Errors
///
/// `empty` is no array.
#[pyfunction]
pub(crate) fn series_array<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyList>,
    empty: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let data_type = ArrayData::from_pyarrow_bound(empty)?.data_type().clone();
    let values: Vec<_> = values.iter().collect();
    if values.is_empty() {
        return Ok(None);
    }
    inferred(&Scalars::new(py)?, &values, &data_type)?
        .map(|array| array.to_data().to_pyarrow(py))
        .transpose()
}

/// The array that stock makes of a pandas column of these values, or `None` if it has to be asked.
pub(crate) fn inferred<'py>(
    scalars: &Scalars<'py>,
    values: &[Bound<'py, PyAny>],
    data_type: &DataType,
) -> PyResult<Option<ArrayRef>> {
    let mut column = Vec::with_capacity(values.len());
    for value in values {
        match scalars.of(value)? {
            Some(scalar) => column.push(scalar),
            None => return Ok(None),
        }
    }
    let mut builder = FieldBuilder::new(data_type);
    if !Scalar::of_values(column).is_some_and(|column| builder.append_scalars(&column, 1)) {
        return Ok(None);
    }
    let array = builder.finish().map_err(|error| internal(&error))?;
    Ok(Some(array.unwrap_or_else(|| new_empty_array(data_type))))
}

/// What `pyarrow.array(values, type)` makes of values that are `None` or exactly of the class that
/// the type stands for, and in its range; `None` otherwise. The type is that of an empty array.
///
/// # Errors
///
/// `empty` is no array.
#[pyfunction]
pub(crate) fn to_array<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyList>,
    empty: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let data_type = ArrayData::from_pyarrow_bound(empty)?.data_type().clone();
    array_of(values.iter(), values.len(), &data_type)
        .map(|array| array.to_data().to_pyarrow(py))
        .transpose()
}

/// The array that [`to_array`] makes of so many values, or `None`.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an allow-list: what is not on it goes to stock"
)]
pub(crate) fn array_of<'py>(
    values: impl Iterator<Item = Bound<'py, PyAny>>,
    count: usize,
    data_type: &DataType,
) -> Option<ArrayRef> {
    match data_type {
        DataType::Boolean => {
            let mut builder = BooleanBuilder::with_capacity(count);
            each(
                values,
                |value| {
                    value
                        .cast_exact::<PyBool>()
                        .ok()
                        .map(PyBoolMethods::is_true)
                },
                |value| builder.append_option(value),
            )
            .then(|| builder.finish())
            .map(to_ref)
        }
        DataType::Int8 => integers::<Int8Type>(values, count),
        DataType::Int16 => integers::<Int16Type>(values, count),
        DataType::Int32 => integers::<Int32Type>(values, count),
        DataType::Int64 => integers::<Int64Type>(values, count),
        DataType::Float64 => {
            let mut builder = PrimitiveBuilder::<Float64Type>::with_capacity(count);
            each(
                values,
                |value| {
                    value
                        .cast_exact::<PyFloat>()
                        .ok()
                        .map(PyFloatMethods::value)
                },
                |value| builder.append_option(value),
            )
            .then(|| builder.finish())
            .map(to_ref)
        }
        DataType::Utf8 => bytes::<Utf8Type>(values, text),
        DataType::LargeUtf8 => bytes::<LargeUtf8Type>(values, text),
        DataType::Binary => bytes::<BinaryType>(values, binary),
        DataType::LargeBinary => bytes::<LargeBinaryType>(values, binary),
        _ => None,
    }
}

/// Bytes of a column of text. Beyond, pyarrow cuts it into chunks.
const MAX_BYTES: usize = 1 << 30;

fn to_ref(array: impl Array + 'static) -> ArrayRef {
    std::sync::Arc::new(array)
}

/// Converts each value that is not `None`; `false` at the first that cannot be.
fn each<'py, T>(
    mut values: impl Iterator<Item = Bound<'py, PyAny>>,
    convert: impl Fn(&Bound<'py, PyAny>) -> Option<T>,
    mut append: impl FnMut(Option<T>),
) -> bool {
    values.all(|value| {
        if value.is_none() {
            append(None);
            return true;
        }
        let converted = convert(&value);
        let fits = converted.is_some();
        if fits {
            append(converted);
        }
        fits
    })
}

fn integers<'py, T>(
    values: impl Iterator<Item = Bound<'py, PyAny>>,
    count: usize,
) -> Option<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i64>,
{
    let mut builder = PrimitiveBuilder::<T>::with_capacity(count);
    let convert = |value: &Bound<'py, PyAny>| {
        let value: i64 = value.cast_exact::<PyInt>().ok()?.extract().ok()?;
        T::Native::try_from(value).ok()
    };
    each(values, convert, |value| builder.append_option(value)).then(|| to_ref(builder.finish()))
}

/// A column of text or bytes; `None` at the first value that `of` refuses, and where there is too much of them.
fn bytes<'py, T: ByteArrayType>(
    mut values: impl Iterator<Item = Bound<'py, PyAny>>,
    of: impl for<'a> Fn(&'a Bound<'py, PyAny>) -> Option<&'a T::Native>,
) -> Option<ArrayRef> {
    let mut builder = GenericByteBuilder::<T>::new();
    let fits = values.all(|value| {
        if value.is_none() {
            builder.append_null();
            return true;
        }
        of(&value).is_some_and(|value| {
            builder.append_value(value);
            builder.values_slice().len() <= MAX_BYTES
        })
    });
    fits.then(|| to_ref(builder.finish()))
}

fn text<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    // Lone surrogates have no UTF-8.
    value.cast_exact::<PyString>().ok()?.to_str().ok()
}

fn binary<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a [u8]> {
    value
        .cast_exact::<PyBytes>()
        .ok()
        .map(PyBytesMethods::as_bytes)
}

#[cfg(test)]
mod tests {
    use super::array_of;
    use crate::convert::types::TYPES;

    #[test]
    fn exact_values_become_the_types_that_the_table_says() {
        for row in &TYPES {
            for data_type in row.arrow {
                let taken = array_of(std::iter::empty(), 0, data_type).is_some();
                assert_eq!(taken, row.is_exact, "{data_type}");
            }
        }
    }
}
