//! Lets the binary find the libpython that it was built against, wherever that is installed, and lists the sources of the
//! doctor.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What the doctor consists of, in `python/bowstring`.
const FOLDERS: [&str; 2] = ["doctor", "_fakejvm"];

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
    for folder in FOLDERS {
        let folder = package.join(folder);
        println!("cargo:rerun-if-changed={}", folder.display());
        let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
        files.extend(entries.collect::<Result<Vec<PathBuf>, _>>()?);
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "py"));
    files.sort();
    let mut list = String::from(
        "/// Each module of the doctor by its name in the package, and its text.\nconst SOURCES: &[(&str, &str)] = &[\n",
    );
    for file in files {
        let below = file.strip_prefix(&package)?.with_extension("");
        let name = below.to_str().ok_or("a file whose name is no text")?;
        let name = name.replace('/', ".");
        let name = name.strip_suffix("__init__").unwrap_or(&name);
        let name = name.strip_suffix('.').unwrap_or(name);
        let file = file.to_str().ok_or("a path that is no text")?;
        writeln!(list, "    ({name:?}, include_str!({file:?})),")?;
    }
    list.push_str("];\n");
    let finder = package.join("_finder.py");
    let finder = finder.to_str().ok_or("a path that is no text")?;
    writeln!(
        list,
        "/// What imports them.\nconst FINDER: &str = include_str!({finder:?});"
    )?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("doctor.rs"), list)?;
    Ok(())
}
