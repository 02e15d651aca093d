//! Our Python package: its sources are in the binary, and `_finder.py` imports them as `_bowstring`.

use std::ffi::CString;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule};

use crate::native_module;

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// A module of the package by its name below it, such as `_spark.hook`; imported once.
///
/// # Errors
///
/// Whatever the module's own imports raise, such as `ModuleNotFoundError` for pandas.
pub(crate) fn import<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyModule>> {
    static INSTALLED: PyOnceLock<()> = PyOnceLock::new();
    INSTALLED.get_or_try_init(py, || install(py))?;
    py.import(format!("_bowstring.{name}"))
}

fn install(py: Python<'_>) -> PyResult<()> {
    let sources = PyDict::new(py);
    for (name, source) in SOURCES {
        sources.set_item(name, source)?;
    }
    let finder = PyModule::from_code(
        py,
        &CString::new(FINDER)?,
        c"bowstring/_finder.py",
        c"_bowstring._finder",
    )?;
    let data = PyDict::new(py);
    for (path, text) in DATA {
        data.set_item(path, text)?;
    }
    let make_native = wrap_pyfunction!(make_native, py)?;
    finder
        .getattr("install")?
        .call1((sources, make_native, data))
        .map(drop)
}

#[pyfunction]
fn make_native(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    native_module::new(py)
}
