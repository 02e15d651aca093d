//! `GROUPED_MAP_ARROW`: `applyInArrow`. Eval type 209.
//!
//! A group costs one table that shows what was read, one call of the user's function and one look
//! at the schema of its result.

pub(crate) mod cogrouped;
pub(crate) mod iter;

use std::sync::Arc;

use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::key_columns::KeyColumns;
use crate::convert::input::table::{GroupTables, everything};
use crate::facades::arrow::ArrowStock;
use crate::facades::grouped_map::GroupedMapTask;
use crate::task::converter::Converter;
use crate::task::driver::Section;
use crate::task::kind::Kind;
use crate::task::table_output::TableOutput;
use crate::words::Word;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct GroupedMapArrow {
    parts: Parts,
    framing: Framing,
}

/// What tasks of one function for the groups of one table consist of.
#[derive(Debug)]
struct Parts {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    columns: KeyColumns,
    stock: Arc<ArrowStock>,
}

impl Parts {
    fn new(py: Python<'_>, task: GroupedMapTask) -> PyResult<Self> {
        Ok(Self {
            stock: stock(py, &task)?,
            function: task.function.clone_ref(py),
            columns: task.into(),
        })
    }

    fn tables(&self) -> GroupTables {
        GroupTables::new(&self.stock, &self.columns)
    }
}

/// The conversions of a task. Fails while stock can still take the task.
fn stock(py: Python<'_>, task: &GroupedMapTask) -> PyResult<Arc<ArrowStock>> {
    let stock: ArrowStock = task.stock.extract(py)?;
    TableOutput::new(py, &stock)?;
    Ok(Arc::new(stock))
}

#[pymethods]
impl GroupedMapArrow {
    #[new]
    fn new(py: Python<'_>, task: GroupedMapTask, framing: Word<Framing>) -> PyResult<Self> {
        Ok(Self {
            parts: Parts::new(py, task)?,
            framing: framing.0,
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
        let Parts {
            function,
            columns,
            stock,
        } = &self.parts;
        let kind = TablesOfGroups {
            py,
            function: function.bind(py),
            stock,
            with_key: columns.with_key,
            tables: self.parts.tables(),
        };
        let output = TableOutput::new(py, stock)?;
        Section::new(infile, outfile, reader, stock.object(py))?.run(&columns.keys, kind, output)
    }
}

/// One group → one table, and a key if the function takes it; one table → rows.
struct TablesOfGroups<'a, 'py> {
    py: Python<'py>,
    function: &'a Bound<'py, PyAny>,
    stock: &'a ArrowStock,
    with_key: bool,
    tables: GroupTables,
}

impl<'a, 'py> Kind<'py> for TablesOfGroups<'a, 'py> {
    type Input<'g> = &'g Group;
    type Arguments = Bound<'py, PyTuple>;
    type Returned = Bound<'py, PyAny>;
    type Output = TableOutput<'a, 'py>;

    fn arguments(&mut self, group: &Group, convert: Converter<'_>) -> PyResult<Self::Arguments> {
        let py = self.py;
        let table = convert.table(py, &mut self.tables, group)?;
        if !self.with_key {
            return (table,).into_pyobject(py);
        }
        let keys = self.tables.keys(py, group)?;
        let key = self.stock.first_key(keys)?;
        (key, table).into_pyobject(py)
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
