//! The record batches of a task without groups, as pyarrow's.

use std::sync::{Mutex, OnceLock, TryLockError};

use arrow_buffer::Buffer;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::task::{malformed, read_ahead_bytes, wire_error};
use crate::worker::group::{Columns, Group};
use crate::worker::group_reader::{Framing, GroupReader};
use crate::worker::python_files::{InputFile, OutputFile, SharedInput};
use crate::worker::read_ahead::{Next, ReadAhead};

/// An iterator in the place of the one that stock's `ArrowStreamSerializer.load_stream` gives: it
/// reads nothing before the first batch is asked for. A thread reads ahead, but nobody copies:
/// pyarrow's batches lie in the memory that was read into.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct Batches {
    input: SharedInput,
    /// Whether batches are looked into before pyarrow is.
    checked: bool,
    /// Flushed before anybody waits for input.
    output: OnceLock<Py<OutputFile>>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Before,
    Running(Box<Running>),
    Over,
}

#[derive(Debug)]
struct Running {
    groups: ReadAhead,
    /// `pyarrow.foreign_buffer`
    foreign_buffer: Py<PyAny>,
    /// `pyarrow.ipc.read_record_batch`
    read_record_batch: Py<PyAny>,
    /// `pyarrow.ipc.read_schema`
    read_schema: Py<PyAny>,
    /// One for the task, made for the first batch.
    schema: Option<Py<PyAny>>,
}

/// Keeps memory for pyarrow.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
struct Held {
    #[expect(dead_code, reason = "it is only kept")]
    buffer: Buffer,
}

#[pymethods]
impl Batches {
    /// `checked`: for batches that are converted natively, which has to trust them.
    #[new]
    fn new(infile: &Bound<'_, InputFile>, checked: bool) -> Self {
        Self {
            input: infile.get().input.clone(),
            checked,
            output: OnceLock::new(),
            state: Mutex::new(State::Before),
        }
    }

    /// Has `outfile` flushed before anybody waits for input.
    fn flush_first(&self, outfile: Py<OutputFile>) {
        self.output.set(outfile).ok();
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // As two threads that share stock's generator.
            Err(TryLockError::WouldBlock) => {
                return Err(PyValueError::new_err("generator already executing"));
            }
        };
        let outcome = self.next(py, &mut state);
        if !matches!(outcome, Ok(Some(_))) {
            *state = State::Over;
        }
        outcome
    }
}

impl Batches {
    fn next<'py>(&self, py: Python<'py>, state: &mut State) -> PyResult<Option<Bound<'py, PyAny>>> {
        if matches!(state, State::Before) {
            *state = State::Running(Box::new(self.start(py)?));
        }
        let State::Running(running) = state else {
            return Ok(None);
        };
        let next = if let Some(group) = running.groups.ready() {
            Next::Group(group)
        } else {
            if let Some(output) = self.output.get() {
                output.get().flush(py)?;
            }
            py.detach(|| running.groups.next(None))
        };
        match next {
            Next::Group(group) => running.batch(py, group).map(Some),
            Next::Failed(error) => Err(wire_error(&error)),
            Next::End | Next::Waiting => {
                let State::Running(running) = std::mem::replace(state, State::Over) else {
                    return Ok(None);
                };
                let input = py.detach(|| running.groups.finish()).ok_or_else(|| {
                    PyRuntimeError::new_err("bowstring: the reading thread panicked, this is a bug")
                })?;
                self.input.put_back(input);
                Ok(None)
            }
        }
    }

    fn start(&self, py: Python<'_>) -> PyResult<Running> {
        let pyarrow = py.import("pyarrow")?;
        let ipc = py.import("pyarrow.ipc")?;
        let input = self.input.lend().ok_or_else(|| {
            PyRuntimeError::new_err("bowstring: the connection's input is in use")
        })?;
        let framing = if self.checked {
            Framing::BatchPerGroup
        } else {
            Framing::Unread
        };
        let reader = GroupReader::new(framing, Box::new(|_| Vec::new()));
        Ok(Running {
            groups: ReadAhead::start(input, reader, read_ahead_bytes())?,
            foreign_buffer: pyarrow.getattr("foreign_buffer")?.unbind(),
            read_record_batch: ipc.getattr("read_record_batch")?.unbind(),
            read_schema: ipc.getattr("read_schema")?.unbind(),
            schema: None,
        })
    }
}

impl Running {
    /// What stock's reader makes of a batch.
    fn batch<'py>(&mut self, py: Python<'py>, group: Group) -> PyResult<Bound<'py, PyAny>> {
        let Group {
            schema,
            columns,
            encoded,
            ..
        } = group;
        let schema = if let Some(schema) = &self.schema {
            schema
        } else {
            let message = PyBytes::new(py, &schema.message);
            let message = py
                .import("pyarrow")?
                .call_method1("py_buffer", (message,))?;
            self.schema.insert(self.read_schema.call1(py, (message,))?)
        };
        let encoded = encoded.into_iter().next().ok_or_else(|| {
            PyRuntimeError::new_err("bowstring: a message without a batch, this is a bug")
        })?;
        let buffer = encoded.into_message();
        let (address, length) = (buffer.as_ptr() as usize, buffer.len());
        let held = Bound::new(py, Held { buffer })?;
        let buffer = self
            .foreign_buffer
            .bind(py)
            .call1((address, length, held))?;
        let batch = self.read_record_batch.bind(py).call1((buffer, schema))?;
        match columns {
            Columns::Decoded(_) | Columns::Stock(_) => Ok(batch),
            // Stock's reader has noticed nothing, and would go on to read outside of its buffers.
            Columns::Malformed(fault) => Err(malformed(&fault)),
        }
    }
}
