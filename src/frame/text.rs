//! Text of results that is not an object column: `string`, `str`, Arrow-backed text, categories.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, make_array};
use arrow_data::ArrayData;
use arrow_pyarrow::FromPyArrow;
use numpy::Element;
use pyo3::prelude::*;

use super::from_pandas::{column, elements, exact_string};
use super::output::Names;

/// The one chunk of an Arrow-backed column; `None` if it is something else or in pieces.
pub(super) fn arrow_chunk(values: &Bound<'_, PyAny>, names: &Names) -> PyResult<Option<ArrayRef>> {
    if !names.is_arrow_strings(values) && !names.is_arrow_backed(values) {
        return Ok(None);
    }
    // PARITY: stock refuses a column that is not in one piece, such as pandas' concat makes.
    let chunks = values.getattr("_pa_array")?.getattr("chunks")?;
    if chunks.len()? != 1 {
        return Ok(None);
    }
    // Validated: the values may come from anywhere.
    let data = ArrayData::from_pyarrow_bound(&chunks.get_item(0)?);
    Ok(data.ok().map(make_array))
}

/// Calls `append` for each value of a text array; `false` if it is none.
pub(super) fn append_array(array: &ArrayRef, append: impl FnMut(Option<&str>)) -> bool {
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
pub(super) fn append_categories(
    values: &Bound<'_, PyAny>,
    names: &Names,
    append: impl FnMut(Option<&str>),
    room: usize,
) -> PyResult<bool> {
    let categories = values.getattr("categories")?.getattr("_values")?;
    let codes = values.getattr("_codes")?;
    if let Some(objects) = elements(&categories) {
        let texts: Option<Vec<&str>> = objects.iter().map(exact_string).collect();
        return Ok(texts.is_some_and(|texts| append_codes(&codes, &texts, append, room)));
    }
    let Some(array) = arrow_chunk(&categories, names)? else {
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
