//! `COGROUPED_MAP_ARROW`: `cogroup(…).applyInArrow`. Eval type 210.
//!
//! As [`super::grouped_map_arrow`], with two tables for each key.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::error_notes::Reminder;
use super::group_frames::Offsets;
use super::group_tables::{GroupTables, everything};
use super::table_output::TableOutput;
use super::task::{self, Event};
use super::verifier::Verifier;
use crate::worker::group_reader::{Framing, Group, GroupReader};
use crate::worker::python_files::{InputFile, OutputFile};

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct CogroupedMapArrow {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    left: Offsets,
    right: Offsets,
    /// The conversions of the Spark line (`stock_arrow.py`).
    stock: Py<PyAny>,
}

#[pymethods]
impl CogroupedMapArrow {
    /// `task`: a `CogroupedMap` of `kinds.py`.
    #[new]
    fn new(task: &Bound<'_, PyAny>) -> PyResult<Self> {
        let left = task.getattr("left")?;
        let stock = left.getattr("stock")?;
        // Raises now, while stock can still take the task.
        TableOutput::new(&stock)?;
        Ok(Self {
            function: task.getattr("function")?.unbind(),
            left: Offsets::of(&left)?,
            right: Offsets::of(&task.getattr("right")?)?,
            stock: stock.unbind(),
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
        let reader = GroupReader::new(Framing::Cogrouped, everything());
        let stock = self.stock.bind(py);
        let mut run = Run {
            py,
            task: self,
            function: self.function.bind(py),
            stock,
            left: GroupTables::new(py, stock, &self.left),
            right: GroupTables::new(py, stock, &self.right),
            verifier: Verifier::start(stock)?,
        };
        let mut output = TableOutput::new(stock)?;
        task::run(py, groups.get(), outfile.get(), reader, |groups, answer| {
            let mut waiting = None;
            loop {
                match (groups.next(py, output.waits())?, waiting.take()) {
                    (Event::Group(left), None) => waiting = Some(left),
                    (Event::Group(right), Some(left)) => {
                        run.key(left, right, &mut output)?;
                        if output.is_due() {
                            output.write(py, answer)?;
                        }
                    }
                    (Event::Pause, left) => {
                        waiting = left;
                        output.write(py, answer)?;
                    }
                    (Event::End, None) => return output.write(py, answer),
                    (Event::End, Some(_)) => {
                        return Err(PyRuntimeError::new_err(
                            "bowstring: a cogroup has only one side, this is a bug",
                        ));
                    }
                }
            }
        })
    }
}

/// What is remembered from key to key.
struct Run<'a, 'py> {
    py: Python<'py>,
    task: &'a CogroupedMapArrow,
    function: &'a Bound<'py, PyAny>,
    stock: &'a Bound<'py, PyAny>,
    left: GroupTables<'a, 'py>,
    right: GroupTables<'a, 'py>,
    /// If the user has asked for it.
    verifier: Option<Verifier<'py>>,
}

impl<'py> Run<'_, 'py> {
    /// Calls the function for one key.
    fn key(
        &mut self,
        left: Group,
        right: Group,
        output: &mut TableOutput<'_, 'py>,
    ) -> PyResult<()> {
        let verifier = match &self.verifier {
            Some(verifier) if verifier.takes_next()? => Some(verifier),
            Some(_) | None => None,
        };
        let rows = [left.rows, right.rows];
        let arguments = self.left.table(&left, verifier).and_then(|left_table| {
            let right_table = self.right.table(&right, verifier)?;
            if !self.task.left.with_key {
                return (left_table, right_table).into_pyobject(self.py);
            }
            let keys = (self.left.keys(&left)?, self.right.keys(&right)?);
            let key = self.stock.call_method1("key_of_sides", keys)?;
            (key, left_table, right_table).into_pyobject(self.py)
        });
        let (reminder, keys) = if rows[0] > 0 {
            (
                Reminder::of(left, &self.task.left.keys),
                &self.task.left.keys,
            )
        } else {
            (
                Reminder::of(right, &self.task.right.keys),
                &self.task.right.keys,
            )
        };
        arguments
            .and_then(|arguments| self.function.call1(arguments))
            .and_then(|result| output.table(&result, verifier))
            .map_err(|error| reminder.annotate(self.py, keys, &rows, error))
    }
}
