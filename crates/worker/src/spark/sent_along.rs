//! What a task brings along, and whether that shadows what was imported in advance: `sent_along.py`.

use pyo3::prelude::*;

use crate::package;

/// The Python module: it remembers what stock's worker would have imported.
fn module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    package::import(py, "_spark.sent_along")
}

/// Hooks into the worker module, which has just been imported, and remembers what else is there by now.
///
/// # Errors
///
/// When this PySpark has no place for the hook.
pub(crate) fn watch(worker: &Bound<'_, PyModule>) -> PyResult<()> {
    module(worker.py())?
        .call_method1("watch", (worker,))
        .map(drop)
}

/// Whether [`watch`] has found its place. Nothing is to be imported in advance without.
pub(crate) fn is_watching(py: Python<'_>) -> PyResult<bool> {
    module(py)?.getattr("watching")?.extract()
}

/// Says that a module has been imported in advance.
pub(crate) fn imported(py: Python<'_>, name: &str) -> PyResult<()> {
    module(py)?.call_method1("imported", (name,)).map(drop)
}

/// Says that the self-test has run after all imports in advance.
pub(crate) fn tested(py: Python<'_>) -> PyResult<()> {
    module(py)?.call_method0("tested").map(drop)
}

/// Lets this worker look at the files of each task, and call `start.start_over(name, path)` if one shadows a module
/// that stock's worker would not have by then; otherwise `start.forget()`.
pub(crate) fn arm(start: &Bound<'_, PyAny>) -> PyResult<()> {
    module(start.py())?.call_method1("arm", (start,)).map(drop)
}
