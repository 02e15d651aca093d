//! `GROUPED_MAP_ARROW` and `GROUPED_MAP_ARROW_ITER`: `applyInArrow`. Eval types 209 and 215.
//!
//! A group costs one table, or an iterator of batches, that shows what was read, one call of the
//! user's function and one look at the schema of its result.

use pyo3::prelude::*;

use super::error_notes::Reminder;
use super::group_frames::Offsets;
use super::group_tables::{GroupTables, everything};
use super::table_output::TableOutput;
use super::task::{self, Answer, Step};
use super::verifier::Verifier;
use crate::worker::group::Group;
use crate::worker::group_reader::{Framing, GroupReader};
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

    /// Runs the task: reads every group, calls the function, writes the results.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
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
            output: TableOutput::new(stock)?,
            verifier: Verifier::start(stock)?,
        };
        task::run(py, infile.get(), outfile.get(), reader, &mut run)
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
    output: TableOutput<'a, 'py>,
    /// If the user has asked for it.
    verifier: Option<Verifier<'py>>,
}

impl<'py> Step for Run<'_, 'py> {
    fn group(&mut self, group: Group, answer: &mut Answer) -> PyResult<bool> {
        let verifier = Verifier::of_next(self.verifier.as_ref())?;
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
                    self.output.table(&result, verifier)?;
                    return Ok(self.output.is_due());
                };
                self.output.batches(&result, answer)?;
                self.stock.call_method1("exhaust", (rest,))?;
                Ok(false)
            })
            .map_err(|error| reminder.annotate(self.py, &self.offsets.keys, &[rows], error))
    }

    fn waits(&self) -> bool {
        self.output.waits()
    }

    fn write(&mut self, py: Python<'_>, answer: &mut Answer) -> PyResult<()> {
        self.output.write(py, answer)
    }
}
