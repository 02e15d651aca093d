//! Tells the worker which CPython it is compiled for, lets its tests find that libpython, and lists the sources of our
//! Python package.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    pyo3_build_config::use_pyo3_cfgs();
    pyo3_build_config::add_libpython_rpath_link_args();
    let version = pyo3_build_config::get().version();
    println!(
        "cargo:rustc-env=BOWSTRING_PYTHON_VERSION={}.{}",
        version.major, version.minor
    );
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../python/bowstring");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, "py", &mut files)?;
    files.retain(|file| file.file_name().is_some_and(|name| name != "_finder.py"));
    files.sort();
    let mut list = String::from(
        "/// Every module by its name below the package, and its text.\nconst SOURCES: &[(&str, &str)] = &[\n",
    );
    for file in files {
        let below = file.strip_prefix(&root)?.with_extension("");
        let name = below.to_str().ok_or("a file whose name is no text")?;
        let name = name.replace('/', ".");
        let name = name.strip_suffix("__init__").unwrap_or(&name);
        let name = name.strip_suffix('.').unwrap_or(name);
        let file = file.to_str().ok_or("a path that is no text")?;
        writeln!(list, "    ({name:?}, include_str!({file:?})),")?;
    }
    list.push_str("];\n");
    list.push_str("/// Every surface file by its place in the package, and its text.\nconst DATA: &[(&str, &str)] = &[\n");
    let mut files = Vec::new();
    collect(&root.join("_spark/surface"), "json", &mut files)?;
    files.sort();
    for file in files {
        let below = file.strip_prefix(&root)?;
        let below = below.to_str().ok_or("a file whose name is no text")?;
        let file = file.to_str().ok_or("a path that is no text")?;
        writeln!(list, "    ({below:?}, include_str!({file:?})),")?;
    }
    list.push_str("];\n");
    let finder = root.join("_finder.py");
    let finder = finder.to_str().ok_or("a path that is no text")?;
    writeln!(
        list,
        "/// What imports them.\nconst FINDER: &str = include_str!({finder:?});"
    )?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("sources.rs"), list)?;
    Ok(())
}

/// What is not a worker's: it imports the others, or users run it with a Python of theirs.
const OTHERS: [&str; 6] = [
    "_finder.py",
    "__main__.py",
    "_find.py",
    "daemon.py",
    "doctor",
    "_fakejvm",
];

/// The files below `folder` whose names end so, and that a worker needs.
fn collect(folder: &Path, ending: &str, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if OTHERS.iter().any(|other| path.ends_with(other)) {
            continue;
        }
        if path.is_dir() {
            collect(&path, ending, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            files.push(path);
        }
    }
    Ok(())
}
