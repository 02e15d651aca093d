//! `GROUPED_AGG` and `WINDOW_AGG`: `groupby(…).agg` and `over(…)` of `pandas_udf`s that return
//! scalars. Eval types 202 and 203.
//!
//! As [`crate::kinds::grouped_map`], with a Series for each column and scalars as results.

pub(crate) mod calls;
pub(crate) mod iter;

use std::sync::Arc;

use bowstring_ipc::framing::Framing;
use bowstring_ipc::group::Group;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::conversions::Conversions;
use crate::convert::input::series::GroupSeries;
use crate::facades::grouped_agg::GroupedAggTask;
use crate::facades::record::SelfTest;
use crate::facades::task_parts::ColumnUdf;
use crate::kinds::grouped_agg::calls::SeriesCalls;
use crate::task::converter::Converter;
use crate::task::driver::Section;
use crate::task::kind::Kind;
use crate::task::section::Flat;
use crate::task::series_results::Returned;
use crate::words::Word;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct GroupedAgg {
    udfs: Vec<ColumnUdf>,
    /// A group has a result for each of its rows.
    windows: bool,
    /// Stock makes a Series of a result before it calls the next function.
    eager: bool,
    /// A group without batches has no result.
    skips_empty: bool,
    framing: Framing,
    conversions: Arc<Conversions>,
}

#[pymethods]
impl GroupedAgg {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
    fn new(
        py: Python<'_>,
        task: GroupedAggTask,
        framing: Word<Framing>,
        windows: bool,
        proven: SelfTest,
    ) -> PyResult<Self> {
        Ok(Self {
            udfs: task.udfs,
            windows,
            eager: task.eager,
            skips_empty: task.skips_empty,
            framing: framing.0,
            conversions: Conversions::new(py, task.stock, &proven)?.into(),
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
        let frames = GroupSeries::new(&self.conversions);
        let reader = self.conversions.reader(self.framing);
        let reader = reader.joining(frames.join());
        let kind = SeriesOfGroups {
            py,
            task: self,
            frames,
            calls: SeriesCalls::new(py, &self.conversions, &self.udfs, self.eager)?,
        };
        Section::new(infile, outfile, reader, self.conversions.stock.object(py))?
            .one_row_each(!self.windows)
            .run_unnamed(kind, Flat(self.conversions.output()))
    }
}

/// One group → a Series for each column; scalars → a row, or one for each row of the group.
struct SeriesOfGroups<'a, 'py> {
    py: Python<'py>,
    task: &'a GroupedAgg,
    frames: GroupSeries,
    calls: SeriesCalls<'a, 'py>,
}

impl<'py> Kind<'py> for SeriesOfGroups<'_, 'py> {
    type Input<'g> = Group;
    /// With the number of rows.
    type Arguments = (Vec<Bound<'py, PyAny>>, usize);
    type Returned = Vec<Returned<'py>>;
    type Output = Flat;

    fn skips(&self, group: &Group) -> bool {
        self.task.skips_empty && group.batches() == 0
    }

    fn arguments(&mut self, group: Group, convert: Converter<'_>) -> PyResult<Self::Arguments> {
        // The Series have copies of all that they show.
        let series = convert.series(self.py, &mut self.frames, &group)?;
        Ok((series, group.rows))
    }

    fn call(&self, (series, rows): Self::Arguments) -> PyResult<Self::Returned> {
        if self.task.windows {
            self.calls.windows(&series, rows)
        } else {
            self.calls.aggregate(&series)
        }
    }

    fn take(
        &mut self,
        returned: Self::Returned,
        output: &mut Flat,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        self.calls.results.take(&returned, output, convert)
    }
}
