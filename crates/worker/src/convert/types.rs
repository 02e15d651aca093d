//! The types of Spark that have a native path: one table, [`TYPES`].
//!
//! Whoever asks something of a type asks its [`Row`], in Rust and in Python (`_native.types`). What is not on the table goes
//! to stock. Conversions are matches over [`SparkType`], which the compiler holds complete.

use arrow_schema::{DataType, Field, TimeUnit};

use crate::convert::calendar::{fixed_offset, is_offset};
use crate::convert::nested_types::is_native;
use crate::convert::observed::{Dtype, Observed, Unit};

/// A type of Spark with a native path, in the order of [`TYPES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SparkType {
    Boolean,
    Byte,
    Short,
    Int,
    Long,
    Float,
    Double,
    String,
    Binary,
    Date,
    /// Spark 4.1 on.
    Time,
    /// In UTC.
    Timestamp,
    /// The same in a zone of the form `±HH:MM`, which some versions of pyarrow refuse.
    OffsetTimestamp,
    /// The same in a zone with rules, whose offsets are observed.
    NamedTimestamp,
    TimestampNtz,
    /// Of days and times.
    Interval,
    Decimal,
    Array,
    Struct,
    Map,
    Null,
}

/// What is known of a type.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) spark: SparkType,
    /// As the self-test, its record and the log call it: there is a case of this name in `self_test.py`.
    pub(crate) name: &'static str,
    /// Its class in `pyspark.sql.types`.
    pub(crate) class: &'static str,
    /// Further classes there whose values are the same.
    pub(crate) like_it: &'static [&'static str],
    /// The Arrow types of its columns, if they are few.
    pub(crate) arrow: &'static [DataType],
    /// Whether an Arrow type is another of them.
    is_arrow: fn(&DataType) -> bool,
    /// What a column becomes in pandas.
    pub(crate) pandas: Pandas,
    /// Whether values may stand inside of arrays, structs and maps.
    pub(crate) inside: Inside,
    /// Whether a Series of it is made natively where stock puts frames together.
    pub(crate) series: Series,
    /// Whether one such column has stock convert a whole frame in its older way.
    ///
    /// Source: `ArrowArrayToPandasConversion._prefer_convert_numpy`, Spark 4.2.1 and 4.3.0.
    pub(crate) takes_older_way: bool,
    /// How columns of results are converted.
    pub(crate) results: Results,
    /// The classes of pyarrow's scalars of it; none if results of aggregate functions are for stock.
    pub(crate) arrow_scalars: &'static [&'static str],
    /// Whether stock leaves a result of a plain function as it is that is exactly of the type's own class.
    pub(crate) is_exact: bool,
}

/// What a column becomes in pandas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pandas {
    /// `bool`; objects if there is a null.
    Booleans,
    /// This dtype; float64 if there is a null.
    Integers(Dtype),
    /// This dtype, null is NaN.
    Floats(Dtype),
    /// Objects, equal values of a column sharing one; or an Arrow string column, with pandas 3.
    Text,
    /// Objects, equal values of a column sharing one, but for decimals.
    Objects,
    /// NumPy arrays and dicts, see [`crate::convert::input::nested`].
    Nested,
    /// `datetime64` of the local time, in the unit of timestamps that was observed.
    Instants,
    /// `datetime64[ns]`
    LocalTimes,
    /// `timedelta64` in the unit of intervals that was observed.
    Spans,
}

/// Where in arrays, structs and maps values may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// Nowhere: the type has rules of its own there, or is nested itself.
    Never,
    /// Everywhere, but not as the key of a map.
    Value,
    /// As keys of maps, too.
    Key,
}

/// When stock's Series is made natively; otherwise stock does it as well, or nobody knows how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Series {
    Never,
    Always,
    WithNulls,
    /// With nulls, and only in stock's older way.
    OlderWithNulls,
}

/// How columns of results are converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Results {
    /// By stock.
    Never,
    /// Value by value: text is copied, and Arrow-backed columns of nested types are for stock.
    Built,
    /// The same, but Arrow-backed columns of exactly the type are taken as they are.
    BuiltOrTaken,
}

/// An object to pandas, and that alone.
const OBJECT: Row = Row {
    spark: SparkType::Null,
    name: "",
    class: "",
    like_it: &[],
    arrow: &[],
    is_arrow: |_| false,
    pandas: Pandas::Objects,
    inside: Inside::Key,
    series: Series::Always,
    takes_older_way: false,
    results: Results::BuiltOrTaken,
    arrow_scalars: &[],
    is_exact: false,
};

const INTEGER: Row = Row {
    series: Series::OlderWithNulls,
    is_exact: true,
    ..OBJECT
};

const FLOAT: Row = Row {
    series: Series::Never,
    ..OBJECT
};

const TIME: Row = Row {
    class: "TimestampType",
    pandas: Pandas::Instants,
    inside: Inside::Never,
    ..OBJECT
};

const NESTED: Row = Row {
    pandas: Pandas::Nested,
    inside: Inside::Never,
    series: Series::Never,
    takes_older_way: true,
    results: Results::Built,
    ..OBJECT
};

/// A row for each type.
pub(crate) static TYPES: [Row; 21] = [
    Row {
        spark: SparkType::Boolean,
        name: "boolean",
        class: "BooleanType",
        arrow: &[DataType::Boolean],
        pandas: Pandas::Booleans,
        series: Series::WithNulls,
        arrow_scalars: &["BooleanScalar"],
        is_exact: true,
        ..OBJECT
    },
    Row {
        spark: SparkType::Byte,
        name: "byte",
        class: "ByteType",
        arrow: &[DataType::Int8],
        pandas: Pandas::Integers(Dtype::Int8),
        arrow_scalars: &["Int8Scalar"],
        ..INTEGER
    },
    Row {
        spark: SparkType::Short,
        name: "short",
        class: "ShortType",
        arrow: &[DataType::Int16],
        pandas: Pandas::Integers(Dtype::Int16),
        arrow_scalars: &["Int16Scalar"],
        ..INTEGER
    },
    Row {
        spark: SparkType::Int,
        name: "int",
        class: "IntegerType",
        arrow: &[DataType::Int32],
        pandas: Pandas::Integers(Dtype::Int32),
        arrow_scalars: &["Int32Scalar"],
        ..INTEGER
    },
    Row {
        spark: SparkType::Long,
        name: "long",
        class: "LongType",
        arrow: &[DataType::Int64],
        pandas: Pandas::Integers(Dtype::Int64),
        arrow_scalars: &["Int64Scalar"],
        ..INTEGER
    },
    Row {
        spark: SparkType::Float,
        name: "float",
        class: "FloatType",
        arrow: &[DataType::Float32],
        pandas: Pandas::Floats(Dtype::Float32),
        arrow_scalars: &["FloatScalar"],
        ..FLOAT
    },
    Row {
        spark: SparkType::Double,
        name: "double",
        class: "DoubleType",
        arrow: &[DataType::Float64],
        pandas: Pandas::Floats(Dtype::Float64),
        arrow_scalars: &["DoubleScalar"],
        is_exact: true,
        ..FLOAT
    },
    Row {
        spark: SparkType::String,
        name: "string",
        class: "StringType",
        like_it: &["CharType", "VarcharType"],
        arrow: &[DataType::Utf8, DataType::LargeUtf8],
        pandas: Pandas::Text,
        series: Series::Never,
        takes_older_way: true,
        results: Results::Built,
        arrow_scalars: &["StringScalar", "LargeStringScalar"],
        is_exact: true,
        ..OBJECT
    },
    Row {
        spark: SparkType::Binary,
        name: "binary",
        class: "BinaryType",
        arrow: &[DataType::Binary, DataType::LargeBinary],
        is_exact: true,
        ..OBJECT
    },
    Row {
        spark: SparkType::Date,
        name: "date",
        class: "DateType",
        arrow: &[DataType::Date32],
        ..OBJECT
    },
    Row {
        spark: SparkType::Time,
        name: "time",
        class: "TimeType",
        arrow: &[DataType::Time64(TimeUnit::Nanosecond)],
        inside: Inside::Never,
        ..OBJECT
    },
    Row {
        spark: SparkType::Timestamp,
        name: "timestamp",
        is_arrow: |data_type| zone(data_type).is_some_and(|zone| fixed_offset(zone) == Some(0)),
        ..TIME
    },
    Row {
        spark: SparkType::OffsetTimestamp,
        name: "timestamp_offset",
        is_arrow: |data_type| {
            zone(data_type).is_some_and(|zone| fixed_offset(zone).is_some_and(|east| east != 0))
        },
        ..TIME
    },
    Row {
        spark: SparkType::NamedTimestamp,
        name: "timestamp_named",
        is_arrow: |data_type| zone(data_type).is_some_and(|zone| fixed_offset(zone).is_none()),
        ..TIME
    },
    Row {
        spark: SparkType::TimestampNtz,
        name: "timestamp_ntz",
        class: "TimestampNTZType",
        arrow: &[DataType::Timestamp(TimeUnit::Microsecond, None)],
        pandas: Pandas::LocalTimes,
        series: Series::Never,
        ..TIME
    },
    Row {
        spark: SparkType::Interval,
        name: "interval",
        class: "DayTimeIntervalType",
        arrow: &[DataType::Duration(TimeUnit::Microsecond)],
        pandas: Pandas::Spans,
        series: Series::Never,
        takes_older_way: true,
        ..TIME
    },
    Row {
        spark: SparkType::Decimal,
        name: "decimal",
        class: "DecimalType",
        is_arrow: |data_type| matches!(data_type, DataType::Decimal128(_, 0..)),
        takes_older_way: true,
        ..OBJECT
    },
    Row {
        spark: SparkType::Array,
        name: "array",
        class: "ArrayType",
        is_arrow: |data_type| matches!(data_type, DataType::List(_)),
        ..NESTED
    },
    Row {
        spark: SparkType::Struct,
        name: "struct",
        class: "StructType",
        is_arrow: |data_type| matches!(data_type, DataType::Struct(_)),
        ..NESTED
    },
    Row {
        spark: SparkType::Map,
        name: "map",
        class: "MapType",
        is_arrow: |data_type| matches!(data_type, DataType::Map(..)),
        ..NESTED
    },
    Row {
        spark: SparkType::Null,
        name: "null",
        class: "NullType",
        arrow: &[DataType::Null],
        inside: Inside::Value,
        series: Series::Never,
        results: Results::Never,
        ..OBJECT
    },
];

/// The zone of timestamps.
fn zone(data_type: &DataType) -> Option<&str> {
    if let DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) = data_type {
        return Some(zone);
    }
    None
}

impl SparkType {
    /// What is known of it.
    #[expect(
        clippy::indexing_slicing,
        reason = "the table has a row for each, in order, which a test holds"
    )]
    pub(crate) fn row(self) -> &'static Row {
        &TYPES[self as usize]
    }

    /// The type of an Arrow type, whatever is inside of it.
    fn of_arrow(data_type: &DataType) -> Option<Self> {
        let is = |row: &&Row| row.arrow.contains(data_type) || (row.is_arrow)(data_type);
        TYPES.iter().find(is).map(|row| row.spark)
    }

    /// The type of a column, or `None` if only stock may convert it.
    ///
    /// `session_zone` must equal the zone in the Arrow type: 3.5 to 4.1 convert with the former,
    /// later versions with the latter.
    pub(crate) fn of(
        field: &Field,
        session_zone: Option<&str>,
        observed: &Observed,
    ) -> Option<Self> {
        let data_type = field.data_type();
        let spark = Self::of_arrow(data_type)?;
        if let Some(zone) = zone(data_type) {
            // "+00:00" is as unknown as the others to a library that knows only names.
            let is_unknown =
                is_offset(zone) && observed.unproven.contains(Self::OffsetTimestamp.name());
            if session_zone != Some(zone) || is_unknown {
                return None;
            }
        }
        if spark.is_nested() && !is_native(data_type, observed) {
            return None;
        }
        (!observed.unproven.contains(spark.name())).then_some(spark)
    }

    /// The type of a declared result, or `None` if only stock may convert it; a nested one may have parts that only stock
    /// may convert. Timestamps in all zones are the same here.
    pub(crate) fn of_result(data_type: &DataType) -> Option<Self> {
        let spark = if zone(data_type).is_some() {
            Self::Timestamp
        } else {
            Self::of_arrow(data_type)?
        };
        (spark.row().results != Results::Never).then_some(spark)
    }

    /// As the self-test and the log call it.
    pub(crate) fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether the values are arrays, structs or maps.
    pub(crate) fn is_nested(self) -> bool {
        self.row().pandas == Pandas::Nested
    }
}

impl Row {
    /// Whether plain scalars, which results of aggregate functions are, are converted to it.
    pub(crate) fn is_of_scalars(&self) -> bool {
        !self.arrow_scalars.is_empty()
    }
}

impl Pandas {
    /// The dtype of a column with or without nulls.
    pub(crate) fn dtype(self, has_nulls: bool, observed: &Observed) -> Dtype {
        match self {
            Self::Booleans if has_nulls => Dtype::Object,
            Self::Booleans => Dtype::Bool,
            Self::Integers(_) if has_nulls => Dtype::Float64,
            Self::Integers(dtype) | Self::Floats(dtype) => dtype,
            Self::Text if observed.arrow_strings => Dtype::String,
            Self::Text | Self::Objects | Self::Nested => Dtype::Object,
            Self::Instants => Dtype::Datetime(observed.timestamp_unit),
            Self::LocalTimes => Dtype::Datetime(Unit::Nano),
            Self::Spans => Dtype::Timedelta(observed.interval_unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::convert::c_data::sends_as_it_is;

    #[test]
    fn each_type_has_its_row() {
        for row in &TYPES {
            assert_eq!(row.spark.row().name, row.name);
        }
        let names: HashSet<&str> = TYPES.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), TYPES.len());
    }

    /// The names that stand before a tuple in a dictionary of cases.
    fn cases<'a>(source: &'a str, dictionary: &str) -> HashSet<&'a str> {
        let (_, cases) = source.split_once(dictionary).expect("the dictionary");
        let (cases, rest) = cases.split_once("\n}\n").expect("its end");
        let own = cases.lines().filter_map(|line| {
            let (name, case) = line.strip_prefix("    \"")?.split_once("\": ")?;
            case.starts_with('(').then_some(name)
        });
        // What only some versions of Spark know is added afterwards.
        let (variable, _) = dictionary.split_once(':').expect("its type");
        let added = rest.lines().filter_map(|line| {
            let line = line.trim_start().strip_prefix(variable)?;
            Some(line.strip_prefix("[\"")?.split_once("\"] = (")?.0)
        });
        own.chain(added).collect()
    }

    #[test]
    fn the_self_test_has_a_case_for_each_type_and_no_other() {
        let source = include_str!("../../../../python/bowstring/_spark/proof/self_test.py");
        let names: HashSet<&str> = TYPES.iter().map(|row| row.name).collect();
        assert_eq!(cases(source, "_KINDS: "), names);
    }

    #[test]
    fn the_self_test_has_scalars_of_each_type_that_is_made_of_them_and_of_no_other() {
        let source = include_str!("../../../../python/bowstring/_spark/stock/arrow.py");
        let made = TYPES.iter().filter(|row| !row.arrow_scalars.is_empty());
        let names: HashSet<&str> = made.map(|row| row.name).collect();
        assert_eq!(cases(source, "_SCALARS: "), names);
    }

    #[test]
    fn every_type_but_null_is_sent_by_pyarrow_as_it_is() {
        for row in &TYPES {
            for data_type in row.arrow {
                let sent = sends_as_it_is(&Field::new("", data_type.clone(), true));
                assert_eq!(sent, row.spark != SparkType::Null, "{data_type}");
            }
        }
    }

    fn of(data_type: DataType, session_zone: &str, unproven: &[&str]) -> Option<SparkType> {
        let observed = Observed {
            arrow_strings: false,
            timestamp_unit: Unit::Nano,
            interval_unit: Unit::Nano,
            nested_integer_objects: false,
            unproven: unproven.iter().map(|name| (*name).to_owned()).collect(),
        };
        SparkType::of(
            &Field::new("", data_type, true),
            Some(session_zone),
            &observed,
        )
    }

    #[test]
    fn timestamps_are_those_of_the_session_in_a_zone_that_is_proven() {
        let at = |zone: &str| DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()));
        for (zone, spark) in [
            ("UTC", SparkType::Timestamp),
            ("Etc/UTC", SparkType::Timestamp),
            ("+00:00", SparkType::Timestamp),
            ("-03:30", SparkType::OffsetTimestamp),
            ("Europe/Berlin", SparkType::NamedTimestamp),
        ] {
            assert_eq!(of(at(zone), zone, &[]), Some(spark));
            assert_eq!(of(at(zone), "Asia/Tokyo", &[]), None);
            assert_eq!(of(at(zone), zone, &[spark.name()]), None);
            assert_eq!(SparkType::of_result(&at(zone)), Some(SparkType::Timestamp));
        }
        assert_eq!(of(at("+00:00"), "+00:00", &["timestamp_offset"]), None);
        let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        assert_eq!(of(nanoseconds, "UTC", &[]), None);
    }

    #[test]
    fn what_is_not_on_the_table_is_for_stock() {
        let item = |data_type| Field::new("item", data_type, true).into();
        for data_type in [
            DataType::UInt8,
            DataType::Utf8View,
            DataType::Decimal128(3, -1),
            DataType::LargeList(item(DataType::Int8)),
            DataType::List(item(DataType::UInt8)),
            DataType::List(item(DataType::Time64(TimeUnit::Nanosecond))),
            DataType::Struct(
                vec![Field::new(
                    "a",
                    DataType::Duration(TimeUnit::Microsecond),
                    true,
                )]
                .into(),
            ),
        ] {
            assert_eq!(of(data_type.clone(), "UTC", &[]), None, "{data_type}");
        }
        assert_eq!(
            of(DataType::Decimal128(3, 0), "UTC", &[]),
            Some(SparkType::Decimal)
        );
        assert_eq!(
            of(DataType::List(item(DataType::Null)), "UTC", &[]),
            Some(SparkType::Array)
        );
        let map = |key: DataType| {
            let fields = vec![
                Field::new("key", key, false),
                Field::new("value", DataType::Null, true),
            ];
            DataType::Map(
                Field::new("entries", DataType::Struct(fields.into()), false).into(),
                false,
            )
        };
        assert_eq!(of(map(DataType::Date32), "UTC", &[]), Some(SparkType::Map));
        assert_eq!(of(map(DataType::Null), "UTC", &[]), None);
        assert_eq!(SparkType::of_result(&DataType::Null), None);
    }
}
