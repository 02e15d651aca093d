//! Which version a Python is, without running it.
//!
//! Starting an interpreter costs some 20 ms, more on a network file system, and an executor starts a
//! daemon for every set of environment variables. Only what is not plainly a Python has to be run, and
//! then once, in the zygote's place: see [`launcher`](crate::interpreter::launcher).

use std::fs;
use std::io;
use std::path::Path;

use bowstring_link::Version;

/// The version of an interpreter, by the files around it; `None` where they do not tell.
pub(super) fn identify(program: &Path) -> Option<Version> {
    // A script (pyenv's shims, a wrapper) says nothing about the files around it.
    is_binary(program)
        .then(|| from_configuration(program).or_else(|| from_name(program)))
        .flatten()
}

fn is_binary(program: &Path) -> bool {
    let mut start = [0; 4];
    let read = fs::File::open(program).and_then(|mut file| {
        io::Read::read_exact(&mut file, &mut start)?;
        Ok(())
    });
    read.is_ok() && start == *b"\x7fELF"
}

/// A virtual environment's `pyvenv.cfg`: `version` (venv) or `version_info` (virtualenv, uv).
fn from_configuration(program: &Path) -> Option<Version> {
    let root = program.parent()?.parent()?;
    version_in(&fs::read_to_string(root.join("pyvenv.cfg")).ok()?)
}

fn version_in(configuration: &str) -> Option<Version> {
    configuration
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| matches!(key.trim(), "version" | "version_info"))
        .find_map(|(_, value)| value.parse().ok())
}

/// The real file is commonly called `python3.11`, and has its library at `../lib/python3.11`.
fn from_name(program: &Path) -> Option<Version> {
    let real = program.canonicalize().ok()?;
    let version = real.file_name()?.to_str()?.strip_prefix("python")?;
    let library = real
        .parent()?
        .parent()?
        .join("lib/python".to_owned() + version);
    library.is_dir().then(|| version.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_venv_and_virtualenv_write() {
        let venv = "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.7\n";
        let virtualenv = "home=/usr/bin\nimplementation = CPython\nversion_info = 3.11.7.final.0\n";
        let expected = "3.11".parse().ok();
        assert!(expected.is_some());
        assert_eq!(version_in(venv), expected);
        assert_eq!(version_in(virtualenv), expected);
        assert_eq!(version_in("home = /usr/bin\n"), None);
    }
}
