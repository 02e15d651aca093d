//! Numbers of results, whatever holds them: a NumPy array, a masked array, or Python objects.

use arrow_array::builder::{BooleanBuilder, PrimitiveBuilder};
use arrow_array::types::ArrowPrimitiveType;
use numpy::Element;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

use crate::convert::classes::PandasClasses;
use crate::convert::output::masked::Masked;
use crate::convert::output::values::{
    append_booleans, append_floats, append_integers, elements, exact_double, integral, objects,
};

/// Appends a column to a boolean field. `false` if only stock may convert it; so for all here.
///
/// # Errors
///
/// Fails only if Python itself does; so for all here.
pub(crate) fn booleans(
    builder: &mut BooleanBuilder,
    values: &Bound<'_, PyAny>,
    names: &PandasClasses,
) -> PyResult<bool> {
    match Masked::of(values, names)? {
        Some(masked) => Ok(masked.append_booleans(builder)),
        None => Ok(append_booleans(builder, values, names)),
    }
}

/// Appends a column to an integer field.
pub(crate) fn integers<T>(
    builder: &mut PrimitiveBuilder<T>,
    values: &Bound<'_, PyAny>,
    names: &PandasClasses,
) -> PyResult<bool>
where
    T: ArrowPrimitiveType,
    T::Native: Element + TryFrom<i64> + TryFrom<u64>,
{
    if let Some(masked) = Masked::of(values, names)? {
        return Ok(masked.append_integers(builder));
    }
    if append_integers(builder, values) {
        return Ok(true);
    }
    Ok(append_objects(builder, values, names, |object| {
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
    names: &PandasClasses,
    mantissa: u32,
    from_double: impl Fn(f64) -> T::Native + Copy,
    from_float: impl Fn(f32) -> T::Native,
) -> PyResult<bool> {
    if let Some(masked) = Masked::of(values, names)? {
        return Ok(masked.append_floats(builder, mantissa, from_double, from_float));
    }
    if append_floats(builder, values, mantissa, from_double, from_float) {
        return Ok(true);
    }
    Ok(append_objects(builder, values, names, |object| {
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
    names: &PandasClasses,
    accept: impl Fn(&Bound<'_, PyAny>) -> Option<T::Native>,
) -> bool {
    let Some(elements) = elements(values) else {
        return false;
    };
    let Some(values) = objects(&elements, names, accept) else {
        return false;
    };
    for value in values {
        builder.append_option(value);
    }
    true
}
