//! What the self-test has observed of the installed Spark, pandas and pyarrow, and the dtypes that differ by it.

use std::collections::HashSet;
use std::str::FromStr;

use bowstring_ipc::{UnknownWord, choose};

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
    /// Names of the types ([`crate::convert::types::Row::name`]) whose self-test failed.
    pub(crate) unproven: HashSet<String>,
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
