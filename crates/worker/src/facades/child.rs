//! `_process/child.py`: what a new worker does first, and last.

use std::ffi::OsString;

use pyo3::panic::PanicException;
use pyo3::prelude::*;

use crate::facades::{Callable, module};

module! {
    "_process.child";
    /// The habits of a worker.
    pub(crate) struct Child {
        begin: Callable,
        end: Callable,
        flush: Callable,
        leave: Callable,
        name_panics: Callable,
        settle: Callable,
    }
}

impl Child {
    /// Before the first task. Returns what [`Self::end`] wants.
    pub(crate) fn begin<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.begin.call(py, ())
    }

    /// After the last one: leaves the process.
    pub(crate) fn end(&self, guard: Bound<'_, PyAny>, code: i32) -> PyResult<()> {
        let py = guard.py();
        self.end.call(py, (guard, code)).map(drop)
    }

    /// Writes out what Python has buffered.
    pub(crate) fn flush(&self, py: Python<'_>) -> PyResult<()> {
        self.flush.call(py, ()).map(drop)
    }

    /// Leaves the process at once.
    pub(crate) fn leave(&self, py: Python<'_>, code: i32) -> PyResult<()> {
        self.leave.call(py, (code,)).map(drop)
    }

    /// Has panics of ours shown as errors.
    pub(crate) fn name_panics(&self, py: Python<'_>) -> PyResult<()> {
        let panic = py.get_type::<PanicException>();
        self.name_panics.call(py, (panic,)).map(drop)
    }

    /// Undoes what belongs to the zygote, and gives these variables their values.
    pub(crate) fn settle(
        &self,
        py: Python<'_>,
        restore: Vec<(OsString, Option<OsString>)>,
    ) -> PyResult<()> {
        self.settle.call(py, (restore,)).map(drop)
    }
}
