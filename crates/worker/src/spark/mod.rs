//! Where bowstring meets the installed PySpark: the only room that knows Spark's versions.
//!
//! Most of this room is Python, because what is hooked is Python: `python/bowstring/_spark`. Here is what the
//! zygote and the workers ask of it.

use std::io;

use bowstring_link::Native;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use self::board::Notice;
use crate::facades::hook::Hook;
use crate::facades::lazy::Lazy;
use crate::facades::lines::Lines;
use crate::facades::record::Record;

pub(crate) use crate::facades::sent_along;

mod board;

/// What the self-test has found for the versions of the test environments: made and checked by
/// `integration/record_self_test.py`.
const RECORD: &str = include_str!("../../../../python/bowstring/_spark/proof/record.json");

/// Hooks the native path into `pyspark.worker` if what the self-test would find is on record, or if the user
/// wants proof and so waits for it. Otherwise [`install_lazily`] has to be in place, and stays.
pub(crate) fn install_if_proven(py: Python<'_>) -> PyResult<()> {
    if recorded(py)?.is_some() || wants_proof() {
        install(py, recorded(py)?);
    } else {
        tracing::info!(
            "PySpark's own conversions are used until the self-test has run: nothing is on record for the versions \
             that are installed here"
        );
    }
    Ok(())
}

/// The same whatever is on record, unless it was done before; then tells the workers that
/// [`promise_findings`] was called for. Without `pandas` the first that needs it installs it.
pub(crate) fn install_and_publish(py: Python<'_>, pandas: bool) -> PyResult<()> {
    if !pandas {
        return Ok(board::write(&Notice::Unasked)?);
    }
    let notice = if install(py, recorded(py)?) {
        let hook = Hook::of(py)?;
        if let Err(error) = hook.warm(py) {
            tracing::debug!("each worker warms up for itself: {error}");
        }
        Notice::Findings(hook.findings(py)?)
    } else {
        Notice::Refused
    };
    Ok(board::write(&notice)?)
}

/// Has workers that find no record wait for [`install_and_publish`] with PySpark's own conversions.
///
/// # Errors
///
/// The kernel's, for want of memory or descriptors.
pub(crate) fn promise_findings() -> io::Result<()> {
    board::put_up()
}

/// Hooks the native path into `pyspark.worker`, or logs in one line why not; tells which. Tries once.
///
/// `proven` spares the self-test.
fn install(py: Python<'_>, proven: Option<Py<PyAny>>) -> bool {
    static DONE: PyOnceLock<bool> = PyOnceLock::new();
    *DONE.get_or_init(py, || {
        let Err(error) = try_install(py, proven) else {
            return true;
        };
        let refused = error
            .get_type(py)
            .name()
            .is_ok_and(|kind| kind == "Refused");
        let reason = if refused {
            error.value(py).to_string()
        } else {
            error.to_string()
        };
        tracing::warn!("PySpark's own conversions are used for every task: {reason}");
        tracing::debug!(traceback = traceback(py, &error), "the self-test failed");
        false
    })
}

/// What is on record for the versions that are installed here. Needs pandas.
fn recorded(py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
    static RECORDED: PyOnceLock<Option<Py<PyAny>>> = PyOnceLock::new();
    let found = RECORDED.get_or_try_init(py, || {
        if wants_proof() {
            return Ok(None);
        }
        let Ok(record) = Record::of(py) else {
            // Such as a pandas that is too old, of which the installation will tell.
            return Ok(None);
        };
        PyResult::Ok(record.recorded(py, RECORD)?.map(Bound::unbind))
    })?;
    Ok(found.as_ref().map(|proven| proven.clone_ref(py)))
}

/// Whether the user has asked for comparisons, and so for those of the self-test.
fn wants_proof() -> bool {
    matches!(Native::from_environment(), Ok(Native::Verify(_)))
}

fn traceback(py: Python<'_>, error: &PyErr) -> Option<String> {
    error.traceback(py)?.format().ok()
}

/// Logs that a task of a kind, the `count`-th of this worker, goes to PySpark because ours raised `error`.
#[pyfunction]
pub(crate) fn log_declined(py: Python<'_>, kind: &str, count: u64, error: Bound<'_, PyAny>) {
    let error = PyErr::from_value(error);
    let traceback = traceback(py, &error);
    tracing::debug!(
        traceback,
        count,
        "PySpark's own code runs a task of {kind}: {error}"
    );
}

/// Whether the user wants native paths: `BOWSTRING_NATIVE` is not `off`.
pub(crate) fn is_wanted() -> bool {
    Native::from_environment().unwrap_or_default() != Native::Off
}

/// Puts [`install`] off until a task comes that has a native path, after `spared` others that have one. Cheap: it
/// needs only `pyspark.worker`. Where native paths are not wanted, tasks are only noted.
pub(crate) fn install_lazily(py: Python<'_>, spared: u32) -> PyResult<()> {
    let hook = match (is_wanted(), spared) {
        (false, _) => None,
        (true, 0) => Some(wrap_pyfunction!(install_now, py)?),
        (true, _) => Some(wrap_pyfunction!(install_tested, py)?),
    };
    Lazy::of(py)?.hook(py, hook, spared)
}

/// For a worker that has started over: what a task has brought along may say that it is a version that is on record.
#[pyfunction]
fn install_tested(py: Python<'_>) -> bool {
    install(py, None);
    true
}

/// Tells whether stock's functions have been replaced, or will never be. If not, the task at hand is stock's.
#[pyfunction]
fn install_now(py: Python<'_>) -> PyResult<bool> {
    let mut proven = recorded(py)?;
    if proven.is_none() && !wants_proof() {
        match board::read() {
            Notice::NotYet => return Ok(false),
            Notice::Refused => {
                Lazy::of(py)?.unhook(py)?;
                return Ok(true);
            }
            Notice::Unasked => {}
            Notice::Findings(text) => {
                proven = Some(Record::of(py)?.read(py, text)?.unbind());
            }
        }
    }
    install(py, proven);
    Ok(true)
}

fn try_install(py: Python<'_>, proven: Option<Py<PyAny>>) -> PyResult<()> {
    Lazy::of(py)?.unhook(py)?;
    // First, because nothing else may be imported for a PySpark that it does not know.
    let found = Lines::of(py)?.find(py)?;
    // A worker that has read what the zygote has found need not say again what that has said.
    if !found.unknown.is_empty() && !matches!(board::read(), Notice::Findings(_)) {
        tracing::warn!("{}", found.unknown.join("; "));
    }
    let on_record = proven.is_some();
    let found = Hook::of(py)?.install(py, &found, proven)?;
    let (input, output) = (found.unproven_input, found.unproven_output);
    if !(input.is_empty() && output.is_empty()) {
        tracing::info!(
            ?input,
            ?output,
            "columns of these types go through PySpark's own conversions: the self-test has not found them equal"
        );
    }
    tracing::debug!(on_record, "native paths are installed");
    Ok(())
}
