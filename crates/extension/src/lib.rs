//! `bowstring._native`: zygote and workers as a module of the environment's own Python.
//!
//! The supervisor starts that Python with a program (`bowstring_link::MODULE_PROGRAM`) that finds this module and calls
//! [`run`]. It is not imported by users, whose name for a worker's Rust half is `_bowstring._native`.

use std::ffi::OsString;

use bowstring_link::{Launch, VERSION, log};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Becomes the process that `words` describe: its name, and a [`Launch`]. Standard input is its control socket.
///
/// # Errors
///
/// Always: an exception unwinds the interpreter's stack, and then it calls what is to run.
#[pyfunction]
fn run(py: Python<'_>, words: Vec<OsString>) -> PyResult<()> {
    log::init();
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_default();
    let Some((name, launch)) = name.to_str().zip(Launch::from_arguments(words)) else {
        return Err(PyRuntimeError::new_err(
            "bowstring._native is for bowstring's own processes",
        ));
    };
    bowstring_worker::take_over(py, name, launch)
}

#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", VERSION)?;
    module.add_function(wrap_pyfunction!(run, module)?)
}
