//! Numbers of results, whatever holds them: a NumPy array, a masked array, or Python objects.

use arrow_array::builder::{BooleanBuilder, PrimitiveBuilder};
use arrow_array::types::ArrowPrimitiveType;
use numpy::Element;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

use crate::convert::output::masked::Masked;
use crate::convert::output::values::{
    column, elements, exact_bool, exact_double, integral, objects,
};
use crate::facades::frames::PandasClasses;

/// Appends a column to a boolean field. `false` if only stock may convert it; so for all here.
///
/// # Errors
///
/// Fails only if Python itself does; so for all here.
pub(crate) fn booleans(
    builder: &mut BooleanBuilder,
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
) -> PyResult<bool> {
    match Masked::of(values, classes)? {
        Some(masked) => Ok(masked.append_booleans(builder)),
        None => Ok(append_booleans(builder, values, classes)),
    }
}

/// Appends a column to an integer field.
pub(crate) fn integers<T>(
    builder: &mut PrimitiveBuilder<T>,
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
) -> PyResult<bool>
where
    T: ArrowPrimitiveType,
    T::Native: Element + TryFrom<i64> + TryFrom<u64>,
{
    if let Some(masked) = Masked::of(values, classes)? {
        return Ok(masked.append_integers(builder));
    }
    if append_integers(builder, values) {
        return Ok(true);
    }
    Ok(append_objects(builder, values, classes, |object| {
        let value = match object.cast_exact::<PyFloat>() {
            Ok(float) => integral(float.value())??,
            Err(_) => exact_integer(object)?,
        };
        T::Native::try_from(value).ok()
    }))
}

/// Appends a column to a float or double field.
pub(crate) fn floats<T: ArrowPrimitiveType>(
    builder: &mut PrimitiveBuilder<T>,
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
    mantissa: u32,
    from_double: impl Fn(f64) -> T::Native + Copy,
    from_float: impl Fn(f32) -> T::Native,
) -> PyResult<bool> {
    if let Some(masked) = Masked::of(values, classes)? {
        return Ok(masked.append_floats(builder, mantissa, from_double, from_float));
    }
    if append_floats(builder, values, mantissa, from_double, from_float) {
        return Ok(true);
    }
    Ok(append_objects(builder, values, classes, |object| {
        let value = match object.cast_exact::<PyFloat>() {
            Ok(float) => float.value(),
            Err(_) => exact_double(exact_integer(object)?, mantissa)?,
        };
        Some(from_double(value))
    }))
}

/// An `int`, neither a `bool` nor another subclass, of 64 bits.
fn exact_integer(object: &Bound<'_, PyAny>) -> Option<i64> {
    object.cast_exact::<PyInt>().ok()?.extract().ok()
}

fn append_objects<T: ArrowPrimitiveType>(
    builder: &mut PrimitiveBuilder<T>,
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
    accept: impl Fn(&Bound<'_, PyAny>) -> Option<T::Native>,
) -> bool {
    let Some(elements) = elements(values) else {
        return false;
    };
    let Some(values) = objects(&elements, classes, accept) else {
        return false;
    };
    for value in values {
        builder.append_option(value);
    }
    true
}

pub(crate) fn append_booleans(
    builder: &mut BooleanBuilder,
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
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
    let Some(values) = objects(&elements, classes, exact) else {
        return false;
    };
    for value in values {
        builder.append_option(value);
    }
    true
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
