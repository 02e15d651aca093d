//! `_spark/lines.py`.

use pyo3::prelude::*;

use crate::facades::{Callable, module};

module! {
    "_spark.lines";
    /// The Spark lines that are known.
    pub(crate) struct Lines {
        find: Callable,
    }
}

impl Lines {
    /// Raises `Refused` for a PySpark that is not.
    pub(crate) fn find(&self, py: Python<'_>) -> PyResult<()> {
        self.find.call(py, ()).map(drop)
    }
}
