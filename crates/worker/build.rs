//! Tells the worker which CPython it is compiled for, and lets its tests find that libpython.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
    pyo3_build_config::add_libpython_rpath_link_args();
    let version = pyo3_build_config::get().version();
    println!(
        "cargo:rustc-env=BOWSTRING_PYTHON_VERSION={}.{}",
        version.major, version.minor
    );
}
