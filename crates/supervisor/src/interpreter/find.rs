//! Where the Python is.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use bowstring_link::{Version, settings};
use rustix::fs::Access;

use crate::interpreter::probe;
use crate::interpreter::{Embedded, NoPython};

/// A Python that can be embedded.
#[derive(Clone, Debug)]
pub(crate) enum Environment {
    /// An interpreter of the right version, by the path that selects its environment: a link in a
    /// virtual environment is not resolved.
    Plain(PathBuf),
    /// What starts an interpreter, or may: a script, a shim. Its version is known once it has.
    Launcher(PathBuf),
}

impl Environment {
    /// Chooses the environment's Python and compares its version with the embedded one.
    ///
    /// Runs nothing.
    ///
    /// # Errors
    ///
    /// [`NoPython`], which says what to set.
    pub(crate) fn choose(embedded: Embedded) -> Result<Self, NoPython> {
        let program = program(embedded)?;
        let Some(found) = probe::identify(&program) else {
            return Ok(Self::Launcher(program));
        };
        let built = embedded
            .version
            .and_then(|text| text.parse::<Version>().ok());
        if let Some(built) = built {
            built.check(&program, found)?;
        }
        Ok(Self::Plain(program))
    }
}

/// The environment's Python: named, beside us, active, on the `PATH`, or the one we were built with.
pub(super) fn program(embedded: Embedded) -> Result<PathBuf, NoPython> {
    let ourselves = env::current_exe().and_then(|path| path.canonicalize()).ok();
    let is_us = |program: &Path| ourselves.is_some() && program.canonicalize().ok() == ourselves;

    if let Some(named) = settings::python() {
        return match () {
            () if !is_executable(&named) => Err(NoPython::NotExecutable(named)),
            () if is_us(&named) => Err(NoPython::Ourselves(named)),
            () => Ok(named),
        };
    }
    let beside = ourselves.as_deref().and_then(Path::parent);
    let active = env::var_os("VIRTUAL_ENV").map(|root| PathBuf::from(root).join("bin"));
    let candidates = beside
        .map(|directory| directory.join("python"))
        .into_iter()
        .chain(active.map(|directory| directory.join("python")))
        .chain(on_path(OsStr::new("python3")))
        .chain(embedded.executable.map(PathBuf::from));
    candidates
        .filter(|candidate| is_executable(candidate))
        // Somebody may have put bowstring where Python is looked for.
        .find(|candidate| !is_us(candidate))
        .ok_or(NoPython::Nowhere)
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

fn is_executable(program: &Path) -> bool {
    program.is_file() && rustix::fs::access(program, Access::EXEC_OK).is_ok()
}
