//! The data section of one task: groups in, record batches out, and the threads between.

use std::fs::File;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use pyo3::exceptions::{PyBrokenPipeError, PyEOFError, PyRuntimeError};
use pyo3::prelude::*;

use crate::wire::{Fault, WireError};
use crate::worker::group_reader::{Group, GroupReader};
use crate::worker::python_files::{InputFile, OutputFile};
use crate::worker::read_ahead::{Next, ReadAhead};
use crate::worker::write_behind::WriteBehind;

/// How long finished rows may wait for more to share a batch with. Long enough for the JVM to
/// serialise some hundred small groups, short enough for nobody to notice.
const PATIENCE: Duration = Duration::from_millis(10);

/// Default of `BOWSTRING_READ_AHEAD_BYTES`.
const READ_AHEAD_BYTES: usize = 8 << 20;

/// Groups as they arrive.
#[derive(Debug)]
pub struct Groups(ReadAhead);

/// What there is to do next.
#[derive(Debug)]
pub enum Event {
    /// A group has arrived.
    Group(Group),
    /// Nothing has arrived for a while, so what is finished should be written.
    Pause,
    /// The data section is over.
    End,
}

impl Groups {
    /// Waits for the next group; only for a while if something is `unwritten`.
    ///
    /// # Errors
    ///
    /// The stream is out of step.
    pub fn next(&mut self, py: Python<'_>, unwritten: bool) -> PyResult<Event> {
        let next = match self.0.ready() {
            Some(group) => Next::Group(group),
            None => py.detach(|| self.0.next(unwritten.then_some(PATIENCE))),
        };
        match next {
            Next::Group(group) => Ok(Event::Group(group)),
            Next::Waiting => Ok(Event::Pause),
            Next::End => Ok(Event::End),
            Next::Failed(error) => Err(wire_error(&error)),
        }
    }
}

/// The answer of a task; its thread is started with the first batch.
#[derive(Debug)]
pub struct Answer {
    socket: File,
    writer: Option<WriteBehind>,
    rows_each: usize,
}

impl Answer {
    /// Before the first batch: the JVM will get each row as a batch of its own.
    pub fn one_row_each(&mut self) {
        self.rows_each = 1;
    }

    /// Queues a batch. All batches of a task have this schema, which may allow fewer nulls.
    ///
    /// # Errors
    ///
    /// Fails if the socket does, most often because the JVM has closed it.
    pub fn write(&mut self, py: Python<'_>, schema: SchemaRef, batch: RecordBatch) -> PyResult<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let socket = self.socket.try_clone()?;
                none.insert(WriteBehind::start(socket, schema, self.rows_each)?)
            }
        };
        py.detach(|| writer.write(batch)).map_err(PyErr::from)
    }
}

/// Runs `work` on the data section behind `infile`: it has to take every group.
///
/// # Errors
///
/// Those of `work`, of the socket, and of a stream that is out of step.
pub fn run(
    py: Python<'_>,
    infile: &InputFile,
    outfile: &OutputFile,
    reader: GroupReader,
    work: impl FnOnce(&mut Groups, &mut Answer) -> PyResult<()>,
) -> PyResult<()> {
    let shared = &infile.input;
    let socket = outfile.direct(py)?;
    let Some(input) = shared.take() else {
        return Err(PyRuntimeError::new_err(
            "bowstring: the connection's input is in use",
        ));
    };
    let mut groups = Groups(ReadAhead::start(input, reader, read_ahead_bytes())?);
    let mut answer = Answer {
        socket,
        writer: None,
        rows_each: usize::MAX,
    };
    let outcome = work(&mut groups, &mut answer);
    // The stream is ended even after an error, so that the JVM can read what follows it.
    let finished = answer
        .writer
        .map_or(Ok(()), |mut writer| py.detach(|| writer.finish()));
    if let Err(error) = outcome {
        groups.0.abandon();
        return Err(error);
    }
    let input = py.detach(|| groups.0.finish());
    input.map(|input| shared.put_back(input)).ok_or_else(|| {
        PyRuntimeError::new_err("bowstring: the reading thread panicked, this is a bug")
    })?;
    finished.map_err(PyErr::from)
}

/// The class that says whose fault it is; the JVM reads the text.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all others are bytes that are not the protocol"
)]
pub fn wire_error(error: &WireError) -> PyErr {
    let text = format!("bowstring {}: {error}", env!("CARGO_PKG_VERSION"));
    match error {
        WireError::Truncated { .. } => PyEOFError::new_err(text),
        WireError::Io { .. } => PyBrokenPipeError::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}

/// A record batch that nobody may follow, though stock's reader has not noticed it.
pub fn malformed(fault: &Fault) -> PyErr {
    PyRuntimeError::new_err(format!("bowstring {}: {fault}", env!("CARGO_PKG_VERSION")))
}

/// A record batch that cannot be built.
pub fn internal(error: &dyn std::error::Error) -> PyErr {
    PyRuntimeError::new_err(format!(
        "bowstring {}: build record batch: {error}. This is a bug in bowstring.",
        env!("CARGO_PKG_VERSION")
    ))
}

/// `BOWSTRING_READ_AHEAD_BYTES`.
pub fn read_ahead_bytes() -> usize {
    std::env::var("BOWSTRING_READ_AHEAD_BYTES")
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(READ_AHEAD_BYTES)
}
