//! Growing Arrow arrays of the types that are not nested, for columns and for what lies inside of arrays, structs and maps.

use arrow_array::ArrayRef;
use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, Decimal128Builder, LargeBinaryBuilder,
    LargeStringBuilder, PrimitiveBuilder, StringBuilder,
};
use arrow_array::types::{
    Date32Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time64NanosecondType, TimestampMicrosecondType,
};
use arrow_schema::DataType;
use pyo3::prelude::*;

use crate::convert::output::binary::append_binary;
use crate::convert::output::decimal::append_decimals;
use crate::convert::output::numbers::{booleans, floats, integers};
use crate::convert::output::temporal::{append_all, append_dates, instants, intervals};
use crate::convert::output::text::append_strings;
use crate::convert::output::timestamps::{append_times, append_timestamps};
use crate::convert::output::values::{Rules, narrow, room};
use crate::convert::types::SparkType;
use crate::facades::frames::PandasClasses;

/// A growing array of a type that is not nested.
#[derive(Debug)]
pub(crate) enum FlatBuilder {
    Boolean(BooleanBuilder),
    Byte(PrimitiveBuilder<Int8Type>),
    Short(PrimitiveBuilder<Int16Type>),
    Int(PrimitiveBuilder<Int32Type>),
    Long(PrimitiveBuilder<Int64Type>),
    Float(PrimitiveBuilder<Float32Type>),
    Double(PrimitiveBuilder<Float64Type>),
    String(StringBuilder),
    LargeString(LargeStringBuilder),
    Binary(BinaryBuilder),
    LargeBinary(LargeBinaryBuilder),
    Date(PrimitiveBuilder<Date32Type>),
    Time(PrimitiveBuilder<Time64NanosecondType>),
    Timestamp(PrimitiveBuilder<TimestampMicrosecondType>),
    TimestampNtz(PrimitiveBuilder<TimestampMicrosecondType>),
    Interval(PrimitiveBuilder<DurationMicrosecondType>),
    /// With precision and scale.
    Decimal(Decimal128Builder, u8, i8),
}

/// Runs the same code for whichever builder it is.
macro_rules! each {
    ($flat:expr, $builder:ident => $code:expr) => {
        match $flat {
            FlatBuilder::Boolean($builder) => $code,
            FlatBuilder::Byte($builder) => $code,
            FlatBuilder::Short($builder) => $code,
            FlatBuilder::Int($builder) => $code,
            FlatBuilder::Long($builder) => $code,
            FlatBuilder::Float($builder) => $code,
            FlatBuilder::Double($builder) => $code,
            FlatBuilder::String($builder) => $code,
            FlatBuilder::LargeString($builder) => $code,
            FlatBuilder::Binary($builder) => $code,
            FlatBuilder::LargeBinary($builder) => $code,
            FlatBuilder::Date($builder) => $code,
            FlatBuilder::Time($builder) => $code,
            FlatBuilder::Timestamp($builder) => $code,
            FlatBuilder::TimestampNtz($builder) => $code,
            FlatBuilder::Interval($builder) => $code,
            FlatBuilder::Decimal($builder, ..) => $code,
        }
    };
}

impl FlatBuilder {
    /// A builder of a type whose Arrow type is `data_type`; `None` if it is nested, or never native.
    pub(super) fn new(spark: SparkType, data_type: &DataType) -> Option<Self> {
        let is_large = matches!(data_type, DataType::LargeUtf8 | DataType::LargeBinary);
        Some(match spark {
            SparkType::Boolean => Self::Boolean(BooleanBuilder::new()),
            SparkType::Byte => Self::Byte(PrimitiveBuilder::new()),
            SparkType::Short => Self::Short(PrimitiveBuilder::new()),
            SparkType::Int => Self::Int(PrimitiveBuilder::new()),
            SparkType::Long => Self::Long(PrimitiveBuilder::new()),
            SparkType::Float => Self::Float(PrimitiveBuilder::new()),
            SparkType::Double => Self::Double(PrimitiveBuilder::new()),
            SparkType::String if is_large => Self::LargeString(LargeStringBuilder::new()),
            SparkType::String => Self::String(StringBuilder::new()),
            SparkType::Binary if is_large => Self::LargeBinary(LargeBinaryBuilder::new()),
            SparkType::Binary => Self::Binary(BinaryBuilder::new()),
            SparkType::Date => Self::Date(PrimitiveBuilder::new()),
            SparkType::Time => Self::Time(PrimitiveBuilder::new()),
            SparkType::Timestamp | SparkType::OffsetTimestamp | SparkType::NamedTimestamp => {
                Self::Timestamp(PrimitiveBuilder::new().with_data_type(data_type.clone()))
            }
            SparkType::TimestampNtz => Self::TimestampNtz(PrimitiveBuilder::new()),
            SparkType::Interval => Self::Interval(PrimitiveBuilder::new()),
            SparkType::Decimal => {
                let DataType::Decimal128(precision, scale) = *data_type else {
                    return None;
                };
                let builder = Decimal128Builder::new().with_data_type(data_type.clone());
                Self::Decimal(builder, precision, scale)
            }
            SparkType::Array | SparkType::Struct | SparkType::Map | SparkType::Null => return None,
        })
    }

    /// Appends a column: a 1-D NumPy array or a pandas extension array. `false` if only stock may
    /// convert it; then nothing was appended.
    pub(super) fn append(
        &mut self,
        values: &Bound<'_, PyAny>,
        classes: &PandasClasses,
        rules: &Rules,
    ) -> PyResult<bool> {
        Ok(match self {
            Self::Boolean(builder) => booleans(builder, values, classes)?,
            Self::Byte(builder) => integers(builder, values, classes)?,
            Self::Short(builder) => integers(builder, values, classes)?,
            Self::Int(builder) => integers(builder, values, classes)?,
            Self::Long(builder) => integers(builder, values, classes)?,
            Self::Float(builder) => floats(
                builder,
                values,
                classes,
                f32::MANTISSA_DIGITS,
                narrow,
                |value| value,
            )?,
            Self::Double(builder) => floats(
                builder,
                values,
                classes,
                f64::MANTISSA_DIGITS,
                |value| value,
                f64::from,
            )?,
            Self::String(builder) => {
                let room = room(builder.values_slice().len());
                append_strings(values, classes, |value| builder.append_option(value), room)?
            }
            Self::LargeString(builder) => append_strings(
                values,
                classes,
                |value| builder.append_option(value),
                usize::MAX,
            )?,
            Self::Binary(builder) => {
                let room = room(builder.values_slice().len());
                append_binary(values, classes, |value| builder.append_option(value), room)
            }
            Self::LargeBinary(builder) => append_binary(
                values,
                classes,
                |value| builder.append_option(value),
                usize::MAX,
            ),
            Self::Date(builder) => append_dates(builder, values, classes)?,
            Self::Time(builder) => append_times(builder, values, classes),
            Self::Timestamp(builder) => append_timestamps(builder, values, classes, rules)?,
            Self::TimestampNtz(builder) => match instants(values, classes, rules)? {
                Some((_, values)) => append_all(builder, values, Some),
                None => false,
            },
            Self::Interval(builder) => match intervals(values, classes, rules)? {
                Some(values) => append_all(builder, values, Some),
                None => false,
            },
            Self::Decimal(builder, precision, scale) => {
                append_decimals(builder, values, classes, *precision, *scale)?
            }
        })
    }

    /// Appends a null.
    pub(super) fn append_null(&mut self) {
        each!(self, builder => builder.append_null());
    }

    /// Number of values, nulls included.
    pub(super) fn len(&self) -> usize {
        each!(self, builder => builder.len())
    }

    /// Takes all values.
    pub(super) fn finish(&mut self) -> ArrayRef {
        each!(self, builder => ArrayBuilder::finish(builder))
    }

    /// Bytes of text and binary values held, which the number of rows says nothing about.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other type has a fixed width"
    )]
    pub(super) fn variable_bytes(&self) -> usize {
        match self {
            Self::String(builder) => builder.values_slice().len(),
            Self::LargeString(builder) => builder.values_slice().len(),
            Self::Binary(builder) => builder.values_slice().len(),
            Self::LargeBinary(builder) => builder.values_slice().len(),
            _ => 0,
        }
    }
}
