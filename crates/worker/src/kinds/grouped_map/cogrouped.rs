//! `COGROUPED_MAP`: `cogroup(…).applyInPandas`. Eval type 206.
//!
//! As [`crate::kinds::grouped_map`], with two frames for each key.

use std::sync::Arc;

use bowstring_ipc::framing::{Framing, Join};
use bowstring_ipc::group::Group;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::conversions::Conversions;
use crate::convert::input::frame::GroupFrames;
use crate::convert::input::key_columns::KeyColumns;
use crate::convert::output::batch::Output;
use crate::task::group_label::GroupLabel;
use crate::task::results::Results;
use crate::task::step::{self, Pairs, Reply, Step};
use crate::task::verifier::Verifier;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct CogroupedMap {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    left: KeyColumns,
    right: KeyColumns,
    /// The Spark line makes one batch of each side before it converts it.
    conversions: Arc<Conversions>,
}

/// What is remembered from key to key.
struct Run<'a, 'py> {
    py: Python<'py>,
    task: &'a CogroupedMap,
    function: &'a Bound<'py, PyAny>,
    left: GroupFrames,
    right: GroupFrames,
    results: Results<'a, 'py>,
    output: Output,
    /// If the user has asked for it.
    verifier: Option<Verifier<'py>>,
}

#[pymethods]
impl CogroupedMap {
    /// `task`: a `CogroupedMap` of `kinds.py`.
    #[new]
    fn new(task: &Bound<'_, PyAny>, proven: &Bound<'_, PyAny>) -> PyResult<Self> {
        let left = task.getattr("left")?;
        Ok(Self {
            function: task.getattr("function")?.unbind(),
            left: KeyColumns::of(&left)?,
            right: KeyColumns::of(&task.getattr("right")?)?,
            conversions: Conversions::new(&left.getattr("stock")?, proven)?.into(),
        })
    }

    /// Runs the task: reads both sides of every key, calls the function, writes the results.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = self
            .conversions
            .reader(Framing::Cogrouped)
            // Of text pandas 3 has a chunk for each batch.
            .joining(Join::UnlessText);
        let run = Run {
            py,
            task: self,
            function: self.function.bind(py),
            left: GroupFrames::new(&self.conversions, &self.left).uncombined(),
            right: GroupFrames::new(&self.conversions, &self.right).uncombined(),
            results: Results::new(py, &self.conversions)?,
            output: self.conversions.output().borrowing(),
            verifier: Verifier::start(self.conversions.stock.bind(py))?,
        };
        step::run(py, infile.get(), outfile.get(), reader, &mut Pairs::of(run))
    }
}

impl Step<(Group, Group)> for Run<'_, '_> {
    fn group(&mut self, sides: (Group, Group), _reply: &mut Reply) -> PyResult<bool> {
        let (left, right) = sides;
        let verifier = Verifier::of_next(self.verifier.as_ref())?;
        let (left_offsets, right_offsets) = (&self.task.left, &self.task.right);
        let rows = [left.rows, right.rows];
        // PARITY: stock asks whether the left frame is empty, and one without columns is, too.
        let left_has_key = left.rows > 0 && !left_offsets.values.is_empty();
        let with_key = left_offsets.with_key;
        let frames = self
            .left
            .frame(self.py, &left, with_key && left_has_key, verifier)
            .and_then(|left| {
                let right =
                    self.right
                        .frame(self.py, &right, with_key && !left_has_key, verifier)?;
                Ok((left, right))
            });
        // The frames have copies of all that they show, so large sides' memory is free for the call.
        let (reminder, keys) =
            GroupLabel::of_sides((left, &left_offsets.keys), (right, &right_offsets.keys));
        frames
            .and_then(
                |((left, left_key), (right, right_key))| match left_key.or(right_key) {
                    Some(key) => self.function.call1((key, left, right)),
                    None => self.function.call1((left, right)),
                },
            )
            .and_then(|result| {
                let rows = self
                    .results
                    .take_apart(&result, &mut self.output, verifier)?;
                Ok(self.output.end_group(rows))
            })
            .map_err(|error| reminder.annotate(self.py, keys, &rows, error))
    }

    fn waits(&self) -> bool {
        self.output.has_groups()
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        reply.write_structs(py, &mut self.output)
    }
}
