//! The life of a worker after the fork.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use bowstring_link::{ASSIGN, Launch, Packet, RESUME, WarmUp, packet};
use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::connection::{self, Connection};
use crate::facades::child::Child;
use crate::spark::sent_along;
use crate::zygote::imports;
use crate::zygote::program;
use crate::zygote::start_over::StartOver;

/// Loaded before the fork.
static HABITS: PyOnceLock<&Child> = PyOnceLock::new();

/// Loads what the children will need, so that each finds it ready.
///
/// # Errors
///
/// None that a test would not find.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    habits(py).map(drop)
}

/// Writes out what Python has buffered.
///
/// # Errors
///
/// As [`prepare`].
pub(crate) fn flush(py: Python<'_>) -> PyResult<()> {
    habits(py)?.flush(py)
}

/// Becomes a worker: waits for a connection, serves it, and ends the process.
///
/// Into `answered`, if it is given, goes one byte when its first answer is out.
///
/// Never returns, because the caller's stack belongs to the zygote.
pub(crate) fn live(
    py: Python<'_>,
    launch: &Launch,
    handover: OwnedFd,
    answered: Option<OwnedFd>,
) -> ! {
    die(py, live_through(py, launch, handover, answered))
}

/// Goes on as a worker that has started over, and ends the process.
pub(crate) fn live_again(py: Python<'_>, launch: &Launch, handover: OwnedFd) -> ! {
    die(py, live_through_again(py, launch, handover))
}

fn die(py: Python<'_>, life: PyResult<Infallible>) -> ! {
    let error = match life {
        Ok(never) => match never {},
        Err(error) => error,
    };
    if !error.is_instance_of::<PySystemExit>(py) {
        error.print(py);
    }
    let leave = habits(py).and_then(|habits| habits.leave(py, 1));
    drop(leave);
    // Only if even `os._exit` was out of reach.
    std::process::abort()
}

fn live_through(
    py: Python<'_>,
    launch: &Launch,
    handover: OwnedFd,
    answered: Option<OwnedFd>,
) -> PyResult<Infallible> {
    let habits = habits(py)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?).map_err(io::Error::from)?;
    habits.settle(py, launch.restore.clone())?;
    imports::release_garbage(py)?;
    let assignment = py.detach(|| packet::receive(handover.as_fd()))?;
    drop(handover);
    let Some(connection) = assignment.map(accept).transpose()? else {
        // The supervisor is gone or has one worker too many.
        habits.leave(py, 0)?;
        return Err(PySystemExit::new_err(0));
    };
    let mut connection = Connection::new(connection, Vec::new())?;
    if sent_along::is_watching(py)? {
        let start = StartOver::new(launch, &mut connection)?;
        sent_along::arm(Bound::new(py, start)?.as_any())?;
    }
    if launch.warm_up == WarmUp::Never && crate::spark::is_wanted() && launch.serves_tasks() {
        // The zygote has not imported PySpark's worker, so it could not be hooked there.
        py.import(launch.worker_module())?;
        crate::spark::install_lazily(py, 0)?;
    }
    work(py, launch, connection, answered)
}

fn live_through_again(py: Python<'_>, launch: &Launch, handover: OwnedFd) -> PyResult<Infallible> {
    program::pose_as_daemon(py, launch)?;
    py.import(launch.worker_module())?;
    if crate::spark::is_wanted() && launch.serves_tasks() {
        // The first task with Arrow data is stock's alone: what it brings along may fail to be imported, and the
        // self-test must not be the first to try.
        crate::spark::install_lazily(py, 1)?;
    }
    habits(py)?.settle(py, Vec::new())?;
    let connection = resume(packet::receive(handover.as_fd())?)?;
    drop(handover);
    work(py, launch, connection, None)
}

/// Takes the connection, and what has been read from it.
fn resume(packet: Option<Packet>) -> io::Result<Connection> {
    let Packet { bytes, descriptors } = packet.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut descriptors = descriptors.into_iter();
    let (socket, read) = descriptors
        .next()
        .zip(descriptors.next())
        .filter(|_| bytes == RESUME)
        .ok_or(io::ErrorKind::InvalidData)?;
    let mut here = Vec::new();
    File::from(read).read_to_end(&mut here)?;
    Connection::new(socket, here)
}

fn work(
    py: Python<'_>,
    launch: &Launch,
    connection: Connection,
    answered: Option<OwnedFd>,
) -> PyResult<Infallible> {
    let habits = habits(py)?;
    let guard = habits.begin(py)?;
    let code = connection::serve(py, connection, launch.worker_module(), answered);
    habits.end(guard, code)?;
    Err(PySystemExit::new_err(code))
}

/// Takes the connection, and the standard output that the JVM reads if it came along.
fn accept(packet: Packet) -> io::Result<OwnedFd> {
    let mut descriptors = packet.descriptors.into_iter();
    let connection = descriptors
        .next()
        .filter(|_| packet.bytes == ASSIGN)
        .ok_or(io::ErrorKind::InvalidData)?;
    if let Some(stdout) = descriptors.next() {
        rustix::stdio::dup2_stdout(stdout)?;
    }
    Ok(connection)
}

fn habits(py: Python<'_>) -> PyResult<&'static Child> {
    let habits = HABITS.get_or_try_init(py, || {
        let habits = Child::of(py)?;
        habits.name_panics(py)?;
        PyResult::Ok(habits)
    })?;
    Ok(*habits)
}
