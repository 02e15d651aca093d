//! `GROUPED_AGG_ARROW` and `WINDOW_AGG_ARROW`: `groupby(…).agg` and `over(…)` of `arrow_udf`s that return scalars. Eval
//! types 252 and 253.
//!
//! As [`crate::kinds::grouped_agg`], with an array for each column.

pub(crate) mod calls;
pub(crate) mod iter;

use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use pyo3::intern;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::table::{WholeGroups, everything};
use crate::kinds::grouped_agg_arrow::calls::ArrayCalls;
use crate::task::array_results::{ArrayRows, Returned};
use crate::task::column_udf::ColumnUdf;
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
    /// An `ArrayStock` of `stock/arrow.py`.
    stock: Py<PyAny>,
}

#[pymethods]
impl GroupedAggArrow {
    /// `task`: a `GroupedAggArrow` of `grouped_agg_arrow.py`.
    #[new]
    fn new(task: &Bound<'_, PyAny>, framing: Word<Framing>, windows: bool) -> PyResult<Self> {
        let (udfs, stock) = (ColumnUdf::all(task)?, task.getattr("stock")?);
        // Raises now, while stock can still take the task.
        ArrayRows::new(&stock)?;
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
        let kind = BatchesOfGroups {
            stock,
            windows: self.windows,
            skips_empty: stock.getattr("skips_empty")?.extract()?,
            groups: WholeGroups::new(stock),
            calls: ArrayCalls::new(stock, &self.udfs, self.windows)?,
        };
        Section::new(infile, outfile, reader, stock)?
            .one_row_each(!self.windows)
            .run_unnamed(kind, ArrayRows::new(stock)?)
    }
}

/// One group → a batch with an array for each column; scalars → a row, or one for each row of the group.
struct BatchesOfGroups<'a, 'py> {
    stock: &'a Bound<'py, PyAny>,
    windows: bool,
    /// A group without batches has no result.
    skips_empty: bool,
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
        self.skips_empty && group.encoded.is_empty()
    }

    fn arguments(
        &mut self,
        group: Group,
        convert: Converter<'_, 'py>,
    ) -> PyResult<Self::Arguments> {
        let py = self.stock.py();
        let batches = convert.whole_batches(py, &self.groups, &group)?;
        // pyarrow copies, be it one batch: the function's arrays are not slices of what was read.
        let batch = self.stock.call_method1(intern!(py, "join"), (batches,))?;
        Ok((batch, group.rows))
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
        convert: Converter<'_, 'py>,
    ) -> PyResult<bool> {
        output.take(&returned, rows, convert)
    }
}
