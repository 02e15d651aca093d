//! The tasks of one connection, one after another.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use bowstring_socket::input::Input;
use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile, SharedInput};

/// How a task left its connection.
enum Outcome {
    /// Another task may follow.
    Reusable,
    /// The task is answered but the connection must not be used again.
    Finished,
    /// Something that only the operating system hears about.
    Broken,
}

/// An authenticated connection.
#[derive(Debug)]
pub struct Connection {
    socket: File,
    input: SharedInput,
    /// Whether the beginning of each task is kept until PySpark has read which files were sent along.
    keeps: bool,
}

impl Connection {
    /// Takes over a socket from which the bytes that are `here` have been read already.
    ///
    /// # Errors
    ///
    /// For want of descriptors.
    pub fn new(socket: OwnedFd, here: Vec<u8>) -> io::Result<Self> {
        let socket = File::from(socket);
        let input = SharedInput::new(Input::after(socket.try_clone()?, here));
        Ok(Self {
            socket,
            input,
            keeps: false,
        })
    }

    /// Has the beginning of each task kept. Returns what is needed to hand the connection over.
    ///
    /// # Errors
    ///
    /// For want of descriptors.
    pub fn keep(&mut self) -> io::Result<(File, SharedInput)> {
        self.keeps = true;
        Ok((self.socket.try_clone()?, self.input.clone()))
    }
}

/// Serves all tasks of one connection, then waits for the peer to close it.
/// Returns the exit code of the process. Blocks.
///
/// `answered` gets a byte after the first task, whatever became of it.
///
/// PARITY: `worker` and the loop around it in `manager`, `pyspark/daemon.py`, Spark 3.5.9 to 4.3.0.
pub fn serve(
    py: Python<'_>,
    connection: Connection,
    worker_module: &str,
    answered: Option<OwnedFd>,
) -> i32 {
    match try_serve(py, connection, worker_module, answered) {
        Ok(code) => code,
        Err(error) => {
            error.print(py);
            1
        }
    }
}

fn try_serve(
    py: Python<'_>,
    connection: Connection,
    worker_module: &str,
    mut answered: Option<OwnedFd>,
) -> PyResult<i32> {
    let Connection {
        socket,
        input,
        keeps,
    } = connection;
    let infile = Bound::new(
        py,
        InputFile {
            input: input.clone(),
        },
    )?;
    let outfile = Bound::new(py, OutputFile::new(socket.try_clone()?))?;
    let main = py.import(worker_module)?.getattr("main")?;
    let reuse = std::env::var_os("SPARK_REUSE_WORKER").is_some_and(|value| !value.is_empty());
    let collect = py.import("gc")?.getattr("collect")?;
    loop {
        // The JVM closes idle connections. Seen here, that is the quiet end which it is meant to be.
        if !input.wait(py).unwrap_or(false) {
            return Ok(0);
        }
        if keeps {
            input.keep();
        }
        let outcome = run_task(py, &main, &infile, &outfile);
        if let Some(answered) = answered.take() {
            // Nobody listens any more once another worker was first.
            rustix::io::write(answered, &[1]).ok();
        }
        match outcome? {
            Outcome::Reusable if reuse => drop(collect.call0()?),
            Outcome::Reusable | Outcome::Finished => break,
            Outcome::Broken => return Ok(1),
        }
    }
    // Closing first could reset the connection and lose what the JVM has not read yet.
    let mut last = socket;
    py.detach(|| io::copy(&mut last, &mut io::sink())).ok();
    Ok(0)
}

fn run_task(
    py: Python<'_>,
    main: &Bound<'_, PyAny>,
    infile: &Bound<'_, InputFile>,
    outfile: &Bound<'_, OutputFile>,
) -> PyResult<Outcome> {
    let outcome = match main.call1((infile, outfile)) {
        Ok(_) => Outcome::Reusable,
        Err(error) if error.is_instance_of::<PySystemExit>(py) => {
            match error.value(py).getattr("code")?.extract::<i64>() {
                Ok(0) => Outcome::Reusable,
                Ok(_) | Err(_) => Outcome::Finished,
            }
        }
        Err(error) => {
            outfile.call_method0("flush").ok();
            return Err(error);
        }
    };
    match outfile.call_method0("flush") {
        Ok(_) => Ok(outcome),
        Err(error) => {
            // The JVM has gone, as it does after a LIMIT: not worth a word unless asked for.
            tracing::debug!(%error, "the output of a task could not be flushed");
            Ok(Outcome::Broken)
        }
    }
}
