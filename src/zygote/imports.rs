//! What is imported in advance.

use std::collections::VecDeque;
use std::ffi::CString;

use pyo3::prelude::*;

use crate::control::{Launch, WarmUp, variables};

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
pub(super) fn planned(launch: &Launch) -> VecDeque<String> {
    if launch.warm_up == WarmUp::Never {
        return VecDeque::new();
    }
    match variables::preimport() {
        Ok(Some(modules)) => modules.into(),
        Ok(None) | Err(_) if launch.serves_tasks() => DEFAULT.map(str::to_owned).into(),
        Ok(None) | Err(_) => VecDeque::new(),
    }
}

/// Imports one; failing is not an error, because a worker that needs the module will say so itself.
pub(super) fn import(py: Python<'_>, module: &str) {
    let imported = py
        .import(module)
        .and_then(|_| crate::seam::sent_along::imported(py, module));
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
pub(super) fn has_pandas(py: Python<'_>) -> PyResult<bool> {
    py.import("sys")?.getattr("modules")?.contains("pandas")
}

/// Keeps PySpark's `importlib.invalidate_caches`, once a task, from reading unchanged archives again.
///
/// # Errors
///
/// When this interpreter's `zipimport` is not as expected.
pub(super) fn remember_archives(py: Python<'_>) -> PyResult<()> {
    let source = CString::new(include_str!("zip_imports.py"))?;
    PyModule::from_code(
        py,
        &source,
        c"bowstring/zip_imports.py",
        c"_bowstring_zip_imports",
    )?
    .call_method0("install")?;
    Ok(())
}

/// Moves all that exists out of the garbage collector's sight, so that a worker's collections neither
/// look at it nor copy its pages.
///
/// # Errors
///
/// What a finalizer raises.
pub(super) fn freeze(py: Python<'_>) -> PyResult<()> {
    let gc = py.import("gc")?;
    gc.call_method0("collect")?;
    gc.call_method0("freeze")?;
    Ok(())
}
