//! Where the Python is.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use bowstring_link::{Version, settings};
use rustix::fs::Access;

use crate::interpreter::probe;
use crate::interpreter::{Embedded, NoPython};

/// A Python that can be the zygote, or whose place the zygote can take.
#[derive(Clone, Debug)]
pub(crate) enum Environment {
    /// An interpreter of the right version, by the path that selects its environment: a link in a
    /// virtual environment is not resolved.
    Plain(PathBuf),
    /// What starts an interpreter, or may: a script, a shim. Its version is known once it has.
    Launcher(PathBuf),
}

impl Environment {
    /// Chooses the environment's Python and compares its version with the embedded one, if there is one.
    ///
    /// Runs nothing.
    ///
    /// # Errors
    ///
    /// [`NoPython`], which says what to set.
    pub(crate) fn choose(embedded: Option<Embedded>) -> Result<Self, NoPython> {
        let program = program(embedded)?;
        let Some(found) = probe::identify(&program) else {
            return Ok(Self::Launcher(program));
        };
        if let Some(built) = embedded.and_then(|inside| inside.version.parse::<Version>().ok()) {
            built.check(&program, found)?;
        }
        Ok(Self::Plain(program))
    }
}

/// The environment's Python: named, beside us, active, on the `PATH`, or the one we were built with.
pub(super) fn program(embedded: Option<Embedded>) -> Result<PathBuf, NoPython> {
    let ourselves = env::current_exe().and_then(|path| path.canonicalize()).ok();
    let is_us = |program: &Path| ourselves.is_some() && program.canonicalize().ok() == ourselves;

    if let Some(named) = settings::python() {
        return match () {
            () if !is_executable(&named) => Err(NoPython::NotExecutable(named)),
            () if is_us(&named) => Err(NoPython::Ourselves(named)),
            () => Ok(named),
        };
    }
    // A link to us says which environment is meant, and so does the file that it leads to.
    let called = called().and_then(|path| Some(path.parent()?.join("python")));
    let beside = ourselves.as_deref().and_then(Path::parent);
    let beside = beside.map(|directory| directory.join("python"));
    if let Some(broken) = [&called, &beside]
        .into_iter()
        .flatten()
        .find(|path| is_broken(path))
    {
        return Err(NoPython::BrokenLink(broken.clone()));
    }
    let active = env::var_os("VIRTUAL_ENV").map(|root| PathBuf::from(root).join("bin"));
    let built_with = embedded.and_then(|inside| inside.executable);
    let candidates = called
        .into_iter()
        .chain(beside)
        .chain(active.map(|directory| directory.join("python")))
        .chain(on_path(OsStr::new("python3")))
        .chain(built_with.map(PathBuf::from));
    candidates
        .filter(|candidate| is_executable(candidate))
        // Somebody may have put bowstring where Python is looked for.
        .find(|candidate| !is_us(candidate))
        .ok_or(NoPython::Nowhere)
}

/// Our path as whoever has run us knows it, in full, with links.
fn called() -> Option<PathBuf> {
    let name = env::args_os().next()?;
    if name.as_encoded_bytes().contains(&b'/') {
        return std::path::absolute(name).ok();
    }
    on_path(&name).find(|path| is_executable(path))
}

/// Every place on the `PATH` where the name could be.
fn on_path(name: &OsStr) -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .collect();
    places.into_iter()
}

fn is_broken(link: &Path) -> bool {
    link.is_symlink() && !link.exists()
}

fn is_executable(program: &Path) -> bool {
    program.is_file() && rustix::fs::access(program, Access::EXEC_OK).is_ok()
}
