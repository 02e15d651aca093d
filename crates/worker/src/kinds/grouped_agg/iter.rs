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
use crate::facades::grouped_agg::GroupedAggTask;
use crate::facades::record::SelfTest;
use crate::facades::task_parts::ColumnUdf;
use crate::kinds::grouped_agg::calls::SeriesCalls;
use crate::task::converter::{Converter, Converters};
use crate::task::driver::Section;
use crate::task::incoming::{GroupBatch, GroupBatches};
use crate::task::kind::Kind;
use crate::task::section::Flat;
use crate::task::series_results::Returned;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct GroupedAggIter {
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
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
    fn new(
        py: Python<'_>,
        task: GroupedAggTask,
        iterate: Py<PyAny>,
        proven: SelfTest,
    ) -> PyResult<Self> {
        Ok(Self {
            udfs: task.udfs.into(),
            eager: task.eager,
            iterate,
            conversions: Conversions::new(py, task.stock, &proven)?.into(),
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
        let stock = self.conversions.stock.object(py);
        let maker = SeriesMaker {
            series: GroupSeries::new(&self.conversions),
            udfs: Arc::clone(&self.udfs),
            converters: Converters::of(stock)?,
        };
        let kind = SeriesStreams {
            iterate: self.iterate.bind(py),
            maker: Bound::new(py, maker)?,
            calls: SeriesCalls::new(py, &self.conversions, &self.udfs, self.eager)?,
        };
        Section::new(infile, outfile, reader, stock)?
            .one_row_each(true)
            .run_unnamed(kind, Flat(self.conversions.output()))
    }
}

/// What makes the Series of one task: an object, since the function's iterator calls it.
#[derive(Debug)]
#[pyclass(module = "_bowstring")]
pub(crate) struct SeriesMaker {
    series: GroupSeries,
    udfs: Arc<[ColumnUdf]>,
    converters: Converters,
}

impl SeriesMaker {
    fn series<'py>(&mut self, py: Python<'py>, batch: &Group) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let convert = self.converters.next(py)?;
        convert.series(py, &mut self.series, batch)
    }
}

#[pymethods]
impl SeriesMaker {
    fn __call__<'py>(
        &mut self,
        py: Python<'py>,
        batch: &Bound<'py, GroupBatch>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let series = self.series(py, &batch.get().0)?;
        self.udfs
            .first()
            .map(|udf| udf.select(py, &series))
            .transpose()
    }
}

/// The batches of a group → an iterator of Series; a scalar → a row.
struct SeriesStreams<'a, 'py> {
    iterate: &'a Bound<'py, PyAny>,
    maker: Bound<'py, SeriesMaker>,
    calls: SeriesCalls<'a, 'py>,
}

impl<'py> Kind<'py> for SeriesStreams<'_, 'py> {
    type Input<'g> = GroupBatches;
    /// The iterator, and the batches that it has not taken.
    type Arguments = (Bound<'py, PyAny>, Bound<'py, GroupBatches>);
    type Returned = ([Returned<'py>; 1], Bound<'py, GroupBatches>);
    type Output = Flat;

    fn arguments(
        &mut self,
        batches: GroupBatches,
        _convert: Converter<'_>,
    ) -> PyResult<Self::Arguments> {
        let batches = Bound::new(self.maker.py(), batches)?;
        let series = self.iterate.call1((&self.maker, &batches))?;
        Ok((series, batches))
    }

    fn call(&self, (series, batches): Self::Arguments) -> PyResult<Self::Returned> {
        Ok((self.calls.aggregate_iterator(series)?, batches))
    }

    fn take(
        &mut self,
        (returned, rest): Self::Returned,
        output: &mut Flat,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        let py = rest.py();
        while let Some(batch) = rest.get().next(py)? {
            // PARITY: stock converts the batches that the function has not asked for, too.
            self.maker.try_borrow_mut()?.series(py, &batch)?;
        }
        self.calls.results.take(&returned, output, convert)
    }
}
