//! Forking, and the proof that it is safe.

use std::io;
use std::marker::PhantomData;
use std::num::NonZeroI32;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// Which side of a fork this is.
#[derive(Debug)]
pub(crate) enum Fork {
    /// The new process. It must never return into the caller's stack.
    Child,
    /// The old process, with the new one's number.
    Parent(NonZeroI32),
}

/// Proof that the process had a single thread a moment ago.
///
/// Spent by [`fork`](Self::fork), so it cannot be kept and reused. Not `Send`: the thread that checked
/// is the thread that forks.
#[derive(Debug)]
#[must_use]
pub(crate) struct SingleThreaded(PhantomData<*const ()>);

impl SingleThreaded {
    /// Counts the threads; `Err` holds their number if it is not one.
    ///
    /// # Errors
    ///
    /// The outer one if `/proc` cannot be read.
    pub(crate) fn check() -> io::Result<Result<Self, u32>> {
        let threads = std::fs::read_dir("/proc/self/task")?.count();
        Ok(match threads {
            1 => Ok(Self(PhantomData)),
            threads => Err(u32::try_from(threads).unwrap_or(u32::MAX)),
        })
    }

    /// Takes the place of the proof where nothing of ours was imported.
    ///
    /// The threads then come from the user's own start-up files (a debugger, a coverage tool), and
    /// stock forks beside them too.
    pub(crate) fn as_stock_has_it() -> Self {
        Self(PhantomData)
    }

    /// Forks through the interpreter's own `os.fork`.
    ///
    /// CPython must hold its import lock across the fork, reset its internal locks in the child and run
    /// `os.register_at_fork` callbacks. `os.fork` does all three, so this needs no `unsafe` and cannot
    /// drift from CPython.
    ///
    /// # Errors
    ///
    /// `OSError` from the kernel, usually `EAGAIN` (process limit) or `ENOMEM`.
    pub(crate) fn fork(self, py: Python<'_>) -> PyResult<Fork> {
        let Self(_) = self;
        let pid: i32 = py.import("os")?.call_method0("fork")?.extract()?;
        Ok(NonZeroI32::new(pid).map_or(Fork::Child, Fork::Parent))
    }
}

/// The error number of an `OSError`.
///
/// # Errors
///
/// Any other exception, unchanged.
pub(crate) fn errno(py: Python<'_>, error: PyErr) -> PyResult<i32> {
    if !error.is_instance_of::<PyOSError>(py) {
        return Err(error);
    }
    error.value(py).getattr("errno")?.extract()
}
