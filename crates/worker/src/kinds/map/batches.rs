//! The record batches of a task without groups, as pyarrow's.

use std::sync::{Mutex, OnceLock, TryLockError};

use arrow_buffer::Buffer;
use bowstring_ipc::Decoded;
use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use bowstring_link::settings;
use bowstring_socket::input::Input;
use bowstring_socket::read_ahead::{Next, ReadAhead};
use pyo3::exceptions::{PyException, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::connection::files::{InputFile, OutputFile, SharedInput};
use crate::convert::lent::lend;
use crate::errors::{self, malformed, wire_error};
use crate::kinds::map::frames::MapFrames;

/// A record batch with the fields of a struct as columns, in the place of one with the struct as its only column. Stock
/// takes the fields out and puts them back in batch by batch, which makes Python objects for each of them.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct StructBatch {
    /// The `pyarrow.RecordBatch` with the fields.
    #[pyo3(get)]
    fields: Py<PyAny>,
}

#[pymethods]
impl StructBatch {
    #[new]
    fn new(fields: Py<PyAny>) -> Self {
        Self { fields }
    }
}

/// An iterator in the place of the one that stock's `ArrowStreamSerializer.load_stream` gives: it
/// reads nothing before the first batch is asked for. A thread may read ahead, but nobody copies:
/// pyarrow's batches lie in the memory that was read into.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct Batches {
    input: SharedInput,
    /// Whether batches are looked into before pyarrow is.
    checked: bool,
    /// Whether [`StructBatch`]es are wanted where they can be.
    #[pyo3(get)]
    in_struct: bool,
    /// Called with the batch of each [`StructBatch`] and the one that stock's reader makes, if the user has asked for that.
    compare: Option<Py<PyAny>>,
    /// Makes frames that take the place of batches, where it can.
    #[pyo3(get)]
    frames: Option<Py<MapFrames>>,
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
    source: Source,
    /// What was read before it was known who should read.
    first: Option<Next>,
    /// `pyarrow.foreign_buffer`
    foreign_buffer: Py<PyAny>,
    /// `pyarrow.ipc.read_record_batch`
    read_record_batch: Py<PyAny>,
    /// `pyarrow.ipc.read_schema`
    read_schema: Py<PyAny>,
    /// One for the task, made for the first batch.
    schema: Option<Py<PyAny>>,
    /// The fields of the only column as a schema, for [`StructBatch`]es.
    fields: Option<Py<PyAny>>,
}

/// Bytes of a batch of fields from which on no thread reads ahead: it would only copy what the kernel holds as well, and
/// the batch would change from one core's cache to another's.
const LARGE: usize = 256 << 10;

/// Who reads.
#[derive(Debug)]
enum Source {
    /// The main thread.
    Here(Box<(Input, GroupReader)>),
    /// A thread.
    Ahead(ReadAhead),
}

impl Source {
    fn ahead(input: Input, reader: GroupReader) -> PyResult<Self> {
        let groups = ReadAhead::start(input, reader, settings::read_ahead_bytes());
        let groups = groups.map_err(errors::from_io)?;
        Ok(Self::Ahead(groups))
    }

    /// A batch that needs no waiting.
    fn ready(&mut self) -> Option<Group> {
        match self {
            Self::Here(_) => None,
            Self::Ahead(groups) => groups.ready(),
        }
    }

    fn next(&mut self) -> Next {
        match self {
            Self::Here(here) => {
                let (input, reader) = here.as_mut();
                next_of(input, reader)
            }
            Self::Ahead(groups) => groups.next(None),
        }
    }

    /// The connection's input, after [`Next::End`]. `None` if the thread panicked.
    fn finish(self) -> Option<Input> {
        match self {
            Self::Here(here) => {
                let (input, _) = *here;
                Some(input)
            }
            Self::Ahead(groups) => groups.finish(),
        }
    }
}

/// What a reader finds next.
fn next_of(input: &mut Input, reader: &mut GroupReader) -> Next {
    match reader.next_group(input) {
        Ok(Some(group)) => Next::Group(group),
        Ok(None) => Next::End,
        Err(error) => Next::Failed(error),
    }
}

#[pymethods]
impl Batches {
    /// `checked`: for batches that are converted natively, which has to trust them; `in_struct`: for a function that gets the
    /// fields of the only column as batches, which are checked as well; `compare`: sees them beside stock's; `frames`: for a
    /// function that gets frames.
    #[new]
    #[pyo3(signature = (infile, checked, in_struct, compare=None, frames=None))]
    fn new(
        infile: &Bound<'_, InputFile>,
        checked: bool,
        in_struct: bool,
        compare: Option<Py<PyAny>>,
        frames: Option<Py<MapFrames>>,
    ) -> Self {
        Self {
            input: infile.get().input.clone(),
            checked,
            in_struct,
            compare,
            frames,
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
        let outcome = errors::guarded(|| self.next(py, &mut state));
        if !matches!(outcome, Ok(Some(_))) {
            *state = State::Over;
        }
        outcome
    }
}

impl Batches {
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        match self.output.get() {
            Some(output) => output.get().flush(py),
            None => Ok(()),
        }
    }

    fn next<'py>(&self, py: Python<'py>, state: &mut State) -> PyResult<Option<Bound<'py, PyAny>>> {
        if matches!(state, State::Before) {
            *state = State::Running(Box::new(self.start(py)?));
        }
        let State::Running(running) = state else {
            return Ok(None);
        };
        let ready = || running.source.ready().map(Next::Group);
        let next = if let Some(next) = running.first.take().or_else(ready) {
            next
        } else {
            self.flush(py)?;
            py.detach(|| running.source.next())
        };
        match next {
            Next::Group(group) => {
                if let Some(frame) = self.frame(py, &group)? {
                    return Ok(Some(frame));
                }
                running.batch(py, group, self.compare.as_ref()).map(Some)
            }
            Next::Failed(error) => Err(wire_error(&error)),
            Next::End | Next::Waiting => {
                let State::Running(running) = std::mem::replace(state, State::Over) else {
                    return Ok(None);
                };
                let input = py.detach(|| running.source.finish()).ok_or_else(|| {
                    PyRuntimeError::new_err("bowstring: the reading thread panicked, this is a bug")
                })?;
                self.input.put_back(input);
                Ok(None)
            }
        }
    }

    /// What takes the place of a batch.
    fn frame<'py>(&self, py: Python<'py>, group: &Group) -> PyResult<Option<Bound<'py, PyAny>>> {
        match (&self.frames, &group.columns) {
            (Some(frames), Decoded::Native(batches)) => match batches.as_slice() {
                [batch] => frames.get().of_batch(py, &group.schema.schema, batch),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn start(&self, py: Python<'_>) -> PyResult<Running> {
        let pyarrow = py.import("pyarrow")?;
        let ipc = py.import("pyarrow.ipc")?;
        let mut input = self.input.lend().ok_or_else(|| {
            PyRuntimeError::new_err("bowstring: the connection's input is in use")
        })?;
        let framing = match (self.in_struct, self.checked) {
            (true, _) => Framing::Unwrapped,
            (false, true) => Framing::BatchPerGroup,
            (false, false) => Framing::Unread,
        };
        let mut reader = match &self.frames {
            Some(_) => MapFrames::reader(),
            None => GroupReader::new(framing, Box::new(|_| Vec::new())),
        };
        let first = if framing == Framing::Unwrapped {
            self.flush(py)?;
            Some(py.detach(|| next_of(&mut input, &mut reader)))
        } else {
            None
        };
        let source = match &first {
            Some(Next::Group(group)) if group.bytes() < LARGE => Source::ahead(input, reader)?,
            Some(_) => Source::Here(Box::new((input, reader))),
            None => Source::ahead(input, reader)?,
        };
        Ok(Running {
            source,
            first,
            foreign_buffer: pyarrow.getattr("foreign_buffer")?.unbind(),
            read_record_batch: ipc.getattr("read_record_batch")?.unbind(),
            read_schema: ipc.getattr("read_schema")?.unbind(),
            schema: None,
            fields: None,
        })
    }
}

impl Running {
    /// What stock's reader makes of a batch.
    fn batch<'py>(
        &mut self,
        py: Python<'py>,
        group: Group,
        compare: Option<&Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Group {
            schema,
            columns,
            encoded,
            ..
        } = group;
        let schema = self.schema(py, &schema.message)?;
        let encoded = encoded.into_iter().next().ok_or_else(|| {
            PyRuntimeError::new_err("bowstring: a message without a batch, this is a bug")
        })?;
        if let Some(message) = encoded.unwrapped()
            && !matches!(columns, Decoded::Malformed(_))
        {
            let fields = self.fields(&schema)?;
            match self.read(&fields, message.clone()) {
                Ok(batch) => {
                    if let Some(compare) = compare {
                        let stocks = self.read(
                            &schema,
                            encoded.into_message().map_err(errors::out_of_memory)?,
                        )?;
                        compare.call1(py, (&batch, stocks))?;
                    }
                    let fields = batch.unbind();
                    return Ok(Bound::new(py, StructBatch { fields })?.into_any());
                }
                // Stock's reader, or what it does next, has something to say.
                Err(error) if error.is_instance_of::<PyException>(py) => {}
                Err(error) => return Err(error),
            }
        }
        let batch = self.read(
            &schema,
            encoded.into_message().map_err(errors::out_of_memory)?,
        )?;
        match columns {
            Decoded::Native(_) | Decoded::Stock(_) => Ok(batch),
            // Stock's reader has noticed nothing, and would go on to read outside of its buffers.
            Decoded::Malformed(fault) => Err(malformed(&fault)),
        }
    }

    fn read<'py>(
        &self,
        schema: &Bound<'py, PyAny>,
        message: Buffer,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = schema.py();
        let buffer = lend(self.foreign_buffer.bind(py), message)?;
        self.read_record_batch.bind(py).call1((buffer, schema))
    }

    fn schema<'py>(&mut self, py: Python<'py>, message: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        if let Some(schema) = &self.schema {
            return Ok(schema.bind(py).clone());
        }
        let message = PyBytes::new(py, message);
        let message = py
            .import("pyarrow")?
            .call_method1("py_buffer", (message,))?;
        let schema = self.read_schema.call1(py, (message,))?;
        Ok(self.schema.insert(schema).bind(py).clone())
    }

    fn fields<'py>(&mut self, schema: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = schema.py();
        if let Some(fields) = &self.fields {
            return Ok(fields.bind(py).clone());
        }
        let column = schema.getattr("types")?.get_item(0)?;
        let fields = py.import("pyarrow")?.call_method1("schema", (column,))?;
        Ok(self.fields.insert(fields.unbind()).bind(py).clone())
    }
}
