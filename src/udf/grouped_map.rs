//! `GROUPED_MAP`: `applyInPandas`, and `groupby(…).apply` of a `pandas_udf`. Eval type 201.
//!
//! [`GroupedMap`] stands where stock has a serializer: PySpark's worker calls `load_stream` and
//! `dump_stream`. A group costs one frame, one call of the user's function and one look at its
//! result; everything else happens once a task or on other threads.

use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_pyarrow::ToPyArrow;
use arrow_schema::SchemaRef;
use pyo3::exceptions::{PyBrokenPipeError, PyEOFError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::conversions::Conversions;
use super::error_notes::Reminder;
use super::group_frames::{GroupFrames, Offsets};
use super::results::Results;
use super::verifier::Verifier;
use crate::frame::output::Output;
use crate::wire::WireError;
use crate::worker::group_reader::{Framing, Group, GroupReader};
use crate::worker::python_files::{InputFile, OutputFile};
use crate::worker::read_ahead::{Next, ReadAhead};
use crate::worker::write_behind::WriteBehind;

/// How long finished rows may wait for more to share a batch with. Long enough for the JVM to
/// serialise some hundred small groups, short enough for nobody to notice.
const PATIENCE: Duration = Duration::from_millis(10);

/// Default of `BOWSTRING_READ_AHEAD_BYTES`.
const READ_AHEAD_BYTES: usize = 8 << 20;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct GroupedMap {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    offsets: Offsets,
    framing: Framing,
    conversions: Conversions,
}

/// What is remembered from group to group.
struct Run<'a, 'py> {
    py: Python<'py>,
    function: &'a Bound<'py, PyAny>,
    /// Columns of the key.
    keys: &'a [usize],
    frames: GroupFrames<'a, 'py>,
    results: Results<'a, 'py>,
    /// If the user has asked for it.
    verifier: Option<Verifier<'py>>,
}

#[pymethods]
impl GroupedMap {
    #[new]
    fn new(task: &Bound<'_, PyAny>, framing: &str, proven: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            function: task.getattr("function")?.unbind(),
            offsets: Offsets {
                keys: task.getattr("key_offsets")?.extract()?,
                values: task.getattr("value_offsets")?.extract()?,
                with_key: task.getattr("with_key")?.extract()?,
            },
            framing: if framing == "batch" {
                Framing::BatchPerGroup
            } else {
                Framing::StreamPerGroup
            },
            conversions: Conversions::new(&task.getattr("stock")?, proven)?,
        })
    }

    /// Stands for the groups until `dump_stream` gets it back; reads nothing.
    #[expect(clippy::unused_self, reason = "a method in stock's serializers")]
    fn load_stream<'py>(&self, infile: &Bound<'py, PyAny>) -> PyResult<Bound<'py, InputFile>> {
        Ok(infile.cast::<InputFile>()?.clone())
    }

    /// Runs the task: reads every group, calls the function, writes the results.
    fn dump_stream(
        &self,
        py: Python<'_>,
        groups: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let shared = &groups.get().input;
        let socket = outfile.get().direct(py)?;
        let Some(input) = shared.take() else {
            return Err(PyRuntimeError::new_err(
                "bowstring: the connection's input is in use",
            ));
        };
        let reader = GroupReader::new(self.framing, self.conversions.projection());
        let mut ahead = ReadAhead::start(input, reader, read_ahead_bytes())?;
        let mut writer = None;
        let mut output = self.conversions.output();
        let function = self.function.bind(py);
        let mut run = Run {
            py,
            function,
            keys: &self.offsets.keys,
            frames: GroupFrames::new(py, &self.conversions, &self.offsets),
            results: Results::new(py, &self.conversions)?,
            verifier: Verifier::start(self.conversions.stock.bind(py))?,
        };
        let outcome = run.groups(&mut ahead, &mut output, &mut |schema, batch| {
            let writer = match &mut writer {
                Some(writer) => writer,
                none => none.insert(WriteBehind::start(socket.try_clone()?, schema)?),
            };
            py.detach(|| writer.write(batch)).map_err(PyErr::from)
        });
        // The stream is ended even after an error, so that the JVM can read what follows it.
        let finished = writer.map_or(Ok(()), |mut writer| py.detach(|| writer.finish()));
        if let Err(error) = outcome {
            ahead.abandon();
            return Err(error);
        }
        let input = py.detach(|| ahead.finish());
        input.map(|input| shared.put_back(input)).ok_or_else(|| {
            PyRuntimeError::new_err("bowstring: the reading thread panicked, this is a bug")
        })?;
        finished.map_err(PyErr::from)
    }

    /// The frame of one group given as Arrow IPC messages. For the self-test.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
    fn frame<'py>(
        &self,
        py: Python<'py>,
        schema: &[u8],
        messages: Vec<Bound<'py, PyBytes>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let messages: Vec<&[u8]> = messages.iter().map(PyBytesMethods::as_bytes).collect();
        let group = Group::decode(schema, &messages, self.conversions.projection())
            .map_err(|error| wire_error(&error))?;
        Ok(GroupFrames::new(py, &self.conversions, &self.offsets)
            .frame(&group, None)?
            .0)
    }

    /// The record batch that a result becomes. For the self-test.
    fn convert<'py>(
        &self,
        py: Python<'py>,
        result: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut output = self.conversions.output();
        let rows = Results::new(py, &self.conversions)?.take_apart(result, &mut output, None)?;
        output.end_group(rows);
        output
            .take()
            .map_err(|error| internal(&error))?
            .to_pyarrow(py)
    }
}

impl Run<'_, '_> {
    /// Takes group after group until the data section is over.
    fn groups(
        &mut self,
        ahead: &mut ReadAhead,
        output: &mut Output,
        write: &mut dyn FnMut(SchemaRef, RecordBatch) -> PyResult<()>,
    ) -> PyResult<()> {
        loop {
            let patience = output.has_groups().then_some(PATIENCE);
            let next = match ahead.ready() {
                Some(group) => Next::Group(group),
                None => self.py.detach(|| ahead.next(patience)),
            };
            let over = matches!(next, Next::End);
            let due = match next {
                Next::Group(group) => {
                    let rows = self.group(group, output)?;
                    output.end_group(rows)
                }
                Next::Waiting | Next::End => output.has_groups(),
                Next::Failed(error) => return Err(wire_error(&error)),
            };
            if due {
                let batch = output.take().map_err(|error| internal(&error))?;
                write(output.schema(), batch)?;
            }
            if over {
                return Ok(());
            }
        }
    }

    /// Calls the function for one group. Returns the number of rows of its result.
    fn group(&mut self, group: Group, output: &mut Output) -> PyResult<usize> {
        let verifier = match &self.verifier {
            Some(verifier) if verifier.takes_next()? => Some(verifier),
            Some(_) | None => None,
        };
        let input = self.frames.frame(&group, verifier);
        // The frame has copies of all that it shows, so a large group's memory is free for the call.
        let reminder = Reminder::of(group, self.keys);
        input
            .and_then(|(frame, key)| match key {
                Some(key) => self.function.call1((key, frame)),
                None => self.function.call1((frame,)),
            })
            .and_then(|result| self.results.take_apart(&result, output, verifier))
            .map_err(|error| reminder.annotate(self.py, self.keys, error))
    }
}

/// The class that says whose fault it is; the JVM reads the text.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all others are bytes that are not the protocol"
)]
fn wire_error(error: &WireError) -> PyErr {
    let text = format!("bowstring {}: {error}", env!("CARGO_PKG_VERSION"));
    match error {
        WireError::Truncated { .. } => PyEOFError::new_err(text),
        WireError::Io { .. } => PyBrokenPipeError::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}

fn internal(error: &dyn std::error::Error) -> PyErr {
    PyRuntimeError::new_err(format!(
        "bowstring {}: build record batch: {error}. This is a bug in bowstring.",
        env!("CARGO_PKG_VERSION")
    ))
}

fn read_ahead_bytes() -> usize {
    std::env::var("BOWSTRING_READ_AHEAD_BYTES")
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(READ_AHEAD_BYTES)
}
