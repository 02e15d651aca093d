//! `_spark/task_parts.py`.

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::facades::facade;

facade! {
    "_spark.task_parts", "ColumnUdf";
    /// A UDF of columns.
    pub(crate) struct ColumnUdf {
        /// The user's function as PySpark has wrapped it.
        pub(crate) function: Py<PyAny>,
        /// Columns that it gets by position.
        pub(crate) offsets: Vec<usize>,
        /// Columns that it gets by name.
        pub(crate) named: Vec<(Py<PyString>, usize)>,
        /// The first two columns are the bounds of windows, one for each row.
        pub(crate) bounded: bool,
    }
}
