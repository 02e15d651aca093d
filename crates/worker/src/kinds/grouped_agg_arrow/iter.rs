//! `GROUPED_AGG_ARROW_ITER`: aggregates of `arrow_udf`s that get an iterator. Eval type 254.
//!
//! As [`crate::kinds::grouped_agg_arrow`], with the arrays of each batch of a group, made when the function asks for
//! them.

use std::sync::Arc;

use bowstring_ipc::framing::{Framing, GroupReader};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::table::{WholeGroups, everything};
use crate::facades::arrow::ArrayStock;
use crate::facades::grouped_agg_arrow::GroupedAggArrowTask;
use crate::facades::task_parts::ColumnUdf;
use crate::task::array_results::{ArrayResults, ArrayRows, Results, Returned};
use crate::task::converter::{Converter, Converters};
use crate::task::driver::Section;
use crate::task::incoming::GroupBatches;
use crate::task::kind::Kind;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct GroupedAggArrowIter {
    /// The only one.
    udf: ColumnUdf,
    stock: ArrayStock,
}

#[pymethods]
impl GroupedAggArrowIter {
    #[new]
    fn new(py: Python<'_>, task: GroupedAggArrowTask) -> PyResult<Self> {
        // Both raise now, while stock can still take the task.
        ArrayRows::new(py, &task.stock)?;
        let [udf] = <[ColumnUdf; 1]>::try_from(task.udfs)
            .map_err(|_udfs| PyRuntimeError::new_err("bowstring: there is not one function"))?;
        Ok(Self {
            udf,
            stock: task.stock,
        })
    }

    /// Runs the task: reads every group, calls the function, writes a row for each group.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = GroupReader::new(Framing::Parts, everything());
        let stock = &self.stock;
        let kind = ArrayStreams {
            py,
            stock,
            arguments: stock.arguments(py, &self.udf.offsets)?,
            function: self.udf.function.bind(py),
            maker: Arc::new(BatchMaker {
                groups: WholeGroups::new(stock.reader(py)?),
                converters: Converters::of(stock.object(py))?,
            }),
            results: ArrayResults::new(py, stock, false)?,
        };
        Section::new(infile, outfile, reader, stock.object(py))?
            .one_row_each(true)
            .run_unnamed(kind, ArrayRows::new(py, stock)?)
    }
}

/// What makes the batches of one task.
#[derive(Debug)]
struct BatchMaker {
    groups: WholeGroups,
    converters: Converters,
}

/// The batches of one group, in the place of stock's reader.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct ReadBatches {
    batches: GroupBatches,
    maker: Arc<BatchMaker>,
}

#[pymethods]
impl ReadBatches {
    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(batch) = self.batches.next(py)? else {
            return Ok(None);
        };
        let BatchMaker { groups, converters } = &*self.maker;
        let convert = converters.next(py)?;
        let batches = convert.whole_batches(py, groups, &batch)?;
        batches.get_item(0).map(Some)
    }
}

/// The batches of a group → an iterator of arrays; a scalar → a row.
struct ArrayStreams<'a, 'py> {
    py: Python<'py>,
    stock: &'a ArrayStock,
    /// Makes what the function gets of a batch.
    arguments: Bound<'py, PyAny>,
    function: &'a Bound<'py, PyAny>,
    maker: Arc<BatchMaker>,
    results: ArrayResults<'a, 'py>,
}

impl<'a, 'py> Kind<'py> for ArrayStreams<'a, 'py> {
    type Input<'g> = GroupBatches;
    type Arguments = Bound<'py, PyAny>;
    /// With what the function has not taken.
    type Returned = ([Returned<'py>; 1], Bound<'py, PyAny>);
    type Output = ArrayRows<'a, 'py>;

    fn arguments(
        &mut self,
        batches: GroupBatches,
        _convert: Converter<'_>,
    ) -> PyResult<Self::Arguments> {
        let batches = ReadBatches {
            batches,
            maker: Arc::clone(&self.maker),
        };
        let batches = Bound::new(self.py, batches)?.into_any();
        self.stock.iterate(&self.arguments, batches)
    }

    fn call(&self, batches: Self::Arguments) -> PyResult<Self::Returned> {
        let result = Results::One(self.function.call1((&batches,))?);
        Ok(([self.results.of(self.py, result, 1)?], batches))
    }

    fn take(
        &mut self,
        (returned, rest): Self::Returned,
        output: &mut Self::Output,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        // PARITY: stock reads the batches that the function has not asked for, too.
        for batch in rest.try_iter()? {
            batch?;
        }
        output.take(&returned, 1, convert)
    }
}
