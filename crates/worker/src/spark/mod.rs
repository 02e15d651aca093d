//! Where bowstring meets the installed PySpark: the only room that knows Spark's versions.
//!
//! The Python files beside this one do the hooking, because what is hooked is Python:
//! `lines.py` has one row per Spark line, `kinds.py` and its siblings one function per kind of
//! UDF, `stock.py` and `stock_arrow.py` call PySpark's own conversions, `self_test.py` compares them
//! with ours, `proven.py` knows what that found before, and `verify.py` compares on the user's data if that is
//! asked for; `zones.py` observes their time zones. `sent_along.py` looks at the files of each task. They run under file names below PySpark's own folder, so that tracebacks which
//! leave out PySpark's frames leave out these too.

pub mod sent_along;

use std::ffi::CString;
use std::io;

use bowstring_link::Native;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyModule};

use self::board::Notice;
use crate::convert::input::struct_frames::StructFrames;
use crate::convert::input::task_columns::Columns;
use crate::kinds::arrow_batched;
use crate::kinds::grouped_agg::SeriesAgg;
use crate::kinds::grouped_agg::iter::GroupedAggIter;
use crate::kinds::grouped_agg_arrow::ArrayAgg;
use crate::kinds::grouped_agg_arrow::calls;
use crate::kinds::grouped_agg_arrow::iter::GroupedAggArrowIter;
use crate::kinds::grouped_map::GroupedMap;
use crate::kinds::grouped_map::cogrouped::CogroupedMap;
use crate::kinds::grouped_map::iter::GroupedMapIter;
use crate::kinds::grouped_map_arrow::GroupedMapArrow;
use crate::kinds::grouped_map_arrow::cogrouped::CogroupedMapArrow;
use crate::kinds::grouped_map_arrow::iter::GroupedMapArrowIter;
use crate::kinds::map::batches::{Batches, StructBatch};
use crate::kinds::map::frames::MapFrames;
use crate::kinds::map::struct_stream::StructStream;
use crate::kinds::scalar::ScalarPandas;
use crate::kinds::scalar::iter::ScalarPandasIter;
use crate::kinds::table_function::TableRows;
use crate::task::verifier;

mod board;

/// What the self-test has found for the versions of the test environments: made and checked by
/// `integration/self_test.py`.
const RECORD: &str = include_str!("record.json");

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
        let module = py.import("_bowstring_install")?;
        if let Err(error) = module.call_method0("warm") {
            tracing::debug!("each worker warms up for itself: {error}");
        }
        let proven = module.getattr("INSTALLED")?;
        let to_text = py.import("_bowstring_proven")?.getattr("to_text")?;
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

/// `proven.py`, and what it asks.
fn load_proven(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    load(py, "frames", include_str!("frames.py"))?;
    load(py, "proven", include_str!("proven.py"))
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
fn log_declined(py: Python<'_>, kind: &str, count: u64, error: Bound<'_, PyAny>) {
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

#[pyfunction]
fn load_self_test(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    load(py, "self_test", include_str!("self_test.py"))
}

/// `lazy.py`, loaded once: it remembers the original.
fn lazy(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    static LAZY: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = LAZY.get_or_try_init(py, || {
        sent_along::module(py)?;
        load(py, "lazy", include_str!("lazy.py")).map(Bound::unbind)
    })?;
    Ok(module.bind(py).clone())
}

/// What the Python files ask of us.
fn native_module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    let native = PyModule::new(py, "_bowstring")?;
    native.add_function(wrap_pyfunction!(arrow_batched::to_list, &native)?)?;
    native.add_function(wrap_pyfunction!(arrow_batched::evaluate, &native)?)?;
    native.add_function(wrap_pyfunction!(arrow_batched::to_array, &native)?)?;
    native.add_function(wrap_pyfunction!(arrow_batched::series_array, &native)?)?;
    native.add_function(wrap_pyfunction!(calls::array_of_scalars, &native)?)?;
    native.add_function(wrap_pyfunction!(verifier::verifier, &native)?)?;
    native.add_function(wrap_pyfunction!(log_declined, &native)?)?;
    native.add_class::<Batches>()?;
    native.add_class::<StructBatch>()?;
    native.add_class::<StructStream>()?;
    native.add_class::<CogroupedMap>()?;
    native.add_class::<Columns>()?;
    native.add_class::<MapFrames>()?;
    native.add_class::<StructFrames>()?;
    native.add_class::<CogroupedMapArrow>()?;
    native.add_class::<ArrayAgg>()?;
    native.add_class::<GroupedAggArrowIter>()?;
    native.add_class::<GroupedAggIter>()?;
    native.add_class::<GroupedMap>()?;
    native.add_class::<ScalarPandas>()?;
    native.add_class::<ScalarPandasIter>()?;
    native.add_class::<GroupedMapIter>()?;
    native.add_class::<SeriesAgg>()?;
    native.add_class::<GroupedMapArrow>()?;
    native.add_class::<TableRows>()?;
    native.add_class::<GroupedMapArrowIter>()?;
    Ok(native)
}

fn try_install(py: Python<'_>, proven: Option<Py<PyAny>>) -> PyResult<()> {
    let native = native_module(py)?;
    lazy(py)?.call_method0("unhook")?;
    load(py, "lines", include_str!("lines.py"))?.call_method0("find")?;
    load_proven(py)?;
    load(py, "arrow_batched", include_str!("arrow_batched.py"))?;
    load(
        py,
        "arrow_batched_series",
        include_str!("arrow_batched_series.py"),
    )?;
    load(py, "notes", include_str!("notes.py"))?;
    if wants_proof() {
        load(py, "exact", include_str!("exact.py"))?;
        load(py, "verify", include_str!("verify.py"))?;
    }
    let stock = load(py, "stock", include_str!("stock.py"))?;
    load(py, "zones", include_str!("zones.py"))?;
    load(py, "columns", include_str!("columns.py"))?;
    load(py, "stock_arrow", include_str!("stock_arrow.py"))?;
    load(py, "streams", include_str!("streams.py"))?;
    load(py, "serializer", include_str!("serializer.py"))?;
    load(py, "table_rows", include_str!("table_rows.py"))?;
    load(py, "kinds_series", include_str!("kinds_series.py"))?;
    load(py, "kinds", include_str!("kinds.py"))?;
    load(
        py,
        "kinds_arrow_batched",
        include_str!("kinds_arrow_batched.py"),
    )?;
    load(py, "kinds_scalar", include_str!("kinds_scalar.py"))?;
    load(py, "kinds_arrow", include_str!("kinds_arrow.py"))?;
    load(py, "kinds_udtf", include_str!("kinds_udtf.py"))?;
    load(py, "kinds_iter", include_str!("kinds_iter.py"))?;
    let on_record = proven.is_some();
    let self_test = wrap_pyfunction!(load_self_test, py)?;
    let proven = load(py, "install", include_str!("install.py"))?
        .getattr("install")?
        .call1((&native, stock, proven, self_test))?;
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

/// Runs a Python source as a module, visible to the others as `_bowstring_{name}`. Once.
///
/// For itself and for `pickle` it is a module of PySpark, as its file is: who looks for the user's function on
/// the stack passes over it (`context_provider` of `pyspark/logger/worker_io.py`, Spark 4.1 to 4.3).
fn load<'py>(py: Python<'py>, name: &str, source: &str) -> PyResult<Bound<'py, PyModule>> {
    let known_as = format!("_bowstring_{name}");
    let modules = py.import("sys")?.getattr("modules")?;
    if let Ok(loaded) = modules.get_item(&known_as) {
        return Ok(loaded.cast_into()?);
    }
    let path = py
        .import("pyspark")?
        .getattr("__path__")?
        .get_item(0)?
        .extract::<String>()?;
    let file = format!("{path}/bowstring/{name}.py");
    let lines = PyList::new(py, source.split_inclusive('\n'))?;
    py.import("linecache")?
        .getattr("cache")?
        .set_item(&file, (source.len(), py.None(), lines, &file))?;
    let (source, file) = (CString::new(source)?, CString::new(file)?);
    let full_name = CString::new(format!("pyspark.bowstring.{name}"))?;
    let loaded = PyModule::from_code(py, &source, &file, &full_name)?;
    modules.set_item(known_as, &loaded)?;
    Ok(loaded)
}
