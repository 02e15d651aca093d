//! The data section of one task: groups in, record batches out, and the threads between.

use std::fs::File;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_ipc::framing::GroupReader;
use bowstring_ipc::group::Group;
use bowstring_link::settings;
use bowstring_socket::read_ahead::Next;
use bowstring_socket::write_behind::WriteBehind;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::output::batch::Output;
use crate::errors::{self, internal, wire_error};
use crate::task::incoming::Incoming;

/// How long finished rows may wait for more to share a batch with. Long enough for the JVM to
/// serialise some hundred small groups, short enough for nobody to notice.
const PATIENCE: Duration = Duration::from_millis(10);

/// What waits to be written, as results come.
pub(crate) trait Rows {
    /// Whether anything waits to be written.
    fn waits(&self) -> bool;

    /// Writes what waits, if anything does.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()>;
}

/// Rows of which each is sent as a struct.
#[derive(Debug)]
pub(crate) struct Structs(pub(crate) Output);

impl Rows for Structs {
    fn waits(&self) -> bool {
        self.0.has_groups()
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        reply.write_structs(py, &mut self.0)
    }
}

/// Rows that are sent with a column for each field.
#[derive(Debug)]
pub(crate) struct Flat(pub(crate) Output);

impl Rows for Flat {
    fn waits(&self) -> bool {
        self.0.has_groups()
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        reply.write_columns(py, &mut self.0)
    }
}

/// The answer of a task; its thread is started with the first batch.
#[derive(Debug)]
pub(crate) struct Reply {
    /// What is answered, for functions that ask for more themselves.
    pub(crate) incoming: Incoming,
    socket: File,
    writer: Option<WriteBehind>,
    rows_each: usize,
}

impl Reply {
    /// Queues a batch. All batches of a task have this schema, which may allow fewer nulls.
    ///
    /// # Errors
    ///
    /// Fails if the socket does, most often because the JVM has closed it.
    pub(crate) fn write(
        &mut self,
        py: Python<'_>,
        schema: SchemaRef,
        batch: RecordBatch,
    ) -> PyResult<()> {
        self.send(py, schema, batch, false)
    }

    /// `borrows`: the batch lies in memory of the user's function, which must not be called before it is written.
    fn send(
        &mut self,
        py: Python<'_>,
        schema: SchemaRef,
        batch: RecordBatch,
        borrows: bool,
    ) -> PyResult<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let socket = self.socket.try_clone()?;
                let started = WriteBehind::start(socket, schema, self.rows_each);
                none.insert(started.map_err(errors::from_io)?)
            }
        };
        let written = py.detach(|| {
            if borrows {
                writer.write_now(batch)
            } else {
                writer.write(batch)
            }
        });
        written.map_err(errors::from_io)
    }

    /// Queues the rows that `output` has, if any, each of them a struct.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub(crate) fn write_structs(&mut self, py: Python<'_>, output: &mut Output) -> PyResult<()> {
        if !output.has_groups() {
            return Ok(());
        }
        let borrows = output.borrows();
        let batch = output.take().map_err(|error| internal(&error))?;
        self.send(py, output.schema(), batch, borrows)
    }

    /// The same with a column for each field.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub(crate) fn write_columns(&mut self, py: Python<'_>, output: &mut Output) -> PyResult<()> {
        if !output.has_groups() {
            return Ok(());
        }
        let borrows = output.borrows();
        let batch = output.take_flat().map_err(|error| internal(&error))?;
        self.send(py, output.flat_schema(), batch, borrows)
    }
}

/// Has `take_all` take everything of the data section behind `infile`.
///
/// # Errors
///
/// Those of `take_all`, of the socket, and of a stream that is out of step.
pub(crate) fn serve_section(
    py: Python<'_>,
    infile: &InputFile,
    outfile: &OutputFile,
    reader: GroupReader,
    rows_each: usize,
    take_all: impl FnOnce(&mut Reply) -> PyResult<()>,
) -> PyResult<()> {
    let shared = &infile.input;
    let socket = outfile.direct(py)?;
    let Some(input) = shared.take() else {
        return Err(PyRuntimeError::new_err(
            "bowstring: the connection's input is in use",
        ));
    };
    let incoming = Incoming::start(input, reader, settings::read_ahead_bytes());
    let incoming = incoming.map_err(errors::from_io)?;
    let mut reply = Reply {
        incoming: incoming.clone(),
        socket,
        writer: None,
        rows_each,
    };
    let outcome = errors::guarded(|| take_all(&mut reply));
    // The stream is ended even after an error, so that the JVM can read what follows it.
    let finished = reply
        .writer
        .map_or(Ok(()), |mut writer| py.detach(|| writer.finish()));
    if let Err(error) = outcome {
        incoming.abandon(py);
        return Err(error);
    }
    let input = incoming.finish(py);
    input.map(|input| shared.put_back(input)).ok_or_else(|| {
        PyRuntimeError::new_err("bowstring: the reading thread panicked, this is a bug")
    })?;
    finished.map_err(errors::from_io)
}

/// Has `take` take every group that arrives. Writes what is in `output` when `take` says that it is enough for a batch, or
/// nothing more arrives. `end` comes after the last group.
///
/// # Errors
///
/// Those of `take` and `end`, of the socket, and of a stream that is out of step.
pub(crate) fn take_groups<O: Rows>(
    py: Python<'_>,
    reply: &mut Reply,
    output: &mut O,
    mut take: impl FnMut(Group, &mut O, &mut Reply) -> PyResult<bool>,
    end: impl FnOnce() -> PyResult<()>,
) -> PyResult<()> {
    loop {
        // What is finished is not kept while nothing arrives.
        let patience = output.waits().then_some(PATIENCE);
        match reply.incoming.next(py, patience) {
            Next::Group(group) => {
                if take(group, output, reply)? {
                    output.write(py, reply)?;
                }
            }
            Next::Waiting => output.write(py, reply)?,
            Next::End => {
                end()?;
                return output.write(py, reply);
            }
            Next::Failed(error) => return Err(wire_error(&error)),
        }
    }
}
