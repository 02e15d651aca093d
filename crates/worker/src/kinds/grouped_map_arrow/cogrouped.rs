//! `COGROUPED_MAP_ARROW`: `cogroup(…).applyInArrow`. Eval type 210.
//!
//! As [`crate::kinds::grouped_map_arrow`], with two tables for each key.

use std::sync::Arc;

use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::key_columns::KeyColumns;
use crate::convert::input::table::{GroupTables, everything};
use crate::facades::arrow::ArrowStock;
use crate::facades::grouped_map::CogroupedMapTask;
use crate::kinds::grouped_map_arrow::stock;
use crate::task::converter::Converter;
use crate::task::driver::Section;
use crate::task::kind::Kind;
use crate::task::table_output::TableOutput;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct CogroupedMapArrow {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    left: KeyColumns,
    right: KeyColumns,
    stock: Arc<ArrowStock>,
}

#[pymethods]
impl CogroupedMapArrow {
    #[new]
    fn new(py: Python<'_>, task: CogroupedMapTask) -> PyResult<Self> {
        Ok(Self {
            stock: stock(py, &task.left)?,
            function: task.function,
            left: task.left.into(),
            right: task.right.into(),
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
        let kind = TablesOfSides {
            py,
            function: self.function.bind(py),
            stock: &self.stock,
            with_key: self.left.with_key,
            left: GroupTables::new(&self.stock, &self.left),
            right: GroupTables::new(&self.stock, &self.right),
        };
        let keys = [&*self.left.keys, &*self.right.keys];
        let output = TableOutput::new(py, &self.stock)?;
        Section::new(infile, outfile, reader, self.stock.object(py))?
            .run_cogroups(keys, kind, output)
    }
}

/// Both sides of a key → two tables, and the key if the function takes it; one table → rows.
struct TablesOfSides<'a, 'py> {
    py: Python<'py>,
    function: &'a Bound<'py, PyAny>,
    stock: &'a ArrowStock,
    with_key: bool,
    left: GroupTables,
    right: GroupTables,
}

impl<'a, 'py> Kind<'py> for TablesOfSides<'a, 'py> {
    type Input<'g> = [&'g Group; 2];
    type Arguments = Bound<'py, PyTuple>;
    type Returned = Bound<'py, PyAny>;
    type Output = TableOutput<'a, 'py>;

    fn arguments(
        &mut self,
        [left, right]: [&Group; 2],
        convert: Converter<'_>,
    ) -> PyResult<Self::Arguments> {
        let py = self.py;
        let left_table = convert.table(py, &mut self.left, left)?;
        let right_table = convert.table(py, &mut self.right, right)?;
        if !self.with_key {
            return (left_table, right_table).into_pyobject(py);
        }
        let keys = [self.left.keys(py, left)?, self.right.keys(py, right)?];
        let key = self.stock.key_of_sides(keys)?;
        (key, left_table, right_table).into_pyobject(py)
    }

    fn call(&self, arguments: Self::Arguments) -> PyResult<Self::Returned> {
        self.function.call1(arguments)
    }

    fn take(
        &mut self,
        table: Self::Returned,
        output: &mut Self::Output,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        output.table(&table, convert)
    }
}
