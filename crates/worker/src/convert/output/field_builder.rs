//! A growing Arrow array of a declared result type.

use arrow_array::ArrayRef;
use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, Decimal128Builder, LargeBinaryBuilder,
    LargeStringBuilder, PrimitiveBuilder, StringBuilder,
};
use arrow_array::types::{
    Date32Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time64NanosecondType, TimestampMicrosecondType,
};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use bowstring_memory as memory;
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::convert::output::binary::append_binary;
use crate::convert::output::decimal::append_decimals;
use crate::convert::output::nested::NestedBuilder;
use crate::convert::output::numbers::{booleans, floats, integers};
use crate::convert::output::temporal::{append_all, append_dates, instants, intervals};
use crate::convert::output::text::append_strings;
use crate::convert::output::timestamps::{append_times, append_timestamps};
use crate::convert::output::values::{Rules, narrow, room};
use crate::facades::frames::PandasClasses;

/// Bytes that a value needs on its way: as an object, as what it is taken for, and twice where a builder grows.
const BYTES_OF_ROW: usize = 32;

/// A growing Arrow array of a declared type.
#[derive(Debug)]
pub(crate) enum FieldBuilder {
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
    /// `time`
    Time(PrimitiveBuilder<Time64NanosecondType>),
    /// `timestamp`
    Timestamp(PrimitiveBuilder<TimestampMicrosecondType>),
    /// `timestamp_ntz`
    TimestampNtz(PrimitiveBuilder<TimestampMicrosecondType>),
    /// day-time interval
    Interval(PrimitiveBuilder<DurationMicrosecondType>),
    /// `decimal`
    Decimal(Decimal128Builder, u8, i8),
    /// An array, struct or map.
    Nested(Box<NestedBuilder>),
    /// Every other type: only stock converts it.
    Stock,
}

impl FieldBuilder {
    /// A builder of `data_type`, as stock's `to_arrow_type` gives it.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an allow-list: what is not on it goes to stock"
    )]
    pub(crate) fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Int8 => Self::Byte(PrimitiveBuilder::new()),
            DataType::Int16 => Self::Short(PrimitiveBuilder::new()),
            DataType::Int32 => Self::Int(PrimitiveBuilder::new()),
            DataType::Int64 => Self::Long(PrimitiveBuilder::new()),
            DataType::Float32 => Self::Float(PrimitiveBuilder::new()),
            DataType::Float64 => Self::Double(PrimitiveBuilder::new()),
            DataType::Utf8 => Self::String(StringBuilder::new()),
            DataType::LargeUtf8 => Self::LargeString(LargeStringBuilder::new()),
            DataType::Binary => Self::Binary(BinaryBuilder::new()),
            DataType::LargeBinary => Self::LargeBinary(LargeBinaryBuilder::new()),
            DataType::Date32 => Self::Date(PrimitiveBuilder::new()),
            DataType::Time64(TimeUnit::Nanosecond) => Self::Time(PrimitiveBuilder::new()),
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                Self::TimestampNtz(PrimitiveBuilder::new())
            }
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
                Self::Timestamp(PrimitiveBuilder::new().with_data_type(data_type.clone()))
            }
            DataType::Duration(TimeUnit::Microsecond) => Self::Interval(PrimitiveBuilder::new()),
            DataType::Decimal128(precision, scale) if *scale >= 0 => Self::Decimal(
                Decimal128Builder::new().with_data_type(data_type.clone()),
                *precision,
                *scale,
            ),
            DataType::List(_) | DataType::Struct(_) | DataType::Map(..) => {
                NestedBuilder::new(data_type)
                    .map_or(Self::Stock, |builder| Self::Nested(Box::new(builder)))
            }
            _ => Self::Stock,
        }
    }

    /// Spark's name of the type, as [`crate::convert::types::InputKind::name`] spells it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "boolean",
            Self::Byte(_) => "byte",
            Self::Short(_) => "short",
            Self::Int(_) => "int",
            Self::Long(_) => "long",
            Self::Float(_) => "float",
            Self::Double(_) => "double",
            Self::String(_) | Self::LargeString(_) => "string",
            Self::Binary(_) | Self::LargeBinary(_) => "binary",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::Timestamp(_) => "timestamp",
            Self::TimestampNtz(_) => "timestamp_ntz",
            Self::Interval(_) => "interval",
            Self::Decimal(..) => "decimal",
            Self::Nested(builder) => builder.name(),
            Self::Stock => "stock",
        }
    }

    /// Whether values of the type are neither text nor nested, so that arrays of exactly the type
    /// may stand beside those that are built.
    pub(crate) fn is_flat(&self) -> bool {
        match self {
            Self::Boolean(_)
            | Self::Byte(_)
            | Self::Short(_)
            | Self::Int(_)
            | Self::Long(_)
            | Self::Float(_)
            | Self::Double(_)
            | Self::Binary(_)
            | Self::LargeBinary(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::Timestamp(_)
            | Self::TimestampNtz(_)
            | Self::Interval(_)
            | Self::Decimal(..) => true,
            Self::String(_) | Self::LargeString(_) | Self::Nested(_) | Self::Stock => false,
        }
    }

    /// Takes what was built. `None` if that is nothing.
    ///
    /// # Errors
    ///
    /// Fails if the parts of a nested type do not fit together, which is a bug.
    pub(crate) fn finish(&mut self) -> Result<Option<ArrayRef>, ArrowError> {
        if let Self::Nested(builder) = self {
            return builder.finish();
        }
        Ok(self
            .flat()
            .filter(|builder| !builder.is_empty())
            .map(ArrayBuilder::finish))
    }

    /// The builder of a type that is not nested.
    fn flat(&mut self) -> Option<&mut dyn ArrayBuilder> {
        Some(match self {
            Self::Boolean(builder) => builder,
            Self::Byte(builder) => builder,
            Self::Short(builder) => builder,
            Self::Int(builder) => builder,
            Self::Long(builder) => builder,
            Self::Float(builder) => builder,
            Self::Double(builder) => builder,
            Self::String(builder) => builder,
            Self::LargeString(builder) => builder,
            Self::Binary(builder) => builder,
            Self::LargeBinary(builder) => builder,
            Self::Date(builder) => builder,
            Self::Time(builder) => builder,
            Self::Timestamp(builder) | Self::TimestampNtz(builder) => builder,
            Self::Interval(builder) => builder,
            Self::Decimal(builder, ..) => builder,
            Self::Nested(_) | Self::Stock => return None,
        })
    }

    /// Bytes of text and binary values held, which the number of rows says nothing about.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other type has a fixed width"
    )]
    pub(crate) fn variable_bytes(&self) -> usize {
        match self {
            Self::String(builder) => builder.values_slice().len(),
            Self::LargeString(builder) => builder.values_slice().len(),
            Self::Binary(builder) => builder.values_slice().len(),
            Self::LargeBinary(builder) => builder.values_slice().len(),
            Self::Nested(builder) => builder.variable_bytes(),
            _ => 0,
        }
    }

    /// Appends a column: a 1-D NumPy array or a pandas extension array. `false` if only stock may
    /// convert it; then nothing was appended.
    pub(crate) fn append(
        &mut self,
        values: &Bound<'_, PyAny>,
        classes: &PandasClasses,
        rules: &Rules,
    ) -> PyResult<bool> {
        let rows = match values.cast::<PyUntypedArray>() {
            Ok(array) => array.len(),
            Err(_) => values.len()?,
        };
        // Stock needs less where it shares the memory of an array.
        if memory::ensure("a column of a result", rows * BYTES_OF_ROW).is_err() {
            return Ok(false);
        }
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
            Self::Nested(builder) => builder.append(values, classes)?,
            Self::Stock => false,
        })
    }
}
