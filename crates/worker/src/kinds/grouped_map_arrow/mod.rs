//! `GROUPED_MAP_ARROW`: `applyInArrow`. Eval type 209.
//!
//! A group costs one table that shows what was read, one call of the user's function and one look
//! at the schema of its result.

pub mod cogrouped;
pub mod iter;

use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::key_columns::KeyColumns;
use crate::convert::input::table::{GroupTables, everything};
use crate::task::group_label::GroupLabel;
use crate::task::step::{self, Reply, Step};
use crate::task::table_output::TableOutput;
use crate::task::verifier::Verifier;
use crate::words::Word;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct GroupedMapArrow {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    offsets: KeyColumns,
    framing: Framing,
    /// The conversions of the Spark line (`stock_arrow.py`).
    stock: Py<PyAny>,
}

#[pymethods]
impl GroupedMapArrow {
    /// `task`: a `GroupedMap` of `kinds.py`.
    #[new]
    fn new(task: &Bound<'_, PyAny>, framing: Word<Framing>) -> PyResult<Self> {
        let stock = task.getattr("stock")?;
        // Raises now, while stock can still take the task.
        TableOutput::new(&stock)?;
        Ok(Self {
            function: task.getattr("function")?.unbind(),
            offsets: KeyColumns::of(task)?,
            framing: framing.0,
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
            tables: GroupTables::new(stock, &self.offsets),
            output: TableOutput::new(stock)?,
            verifier: Verifier::start(stock)?,
        };
        step::run(py, infile.get(), outfile.get(), reader, &mut run)
    }
}

/// What is remembered from group to group.
struct Run<'a, 'py> {
    py: Python<'py>,
    function: &'a Bound<'py, PyAny>,
    stock: &'a Bound<'py, PyAny>,
    offsets: &'a KeyColumns,
    tables: GroupTables,
    output: TableOutput<'a, 'py>,
    /// If the user has asked for it.
    verifier: Option<Verifier<'py>>,
}

impl Step for Run<'_, '_> {
    fn group(&mut self, group: Group, _reply: &mut Reply) -> PyResult<bool> {
        let verifier = Verifier::of_next(self.verifier.as_ref())?;
        let rows = group.rows;
        let arguments = self
            .tables
            .table(self.py, &group, verifier)
            .and_then(|table| {
                if !self.offsets.with_key {
                    return (table,).into_pyobject(self.py);
                }
                let keys = self.tables.keys(self.py, &group)?;
                let key = self.stock.call_method1("first_key", (keys,))?;
                (key, table).into_pyobject(self.py)
            });
        let reminder = GroupLabel::of(group, &self.offsets.keys);
        arguments
            .and_then(|arguments| self.function.call1(arguments))
            .and_then(|result| {
                self.output.table(&result, verifier)?;
                Ok(self.output.is_due())
            })
            .map_err(|error| reminder.annotate(self.py, &self.offsets.keys, &[rows], error))
    }

    fn waits(&self) -> bool {
        self.output.waits()
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        self.output.write(py, reply)
    }
}
