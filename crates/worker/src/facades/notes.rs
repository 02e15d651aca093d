//! `_worker/notes.py`.

use pyo3::prelude::*;

use crate::facades::{Callable, module};

module! {
    "_worker.notes";
    /// Says in errors which group they come from.
    pub(crate) struct Notes {
        add: Callable,
    }
}

impl Notes {
    /// Adds the note of a group of so many rows, of each side where there are two. `key`: a batch of one row; `all`: whether
    /// these are all rows.
    pub(crate) fn add(
        &self,
        py: Python<'_>,
        error: &PyErr,
        key: Option<Bound<'_, PyAny>>,
        rows: &[usize],
        all: bool,
    ) -> PyResult<()> {
        self.add
            .call(py, (error.value(py), key, rows, all))
            .map(drop)
    }
}
