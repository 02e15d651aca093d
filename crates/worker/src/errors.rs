//! Errors of ours as Python's.

use std::error::Error;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_schema::ArrowError;
use bowstring_ipc::{Fault, WireError};
use bowstring_memory::{Failure, OutOfMemory};
use pyo3::exceptions::{PyBrokenPipeError, PyEOFError, PyMemoryError, PyRuntimeError};
use pyo3::prelude::*;

/// Runs code whose panic shall be an error of the task. State that it leaves behind is not asked for again: the task is over.
///
/// # Errors
///
/// Those of `run`, and `RuntimeError` or `MemoryError` for a panic.
pub(crate) fn guarded<T>(run: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(from_failure(Failure::of_panic(panic.as_ref()))))
}

/// `MemoryError` that says what could not be had.
pub(crate) fn out_of_memory(error: OutOfMemory) -> PyErr {
    PyMemoryError::new_err(in_our_name(&error))
}

/// `MemoryError` or, for a bug of ours, `RuntimeError`.
pub(crate) fn from_failure(failure: Failure) -> PyErr {
    match failure {
        Failure::Memory(error) => out_of_memory(error),
        bug @ Failure::Bug(_) => PyRuntimeError::new_err(in_our_name(&bug)),
    }
}

/// An error of a socket, or what a thread of ours has put into one.
pub(crate) fn from_io(error: io::Error) -> PyErr {
    match error.downcast::<Failure>() {
        Ok(failure) => from_failure(failure),
        Err(error) => match error.downcast::<OutOfMemory>() {
            Ok(error) => out_of_memory(error),
            Err(error) => error.into(),
        },
    }
}

/// As [`bowstring_memory::ensure`].
pub(crate) fn ensure(what: &'static str, bytes: usize) -> PyResult<()> {
    bowstring_memory::ensure(what, bytes).map_err(out_of_memory)
}

/// The class that says whose fault it is; the JVM reads the text.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all others are bytes that are not the protocol"
)]
pub(crate) fn wire_error(error: &WireError) -> PyErr {
    let text = format!("bowstring {}: {error}", env!("CARGO_PKG_VERSION"));
    match error {
        WireError::OutOfMemory(_) | WireError::GroupOutOfMemory { .. } => {
            PyMemoryError::new_err(text)
        }
        WireError::Truncated { .. } => PyEOFError::new_err(text),
        WireError::Io { .. } => PyBrokenPipeError::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}

/// A record batch that nobody may follow, though stock's reader has not noticed it.
pub(crate) fn malformed(fault: &Fault) -> PyErr {
    PyRuntimeError::new_err(format!("bowstring {}: {fault}", env!("CARGO_PKG_VERSION")))
}

/// A record batch that cannot be built.
pub(crate) fn internal(error: &(dyn Error + 'static)) -> PyErr {
    if let Some(ArrowError::MemoryError(text)) = error.downcast_ref() {
        let text = format!("bowstring {}: {text}", env!("CARGO_PKG_VERSION"));
        return PyMemoryError::new_err(text);
    }
    PyRuntimeError::new_err(format!(
        "bowstring {}: build record batch: {error}. This is a bug in bowstring.",
        env!("CARGO_PKG_VERSION")
    ))
}

fn in_our_name(error: &dyn Error) -> String {
    format!("bowstring {}: {error}", env!("CARGO_PKG_VERSION"))
}
