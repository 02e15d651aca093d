//! The process that workers are forked from.
//!
//! It has CPython, or is one that has our module ([`Form`]), imports once what every worker needs, and forks when the
//! supervisor asks. It has one thread, always: a fork copies only the thread that forks, and a lock that another one held stays
//! locked in the child for ever (SPARK-54456). It serves no tasks and never sees a connection.

use std::num::NonZeroI32;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use bowstring_link::{
    Form, FromZygote, Launch, OtherVersion, Predecessor, Version, WORKER_NAME, ZYGOTE_NAME, packet,
    settings,
};
use pyo3::exceptions::{PyRuntimeError, PySystemExit};
use pyo3::prelude::*;

mod child;
mod embed;
mod fork;
mod frameless;
mod imports;
mod nursery;
mod program;
mod start_over;

/// What waits for the interpreter to call back, which it does without arguments.
#[derive(Debug)]
struct Start {
    role: Role,
    launch: Launch,
    control: OwnedFd,
}

/// What the interpreter is started for.
#[derive(Clone, Copy, Debug)]
enum Role {
    Zygote,
    /// A worker that has started over.
    Worker,
}

static START: Mutex<Option<Start>> = Mutex::new(None);

/// The program of an interpreter that is in this executable.
const PROGRAM: &str = "__import__('_bowstring_zygote').run()";

/// Serves the supervisor on standard input until it lets go. Blocks.
///
/// # Errors
///
/// When the interpreter cannot be started; the supervisor hears of what comes later.
pub fn run(launch: Launch) -> anyhow::Result<ExitCode> {
    embed(Role::Zygote, launch)
}

/// Goes on with the task of a worker that has replaced itself by this process. Blocks.
///
/// # Errors
///
/// When the interpreter cannot be started.
pub fn run_worker(launch: Launch) -> anyhow::Result<ExitCode> {
    embed(Role::Worker, launch)
}

/// Has the interpreter that runs this do either, by the name of the process, when it has unwound its stack.
///
/// # Errors
///
/// Always: see [`frameless`].
pub fn take_over(py: Python<'_>, name: &str, launch: Launch) -> PyResult<()> {
    let role = match name {
        ZYGOTE_NAME => Role::Zygote,
        WORKER_NAME => Role::Worker,
        other => {
            return Err(PyRuntimeError::new_err(format!(
                "no process is called {other}"
            )));
        }
    };
    start_over::set_form(Form::Wheel);
    match prepare(role, launch) {
        Ok(true) => frameless::unwind_to(py, serve),
        Ok(false) => Err(PySystemExit::new_err(1)),
        Err(error) => Err(PyRuntimeError::new_err(format!("bowstring: {error:#}"))),
    }
}

fn embed(role: Role, launch: Launch) -> anyhow::Result<ExitCode> {
    let program = launch.program.clone();
    let options = launch
        .predecessor
        .as_ref()
        .map(|known| known.options.clone());
    if !prepare(role, launch)? {
        return Ok(ExitCode::FAILURE);
    }
    pyo3::append_to_inittab!(_bowstring_zygote);
    let code = embed::main(&program, &options.unwrap_or_default(), PROGRAM)
        .context("start the interpreter")?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// Leaves for [`serve`] what it is to do; false if the supervisor has been told that nothing can be done.
fn prepare(role: Role, launch: Launch) -> anyhow::Result<bool> {
    let control = take_control().context("take the control socket off standard input")?;
    // A worker's was judged when the zygote began.
    if let (Role::Zygote, Some(predecessor)) = (role, &launch.predecessor)
        && !succeeds(&launch, predecessor, &control).context("speak to the supervisor")?
    {
        return Ok(false);
    }
    *START.lock().unwrap_or_else(PoisonError::into_inner) = Some(Start {
        role,
        launch,
        control,
    });
    Ok(true)
}

/// Tells the supervisor where a launcher has led to, and whether that Python is ours.
fn succeeds(
    launch: &Launch,
    predecessor: &Predecessor,
    control: &OwnedFd,
) -> std::io::Result<bool> {
    let pid = i32::try_from(std::process::id()).map(NonZeroI32::new);
    if let Ok(Some(pid)) = pid {
        packet::send(control.as_fd(), &FromZygote::Here(pid).encode(), &[])?;
    }
    let version = predecessor
        .version
        .to_str()
        .and_then(|text| text.parse().ok());
    let refusal = match version.map(|version| check_version(&launch.program, version)) {
        // The launcher may have set some of ours.
        Some(Ok(())) => match settings::check() {
            Ok(()) => return Ok(true),
            Err(error) => error.to_string(),
        },
        Some(Err(error)) => error.to_string(),
        None => format!("{} does not tell its version", launch.program.display()),
    };
    packet::send(
        control.as_fd(),
        &FromZygote::Unusable(refusal).encode(),
        &[],
    )?;
    Ok(false)
}

/// Whether a Python is of the version that this code is compiled for.
fn check_version(program: &Path, found: Version) -> Result<(), OtherVersion> {
    let built = env!("BOWSTRING_PYTHON_VERSION").parse();
    built.map_or(Ok(()), |built: Version| built.check(program, found))
}

/// Moves the control socket to a descriptor that no child of ours inherits, and leaves nothing to read
/// on standard input for whoever expects a terminal there (SPARK-26175).
fn take_control() -> std::io::Result<OwnedFd> {
    let control = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(control)
}

/// Built in under a name that only [`PROGRAM`] knows.
#[pymodule(gil_used = true)]
fn _bowstring_zygote(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(begin, module)?)
}

/// Has [`serve`] run when this program is off the stack.
#[pyfunction]
#[pyo3(name = "run")]
fn begin(py: Python<'_>) -> PyResult<()> {
    frameless::unwind_to(py, serve)
}

/// Runs the zygote, or a worker that has started over.
fn serve(py: Python<'_>) -> PyResult<()> {
    let start = START.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Start {
        role,
        launch,
        control,
    }) = start
    else {
        return Ok(());
    };
    match role {
        Role::Zygote => nursery::Nursery::new(launch, control).run(py),
        Role::Worker => child::live_again(py, &launch, control),
    }
}
