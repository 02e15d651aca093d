//! Text of results: long columns in one piece; `string`, `str`, Arrow-backed text and categories of any length.

use std::sync::Arc;

use arrow_array::builder::GenericBinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, GenericBinaryArray, LargeStringArray, OffsetSizeTrait, StringArray, make_array,
};
use arrow_buffer::OffsetBuffer;
use arrow_data::ArrayData;
use arrow_pyarrow::FromPyArrow;
use arrow_schema::DataType;
use bowstring_memory as memory;
use numpy::{Element, PyReadonlyArray1};
use pyo3::intern;
use pyo3::prelude::*;

use crate::convert::c_data::{bytes_of_text, unchecked_bytes_of_text};
use crate::convert::output::values::{can_grow, column, elements, exact_string, objects};
use crate::facades::frames::PandasClasses;

pub(crate) fn append_strings(
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
    append: impl FnMut(Option<&str>),
    room: usize,
) -> PyResult<bool> {
    if let Some(elements) = elements(&classes.unwrap_strings(values)?) {
        let exact = |object| exact_string(object);
        let Some(strings) = objects(&elements, classes, exact) else {
            return Ok(false);
        };
        let bytes = strings.iter().flatten().map(|value| value.len()).sum();
        if bytes > room || !can_grow(bytes) {
            return Ok(false);
        }
        strings.into_iter().for_each(append);
        return Ok(true);
    }
    if classes.is_categorical(values) {
        return append_categories(values, classes, append, room);
    }
    let Some(array) = text_chunk(values, classes)? else {
        return Ok(false);
    };
    let bytes = array.get_buffer_memory_size();
    Ok(bytes <= room && can_grow(bytes) && append_array(&array, append))
}

/// The one chunk of an Arrow-backed column; `None` if it is something else or in pieces.
pub(crate) fn arrow_chunk(
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
) -> PyResult<Option<ArrayRef>> {
    let Some(chunk) = only_chunk(values, classes)? else {
        return Ok(None);
    };
    // Validated: the values may come from anywhere.
    Ok(ArrayData::from_pyarrow_bound(&chunk).ok().map(make_array))
}

/// The one chunk of an Arrow-backed column if it is text, all of it UTF-8.
pub(crate) fn text_chunk(
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
) -> PyResult<Option<ArrayRef>> {
    let Some(chunk) = only_chunk(values, classes)? else {
        return Ok(None);
    };
    let bytes = bytes_of_text(&chunk)?;
    Ok(bytes.and_then(|bytes| {
        if let Some(bytes) = bytes.as_binary_opt::<i64>() {
            let text = LargeStringArray::try_from_binary(bytes.clone()).ok()?;
            return Some(Arc::new(text) as ArrayRef);
        }
        let text = StringArray::try_from_binary(bytes.as_binary_opt::<i32>()?.clone()).ok()?;
        Some(Arc::new(text))
    }))
}

/// The same as pyarrow has it.
fn only_chunk<'py>(
    values: &Bound<'py, PyAny>,
    classes: &PandasClasses,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if !classes.is_arrow_strings(values) && !classes.is_arrow_backed(values) {
        return Ok(None);
    }
    // PARITY: stock refuses a column that is not in one piece, such as pandas' concat makes.
    let py = values.py();
    let chunks = values.getattr(intern!(py, "_pa_array"))?;
    let count: usize = chunks.getattr(intern!(py, "num_chunks"))?.extract()?;
    if count != 1 {
        return Ok(None);
    }
    chunks
        .call_method1(intern!(py, "chunk"), (0_usize,))
        .map(Some)
}

/// Rows from which on text does not go through the builder: it may as well be a piece of its own. A builder cannot take
/// back what it was given, so that it is given none before all rows were looked at.
const ROWS_OF_PIECE: usize = 100;

/// What memory is asked for.
const TEXT: &str = "a text column of a result";

/// Bytes that are expected of one text.
const USUAL_BYTES: usize = 16;

/// The text of a long column as bytes with the offsets of `field`; `None` if it is something else, or more than `room`
/// bytes. The memory of Arrow-backed text is shared.
pub(crate) fn text_piece(
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
    field: &DataType,
    room: usize,
) -> PyResult<Option<ArrayRef>> {
    let rows = values.len()?;
    if rows < ROWS_OF_PIECE {
        return Ok(None);
    }
    let small = *field == DataType::Binary;
    let Some(chunk) = only_chunk(values, classes)? else {
        let objects = column::<Py<PyAny>>(&classes.unwrap_strings(values)?);
        return Ok(objects.and_then(|objects| {
            if small {
                copied::<i32>(&objects, classes, room)
            } else {
                copied::<i64>(&objects, classes, usize::MAX)
            }
        }));
    };
    let Some(data) = unchecked_bytes_of_text(&chunk)? else {
        return Ok(None);
    };
    let array = make_array(data);
    Ok(if small {
        as_piece::<i32>(&array, room)
    } else {
        as_piece::<i64>(&array, usize::MAX)
    })
}

/// A copy of text in objects; `None` if any of them is neither text nor null.
fn copied<O: OffsetSizeTrait>(
    objects: &PyReadonlyArray1<'_, Py<PyAny>>,
    classes: &PandasClasses,
    room: usize,
) -> Option<ArrayRef> {
    let (py, objects) = (objects.py(), objects.as_array());
    let bytes = objects.len().saturating_mul(USUAL_BYTES);
    let mut sure = bytes + objects.len() * size_of::<O>();
    memory::ensure(TEXT, sure).ok()?;
    let mut builder = GenericBinaryBuilder::<O>::with_capacity(objects.len(), bytes);
    sure = bytes;
    for object in objects {
        let object = object.bind(py);
        if let Some(text) = exact_string(object) {
            let length = builder.values_slice().len().saturating_add(text.len());
            if length > room {
                return None;
            }
            if length > sure {
                // As the builder grows. Stock may have room for it where there is none here.
                sure = length.max(2 * sure);
                memory::ensure(TEXT, sure).ok()?;
            }
            builder.append_value(text);
        } else if classes.is_null(object) {
            builder.append_null();
        } else {
            return None;
        }
    }
    Some(Arc::new(builder.finish()))
}

fn as_piece<To: OffsetSizeTrait>(array: &ArrayRef, room: usize) -> Option<ArrayRef> {
    let piece: GenericBinaryArray<To> = match array.as_binary_opt::<i64>() {
        Some(array) => with_offsets(array, room),
        None => with_offsets(array.as_binary_opt::<i32>()?, room),
    }?;
    Some(Arc::new(piece))
}

/// The same bytes with other offsets, if they are no more than `room` and the offsets never fall.
fn with_offsets<From, To>(
    array: &GenericBinaryArray<From>,
    room: usize,
) -> Option<GenericBinaryArray<To>>
where
    From: OffsetSizeTrait,
    To: OffsetSizeTrait,
{
    let offsets = array.value_offsets();
    let (first, last) = (offsets.first()?.as_usize(), offsets.last()?.as_usize());
    let length = last.checked_sub(first).filter(|length| *length <= room)?;
    // Not all at once, so that each is a loop of vector instructions.
    if !offsets.is_sorted() {
        return None;
    }
    memory::ensure(
        TEXT,
        size_of_val(offsets).max(offsets.len() * size_of::<To>()),
    )
    .ok()?;
    let shifted: Vec<To> = offsets
        .iter()
        .map(|offset| To::usize_as(offset.as_usize().wrapping_sub(first)))
        .collect();
    GenericBinaryArray::try_new(
        OffsetBuffer::new(shifted.into()),
        array.values().slice_with_length(first, length),
        array.nulls().cloned(),
    )
    .ok()
}

/// Calls `append` for each value of a text array; `false` if it is none.
pub(crate) fn append_array(array: &ArrayRef, append: impl FnMut(Option<&str>)) -> bool {
    if let Some(array) = array.as_string_opt::<i64>() {
        array.iter().for_each(append);
    } else if let Some(array) = array.as_string_opt::<i32>() {
        array.iter().for_each(append);
    } else {
        return false;
    }
    true
}

/// Calls `append` for each value of a `Categorical` whose categories are text, if they all fit
/// into `room` bytes.
pub(crate) fn append_categories(
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
    append: impl FnMut(Option<&str>),
    room: usize,
) -> PyResult<bool> {
    let categories = values.getattr("categories")?.getattr("_values")?;
    let codes = values.getattr("_codes")?;
    if let Some(objects) = elements(&categories) {
        let texts: Option<Vec<&str>> = objects.iter().map(exact_string).collect();
        return Ok(texts.is_some_and(|texts| append_codes(&codes, &texts, append, room)));
    }
    let Some(array) = text_chunk(&categories, classes)? else {
        return Ok(false);
    };
    let mut texts = Vec::with_capacity(array.len());
    let is_text = append_array(&array, |text| texts.extend(text.map(str::to_owned)));
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    // A category is never null.
    Ok(is_text && texts.len() == array.len() && append_codes(&codes, &texts, append, room))
}

fn append_codes(
    codes: &Bound<'_, PyAny>,
    texts: &[&str],
    append: impl FnMut(Option<&str>),
    room: usize,
) -> bool {
    let values = decode::<i8>(codes, texts)
        .or_else(|| decode::<i16>(codes, texts))
        .or_else(|| decode::<i32>(codes, texts))
        .or_else(|| decode::<i64>(codes, texts));
    let Some(values) = values else {
        return false;
    };
    let fits = values
        .iter()
        .flatten()
        .map(|text| text.len())
        .sum::<usize>()
        <= room;
    if fits {
        values.into_iter().for_each(append);
    }
    fits
}

/// The text of each code, if the codes are of NumPy type `N`. A negative code is null.
fn decode<'a, N>(codes: &Bound<'_, PyAny>, texts: &[&'a str]) -> Option<Vec<Option<&'a str>>>
where
    N: Element + Copy,
    i64: From<N>,
{
    let codes = column::<N>(codes)?;
    codes
        .as_array()
        .iter()
        .map(|code| match usize::try_from(i64::from(*code)) {
            Ok(index) => texts.get(index).copied().map(Some),
            Err(_negative) => Some(None),
        })
        .collect()
}
