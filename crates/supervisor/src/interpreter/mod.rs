//! The Python whose packages the workers use, and the two ways to run it.
//!
//! [`Environment::choose`] finds the interpreter of an environment. Arguments that are not for us run that very
//! executable. The zygote is that executable too, or embeds the same version under the same name (`embed`), so both see
//! the same packages. What only starts an interpreter is run, down to that interpreter, which gives its process to the
//! zygote ([`launcher`]).

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context;
use bowstring_link::{OtherVersion, Predecessor};
use thiserror::Error;

mod find;
pub(crate) mod launcher;
mod probe;

pub(crate) use find::Environment;

/// Why no Python could be chosen. All of these are for whoever configured the executor.
#[derive(Debug, Error)]
pub enum NoPython {
    /// Nothing was found in any of the places.
    #[error(
        "no Python found: set BOWSTRING_PYTHON to an interpreter, or put `python3` on the PATH"
    )]
    Nowhere,
    /// The environment that this executable is in has lost its Python.
    #[error(
        "{} leads to nothing: the environment was copied without the Python that it was made with; make it anew here, \
         or set BOWSTRING_PYTHON to an interpreter", .0.display()
    )]
    BrokenLink(PathBuf),
    /// The one that was named is not there, or may not be run.
    #[error("BOWSTRING_PYTHON={} is not an executable file", .0.display())]
    NotExecutable(PathBuf),
    /// The one that was named is bowstring, which would start itself for ever.
    #[error("BOWSTRING_PYTHON={} is bowstring itself; name a Python", .0.display())]
    Ourselves(PathBuf),
    /// It is another version than the one inside this binary.
    #[error(transparent)]
    OtherVersion(#[from] OtherVersion),
}

/// The CPython inside this executable.
#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    /// Its version, `3.11`.
    pub version: &'static str,
    /// The interpreter that the binary was built with.
    pub executable: Option<&'static str>,
}

/// A Python that has run `bowstring.daemon`, and given its process to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its executable.
    pub program: PathBuf,
    /// What the zygote has to know of it.
    pub known: Predecessor,
}

/// Replaces this process by the environment's own Python.
///
/// Any version will do: nothing of ours takes part.
///
/// # Errors
///
/// When there is no Python or it cannot be executed; this process then goes on.
pub fn become_python(
    arguments: &[OsString],
    embedded: Option<Embedded>,
) -> anyhow::Result<ExitCode> {
    let program = find::program(embedded)?;
    let error = Command::new(&program).args(arguments).exec();
    Err(error).with_context(|| format!("run {}", program.display()))
}
