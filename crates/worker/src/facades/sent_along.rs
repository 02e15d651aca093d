//! `_spark/sent_along.py`: what a task brings along, and whether that shadows what was imported in advance.

use pyo3::prelude::*;

use crate::facades::{Callable, module};

module! {
    "_spark.sent_along";
    /// Remembers what stock's worker would have imported.
    pub(crate) struct SentAlong {
        arm: Callable,
        imported: Callable,
        is_watching: Callable,
        tested: Callable,
        watch: Callable,
    }
}

/// Hooks into the worker module, which has just been imported, and remembers what else is there by now.
///
/// # Errors
///
/// When this PySpark has no place for the hook.
pub(crate) fn watch(worker: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = worker.py();
    SentAlong::of(py)?.watch.call(py, (worker,)).map(drop)
}

/// Whether [`watch`] has found its place. Nothing is to be imported in advance without.
pub(crate) fn is_watching(py: Python<'_>) -> PyResult<bool> {
    SentAlong::of(py)?.is_watching.call(py, ())?.extract()
}

/// Says that a module has been imported in advance.
pub(crate) fn imported(py: Python<'_>, name: &str) -> PyResult<()> {
    SentAlong::of(py)?.imported.call(py, (name,)).map(drop)
}

/// Says that the self-test has run after all imports in advance.
pub(crate) fn tested(py: Python<'_>) -> PyResult<()> {
    SentAlong::of(py)?.tested.call(py, ()).map(drop)
}

/// Lets this worker look at the files of each task, and call `start.start_over(name, path)` if one shadows a module
/// that stock's worker would not have by then; otherwise `start.forget()`.
pub(crate) fn arm(start: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = start.py();
    SentAlong::of(py)?.arm.call(py, (start,)).map(drop)
}
