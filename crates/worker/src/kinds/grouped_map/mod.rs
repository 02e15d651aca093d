//! `GROUPED_MAP`: `applyInPandas`, and `groupby(…).apply` of a `pandas_udf`. Eval type 201.
//!
//! [`GroupedMap`] stands where stock has a serializer: PySpark's worker calls `dump_stream` with what
//! it reads from. A group costs one frame, one call of the user's function and one look at its
//! result; everything else happens once a task or on other threads.

pub mod cogrouped;
pub mod iter;

use std::sync::Arc;

use bowstring_ipc::framing::Framing;
use bowstring_ipc::group::Group;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::conversions::Conversions;
use crate::convert::input::frame::GroupFrames;
use crate::convert::input::key_columns::KeyColumns;
use crate::convert::output::batch::Output;
use crate::errors::{internal, wire_error};
use crate::task::group_label::GroupLabel;
use crate::task::results::Results;
use crate::task::step::{self, Reply, Step};
use crate::task::verifier::Verifier;
use crate::words::Word;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct GroupedMap {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    offsets: KeyColumns,
    framing: Framing,
    conversions: Arc<Conversions>,
}

/// What is remembered from group to group.
struct Run<'a, 'py> {
    py: Python<'py>,
    function: &'a Bound<'py, PyAny>,
    /// Columns of the key.
    keys: &'a [usize],
    with_key: bool,
    frames: GroupFrames,
    results: Results<'a, 'py>,
    output: Output,
    /// If the user has asked for it.
    verifier: Option<Verifier<'py>>,
}

#[pymethods]
impl GroupedMap {
    #[new]
    fn new(
        task: &Bound<'_, PyAny>,
        framing: Word<Framing>,
        proven: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        Ok(Self {
            function: task.getattr("function")?.unbind(),
            offsets: KeyColumns::of(task)?,
            framing: framing.0,
            conversions: Conversions::new(&task.getattr("stock")?, proven)?.into(),
        })
    }

    /// Runs the task: reads every group, calls the function, writes the results.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = self.conversions.reader(self.framing);
        let mut run = Run {
            py,
            function: self.function.bind(py),
            keys: &self.offsets.keys,
            with_key: self.offsets.with_key,
            frames: GroupFrames::new(&self.conversions, &self.offsets),
            results: Results::new(py, &self.conversions)?,
            output: self.conversions.output().borrowing(),
            verifier: Verifier::start(self.conversions.stock.bind(py))?,
        };
        step::run(py, infile.get(), outfile.get(), reader, &mut run)
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
        let reader = self.conversions.reader(Framing::BatchPerGroup);
        let group = Group::decode(schema, &messages, reader).map_err(|error| wire_error(&error))?;
        Ok(GroupFrames::new(&self.conversions, &self.offsets)
            .frame(py, &group, self.offsets.with_key, None)?
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
        let batch = output.take().map_err(|error| internal(&error))?;
        output.to_pyarrow(py, &batch)
    }
}

impl Step for Run<'_, '_> {
    fn group(&mut self, group: Group, _reply: &mut Reply) -> PyResult<bool> {
        let verifier = Verifier::of_next(self.verifier.as_ref())?;
        let rows = group.rows;
        let input = self.frames.frame(self.py, &group, self.with_key, verifier);
        // The frame has copies of all that it shows, so a large group's memory is free for the call.
        let reminder = GroupLabel::of(group, self.keys);
        input
            .and_then(|(frame, key)| match key {
                Some(key) => self.function.call1((key, frame)),
                None => self.function.call1((frame,)),
            })
            .and_then(|result| {
                let rows = self
                    .results
                    .take_apart(&result, &mut self.output, verifier)?;
                Ok(self.output.end_group(rows))
            })
            .map_err(|error| reminder.annotate(self.py, self.keys, &[rows], error))
    }

    fn waits(&self) -> bool {
        self.output.has_groups()
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        reply.write_structs(py, &mut self.output)
    }
}
