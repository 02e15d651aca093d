//! What lies inside arrays, structs and maps → growing Arrow arrays: value by value.

use arrow_array::builder::PrimitiveBuilder;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

use crate::convert::output::decimal::exact_decimal;
use crate::convert::output::flat_builder::FlatBuilder;
use crate::convert::output::numbers::append_integers;
use crate::convert::output::temporal::exact_date;
use crate::convert::output::values::{
    column, elements, exact_bool, exact_bytes, exact_double, exact_string, integral, narrow, room,
};
use crate::convert::types::{Inside, SparkType};
use crate::facades::frames::PandasClasses;

/// A builder of `data_type`, or `None` if it has no native path inside a nested type.
pub(super) fn leaf_builder(data_type: &DataType) -> Option<FlatBuilder> {
    let spark = SparkType::of_result(data_type);
    let spark = spark.filter(|spark| spark.row().inside != Inside::Never)?;
    FlatBuilder::new(spark, data_type)
}

impl FlatBuilder {
    /// Appends a value; what stock calls null becomes null. `false` if only stock may convert it.
    pub(super) fn push(
        &mut self,
        value: &Bound<'_, PyAny>,
        classes: &PandasClasses,
    ) -> PyResult<bool> {
        // PARITY: inside a nested value, NaN is null for every type.
        if classes.is_null(value) {
            self.append_null();
            return Ok(true);
        }
        Ok(match self {
            Self::Boolean(builder) => take(exact_bool(value), |value| builder.append_value(value)),
            Self::Byte(builder) => push_integer(builder, value),
            Self::Short(builder) => push_integer(builder, value),
            Self::Int(builder) => push_integer(builder, value),
            Self::Long(builder) => push_integer(builder, value),
            Self::Float(builder) => take(exact_number(value, f32::MANTISSA_DIGITS), |value| {
                builder.append_value(narrow(value));
            }),
            Self::Double(builder) => take(exact_number(value, f64::MANTISSA_DIGITS), |value| {
                builder.append_value(value);
            }),
            Self::String(builder) => {
                let room = room(builder.values_slice().len());
                let text = exact_string(value).filter(|text| text.len() <= room);
                take(text, |text| builder.append_value(text))
            }
            Self::LargeString(builder) => {
                take(exact_string(value), |text| builder.append_value(text))
            }
            Self::Binary(builder) => {
                let room = room(builder.values_slice().len());
                let bytes = exact_bytes(value).filter(|bytes| bytes.len() <= room);
                take(bytes, |bytes| builder.append_value(bytes))
            }
            Self::LargeBinary(builder) => {
                take(exact_bytes(value), |bytes| builder.append_value(bytes))
            }
            Self::Date(builder) => take(exact_date(value), |days| builder.append_value(days)),
            Self::Decimal(builder, precision, scale) => {
                let value = exact_decimal(value, classes, *precision, *scale)?;
                take(value, |value| builder.append_value(value))
            }
            // Only as columns.
            Self::Time(_) | Self::Timestamp(_) | Self::TimestampNtz(_) | Self::Interval(_) => false,
        })
    }

    /// Appends the elements of a one-dimensional NumPy array. `false` if only stock may convert
    /// them; some may be appended nevertheless.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other types have no dtype of their own"
    )]
    pub(super) fn extend(
        &mut self,
        array: &Bound<'_, PyAny>,
        classes: &PandasClasses,
    ) -> PyResult<bool> {
        if let Some(objects) = elements(array) {
            for object in &objects {
                if !self.push(object, classes)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        Ok(match self {
            Self::Boolean(builder) => take(column::<bool>(array), |array| {
                array
                    .as_array()
                    .iter()
                    .for_each(|value| builder.append_value(*value));
            }),
            // PARITY: a NaN of float32 is no Python float, so stock does not take it for a null.
            Self::Byte(_) | Self::Short(_) | Self::Int(_) | Self::Long(_)
                if column::<f32>(array).is_some() =>
            {
                false
            }
            Self::Byte(builder) => append_integers(builder, array),
            Self::Short(builder) => append_integers(builder, array),
            Self::Int(builder) => append_integers(builder, array),
            Self::Long(builder) => append_integers(builder, array),
            Self::Float(builder) => take(column::<f32>(array), |array| {
                array
                    .as_array()
                    .iter()
                    .for_each(|value| builder.append_value(*value));
            }),
            Self::Double(builder) => take(column::<f64>(array), |array| {
                array.as_array().iter().for_each(|value| {
                    builder.append_option((!value.is_nan()).then_some(*value));
                });
            }),
            // PARITY: PySpark makes some empty arrays float64 ones.
            _ => array.len()? == 0,
        })
    }

    /// Bytes held, about.
    pub(super) fn bytes(&self) -> usize {
        self.variable_bytes() + self.len() * size_of::<u64>()
    }

    /// Takes the first `length` values and drops the others.
    pub(super) fn take(&mut self, length: usize) -> ArrayRef {
        let array = self.finish();
        if length < array.len() {
            array.slice(0, length)
        } else {
            array
        }
    }
}

/// Whether there is a value, which is then appended.
fn take<T>(value: Option<T>, append: impl FnOnce(T)) -> bool {
    value.map(append).is_some()
}

/// A `float`, or an `int` that so many bits hold exactly.
fn exact_number(value: &Bound<'_, PyAny>, mantissa: u32) -> Option<f64> {
    if let Ok(float) = value.cast_exact::<PyFloat>() {
        return Some(float.value());
    }
    exact_double(value.cast_exact::<PyInt>().ok()?.extract().ok()?, mantissa)
}

fn push_integer<T>(builder: &mut PrimitiveBuilder<T>, value: &Bound<'_, PyAny>) -> bool
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i64>,
{
    // Spark 3.5 to 4.1 give integers with nulls as floats.
    let integer = match value.cast_exact::<PyFloat>() {
        Ok(float) => integral(float.value()).flatten(),
        Err(_) => value
            .cast_exact::<PyInt>()
            .ok()
            .and_then(|integer| integer.extract::<i64>().ok()),
    };
    let native = integer.and_then(|integer| T::Native::try_from(integer).ok());
    take(native, |native| builder.append_value(native))
}
