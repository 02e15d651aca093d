//! `_spark/lazy.py`.

use pyo3::prelude::*;
use pyo3::types::PyCFunction;

use crate::facades::{Callable, module};

module! {
    "_spark.lazy";
    /// Puts the hook off; remembers the original.
    pub(crate) struct Lazy {
        hook: Callable,
        unhook: Callable,
    }
}

impl Lazy {
    /// Calls `install` when a task with Arrow data arrives, after so many that are `spared`, until it returns true.
    pub(crate) fn hook(
        &self,
        py: Python<'_>,
        install: Option<Bound<'_, PyCFunction>>,
        spared: u32,
    ) -> PyResult<()> {
        self.hook.call(py, (install, spared)).map(drop)
    }

    /// Makes way for the real hook.
    pub(crate) fn unhook(&self, py: Python<'_>) -> PyResult<()> {
        self.unhook.call(py, ()).map(drop)
    }
}
