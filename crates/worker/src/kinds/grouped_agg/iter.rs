//! `GROUPED_AGG_ITER`: aggregates of `pandas_udf`s that get an iterator. Eval type 217.
//!
//! As [`crate::kinds::grouped_agg`], with the Series of each batch of a group, made when the function asks
//! for them.

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
use crate::task::incoming::{GroupBatch, GroupBatches};
use crate::task::step::{self, Reply, Step};

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct GroupedAggIter {
    /// The only one.
    udfs: Arc<[ColumnUdf]>,
    /// Stock makes a Series of a result before it goes on.
    eager: bool,
    /// Makes the function's iterator of what makes Series, and the batches.
    iterate: Py<PyAny>,
    conversions: Arc<Conversions>,
}

#[pymethods]
impl GroupedAggIter {
    /// `task`: a `SeriesTask` of `kinds_series.py`.
    #[new]
    fn new(
        task: &Bound<'_, PyAny>,
        iterate: Py<PyAny>,
        proven: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        Ok(Self {
            udfs: ColumnUdf::all(task)?.into(),
            eager: task.getattr("eager")?.extract()?,
            iterate,
            conversions: Conversions::new(&task.getattr("stock")?, proven)?.into(),
        })
    }

    /// Runs the task: reads every group, calls the function, writes a row for each group.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = self.conversions.reader(Framing::Parts);
        let maker = SeriesMaker {
            series: GroupSeries::new(py, &self.conversions)?,
            udfs: Arc::clone(&self.udfs),
        };
        let mut run = Run {
            py,
            iterate: self.iterate.bind(py),
            maker: Bound::new(py, maker)?,
            calls: SeriesCalls::new(py, &self.conversions, &self.udfs, self.eager)?,
            output: self.conversions.output(),
        };
        step::run(py, infile.get(), outfile.get(), reader, &mut run)
    }
}

/// What makes the Series of one task: an object, since the function's iterator calls it.
#[derive(Debug)]
#[pyclass(module = "_bowstring")]
pub struct SeriesMaker {
    series: GroupSeries,
    udfs: Arc<[ColumnUdf]>,
}

#[pymethods]
impl SeriesMaker {
    fn __call__<'py>(
        &mut self,
        py: Python<'py>,
        part: &Bound<'py, GroupBatch>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let series = self.series.series(py, &part.get().0)?;
        self.udfs
            .first()
            .map(|udf| udf.select(py, &series))
            .transpose()
    }
}

/// What is remembered from group to group.
struct Run<'a, 'py> {
    py: Python<'py>,
    iterate: &'a Bound<'py, PyAny>,
    maker: Bound<'py, SeriesMaker>,
    calls: SeriesCalls<'a, 'py>,
    output: Output,
}

impl Step for Run<'_, '_> {
    fn one_row_each(&self) -> bool {
        // The JVM takes the first row of each batch.
        true
    }

    fn group(&mut self, first: Group, reply: &mut Reply) -> PyResult<bool> {
        let parts = Bound::new(self.py, GroupBatches::new(first, &reply.incoming))?;
        let series = self.iterate.call1((&self.maker, &parts))?;
        let results = self.calls.aggregate_iterator(series)?;
        while let Some(part) = parts.get().next(self.py)? {
            // PARITY: stock converts the batches that the function has not asked for, too.
            self.maker.try_borrow_mut()?.series.series(self.py, &part)?;
        }
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
