//! Tells the worker which CPython it is compiled for, lets its tests find that libpython, and lists the sources of our
//! Python package.

#[path = "../../python/sources.rs"]
mod sources;

use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// What is not a worker's: users run it with a Python of theirs.
const OTHERS: [&str; 5] = ["__main__.py", "_find.py", "daemon.py", "doctor", "_fakejvm"];

fn main() -> Result<(), Box<dyn Error>> {
    pyo3_build_config::use_pyo3_cfgs();
    pyo3_build_config::add_libpython_rpath_link_args();
    let version = pyo3_build_config::get().version();
    println!(
        "cargo:rustc-env=BOWSTRING_PYTHON_VERSION={}.{}",
        version.major, version.minor
    );
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../python/bowstring");
    let modules = sources::files(&root, "py", &OTHERS)?;
    let surfaces = sources::files(&root.join("_spark/surface"), "json", &[])?;
    let list = [
        sources::constant("SOURCES", &root, modules)?,
        sources::constant("DATA", &root, surfaces)?,
        sources::finder(&root)?,
    ];
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("sources.rs"),
        list.concat(),
    )?;
    Ok(())
}
