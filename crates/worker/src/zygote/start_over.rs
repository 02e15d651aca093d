//! A worker that becomes a process without anything imported in advance, in the middle of reading a task.
//!
//! Nothing of the task has been answered by then. The process replaces itself by this same executable, which is
//! bowstring or the environment's Python: number, parent, standard streams and limits stay. The connection and what was read from it wait in a socket on standard input.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use bowstring_link::{Form, Launch, RESUME, WORKER_NAME, WarmUp, packet};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rustix::fs::MemfdFlags;

use crate::connection::Connection;
use crate::connection::files::SharedInput;
use crate::zygote::child;

/// How this process was started, where it is not the usual way.
static FORM: OnceLock<Form> = OnceLock::new();

/// Says how this process was started, and will be again.
pub(crate) fn set_form(form: Form) {
    FORM.get_or_init(|| form);
}

/// What it takes to start over.
#[derive(Debug)]
#[pyclass(frozen, module = "bowstring")]
pub(crate) struct StartOver {
    launch: Launch,
    socket: File,
    input: SharedInput,
    /// As they were before any task.
    environment: Vec<(OsString, OsString)>,
    directory: PathBuf,
}

impl StartOver {
    /// Has `connection` keep the beginnings of tasks from now on.
    ///
    /// # Errors
    ///
    /// For want of descriptors, or of a working directory.
    pub(crate) fn new(launch: &Launch, connection: &mut Connection) -> io::Result<Self> {
        let (socket, input) = connection.keep()?;
        Ok(Self {
            launch: Launch {
                warm_up: WarmUp::Never,
                restore: Vec::new(),
                ..launch.clone()
            },
            socket,
            input,
            environment: env::vars_os().collect(),
            directory: env::current_dir()?,
        })
    }

    fn hand_over(&self, read: &[u8]) -> io::Result<()> {
        let memory = rustix::fs::memfd_create(c"bowstring-task", MemfdFlags::CLOEXEC)?;
        let mut memory = File::from(memory);
        memory.write_all(read)?;
        memory.seek(SeekFrom::Start(0))?;
        let (near, far) = packet::pair()?;
        packet::send(near.as_fd(), RESUME, &[self.socket.as_fd(), memory.as_fd()])?;
        Ok(rustix::stdio::dup2_stdin(far)?)
    }
}

#[pymethods]
impl StartOver {
    /// Nothing is shadowed: the beginning of this task is not needed again.
    fn forget(&self) {
        self.input.forget();
    }

    /// Replaces this process; returns only with an exception.
    fn start_over(&self, py: Python<'_>, name: &str, path: &str) -> PyResult<()> {
        let Some(read) = self.input.since_kept() else {
            return Err(PyRuntimeError::new_err(format!(
                "bowstring: {path} brings its own {name}, but the beginning of the task is gone"
            )));
        };
        tracing::info!(
            "worker {} starts over: {path} brings its own {name}, which was imported in advance",
            std::process::id()
        );
        child::flush(py)?;
        self.hand_over(&read)?;
        let form = FORM.get().copied().unwrap_or(Form::Embedded);
        let (own_name, arguments) = form.command_line(WORKER_NAME, &self.launch);
        let error = Command::new("/proc/self/exe")
            .arg0(own_name)
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .current_dir(&self.directory)
            .exec();
        rustix::stdio::dup2_stdin(File::open("/dev/null")?).map_err(io::Error::from)?;
        Err(PyRuntimeError::new_err(format!(
            "bowstring: {path} brings its own {name}, but this worker cannot start over: {error}"
        )))
    }
}
