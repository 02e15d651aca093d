//! `GROUPED_AGG_ARROW` and `WINDOW_AGG_ARROW`: `groupby(…).agg` and `over(…)` of `arrow_udf`s that return scalars. Eval
//! types 252 and 253.
//!
//! As [`crate::kinds::grouped_agg`], with an array for each column.

pub(crate) mod calls;
pub(crate) mod iter;

use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::table::{WholeGroups, everything};
use crate::facades::arrow::ArrayStock;
use crate::facades::grouped_agg_arrow::GroupedAggArrowTask;
use crate::facades::task_parts::ColumnUdf;
use crate::kinds::grouped_agg_arrow::calls::ArrayCalls;
use crate::task::array_results::{ArrayRows, Returned};
use crate::task::converter::Converter;
use crate::task::driver::Section;
use crate::task::kind::Kind;
use crate::words::Word;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct GroupedAggArrow {
    udfs: Vec<ColumnUdf>,
    /// A group has a result for each of its rows.
    windows: bool,
    framing: Framing,
    stock: ArrayStock,
}

#[pymethods]
impl GroupedAggArrow {
    #[new]
    fn new(
        py: Python<'_>,
        task: GroupedAggArrowTask,
        framing: Word<Framing>,
        windows: bool,
    ) -> PyResult<Self> {
        // Raises now, while stock can still take the task.
        ArrayRows::new(py, &task.stock)?;
        Ok(Self {
            udfs: task.udfs,
            windows,
            framing: framing.0,
            stock: task.stock,
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
        let stock = &self.stock;
        let kind = BatchesOfGroups {
            py,
            stock,
            windows: self.windows,
            groups: WholeGroups::new(stock.reader(py)?),
            calls: ArrayCalls::new(py, stock, &self.udfs, self.windows)?,
        };
        Section::new(infile, outfile, reader, stock.object(py))?
            .one_row_each(!self.windows)
            .run_unnamed(kind, ArrayRows::new(py, stock)?)
    }
}

/// One group → a batch with an array for each column; scalars → a row, or one for each row of the group.
struct BatchesOfGroups<'a, 'py> {
    py: Python<'py>,
    stock: &'a ArrayStock,
    windows: bool,
    groups: WholeGroups,
    calls: ArrayCalls<'a, 'py>,
}

impl<'a, 'py> Kind<'py> for BatchesOfGroups<'a, 'py> {
    type Input<'g> = Group;
    /// With the number of rows.
    type Arguments = (Bound<'py, PyAny>, usize);
    /// With the number of rows of the result.
    type Returned = (Vec<Returned<'py>>, usize);
    type Output = ArrayRows<'a, 'py>;

    fn skips(&self, group: &Group) -> bool {
        self.stock.skips_empty && group.encoded.is_empty()
    }

    fn arguments(&mut self, group: Group, convert: Converter<'_>) -> PyResult<Self::Arguments> {
        let batches = convert.whole_batches(self.py, &self.groups, &group)?;
        // pyarrow copies, be it one batch: the function's arrays are not slices of what was read.
        Ok((self.stock.join(batches)?, group.rows))
    }

    fn call(&self, (batch, rows): Self::Arguments) -> PyResult<Self::Returned> {
        if self.windows {
            Ok((self.calls.windows(&batch, rows)?, rows))
        } else {
            Ok((self.calls.aggregate(&batch)?, 1))
        }
    }

    fn take(
        &mut self,
        (returned, rows): Self::Returned,
        output: &mut Self::Output,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        output.take(&returned, rows, convert)
    }
}
