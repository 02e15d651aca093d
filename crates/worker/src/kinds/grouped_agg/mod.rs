//! `GROUPED_AGG` and `WINDOW_AGG`: `groupby(…).agg` and `over(…)` of `pandas_udf`s that return
//! scalars. Eval types 202 and 203.
//!
//! As [`crate::kinds::grouped_map`], with a Series for each column and scalars as results.

pub mod calls;
pub mod iter;

use std::sync::Arc;

use bowstring_ipc::framing::Framing;
use bowstring_ipc::group::Group;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::conversions::Conversions;
use crate::convert::input::series::GroupSeries;
use crate::convert::output::batch::Output;
use crate::kinds::grouped_agg::calls::SeriesCalls;
use crate::task::column_udf::ColumnUdf;
use crate::task::step::{self, Reply, Step};
use crate::words::Word;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct SeriesAgg {
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
impl SeriesAgg {
    /// `task`: a `SeriesTask` of `kinds_series.py`.
    #[new]
    fn new(
        task: &Bound<'_, PyAny>,
        framing: Word<Framing>,
        windows: bool,
        proven: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        Ok(Self {
            udfs: ColumnUdf::all(task)?,
            windows,
            eager: task.getattr("eager")?.extract()?,
            skips_empty: task.getattr("skips_empty")?.extract()?,
            framing: framing.0,
            conversions: Conversions::new(&task.getattr("stock")?, proven)?.into(),
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
        let frames = GroupSeries::new(py, &self.conversions)?;
        let reader = self.conversions.reader(self.framing);
        let reader = reader.joining(frames.join());
        let mut run = Run {
            py,
            task: self,
            frames,
            calls: SeriesCalls::new(py, &self.conversions, &self.udfs, self.eager)?,
            output: self.conversions.output(),
        };
        step::run(py, infile.get(), outfile.get(), reader, &mut run)
    }
}

/// What is remembered from group to group.
struct Run<'a, 'py> {
    py: Python<'py>,
    task: &'a SeriesAgg,
    frames: GroupSeries,
    calls: SeriesCalls<'a, 'py>,
    output: Output,
}

impl Step for Run<'_, '_> {
    fn one_row_each(&self) -> bool {
        // The JVM takes the first row of each batch.
        !self.task.windows
    }

    fn group(&mut self, group: Group, _reply: &mut Reply) -> PyResult<bool> {
        if self.task.skips_empty && group.batches() == 0 {
            return Ok(false);
        }
        let series = self.frames.series(self.py, &group)?;
        let rows = group.rows;
        // The Series have copies of all that they show.
        drop(group);
        let results = if self.task.windows {
            self.calls.windows(&series, rows)?
        } else {
            self.calls.aggregate(&series)?
        };
        let rows = self.calls.take(&results, &mut self.output)?;
        Ok(self.output.end_group(rows))
    }

    fn waits(&self) -> bool {
        self.output.has_groups()
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        reply.write_columns(py, &mut self.output)
    }
}
