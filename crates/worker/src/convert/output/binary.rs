//! Bytes of results.

use pyo3::prelude::*;

use crate::convert::output::values::{can_grow, elements, exact_bytes, objects};
use crate::facades::frames::PandasClasses;

pub(crate) fn append_binary(
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
    append: impl FnMut(Option<&[u8]>),
    room: usize,
) -> bool {
    let Some(elements) = elements(values) else {
        return false;
    };
    let exact = |object| exact_bytes(object);
    let Some(values) = objects(&elements, classes, exact) else {
        return false;
    };
    let bytes = values.iter().flatten().map(|value| value.len()).sum();
    if bytes > room || !can_grow(bytes) {
        return false;
    }
    values.into_iter().for_each(append);
    true
}
