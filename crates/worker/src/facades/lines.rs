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

/// What the installed PySpark is.
#[derive(Debug)]
pub(crate) struct Found<'py> {
    /// Of the class of this name, for [`Hook::install`](crate::facades::hook::Hook::install).
    pub(crate) object: Bound<'py, PyAny>,
    /// A sentence for each symbol that is not known.
    pub(crate) unknown: Vec<String>,
}

impl Lines {
    /// Raises `Refused` for a PySpark of which nothing can be native.
    pub(crate) fn find<'py>(&self, py: Python<'py>) -> PyResult<Found<'py>> {
        let object = self.find.call(py, ())?;
        let surface = object.getattr("surface")?;
        let unknown = surface.call_method0("sentences")?.extract()?;
        Ok(Found { object, unknown })
    }
}
