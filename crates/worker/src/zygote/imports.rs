//! What is imported in advance.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use bowstring_link::{Launch, WarmUp, settings};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::facades::zip_imports::ZipImports;

/// Everything that a pandas UDF of any supported Spark imports. Some of it exists in some only.
const DEFAULT: [&str; 9] = [
    "numpy",
    // Before pandas, so that it is known what comes with it alone: `sent_along.py`.
    "pyarrow",
    "pandas",
    "pyarrow.pandas_compat",
    "pyspark.cloudpickle",
    "pyspark.sql.pandas.serializers",
    "pyspark.sql.pandas.types",
    "pyspark.sql.pandas.conversion",
    "pyspark.sql.conversion",
];

/// The modules to import after the worker module, in order.
///
/// A planner's worker answers one question and needs none of them.
pub(crate) fn planned(launch: &Launch) -> VecDeque<String> {
    if launch.warm_up == WarmUp::Never {
        return VecDeque::new();
    }
    match settings::preimport() {
        Ok(Some(modules)) => modules.into(),
        Ok(None) | Err(_) if launch.serves_tasks() => DEFAULT.map(str::to_owned).into(),
        Ok(None) | Err(_) => VecDeque::new(),
    }
}

/// Imports one; failing is not an error, because a worker that needs the module will say so itself.
pub(crate) fn import(py: Python<'_>, module: &str) {
    let imported = py
        .import(module)
        .and_then(|_| crate::spark::sent_along::imported(py, module));
    match imported {
        Ok(()) => tracing::debug!("imported {module}"),
        Err(error) => tracing::debug!("import {module} in advance: {error}"),
    }
}

/// Whether pandas is among what has been imported.
///
/// # Errors
///
/// Fails only if Python itself does.
pub(crate) fn has_pandas(py: Python<'_>) -> PyResult<bool> {
    py.import("sys")?.getattr("modules")?.contains("pandas")
}

/// Has pyarrow's allocator take its first memory, if pyarrow is there, and keep it: where a limit on address space leaves none,
/// Arrow ends the process in the middle of what cannot fail for it, such as handing over a schema.
///
/// # Errors
///
/// There is no memory now.
pub(crate) fn fill_allocator(py: Python<'_>) -> PyResult<()> {
    static FIRST: PyOnceLock<Vec<Py<PyAny>>> = PyOnceLock::new();
    let modules = py.import("sys")?.getattr("modules")?;
    let Ok(pyarrow) = modules.get_item("pyarrow") else {
        return Ok(());
    };
    // Of the sizes of small structures; each has pages of its own.
    FIRST.get_or_try_init(py, || {
        let sizes = (6..=11)
            .map(|bits| 1_usize << bits)
            .flat_map(|size| [size, size * 5 / 4]);
        sizes
            .map(|size| Ok(pyarrow.call_method1("allocate_buffer", (size,))?.unbind()))
            .collect::<PyResult<_>>()
    })?;
    Ok(())
}

/// Keeps PySpark's `importlib.invalidate_caches`, once a task, from reading unchanged archives again. Called a
/// second time, it does so for what has been found in them meanwhile.
///
/// # Errors
///
/// When this interpreter's `zipimport` is not as expected.
pub(crate) fn remember_archives(py: Python<'_>) -> PyResult<()> {
    ZipImports::of(py)?.install(py)
}

/// Whether [`hold_garbage`] has stopped the collector: a start-up file of the user may have done so before.
static GARBAGE_HELD: AtomicBool = AtomicBool::new(false);

/// Stops the garbage collector for the life of the zygote. There is little garbage among what imports make, and
/// to look for it takes a tenth of their time.
///
/// # Errors
///
/// None that a test would not find.
pub(crate) fn hold_garbage(py: Python<'_>) -> PyResult<()> {
    let gc = py.import("gc")?;
    if gc.call_method0("isenabled")?.extract()? {
        GARBAGE_HELD.store(true, Ordering::Relaxed);
        gc.call_method0("disable")?;
    }
    Ok(())
}

/// Starts the collector in a worker.
///
/// # Errors
///
/// As [`hold_garbage`].
pub(crate) fn release_garbage(py: Python<'_>) -> PyResult<()> {
    if GARBAGE_HELD.load(Ordering::Relaxed) {
        py.import("gc")?.call_method0("enable")?;
    }
    Ok(())
}

/// Moves all that exists out of the garbage collector's sight, so that a worker's collections neither
/// look at it nor copy its pages. What garbage imports have left, some hundred objects, stays: to look for
/// it would take sixty milliseconds, and copy the pages that early workers share.
///
/// # Errors
///
/// None that a test would not find.
pub(crate) fn freeze(py: Python<'_>) -> PyResult<()> {
    py.import("gc")?.call_method0("freeze").map(drop)
}
