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
use arrow_schema::{ArrowError, DataType};
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
use crate::convert::types::SparkType;
use crate::facades::frames::PandasClasses;

/// Bytes that a value needs on its way: as an object, as what it is taken for, and twice where a builder grows.
const BYTES_OF_ROW: usize = 32;

/// A growing Arrow array of a declared type.
#[derive(Debug)]
pub(crate) struct FieldBuilder {
    /// `None` if only stock converts it, as it does every type without a row in the table.
    spark: Option<SparkType>,
    pub(super) values: Values,
}

/// What it grows from.
#[derive(Debug)]
pub(super) enum Values {
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
    /// An array, struct or map.
    Nested(Box<NestedBuilder>),
    Stock,
}

impl Values {
    fn new(spark: SparkType, data_type: &DataType) -> Self {
        let is_large = matches!(data_type, DataType::LargeUtf8 | DataType::LargeBinary);
        match spark {
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
                    return Self::Stock;
                };
                let builder = Decimal128Builder::new().with_data_type(data_type.clone());
                Self::Decimal(builder, precision, scale)
            }
            SparkType::Array | SparkType::Struct | SparkType::Map => NestedBuilder::new(data_type)
                .map_or(Self::Stock, |builder| Self::Nested(Box::new(builder))),
            SparkType::Null => Self::Stock,
        }
    }
}

impl FieldBuilder {
    /// A builder of `data_type`, as stock's `to_arrow_type` gives it.
    pub(crate) fn new(data_type: &DataType) -> Self {
        let spark = SparkType::of_result(data_type);
        match spark.map(|spark| Values::new(spark, data_type)) {
            None | Some(Values::Stock) => Self::stock(),
            Some(values) => Self { spark, values },
        }
    }

    /// For a field that only stock converts.
    pub(crate) fn stock() -> Self {
        Self {
            spark: None,
            values: Values::Stock,
        }
    }

    /// The type; `None` if only stock converts it.
    pub(crate) fn spark(&self) -> Option<SparkType> {
        self.spark
    }

    /// Takes what was built. `None` if that is nothing.
    ///
    /// # Errors
    ///
    /// Fails if the parts of a nested type do not fit together, which is a bug.
    pub(crate) fn finish(&mut self) -> Result<Option<ArrayRef>, ArrowError> {
        if let Values::Nested(builder) = &mut self.values {
            return builder.finish();
        }
        Ok(self
            .flat()
            .filter(|builder| !builder.is_empty())
            .map(ArrayBuilder::finish))
    }

    /// The builder of a type that is not nested.
    fn flat(&mut self) -> Option<&mut dyn ArrayBuilder> {
        Some(match &mut self.values {
            Values::Boolean(builder) => builder,
            Values::Byte(builder) => builder,
            Values::Short(builder) => builder,
            Values::Int(builder) => builder,
            Values::Long(builder) => builder,
            Values::Float(builder) => builder,
            Values::Double(builder) => builder,
            Values::String(builder) => builder,
            Values::LargeString(builder) => builder,
            Values::Binary(builder) => builder,
            Values::LargeBinary(builder) => builder,
            Values::Date(builder) => builder,
            Values::Time(builder) => builder,
            Values::Timestamp(builder) | Values::TimestampNtz(builder) => builder,
            Values::Interval(builder) => builder,
            Values::Decimal(builder, ..) => builder,
            Values::Nested(_) | Values::Stock => return None,
        })
    }

    /// Bytes of text and binary values held, which the number of rows says nothing about.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other type has a fixed width"
    )]
    pub(crate) fn variable_bytes(&self) -> usize {
        match &self.values {
            Values::String(builder) => builder.values_slice().len(),
            Values::LargeString(builder) => builder.values_slice().len(),
            Values::Binary(builder) => builder.values_slice().len(),
            Values::LargeBinary(builder) => builder.values_slice().len(),
            Values::Nested(builder) => builder.variable_bytes(),
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
        Ok(match &mut self.values {
            Values::Boolean(builder) => booleans(builder, values, classes)?,
            Values::Byte(builder) => integers(builder, values, classes)?,
            Values::Short(builder) => integers(builder, values, classes)?,
            Values::Int(builder) => integers(builder, values, classes)?,
            Values::Long(builder) => integers(builder, values, classes)?,
            Values::Float(builder) => floats(
                builder,
                values,
                classes,
                f32::MANTISSA_DIGITS,
                narrow,
                |value| value,
            )?,
            Values::Double(builder) => floats(
                builder,
                values,
                classes,
                f64::MANTISSA_DIGITS,
                |value| value,
                f64::from,
            )?,
            Values::String(builder) => {
                let room = room(builder.values_slice().len());
                append_strings(values, classes, |value| builder.append_option(value), room)?
            }
            Values::LargeString(builder) => append_strings(
                values,
                classes,
                |value| builder.append_option(value),
                usize::MAX,
            )?,
            Values::Binary(builder) => {
                let room = room(builder.values_slice().len());
                append_binary(values, classes, |value| builder.append_option(value), room)
            }
            Values::LargeBinary(builder) => append_binary(
                values,
                classes,
                |value| builder.append_option(value),
                usize::MAX,
            ),
            Values::Date(builder) => append_dates(builder, values, classes)?,
            Values::Time(builder) => append_times(builder, values, classes),
            Values::Timestamp(builder) => append_timestamps(builder, values, classes, rules)?,
            Values::TimestampNtz(builder) => match instants(values, classes, rules)? {
                Some((_, values)) => append_all(builder, values, Some),
                None => false,
            },
            Values::Interval(builder) => match intervals(values, classes, rules)? {
                Some(values) => append_all(builder, values, Some),
                None => false,
            },
            Values::Decimal(builder, precision, scale) => {
                append_decimals(builder, values, classes, *precision, *scale)?
            }
            Values::Nested(builder) => builder.append(values, classes)?,
            Values::Stock => false,
        })
    }
}
