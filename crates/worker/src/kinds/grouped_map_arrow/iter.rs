//! `GROUPED_MAP_ARROW_ITER`: `applyInArrow` with functions of iterators. Eval type 215.
//!
//! As [`crate::kinds::grouped_map_arrow`], with the batches of a group as they come.

use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple};

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::table::{GroupTables, everything};
use crate::facades::arrow::ArrowStock;
use crate::facades::grouped_map::GroupedMapTask;
use crate::kinds::grouped_map_arrow::Parts;
use crate::task::converter::{Converter, Converters};
use crate::task::driver::Section;
use crate::task::incoming::{GroupBatch, GroupBatches};
use crate::task::kind::StreamKind;
use crate::task::table_output::TableOutput;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct GroupedMapArrowIter(Parts);

#[pymethods]
impl GroupedMapArrowIter {
    #[new]
    fn new(py: Python<'_>, task: GroupedMapTask) -> PyResult<Self> {
        Parts::new(py, task).map(Self)
    }

    /// Runs the task: reads every group, calls the function, writes what it gives.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = GroupReader::new(Framing::Parts, everything()).in_struct();
        let Parts {
            function,
            columns,
            stock,
        } = &self.0;
        let section = Section::new(infile, outfile, reader, stock.object(py))?;
        let maker = BatchMaker {
            tables: self.0.tables(),
            converters: section.converters.clone(),
        };
        let kind = BatchStreams {
            py,
            function: function.bind(py),
            stock,
            with_key: columns.with_key,
            maker: Bound::new(py, maker)?,
        };
        section.run_streams(&columns.keys, kind, TableOutput::new(py, stock)?)
    }
}

/// What makes the batches of one task: an object, since the function's iterator calls it.
#[derive(Debug)]
#[pyclass(module = "_bowstring")]
pub(crate) struct BatchMaker {
    tables: GroupTables,
    converters: Converters,
}

impl BatchMaker {
    fn batch<'py>(&mut self, py: Python<'py>, group: &Group) -> PyResult<Bound<'py, PyAny>> {
        let convert = self.converters.next(py)?;
        let batches = convert.batches(py, &mut self.tables, group)?;
        batches.get_item(0)
    }
}

#[pymethods]
impl BatchMaker {
    fn __call__<'py>(
        &mut self,
        py: Python<'py>,
        batch: &Bound<'py, GroupBatch>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.batch(py, &batch.get().0)
    }
}

/// The batches of a group → an iterator of batches, and a key if the function takes it; an iterator of batches → rows.
struct BatchStreams<'a, 'py> {
    py: Python<'py>,
    function: &'a Bound<'py, PyAny>,
    stock: &'a ArrowStock,
    with_key: bool,
    maker: Bound<'py, BatchMaker>,
}

impl<'a, 'py> StreamKind<'py> for BatchStreams<'a, 'py> {
    /// With what has to be at its end after the group.
    type Arguments = (Bound<'py, PyTuple>, Bound<'py, PyAny>);
    type Returned = (Bound<'py, PyAny>, Bound<'py, PyAny>);
    type Output = TableOutput<'a, 'py>;

    fn arguments(
        &mut self,
        first: &Group,
        rest: &Bound<'py, GroupBatches>,
    ) -> PyResult<Self::Arguments> {
        let py = self.py;
        let mut maker = self.maker.try_borrow_mut()?;
        // Of a group without batches this is stock's error.
        let batch = maker.batch(py, first)?;
        let (values, rest) = (self.stock).feed(batch, rest.as_any(), self.maker.as_any())?;
        if !self.with_key {
            return Ok(((values,).into_pyobject(py)?, rest));
        }
        let keys = maker.tables.keys(py, first)?;
        let key = self.stock.first_key(keys)?;
        Ok(((key, values).into_pyobject(py)?, rest))
    }

    fn call(&self, (arguments, rest): Self::Arguments) -> PyResult<Self::Returned> {
        Ok((self.function.call1(arguments)?, rest))
    }

    fn results(&self, (returned, _): &Self::Returned) -> PyResult<Bound<'py, PyIterator>> {
        self.stock.iterate(returned)?.try_iter()
    }

    fn take(
        &mut self,
        batch: Bound<'py, PyAny>,
        output: &mut Self::Output,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        output.batch(&batch, convert)
    }

    fn end(&mut self, (_, rest): Self::Returned, _: &Bound<'py, GroupBatches>) -> PyResult<()> {
        self.stock.exhaust(rest)
    }
}
