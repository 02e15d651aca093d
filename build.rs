//! Lets the binary find the libpython that it was built against, wherever that is installed, and lists the sources of the
//! doctor.

#[path = "python/sources.rs"]
mod sources;

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    if env::var_os("CARGO_FEATURE_EMBEDDED").is_some() {
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
    let package = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("python/bowstring");
    let mut files = vec![package.join("__init__.py")];
    for folder in ["doctor", "_fakejvm"] {
        files.extend(sources::files(&package.join(folder), "py", &[])?);
    }
    let list = sources::constant("SOURCES", &package, files)? + &sources::finder(&package)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("doctor.rs"), list)?;
    Ok(())
}
