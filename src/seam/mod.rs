//! Where bowstring meets the installed PySpark: the only room that knows Spark's versions.
//!
//! The Python files beside this one do the hooking, because what is hooked is Python:
//! `install.py` has one row per Spark line, `stock.py` calls PySpark's own conversions,
//! `self_test.py` compares them with ours. They run under file names below PySpark's own folder,
//! so that tracebacks which leave out PySpark's frames leave out these too.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyModule};

use crate::udf::grouped_map::GroupedMap;

/// Python sources, by module name, in the order in which they need each other.
const SOURCES: [(&str, &str); 4] = [
    ("frames", include_str!("../frame/frames.py")),
    ("stock", include_str!("stock.py")),
    ("self_test", include_str!("self_test.py")),
    ("install", include_str!("install.py")),
];

/// Hooks the native path into `pyspark.worker`, or logs in one line why not.
///
/// # Errors
///
/// Fails only if Python itself does; what PySpark lacks is not an error.
pub fn install(py: Python<'_>) -> PyResult<()> {
    if let Err(error) = try_install(py) {
        let kind = error.get_type(py).name()?.to_string();
        let reason = if kind == "Refused" {
            error.value(py).to_string()
        } else {
            error.to_string()
        };
        tracing::warn!("PySpark's own conversions are used for every task: {reason}");
        tracing::debug!(
            traceback = error
                .traceback(py)
                .and_then(|traceback| traceback.format().ok()),
            "the self-test failed"
        );
    }
    Ok(())
}

fn try_install(py: Python<'_>) -> PyResult<()> {
    let native = PyModule::new(py, "_bowstring")?;
    native.add_class::<GroupedMap>()?;
    let modules = load(py)?;
    let [_, stock, self_test, install] = &modules;
    let proven = install
        .getattr("install")?
        .call1((&native, stock, self_test.getattr("run")?))?;
    let unproven = |name: &str| -> PyResult<Vec<String>> {
        proven
            .getattr(name)?
            .try_iter()?
            .map(|item| item?.extract())
            .collect()
    };
    let (input, output) = (unproven("unproven_input")?, unproven("unproven_output")?);
    if !(input.is_empty() && output.is_empty()) {
        tracing::warn!(
            ?input,
            ?output,
            "columns of these types go through PySpark's own conversions: the self-test found a difference"
        );
    }
    tracing::debug!("GROUPED_MAP runs natively");
    Ok(())
}

/// Runs the Python sources as modules, visible to each other and to `pickle`.
fn load(py: Python<'_>) -> PyResult<[Bound<'_, PyModule>; 4]> {
    let path = py
        .import("pyspark")?
        .getattr("__path__")?
        .get_item(0)?
        .extract::<String>()?;
    let linecache = py.import("linecache")?.getattr("cache")?;
    let mut modules = Vec::with_capacity(SOURCES.len());
    for (name, source) in SOURCES {
        let file = format!("{path}/bowstring/{name}.py");
        let lines = PyList::new(py, source.split_inclusive('\n'))?;
        linecache.set_item(&file, (source.len(), py.None(), lines, &file))?;
        let code = std::ffi::CString::new(source)?;
        modules.push(PyModule::from_code(
            py,
            &code,
            &std::ffi::CString::new(file)?,
            &std::ffi::CString::new(format!("_bowstring_{name}"))?,
        )?);
    }
    <[_; 4]>::try_from(modules).map_err(|_missing: Vec<_>| {
        pyo3::exceptions::PyRuntimeError::new_err("bowstring: a Python source is missing")
    })
}
