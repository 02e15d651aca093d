//! `GROUPED_AGG_ARROW_ITER`: aggregates of `arrow_udf`s that get an iterator. Eval type 254.
//!
//! As [`crate::kinds::grouped_agg_arrow`], with the arrays of each batch of a group, made when the function asks for
//! them.

use std::slice;
use std::sync::Arc;

use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::table::{WholeGroups, everything};
use crate::kinds::grouped_agg_arrow::calls::ArrayCalls;
use crate::task::column_udf::ColumnUdf;
use crate::task::converter::{Converters, KeptConverters};
use crate::task::incoming::{GroupBatches, Incoming};
use crate::task::step::{self, Reply, Step};

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct GroupedAggArrowIter {
    /// The only one.
    udf: ColumnUdf,
    /// An `ArrayStock` of `stock_arrow.py`.
    stock: Py<PyAny>,
}

#[pymethods]
impl GroupedAggArrowIter {
    /// `task`: an `ArrayTask` of `kinds_arrow.py`.
    #[new]
    fn new(task: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (udfs, stock) = (ColumnUdf::all(task)?, task.getattr("stock")?);
        // Both raise now, while stock can still take the task.
        ArrayCalls::new(&stock, &udfs, false)?;
        let [udf] = <[ColumnUdf; 1]>::try_from(udfs)
            .map_err(|_udfs| PyRuntimeError::new_err("bowstring: there is not one function"))?;
        Ok(Self {
            udf,
            stock: stock.unbind(),
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
        let stock = self.stock.bind(py);
        let mut run = Run {
            stock,
            groups: Arc::new(WholeGroups::new(stock)),
            arguments: stock.call_method1("arguments", (&self.udf.offsets,))?,
            function: self.udf.function.bind(py),
            calls: ArrayCalls::new(stock, slice::from_ref(&self.udf), false)?,
            converters: Converters::of(stock)?,
        };
        step::run(py, infile.get(), outfile.get(), reader, &mut run)
    }
}

/// What is remembered from group to group.
struct Run<'a, 'py> {
    stock: &'a Bound<'py, PyAny>,
    groups: Arc<WholeGroups>,
    /// Makes what the function gets of a batch.
    arguments: Bound<'py, PyAny>,
    function: &'a Bound<'py, PyAny>,
    calls: ArrayCalls<'a, 'py>,
    converters: Converters<'py>,
}

impl<'py> Run<'_, 'py> {
    /// What the function gets for the group that starts with `first`.
    fn iterator(&self, first: Group, incoming: &Incoming) -> PyResult<Bound<'py, PyAny>> {
        let batches = ReadBatches {
            parts: GroupBatches::new(first, incoming),
            groups: Arc::clone(&self.groups),
            converters: self.converters.kept(),
        };
        let iterate = intern!(self.stock.py(), "iterate");
        self.stock.call_method1(iterate, (&self.arguments, batches))
    }
}

/// The batches of one group, in the place of stock's reader.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct ReadBatches {
    parts: GroupBatches,
    groups: Arc<WholeGroups>,
    converters: KeptConverters,
}

#[pymethods]
impl ReadBatches {
    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(part) = self.parts.next(py)? else {
            return Ok(None);
        };
        let batches =
            (self.converters).next(py, |convert| convert.whole_batches(py, &self.groups, &part))?;
        batches.get_item(0).map(Some)
    }
}

impl Step for Run<'_, '_> {
    fn one_row_each(&self) -> bool {
        // The JVM takes the first row of each batch.
        true
    }

    fn group(&mut self, first: Group, reply: &mut Reply) -> PyResult<bool> {
        let batches = self.iterator(first, &reply.incoming)?;
        let returned = [self.calls.one(self.function.call1((&batches,))?)?];
        // PARITY: stock reads the batches that the function has not asked for, too.
        for batch in batches.try_iter()? {
            batch?;
        }
        self.calls.take(&returned, 1)?;
        Ok(self.calls.is_due())
    }

    fn waits(&self) -> bool {
        self.calls.waits()
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        self.calls.write(py, reply)
    }
}
