//! `GROUPED_MAP_ARROW`: `applyInArrow`. Eval type 209.
//!
//! A group costs one table that shows what was read, one call of the user's function and one look
//! at the schema of its result.

use pyo3::prelude::*;

use super::error_notes::Reminder;
use super::group_frames::Offsets;
use super::group_tables::{GroupTables, everything};
use super::table_output::TableOutput;
use super::task::{self, Event, internal};
use super::verifier::Verifier;
use crate::worker::group_reader::{Framing, Group, GroupReader};
use crate::worker::python_files::{InputFile, OutputFile};

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct GroupedMapArrow {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    offsets: Offsets,
    framing: Framing,
    /// The conversions of the Spark line (`stock_arrow.py`).
    stock: Py<PyAny>,
}

#[pymethods]
impl GroupedMapArrow {
    /// `task`: a `GroupedMap` of `kinds.py`.
    #[new]
    fn new(task: &Bound<'_, PyAny>, framing: &str) -> PyResult<Self> {
        Ok(Self {
            function: task.getattr("function")?.unbind(),
            offsets: Offsets::of(task)?,
            framing: Framing::of_groups(framing),
            stock: task.getattr("stock")?.unbind(),
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
        let reader = GroupReader::new(self.framing, everything()).in_struct();
        let stock = self.stock.bind(py);
        let mut run = Run {
            py,
            function: self.function.bind(py),
            stock,
            offsets: &self.offsets,
            tables: GroupTables::new(py, stock, &self.offsets),
            verifier: Verifier::start(stock)?,
        };
        let mut output = TableOutput::new(stock)?;
        task::run(py, groups.get(), outfile.get(), reader, |groups, answer| {
            loop {
                let (due, over) = match groups.next(py, output.waits())? {
                    Event::Group(group) => {
                        run.group(group, &mut output)?;
                        (output.is_due(), false)
                    }
                    Event::Pause => (output.waits(), false),
                    Event::End => (output.waits(), true),
                };
                if due && let Some((schema, batch)) = output.take().map_err(|e| internal(&e))? {
                    answer.write(py, schema, batch)?;
                }
                if over {
                    return Ok(());
                }
            }
        })
    }
}

/// What is remembered from group to group.
struct Run<'a, 'py> {
    py: Python<'py>,
    function: &'a Bound<'py, PyAny>,
    stock: &'a Bound<'py, PyAny>,
    offsets: &'a Offsets,
    tables: GroupTables<'a, 'py>,
    /// If the user has asked for it.
    verifier: Option<Verifier<'py>>,
}

impl<'py> Run<'_, 'py> {
    /// Calls the function for one group.
    fn group(&mut self, group: Group, output: &mut TableOutput<'_, 'py>) -> PyResult<()> {
        let verifier = match &self.verifier {
            Some(verifier) if verifier.takes_next()? => Some(verifier),
            Some(_) | None => None,
        };
        let rows = group.rows;
        let arguments = self.tables.table(&group, verifier).and_then(|table| {
            if !self.offsets.with_key {
                return (table,).into_pyobject(self.py);
            }
            let keys = self.tables.keys(&group)?;
            let key = self.stock.call_method1("first_key", (keys,))?;
            (key, table).into_pyobject(self.py)
        });
        let reminder = Reminder::of(group, &self.offsets.keys);
        arguments
            .and_then(|arguments| self.function.call1(arguments))
            .and_then(|result| output.table(&result, verifier))
            .map_err(|error| reminder.annotate(self.py, &self.offsets.keys, &[rows], error))
    }
}
