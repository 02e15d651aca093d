//! `COGROUPED_MAP`: `cogroup(…).applyInPandas`. Eval type 206.
//!
//! As [`super::grouped_map`], with two frames for each key.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::conversions::Conversions;
use super::error_notes::Reminder;
use super::group_frames::{GroupFrames, Offsets};
use super::results::Results;
use super::task::{self, Event, internal};
use super::verifier::Verifier;
use crate::frame::output::Output;
use crate::worker::group_reader::{Framing, Group, GroupReader};
use crate::worker::python_files::{InputFile, OutputFile};

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct CogroupedMap {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    left: Offsets,
    right: Offsets,
    /// The Spark line makes one batch of each side before it converts it.
    conversions: Conversions,
}

/// What is remembered from key to key.
struct Run<'a, 'py> {
    py: Python<'py>,
    task: &'a CogroupedMap,
    function: &'a Bound<'py, PyAny>,
    left: GroupFrames<'a, 'py>,
    right: GroupFrames<'a, 'py>,
    results: Results<'a, 'py>,
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
            left: Offsets::of(&left)?,
            right: Offsets::of(&task.getattr("right")?)?,
            conversions: Conversions::new(&left.getattr("stock")?, proven)?,
        })
    }

    /// Stands for the groups until `dump_stream` gets it back; reads nothing.
    #[expect(clippy::unused_self, reason = "a method in stock's serializers")]
    fn load_stream<'py>(&self, infile: &Bound<'py, PyAny>) -> PyResult<Bound<'py, InputFile>> {
        Ok(infile.cast::<InputFile>()?.clone())
    }

    /// Runs the task: reads both sides of every key, calls the function, writes the results.
    fn dump_stream(
        &self,
        py: Python<'_>,
        groups: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = GroupReader::new(Framing::Cogrouped, self.conversions.projection());
        let mut run = Run {
            py,
            task: self,
            function: self.function.bind(py),
            left: GroupFrames::new(py, &self.conversions, &self.left).uncombined(),
            right: GroupFrames::new(py, &self.conversions, &self.right).uncombined(),
            results: Results::new(py, &self.conversions)?,
            verifier: Verifier::start(self.conversions.stock.bind(py))?,
        };
        task::run(py, groups.get(), outfile.get(), reader, |groups, answer| {
            let mut output = self.conversions.output();
            let mut waiting = None;
            loop {
                let (due, over) = match (groups.next(py, output.has_groups())?, waiting.take()) {
                    (Event::Group(left), None) => {
                        waiting = Some(left);
                        continue;
                    }
                    (Event::Group(right), Some(left)) => {
                        let rows = run.key(left, right, &mut output)?;
                        (output.end_group(rows), false)
                    }
                    (Event::Pause, left) => {
                        waiting = left;
                        (output.has_groups(), false)
                    }
                    (Event::End, None) => (output.has_groups(), true),
                    (Event::End, Some(_)) => {
                        return Err(PyRuntimeError::new_err(
                            "bowstring: a cogroup has only one side, this is a bug",
                        ));
                    }
                };
                if due {
                    let batch = output.take().map_err(|error| internal(&error))?;
                    answer.write(py, output.schema(), batch)?;
                }
                if over {
                    return Ok(());
                }
            }
        })
    }
}

impl Run<'_, '_> {
    /// Calls the function for one key. Returns the number of rows of its result.
    fn key(&mut self, left: Group, right: Group, output: &mut Output) -> PyResult<usize> {
        let verifier = match &self.verifier {
            Some(verifier) if verifier.takes_next()? => Some(verifier),
            Some(_) | None => None,
        };
        let (left_offsets, right_offsets) = (&self.task.left, &self.task.right);
        let rows = [left.rows, right.rows];
        // PARITY: stock asks whether the left frame is empty, and one without columns is, too.
        let left_has_key = left.rows > 0 && !left_offsets.values.is_empty();
        let with_key = left_offsets.with_key;
        let frames = self
            .left
            .frame(&left, with_key && left_has_key, verifier)
            .and_then(|left| {
                let right = self
                    .right
                    .frame(&right, with_key && !left_has_key, verifier)?;
                Ok((left, right))
            });
        // The frames have copies of all that they show, so large sides' memory is free for the call.
        let (reminder, keys) = if rows[0] > 0 {
            (Reminder::of(left, &left_offsets.keys), &left_offsets.keys)
        } else {
            (
                Reminder::of(right, &right_offsets.keys),
                &right_offsets.keys,
            )
        };
        frames
            .and_then(
                |((left, left_key), (right, right_key))| match left_key.or(right_key) {
                    Some(key) => self.function.call1((key, left, right)),
                    None => self.function.call1((left, right)),
                },
            )
            .and_then(|result| self.results.take_apart(&result, output, verifier))
            .map_err(|error| reminder.annotate(self.py, keys, &rows, error))
    }
}
