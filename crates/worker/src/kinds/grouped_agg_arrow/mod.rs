//! `GROUPED_AGG_ARROW` and `WINDOW_AGG_ARROW`: `groupby(…).agg` and `over(…)` of `arrow_udf`s that return scalars. Eval
//! types 252 and 253.
//!
//! As [`crate::kinds::grouped_agg`], with an array for each column.

pub mod calls;
pub mod iter;

use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use pyo3::intern;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::table::{WholeGroups, everything};
use crate::kinds::grouped_agg_arrow::calls::ArrayCalls;
use crate::task::column_udf::ColumnUdf;
use crate::task::converter::Converters;
use crate::task::step::{self, Reply, Step};
use crate::words::Word;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct ArrayAgg {
    udfs: Vec<ColumnUdf>,
    /// A group has a result for each of its rows.
    windows: bool,
    framing: Framing,
    /// An `ArrayStock` of `stock_arrow.py`.
    stock: Py<PyAny>,
}

#[pymethods]
impl ArrayAgg {
    /// `task`: an `ArrayTask` of `kinds_arrow.py`.
    #[new]
    fn new(task: &Bound<'_, PyAny>, framing: Word<Framing>, windows: bool) -> PyResult<Self> {
        let (udfs, stock) = (ColumnUdf::all(task)?, task.getattr("stock")?);
        // Raises now, while stock can still take the task.
        ArrayCalls::new(&stock, &udfs, windows)?;
        Ok(Self {
            udfs,
            windows,
            framing: framing.0,
            stock: stock.unbind(),
        })
    }

    /// Runs the task: reads every group, calls the functions, writes a row for each group or, of
    /// windows, for each row.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = GroupReader::new(self.framing, everything());
        let stock = self.stock.bind(py);
        let mut run = Run {
            stock,
            windows: self.windows,
            skips_empty: stock.getattr("skips_empty")?.extract()?,
            groups: WholeGroups::new(stock),
            calls: ArrayCalls::new(stock, &self.udfs, self.windows)?,
            converters: Converters::of(stock)?,
        };
        step::run(py, infile.get(), outfile.get(), reader, &mut run)
    }
}

/// What is remembered from group to group.
struct Run<'a, 'py> {
    stock: &'a Bound<'py, PyAny>,
    windows: bool,
    /// A group without batches has no result.
    skips_empty: bool,
    groups: WholeGroups,
    calls: ArrayCalls<'a, 'py>,
    converters: Converters<'py>,
}

impl Step for Run<'_, '_> {
    fn one_row_each(&self) -> bool {
        // The JVM takes the first row of each batch.
        !self.windows
    }

    fn group(&mut self, group: Group, _reply: &mut Reply) -> PyResult<bool> {
        if self.skips_empty && group.encoded.is_empty() {
            return Ok(false);
        }
        let convert = self.converters.next()?;
        let batches = convert.whole_batches(self.stock.py(), &self.groups, &group)?;
        // pyarrow copies, be it one batch: the function's arrays are not slices of what was read.
        let batch = self
            .stock
            .call_method1(intern!(self.stock.py(), "join"), (batches,))?;
        let rows = group.rows;
        drop(group);
        let (returned, rows) = if self.windows {
            (self.calls.windows(&batch, rows)?, rows)
        } else {
            (self.calls.aggregate(&batch)?, 1)
        };
        self.calls.take(&returned, rows)?;
        Ok(self.calls.is_due())
    }

    fn waits(&self) -> bool {
        self.calls.waits()
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        self.calls.write(py, reply)
    }
}
