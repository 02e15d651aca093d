//! Which version a Python is, if possible without running it.
//!
//! Starting an interpreter costs some 20 ms, more on a network file system, and an executor starts a
//! daemon for every set of environment variables.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use super::NoPython;

/// Major and minor: what must agree for compiled packages to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    major: u8,
    minor: u8,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The text holds no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoVersion;

impl FromStr for Version {
    type Err = NoVersion;

    /// Reads `3.11`, `3.11.7` and `3.11.7.final.0`.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let mut numbers = text.trim().split('.').map(|number| number.parse().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err(NoVersion),
        }
    }
}

/// Finds the version of an interpreter, and the interpreter behind a script that only starts one.
///
/// # Errors
///
/// [`NoPython::Mute`] when it had to be run and did not answer.
pub(super) fn identify(program: PathBuf) -> Result<(PathBuf, Version), NoPython> {
    // A script (pyenv's shims, a wrapper) says nothing about the files around it.
    if is_binary(&program)
        && let Some(version) = from_configuration(&program).or_else(|| from_name(&program))
    {
        return Ok((program, version));
    }
    ask(&program).map_err(|source| NoPython::Mute { program, source })
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

/// Runs the interpreter.
fn ask(program: &Path) -> io::Result<(PathBuf, Version)> {
    let output = Command::new(program)
        .args(["-c", QUESTION])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    // The answer is the last line: a sitecustomize may print before it.
    let answer = output.stdout.rsplit(|&byte| byte == b'\n').nth(1);
    let parse = |answer: &[u8]| {
        let at = answer.iter().position(|&byte| byte == b' ')?;
        let version = std::str::from_utf8(&answer[..at]).ok()?.parse().ok()?;
        let executable = Path::new(std::ffi::OsStr::from_bytes(&answer[at + 1..]));
        Some((executable.to_owned(), version))
    };
    answer
        .and_then(parse)
        .ok_or_else(|| io::Error::other(format!("it ended with {}", output.status)))
}

/// Version and true path, through the bytes of standard output so that no encoding interferes.
const QUESTION: &str = "import os, sys; sys.stdout.flush(); \
     os.write(1, b'\\n%d.%d ' % sys.version_info[:2] + os.fsencode(sys.executable) + b'\\n')";

#[cfg(test)]
mod tests {
    use super::*;

    const PYTHON_3_11: Version = Version {
        major: 3,
        minor: 11,
    };

    #[test]
    fn reads_the_usual_spellings() {
        for text in ["3.11", " 3.11.7\n", "3.11.7.final.0"] {
            assert_eq!(text.parse(), Ok(PYTHON_3_11), "{text}");
        }
        for text in ["", "3", "three.eleven", "3.x"] {
            assert_eq!(text.parse::<Version>(), Err(NoVersion), "{text}");
        }
    }

    #[test]
    fn reads_what_venv_and_virtualenv_write() {
        let venv = "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.7\n";
        let virtualenv = "home=/usr/bin\nimplementation = CPython\nversion_info = 3.11.7.final.0\n";
        assert_eq!(version_in(venv), Some(PYTHON_3_11));
        assert_eq!(version_in(virtualenv), Some(PYTHON_3_11));
        assert_eq!(version_in("home = /usr/bin\n"), None);
    }
}
