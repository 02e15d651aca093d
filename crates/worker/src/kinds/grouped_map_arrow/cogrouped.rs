//! `COGROUPED_MAP_ARROW`: `cogroup(…).applyInArrow`. Eval type 210.
//!
//! As [`crate::kinds::grouped_map_arrow`], with two tables for each key.

use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::key_columns::KeyColumns;
use crate::convert::input::table::{GroupTables, everything};
use crate::task::group_label::GroupLabel;
use crate::task::step::{self, Pairs, Reply, Step};
use crate::task::table_output::TableOutput;
use crate::task::verifier::Verifier;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct CogroupedMapArrow {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    left: KeyColumns,
    right: KeyColumns,
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
            left: KeyColumns::of(&left)?,
            right: KeyColumns::of(&task.getattr("right")?)?,
            stock: stock.unbind(),
        })
    }

    /// Runs the task: reads both sides of every key, calls the function, writes the results.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = GroupReader::new(Framing::Cogrouped, everything());
        let stock = self.stock.bind(py);
        let run = Run {
            py,
            task: self,
            function: self.function.bind(py),
            stock,
            left: GroupTables::new(stock, &self.left),
            right: GroupTables::new(stock, &self.right),
            output: TableOutput::new(stock)?,
            verifier: Verifier::start(stock)?,
        };
        step::run(py, infile.get(), outfile.get(), reader, &mut Pairs::of(run))
    }
}

/// What is remembered from key to key.
struct Run<'a, 'py> {
    py: Python<'py>,
    task: &'a CogroupedMapArrow,
    function: &'a Bound<'py, PyAny>,
    stock: &'a Bound<'py, PyAny>,
    left: GroupTables,
    right: GroupTables,
    output: TableOutput<'a, 'py>,
    /// If the user has asked for it.
    verifier: Option<Verifier<'py>>,
}

impl Step<(Group, Group)> for Run<'_, '_> {
    fn group(&mut self, sides: (Group, Group), _reply: &mut Reply) -> PyResult<bool> {
        let (left, right) = sides;
        let verifier = Verifier::of_next(self.verifier.as_ref())?;
        let rows = [left.rows, right.rows];
        let arguments = self
            .left
            .table(self.py, &left, verifier)
            .and_then(|left_table| {
                let right_table = self.right.table(self.py, &right, verifier)?;
                if !self.task.left.with_key {
                    return (left_table, right_table).into_pyobject(self.py);
                }
                let keys = (
                    self.left.keys(self.py, &left)?,
                    self.right.keys(self.py, &right)?,
                );
                let key = self.stock.call_method1("key_of_sides", keys)?;
                (key, left_table, right_table).into_pyobject(self.py)
            });
        let (reminder, keys) =
            GroupLabel::of_sides((left, &self.task.left.keys), (right, &self.task.right.keys));
        arguments
            .and_then(|arguments| self.function.call1(arguments))
            .and_then(|result| {
                self.output.table(&result, verifier)?;
                Ok(self.output.is_due())
            })
            .map_err(|error| reminder.annotate(self.py, keys, &rows, error))
    }

    fn waits(&self) -> bool {
        self.output.waits()
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        self.output.write(py, reply)
    }
}
