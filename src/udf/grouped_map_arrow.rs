//! `GROUPED_MAP_ARROW` and `GROUPED_MAP_ARROW_ITER`: `applyInArrow`. Eval types 209 and 215.
//!
//! A group costs one table, or an iterator of batches, that shows what was read, one call of the user's function and one look
//! at the schema of its result.

use pyo3::prelude::*;

use super::error_notes::Reminder;
use super::group_frames::Offsets;
use super::group_tables::{GroupTables, everything};
use super::table_output::TableOutput;
use super::task::{self, Answer, Event};
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
    /// The function takes and returns iterators of batches.
    iterates: bool,
    /// The conversions of the Spark line (`stock_arrow.py`).
    stock: Py<PyAny>,
}

#[pymethods]
impl GroupedMapArrow {
    /// `task`: a `GroupedMap` of `kinds.py`.
    #[new]
    fn new(task: &Bound<'_, PyAny>, framing: &str, iterates: bool) -> PyResult<Self> {
        let stock = task.getattr("stock")?;
        // Raises now, while stock can still take the task.
        TableOutput::new(&stock)?;
        Ok(Self {
            function: task.getattr("function")?.unbind(),
            offsets: Offsets::of(task)?,
            framing: Framing::of_groups(framing),
            iterates,
            stock: stock.unbind(),
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
            iterates: self.iterates,
            tables: GroupTables::new(py, stock, &self.offsets),
            verifier: Verifier::start(stock)?,
        };
        let mut output = TableOutput::new(stock)?;
        task::run(py, groups.get(), outfile.get(), reader, |groups, answer| {
            loop {
                match groups.next(py, output.waits())? {
                    Event::Group(group) => run.group(group, &mut output, answer)?,
                    Event::Pause => output.write(py, answer)?,
                    Event::End => return output.write(py, answer),
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
    iterates: bool,
    tables: GroupTables<'a, 'py>,
    /// If the user has asked for it.
    verifier: Option<Verifier<'py>>,
}

impl<'py> Run<'_, 'py> {
    /// Calls the function for one group.
    fn group(
        &mut self,
        group: Group,
        output: &mut TableOutput<'_, 'py>,
        answer: &mut Answer,
    ) -> PyResult<()> {
        let verifier = match &self.verifier {
            Some(verifier) if verifier.takes_next()? => Some(verifier),
            Some(_) | None => None,
        };
        let rows = group.rows;
        // With an iterator goes what has to be at its end after the group.
        let input: PyResult<(Bound<'py, PyAny>, Option<Bound<'py, PyAny>>)> = if self.iterates {
            let batches = self.tables.batches(&group);
            batches.and_then(|batches| self.stock.call_method1("feed", (batches,))?.extract())
        } else {
            let table = self.tables.table(&group, verifier);
            table.map(|table| (table, None))
        };
        let arguments = input.and_then(|(input, rest)| {
            if !self.offsets.with_key {
                return Ok(((input,).into_pyobject(self.py)?, rest));
            }
            let keys = self.tables.keys(&group)?;
            let key = self.stock.call_method1("first_key", (keys,))?;
            Ok(((key, input).into_pyobject(self.py)?, rest))
        });
        let reminder = Reminder::of(group, &self.offsets.keys);
        arguments
            .and_then(|(arguments, rest)| {
                let result = self.function.call1(arguments)?;
                let Some(rest) = rest else {
                    output.table(&result, verifier)?;
                    return if output.is_due() {
                        output.write(self.py, answer)
                    } else {
                        Ok(())
                    };
                };
                output.batches(&result, answer)?;
                self.stock.call_method1("exhaust", (rest,)).map(drop)
            })
            .map_err(|error| reminder.annotate(self.py, &self.offsets.keys, &[rows], error))
    }
}
