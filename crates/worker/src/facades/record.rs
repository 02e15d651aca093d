//! `_spark/proof/record.py`.

use std::collections::HashSet;

use pyo3::prelude::*;

use crate::facades::{Callable, facade, module};

module! {
    "_spark.proof.record";
    /// What has been found before, and in which form it is kept.
    pub(crate) struct Record {
        read: Callable = "from_text",
        recorded: Callable,
    }
}

facade! {
    "_spark.proof.record", "SelfTest";
    /// What the self-test has found.
    pub(crate) struct SelfTest {
        /// Strings are Arrow string columns, not objects. pandas 3.
        pub(crate) arrow_strings: bool,
        /// Unit in which an interval arrives.
        pub(crate) interval_unit: String,
        /// Integers with nulls are Python objects inside arrays, structs and maps.
        pub(crate) nested_integer_objects: bool,
        /// Unit in which a timestamp arrives.
        pub(crate) timestamp_unit: String,
        /// Names of types that stock converts for the function.
        pub(crate) unproven_input: HashSet<String>,
        /// Names of types that stock converts results to.
        pub(crate) unproven_output: HashSet<String>,
    }
}

impl Record {
    /// A `SelfTest` from its text.
    pub(crate) fn read<'py>(&self, py: Python<'py>, text: String) -> PyResult<Bound<'py, PyAny>> {
        self.read.call(py, (text,))
    }

    /// The `SelfTest` that is on record for the versions that are installed here.
    pub(crate) fn recorded<'py>(
        &self,
        py: Python<'py>,
        record: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.recorded.call(py, (record,))?;
        Ok((!found.is_none()).then_some(found))
    }
}
