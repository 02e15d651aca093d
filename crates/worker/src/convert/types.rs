//! Which Arrow columns are converted natively.

use std::collections::HashSet;
use std::str::FromStr;

use arrow_schema::{DataType, Field, TimeUnit};
use bowstring_ipc::{UnknownWord, choose};

use crate::convert::calendar::{fixed_offset, is_offset};

/// Unit of a pandas datetime or timedelta column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Unit {
    /// `datetime64[us]`, `timedelta64[us]`.
    Micro,
    /// `datetime64[ns]`, `timedelta64[ns]`.
    Nano,
}

impl FromStr for Unit {
    type Err = UnknownWord;

    /// As NumPy names it.
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        choose(
            "unit of time",
            word,
            &[("us", Self::Micro), ("ns", Self::Nano)],
        )
    }
}

/// What the installed Spark, pandas and pyarrow do where they differ, as the self-test observed it.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    /// Strings are `StringDtype(storage="pyarrow", na_value=nan)` columns, not objects. pandas 3.
    pub(crate) arrow_strings: bool,
    /// Unit in which `TimestampType` arrives: µs in Spark 3.5, ns later.
    pub(crate) timestamp_unit: Unit,
    /// Unit in which a day-time interval arrives: ns with pandas 2, µs with pandas 3.
    pub(crate) interval_unit: Unit,
    /// Integers with nulls are Python objects inside arrays, structs and maps, and the batches of
    /// a group are joined before they are converted: Spark 4.2 on. Otherwise they are float64.
    pub(crate) nested_integer_objects: bool,
    /// Names of the kinds ([`InputKind::name`]) whose self-test failed.
    pub(crate) unproven: HashSet<String>,
}

/// Name of timestamps in a zone of the form `±HH:MM`, which some versions of pyarrow refuse.
pub(crate) const OFFSET_TIMESTAMP: &str = "timestamp_offset";

/// Name of timestamps in a zone with rules, whose offsets are observed.
pub(crate) const NAMED_TIMESTAMP: &str = "timestamp_named";

/// A column type with a native path from Arrow to pandas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputKind {
    /// `bool`; object of `True`/`False`/`None` if there is a null.
    Boolean,
    /// `int8`; float64 if there is a null. Likewise the next three.
    Byte,
    /// `int16`.
    Short,
    /// `int32`.
    Int,
    /// `int64`.
    Long,
    /// `float32`, null is NaN.
    Float,
    /// `float64`, null is NaN.
    Double,
    /// Object of `str`, equal values of a column sharing one object, or an Arrow string column.
    String,
    /// The same from 64-bit offsets.
    LargeString,
    /// Object of `bytes`, equal values sharing one object.
    Binary,
    /// The same from 64-bit offsets.
    LargeBinary,
    /// Object of `datetime.date`, equal values sharing one object.
    Date,
    /// Object of `datetime.time`, equal values sharing one object. Spark 4.1 on.
    Time,
    /// `datetime64` of the local time, at this offset in microseconds.
    Timestamp(i64),
    /// The same at the offsets of the session's zone, which has rules.
    NamedTimestamp,
    /// `datetime64[ns]`.
    TimestampNtz,
    /// `timedelta64`.
    Interval,
    /// Object of `decimal.Decimal` with this scale.
    Decimal(i8),
    /// Object of NumPy arrays, see [`crate::convert::input::nested`].
    Array,
    /// Object of dicts.
    Struct,
    /// Object of dicts.
    Map,
    /// Object of `None`.
    Null,
}

impl InputKind {
    /// The same values with 64-bit offsets, which columns have that were put together of several batches.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others have no offsets")]
    pub(crate) fn with_wide_offsets(self) -> Self {
        match self {
            Self::String => Self::LargeString,
            Self::Binary => Self::LargeBinary,
            other => other,
        }
    }

    /// The kind of a column, or `None` if only stock may convert it.
    ///
    /// `session_zone` must equal the zone in the Arrow type: 3.5 to 4.1 convert with the former,
    /// later versions with the latter.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an allow-list: what is not on it goes to stock"
    )]
    pub(crate) fn of(
        field: &Field,
        session_zone: Option<&str>,
        observed: &Observed,
    ) -> Option<Self> {
        let kind = match field.data_type() {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::Byte,
            DataType::Int16 => Self::Short,
            DataType::Int32 => Self::Int,
            DataType::Int64 => Self::Long,
            DataType::Float32 => Self::Float,
            DataType::Float64 => Self::Double,
            DataType::Utf8 => Self::String,
            DataType::LargeUtf8 => Self::LargeString,
            DataType::Binary => Self::Binary,
            DataType::LargeBinary => Self::LargeBinary,
            DataType::Date32 => Self::Date,
            DataType::Time64(TimeUnit::Nanosecond) => Self::Time,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::TimestampNtz,
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone))
                if session_zone == Some(zone) =>
            {
                // "+00:00" is as unknown as the others to a library that knows only names.
                if is_offset(zone) && observed.unproven.contains(OFFSET_TIMESTAMP) {
                    return None;
                }
                fixed_offset(zone).map_or(Self::NamedTimestamp, Self::Timestamp)
            }
            DataType::Duration(TimeUnit::Microsecond) => Self::Interval,
            DataType::Decimal128(_, scale) if *scale >= 0 => Self::Decimal(*scale),
            DataType::Null => Self::Null,
            DataType::List(_) if is_native(field.data_type(), observed) => Self::Array,
            DataType::Struct(_) if is_native(field.data_type(), observed) => Self::Struct,
            DataType::Map(..) if is_native(field.data_type(), observed) => Self::Map,
            _ => return None,
        };
        (!observed.unproven.contains(kind.name())).then_some(kind)
    }

    /// Whether the values are arrays, structs or maps.
    pub(crate) fn is_nested(self) -> bool {
        matches!(self, Self::Array | Self::Struct | Self::Map)
    }

    /// Spark's name of the type, as the self-test and the log use it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Byte => "byte",
            Self::Short => "short",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::String | Self::LargeString => "string",
            Self::Binary | Self::LargeBinary => "binary",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp(0) => "timestamp",
            Self::Timestamp(_) => OFFSET_TIMESTAMP,
            Self::NamedTimestamp => NAMED_TIMESTAMP,
            Self::TimestampNtz => "timestamp_ntz",
            Self::Interval => "interval",
            Self::Decimal(_) => "decimal",
            Self::Array => "array",
            Self::Struct => "struct",
            Self::Map => "map",
            Self::Null => "null",
        }
    }
}

/// The dtype of a built column, which decides the block that it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dtype {
    /// `bool`
    Bool,
    /// `int8`
    Int8,
    /// `int16`
    Int16,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `float32`
    Float32,
    /// `float64`
    Float64,
    /// `object`
    Object,
    /// `datetime64`
    Datetime(Unit),
    /// `timedelta64`
    Timedelta(Unit),
    /// pandas 3's `str`
    String,
}

/// Whether the type is a list, struct or map all of whose parts have a native path.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an allow-list: what is not on it goes to stock"
)]
pub(crate) fn is_native(data_type: &DataType, observed: &Observed) -> bool {
    let part = |field: &Field| {
        // Metadata marks variants and geometries, which are objects of PySpark's own.
        field.metadata().is_empty()
            && (leaf(field, observed).is_some() || is_native(field.data_type(), observed))
    };
    match data_type {
        // `numpy.array` of several arrays may have two dimensions.
        DataType::List(item) => {
            let doubly_converted =
                matches!(item.data_type(), DataType::List(_)) && is_converted(item.data_type());
            !doubly_converted && part(item)
        }
        DataType::Struct(fields) => {
            let names: HashSet<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            // pyarrow cuts a name at its first NUL.
            let plain =
                names.len() == fields.len() && names.iter().all(|name| !name.contains('\0'));
            plain && !fields.is_empty() && fields.iter().all(|field| part(field))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => match fields.as_ref() {
                [key, value] => {
                    let key = leaf(key, observed).filter(|_| key.metadata().is_empty());
                    key.is_some_and(|kind| kind != InputKind::Null) && part(value)
                }
                _ => false,
            },
            _ => false,
        },
        _ => false,
    }
}

/// The kind of a part that is not nested itself.
pub(crate) fn leaf(field: &Field, observed: &Observed) -> Option<InputKind> {
    // Timestamps and intervals in a nested type have rules of their own.
    InputKind::of(field, None, observed).filter(|kind| {
        matches!(
            kind,
            InputKind::Boolean
                | InputKind::Byte
                | InputKind::Short
                | InputKind::Int
                | InputKind::Long
                | InputKind::Float
                | InputKind::Double
                | InputKind::String
                | InputKind::LargeString
                | InputKind::Binary
                | InputKind::LargeBinary
                | InputKind::Date
                | InputKind::Decimal(_)
                | InputKind::Null
        )
    })
}

/// Whether PySpark passes values of this type through a converter after pyarrow's.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of the native types only these are"
)]
pub(crate) fn is_converted(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(_) | DataType::Map(..) => true,
        DataType::List(item) => is_converted(item.data_type()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_known_or_an_error_that_names_it() {
        assert_eq!("us".parse(), Ok(Unit::Micro));
        assert_eq!("ns".parse(), Ok(Unit::Nano));
        let error = "ms".parse::<Unit>().unwrap_err().to_string();
        assert_eq!(error, "bowstring: \"ms\" is no unit of time: us, ns");
    }
}
