//! Makes the interpreter look as if it had been started with `-m pyspark.daemon`.

use bowstring_link::Launch;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// Sets `sys.argv`, `sys.orig_argv`, `sys.path[0]`, or all of that path where a predecessor had another, and the attributes
/// of `__main__`.
///
/// User code sees these: tracebacks and usage texts name `sys.argv[0]`, and `multiprocessing` starts
/// its children from `__main__.__spec__`.
///
/// # Errors
///
/// When PySpark is not there.
///
/// **Source:** `runpy._run_module_as_main` and `Modules/main.c`, CPython 3.9 to 3.14.
pub(crate) fn pose_as_daemon(py: Python<'_>, launch: &Launch) -> PyResult<()> {
    let sys = py.import("sys")?;
    // First, because PySpark may be in the directory. `-c` leaves an empty string there, `-m` the
    // directory's path, and `-P` or PYTHONSAFEPATH nothing.
    let path = sys.getattr("path")?.cast_into::<PyList>()?;
    if let Some(predecessor) = &launch.predecessor
        && !predecessor.path.is_empty()
    {
        let entries = PyList::new(py, &predecessor.path)?;
        path.set_slice(0, path.len(), &entries)?;
    } else if path
        .get_item(0)
        .is_ok_and(|first| first.eq("").unwrap_or(false))
    {
        path.set_item(0, py.import("os")?.call_method0("getcwd")?)?;
    }
    let spec = py
        .import("importlib.util")?
        .call_method1("find_spec", ("pyspark.daemon",))?;
    let file = spec.getattr("origin")?;
    let main = py.import("__main__")?;
    for (name, value) in [
        ("__file__", &file),
        ("__cached__", &spec.getattr("cached")?),
        ("__loader__", &spec.getattr("loader")?),
        ("__package__", &spec.getattr("parent")?),
        ("__spec__", &spec),
    ] {
        main.setattr(name, value)?;
    }
    let arguments = PyList::new(py, [&file])?;
    for argument in &launch.arguments {
        arguments.append(argument)?;
    }
    sys.setattr("argv", arguments)?;
    let words = PyList::new(py, [&launch.program])?;
    for option in launch.predecessor.iter().flat_map(|known| &known.options) {
        words.append(option)?;
    }
    words.append("-m")?;
    words.append("pyspark.daemon")?;
    for argument in &launch.arguments {
        words.append(argument)?;
    }
    // CPython 3.9 has none.
    if sys.hasattr("orig_argv")? {
        sys.setattr("orig_argv", words)?;
    }
    // `-m` has brought it; nothing that a task brings along takes its place.
    py.import("runpy").map(drop)
}
