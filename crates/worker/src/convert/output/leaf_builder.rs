//! Growing Arrow arrays of what lies inside arrays, structs and maps: value by value.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Decimal128Builder, LargeBinaryBuilder, LargeStringBuilder,
    PrimitiveBuilder, StringBuilder,
};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

use crate::convert::output::decimal::exact_decimal;
use crate::convert::output::numbers::append_integers;
use crate::convert::output::temporal::exact_date;
use crate::convert::output::values::{
    column, elements, exact_bool, exact_bytes, exact_double, exact_string, integral, narrow, room,
};
use crate::convert::types::{Inside, SparkType};
use crate::facades::frames::PandasClasses;

/// A growing array of a type that is not nested.
#[derive(Debug)]
pub(crate) enum LeafBuilder {
    /// `boolean`
    Boolean(BooleanBuilder),
    /// `byte`
    Byte(PrimitiveBuilder<Int8Type>),
    /// `short`
    Short(PrimitiveBuilder<Int16Type>),
    /// `int`
    Int(PrimitiveBuilder<Int32Type>),
    /// `long`
    Long(PrimitiveBuilder<Int64Type>),
    /// `float`
    Float(PrimitiveBuilder<Float32Type>),
    /// `double`
    Double(PrimitiveBuilder<Float64Type>),
    /// `string`
    String(StringBuilder),
    /// `string` with 64-bit offsets
    LargeString(LargeStringBuilder),
    /// `binary`
    Binary(BinaryBuilder),
    /// `binary` with 64-bit offsets
    LargeBinary(LargeBinaryBuilder),
    /// `date`
    Date(PrimitiveBuilder<Date32Type>),
    /// `decimal`
    Decimal(Decimal128Builder, u8, i8),
}

/// Runs the same code for whichever builder it is.
macro_rules! each {
    ($leaf:expr, $builder:ident => $code:expr) => {
        match $leaf {
            LeafBuilder::Boolean($builder) => $code,
            LeafBuilder::Byte($builder) => $code,
            LeafBuilder::Short($builder) => $code,
            LeafBuilder::Int($builder) => $code,
            LeafBuilder::Long($builder) => $code,
            LeafBuilder::Float($builder) => $code,
            LeafBuilder::Double($builder) => $code,
            LeafBuilder::String($builder) => $code,
            LeafBuilder::LargeString($builder) => $code,
            LeafBuilder::Binary($builder) => $code,
            LeafBuilder::LargeBinary($builder) => $code,
            LeafBuilder::Date($builder) => $code,
            LeafBuilder::Decimal($builder, ..) => $code,
        }
    };
}

impl LeafBuilder {
    /// A builder of `data_type`, or `None` if it has no native path inside a nested type.
    pub(crate) fn new(data_type: &DataType) -> Option<Self> {
        let spark = SparkType::of_result(data_type);
        let spark = spark.filter(|spark| spark.row().inside != Inside::Never)?;
        let is_large = matches!(data_type, DataType::LargeUtf8 | DataType::LargeBinary);
        Some(match (spark, data_type) {
            (SparkType::Boolean, _) => Self::Boolean(BooleanBuilder::new()),
            (SparkType::Byte, _) => Self::Byte(PrimitiveBuilder::new()),
            (SparkType::Short, _) => Self::Short(PrimitiveBuilder::new()),
            (SparkType::Int, _) => Self::Int(PrimitiveBuilder::new()),
            (SparkType::Long, _) => Self::Long(PrimitiveBuilder::new()),
            (SparkType::Float, _) => Self::Float(PrimitiveBuilder::new()),
            (SparkType::Double, _) => Self::Double(PrimitiveBuilder::new()),
            (SparkType::String, _) if is_large => Self::LargeString(LargeStringBuilder::new()),
            (SparkType::String, _) => Self::String(StringBuilder::new()),
            (SparkType::Binary, _) if is_large => Self::LargeBinary(LargeBinaryBuilder::new()),
            (SparkType::Binary, _) => Self::Binary(BinaryBuilder::new()),
            (SparkType::Date, _) => Self::Date(PrimitiveBuilder::new()),
            (SparkType::Decimal, DataType::Decimal128(precision, scale)) => Self::Decimal(
                Decimal128Builder::new().with_data_type(data_type.clone()),
                *precision,
                *scale,
            ),
            _ => return None,
        })
    }

    /// Appends a value; what stock calls null becomes null. `false` if only stock may convert it.
    pub(crate) fn push(
        &mut self,
        value: &Bound<'_, PyAny>,
        classes: &PandasClasses,
    ) -> PyResult<bool> {
        // PARITY: inside a nested value, NaN is null for every type.
        if classes.is_null(value) {
            self.push_null();
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
        })
    }

    /// Appends the elements of a one-dimensional NumPy array. `false` if only stock may convert
    /// them; some may be appended nevertheless.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other types have no dtype of their own"
    )]
    pub(crate) fn extend(
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

    /// Appends a null.
    pub(crate) fn push_null(&mut self) {
        each!(self, builder => builder.append_null());
    }

    /// Number of values, nulls included.
    pub(crate) fn count(&self) -> usize {
        use arrow_array::builder::ArrayBuilder;
        each!(self, builder => builder.len())
    }

    /// Bytes held, about.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other type has a fixed width"
    )]
    pub(crate) fn bytes(&self) -> usize {
        let variable = match self {
            Self::String(builder) => builder.values_slice().len(),
            Self::LargeString(builder) => builder.values_slice().len(),
            Self::Binary(builder) => builder.values_slice().len(),
            Self::LargeBinary(builder) => builder.values_slice().len(),
            _ => 0,
        };
        variable + self.count() * size_of::<u64>()
    }

    /// Drops all values.
    pub(crate) fn clear(&mut self) {
        drop(self.take(0));
    }

    /// Takes the first `length` values and drops the others.
    pub(crate) fn take(&mut self, length: usize) -> ArrayRef {
        let array: ArrayRef = each!(self, builder => Arc::new(builder.finish()));
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
