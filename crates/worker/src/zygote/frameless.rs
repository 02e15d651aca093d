//! Has the interpreter run the zygote with no Python frame beneath it.
//!
//! The program of `-c` is a frame, `File "<string>", line 1`. It would lie beneath every task, in what `faulthandler`
//! writes of a crash and in what users find on their stack, and tell them nothing. So the program ends with an exception
//! at once, and the interpreter, which looks for `sys.excepthook` when the frame is gone, finds the zygote there.
//!
//! **Source:** `PyRun_SimpleStringFlags` and `_PyErr_PrintEx` of `Python/pythonrun.c`, CPython 3.10 to 3.13.

use pyo3::exceptions::{PyRuntimeError, PySystemExit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyCFunction;

/// The hook, for as long as it runs.
static HOOK: PyOnceLock<Py<PyCFunction>> = PyOnceLock::new();

/// Has the interpreter call `main` when it has unwound its stack, and end with it.
///
/// # Errors
///
/// Always: it is the exception that unwinds.
pub(crate) fn unwind_to(py: Python<'_>, main: fn(Python<'_>) -> PyResult<()>) -> PyResult<()> {
    let sys = py.import("sys")?;
    let former = sys.getattr("excepthook")?.unbind();
    let hook = PyCFunction::new_closure(py, None, None, move |arguments, _| -> PyResult<()> {
        let py = arguments.py();
        match forget(py, &former).and_then(|()| main(py)) {
            // A program that ends with an exception has failed, unless its hook says otherwise.
            Ok(()) => Err(PySystemExit::new_err(0)),
            Err(error) => {
                error.print(py);
                Ok(())
            }
        }
    })?;
    sys.setattr("excepthook", &hook)?;
    // The interpreter has no reference of its own while it calls the hook, which takes itself out of `sys`.
    HOOK.get_or_init(py, || hook.unbind());
    Err(PyRuntimeError::new_err(
        "bowstring: the interpreter has not called sys.excepthook",
    ))
}

/// Puts the hook of the environment back, and takes away what the interpreter has noted of the exception.
fn forget(py: Python<'_>, hook: &Py<PyAny>) -> PyResult<()> {
    let sys = py.import("sys")?;
    sys.setattr("excepthook", hook)?;
    // CPython 3.12 on has one more.
    for name in ["last_type", "last_value", "last_traceback", "last_exc"] {
        if sys.hasattr(name)? {
            sys.delattr(name)?;
        }
    }
    Ok(())
}
