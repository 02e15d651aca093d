//! Where bowstring meets the installed PySpark: the only room that knows Spark's versions.
//!
//! Most of this room is Python, because what is hooked is Python: `python/bowstring/_spark`. Here is what the
//! zygote and the workers ask of it.

pub mod sent_along;

use std::io;

use bowstring_link::Native;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;

use self::board::Notice;
use crate::package;

mod board;

/// What the self-test has found for the versions of the test environments: made and checked by
/// `integration/self_test.py`.
const RECORD: &str = include_str!("../../../../python/bowstring/_spark/proof/record.json");

/// Hooks the native path into `pyspark.worker` if what the self-test would find is on record, or if the user
/// wants proof and so waits for it. Otherwise [`install_lazily`] has to be in place, and stays.
///
/// # Errors
///
/// Fails only if Python itself does.
pub fn install_if_proven(py: Python<'_>) -> PyResult<()> {
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
///
/// # Errors
///
/// Fails only if Python itself does, or the kernel.
pub fn install_and_publish(py: Python<'_>, pandas: bool) -> PyResult<()> {
    if !pandas {
        return Ok(board::write(&Notice::Unasked)?);
    }
    let notice = if install(py, recorded(py)?) {
        let module = package::import(py, "_spark.hook")?;
        if let Err(error) = module.call_method0("warm") {
            tracing::debug!("each worker warms up for itself: {error}");
        }
        let proven = module.getattr("INSTALLED")?;
        let to_text = load_proven(py)?.getattr("to_text")?;
        Notice::Findings(to_text.call1((proven.get_item(2)?,))?.extract()?)
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
pub fn promise_findings() -> io::Result<()> {
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
        let Ok(proven) = load_proven(py) else {
            // Such as a pandas that is too old, of which the installation will tell.
            return Ok(None);
        };
        let found = proven.call_method1("recorded", (RECORD,))?;
        PyResult::Ok((!found.is_none()).then(|| found.unbind()))
    })?;
    Ok(found.as_ref().map(|proven| proven.clone_ref(py)))
}

/// What has been found before, and in which form it is kept.
fn load_proven(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    package::import(py, "_spark.proof.record")
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
pub fn is_wanted() -> bool {
    Native::from_environment().unwrap_or_default() != Native::Off
}

/// Puts [`install`] off until a task comes that has a native path, after `spared` others that have one. Cheap: it
/// needs only `pyspark.worker`. Where native paths are not wanted, tasks are only noted.
///
/// # Errors
///
/// Fails only if Python itself does.
pub fn install_lazily(py: Python<'_>, spared: u32) -> PyResult<()> {
    let hook = match (is_wanted(), spared) {
        (false, _) => None,
        (true, 0) => Some(wrap_pyfunction!(install_now, py)?),
        (true, _) => Some(wrap_pyfunction!(install_tested, py)?),
    };
    lazy(py)?.call_method1("hook", (hook, spared)).map(drop)
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
                lazy(py)?.call_method0("unhook")?;
                return Ok(true);
            }
            Notice::Unasked => {}
            Notice::Findings(text) => {
                let from_text = load_proven(py)?.getattr("from_text")?;
                proven = Some(from_text.call1((text,))?.unbind());
            }
        }
    }
    install(py, proven);
    Ok(true)
}

/// Puts the hook off; remembers the original.
fn lazy(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    package::import(py, "_spark.lazy")
}

fn try_install(py: Python<'_>, proven: Option<Py<PyAny>>) -> PyResult<()> {
    lazy(py)?.call_method0("unhook")?;
    // First, because nothing else may be imported for a PySpark that it does not know.
    let found = package::import(py, "_spark.lines")?.call_method0("find")?;
    let unknown: Vec<String> = found
        .getattr("surface")?
        .call_method0("sentences")?
        .extract()?;
    // A worker that has read what the zygote has found need not say again what that has said.
    if !unknown.is_empty() && !matches!(board::read(), Notice::Findings(_)) {
        tracing::warn!("{}", unknown.join("; "));
    }
    let on_record = proven.is_some();
    let proven = package::import(py, "_spark.hook")?
        .getattr("install")?
        .call1((found, proven))?;
    let unproven = |name: &str| -> PyResult<Vec<String>> {
        proven
            .getattr(name)?
            .try_iter()?
            .map(|item| item?.extract())
            .collect()
    };
    let (input, output) = (unproven("unproven_input")?, unproven("unproven_output")?);
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
