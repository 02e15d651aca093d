//! Writes files of the package `bowstring` as constants of Rust: for the build script of the executable, which has the
//! doctor, and for that of the worker.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What imports the others. It is a constant of its own.
const FINDER: &str = "_finder.py";

/// The files below `folder` with that ending, and cargo's order to look at them again; none whose path ends with a name
/// of `others`.
pub(crate) fn files(folder: &Path, ending: &str, others: &[&str]) -> io::Result<Vec<PathBuf>> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.ends_with(FINDER) || others.iter().any(|other| path.ends_with(other)) {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, ending, others)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            found.push(path);
        }
    }
    Ok(found)
}

/// The constant `name`, a list of names and texts. A module has its name below the package, whose folder is `root`, and
/// any other file its path there.
pub(crate) fn constant(
    name: &str,
    root: &Path,
    mut files: Vec<PathBuf>,
) -> Result<String, Box<dyn Error>> {
    files.sort();
    let mut list = format!("const {name}: &[(&str, &str)] = &[\n");
    for file in files {
        let below = text(file.strip_prefix(root)?)?;
        let called = match below.strip_suffix(".py") {
            Some(module) => {
                let module = module.strip_suffix("__init__").unwrap_or(module);
                module.trim_end_matches('/').replace('/', ".")
            }
            None => below.to_owned(),
        };
        writeln!(list, "    ({called:?}, include_str!({:?})),", text(&file)?)?;
    }
    list.push_str("];\n");
    Ok(list)
}

/// The constant with the text of what imports the modules.
pub(crate) fn finder(root: &Path) -> Result<String, Box<dyn Error>> {
    let file = root.join(FINDER);
    println!("cargo:rerun-if-changed={}", file.display());
    Ok(format!(
        "const FINDER: &str = include_str!({:?});\n",
        text(&file)?
    ))
}

fn text(path: &Path) -> Result<&str, String> {
    path.to_str()
        .ok_or_else(|| format!("{} is no text", path.display()))
}
