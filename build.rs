//! Lets the binary find the libpython that it was built against, wherever that is installed.

fn main() {
    if std::env::var_os("CARGO_FEATURE_EMBEDDED").is_some() {
        pyo3_build_config::use_pyo3_cfgs();
        pyo3_build_config::add_libpython_rpath_link_args();
        let python = pyo3_build_config::get();
        let version = python.version();
        println!(
            "cargo:rustc-env=BOWSTRING_PYTHON_VERSION={}.{}",
            version.major, version.minor
        );
        if let Some(executable) = python.executable() {
            println!("cargo:rustc-env=BOWSTRING_PYTHON_EXECUTABLE={executable}");
        }
    }
}
