//! `GROUPED_MAP_ARROW_ITER`: `applyInArrow` with functions of iterators. Eval type 215.
//!
//! As [`crate::kinds::grouped_map_arrow`], with the batches of a group as they come.

use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple};

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::key_columns::KeyColumns;
use crate::convert::input::table::{GroupTables, everything};
use crate::task::converter::{Converter, KeptConverters};
use crate::task::driver::Section;
use crate::task::incoming::{GroupBatch, GroupBatches};
use crate::task::kind::StreamKind;
use crate::task::table_output::TableOutput;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct GroupedMapArrowIter {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    columns: KeyColumns,
    /// The conversions of the Spark line (`stock/arrow.py`).
    stock: Py<PyAny>,
}

#[pymethods]
impl GroupedMapArrowIter {
    /// `task`: a `GroupedMap` of `kinds/grouped_map.py`.
    #[new]
    fn new(task: &Bound<'_, PyAny>) -> PyResult<Self> {
        let stock = task.getattr("stock")?;
        // Raises now, while stock can still take the task.
        TableOutput::new(&stock)?;
        Ok(Self {
            function: task.getattr("function")?.unbind(),
            columns: KeyColumns::of(task)?,
            stock: stock.unbind(),
        })
    }

    /// Runs the task: reads every group, calls the function, writes what it gives.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = GroupReader::new(Framing::Parts, everything()).in_struct();
        let stock = self.stock.bind(py);
        let section = Section::new(infile, outfile, reader, stock)?;
        let maker = BatchMaker {
            tables: GroupTables::new(stock, &self.columns),
            converters: section.converters.kept(),
        };
        let kind = BatchStreams {
            function: self.function.bind(py),
            stock,
            with_key: self.columns.with_key,
            maker: Bound::new(py, maker)?,
        };
        section.run_streams(&self.columns.keys, kind, TableOutput::new(stock)?)
    }
}

/// What makes the batches of one task: an object, since the function's iterator calls it.
#[derive(Debug)]
#[pyclass(module = "_bowstring")]
pub(crate) struct BatchMaker {
    tables: GroupTables,
    converters: KeptConverters,
}

impl BatchMaker {
    fn batch<'py>(&mut self, py: Python<'py>, group: &Group) -> PyResult<Bound<'py, PyAny>> {
        let Self { tables, converters } = self;
        let batches = converters.next(py, |convert| convert.batches(py, tables, group))?;
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
    function: &'a Bound<'py, PyAny>,
    stock: &'a Bound<'py, PyAny>,
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
        let py = self.stock.py();
        let mut maker = self.maker.try_borrow_mut()?;
        // Of a group without batches this is stock's error.
        let batch = maker.batch(py, first)?;
        let fed = (self.stock).call_method1("feed", (batch, rest, &self.maker))?;
        let (values, rest): (Bound<'py, PyAny>, Bound<'py, PyAny>) = fed.extract()?;
        if !self.with_key {
            return Ok(((values,).into_pyobject(py)?, rest));
        }
        let keys = maker.tables.keys(py, first)?;
        let key = self.stock.call_method1("first_key", (keys,))?;
        Ok(((key, values).into_pyobject(py)?, rest))
    }

    fn call(&self, (arguments, rest): Self::Arguments) -> PyResult<Self::Returned> {
        Ok((self.function.call1(arguments)?, rest))
    }

    fn results(&self, (returned, _): &Self::Returned) -> PyResult<Bound<'py, PyIterator>> {
        self.stock.call_method1("iterate", (returned,))?.try_iter()
    }

    fn take(
        &mut self,
        batch: Bound<'py, PyAny>,
        output: &mut Self::Output,
        convert: Converter<'_, 'py>,
    ) -> PyResult<bool> {
        output.batch(&batch, convert)
    }

    fn end(&mut self, (_, rest): Self::Returned, _: &Bound<'py, GroupBatches>) -> PyResult<()> {
        self.stock.call_method1("exhaust", (rest,)).map(drop)
    }
}
