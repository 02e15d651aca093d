//! `GROUPED_MAP_ARROW_ITER`: `applyInArrow` with functions of iterators. Eval type 215.
//!
//! As [`crate::kinds::grouped_map_arrow`], with the batches of a group as they come.

use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::key_columns::KeyColumns;
use crate::convert::input::table::{GroupTables, everything};
use crate::task::group_label::GroupLabel;
use crate::task::incoming::{GroupBatch, GroupBatches};
use crate::task::step::{self, Reply, Step};
use crate::task::table_output::TableOutput;
use crate::task::verifier::Verifier;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct GroupedMapArrowIter {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    offsets: KeyColumns,
    /// The conversions of the Spark line (`stock_arrow.py`).
    stock: Py<PyAny>,
}

#[pymethods]
impl GroupedMapArrowIter {
    /// `task`: a `GroupedMap` of `kinds.py`.
    #[new]
    fn new(task: &Bound<'_, PyAny>) -> PyResult<Self> {
        let stock = task.getattr("stock")?;
        // Raises now, while stock can still take the task.
        TableOutput::new(&stock)?;
        Ok(Self {
            function: task.getattr("function")?.unbind(),
            offsets: KeyColumns::of(task)?,
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
        let verifier = Verifier::start(stock)?;
        let maker = BatchMaker {
            tables: GroupTables::new(stock, &self.offsets),
            verifier: verifier.clone().map(Verifier::unbind),
        };
        let mut run = Run {
            py,
            function: self.function.bind(py),
            stock,
            offsets: &self.offsets,
            maker: Bound::new(py, maker)?,
            output: TableOutput::new(stock)?,
            verifier,
        };
        step::run(py, infile.get(), outfile.get(), reader, &mut run)
    }
}

/// What makes the batches of one task: an object, since the function's iterator calls it.
#[derive(Debug)]
#[pyclass(module = "_bowstring")]
pub struct BatchMaker {
    tables: GroupTables,
    /// If the user has asked for it.
    verifier: Option<Py<PyAny>>,
}

impl BatchMaker {
    fn batch<'py>(&mut self, py: Python<'py>, group: &Group) -> PyResult<Bound<'py, PyAny>> {
        let verifier = self.verifier.as_ref().map(|it| Verifier::bound(it, py));
        let verifier = Verifier::of_next(verifier.as_ref())?;
        self.tables.batches(py, group, verifier)?.get_item(0)
    }
}

#[pymethods]
impl BatchMaker {
    fn __call__<'py>(
        &mut self,
        py: Python<'py>,
        part: &Bound<'py, GroupBatch>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.batch(py, &part.get().0)
    }
}

/// What is remembered from group to group.
struct Run<'a, 'py> {
    py: Python<'py>,
    function: &'a Bound<'py, PyAny>,
    stock: &'a Bound<'py, PyAny>,
    offsets: &'a KeyColumns,
    maker: Bound<'py, BatchMaker>,
    output: TableOutput<'a, 'py>,
    verifier: Option<Verifier<'py>>,
}

impl<'py> Run<'_, 'py> {
    /// The arguments of the function, and what has to be at its end after the group.
    fn arguments(
        &self,
        first: &Group,
        rest: &Bound<'py, GroupBatches>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let mut maker = self.maker.try_borrow_mut()?;
        // Of a group without batches this is stock's error.
        let batch = maker.batch(self.py, first)?;
        let fed = (self.stock).call_method1("feed", (batch, rest, &self.maker))?;
        let (values, rest): (Bound<'py, PyAny>, Bound<'py, PyAny>) = fed.extract()?;
        if !self.offsets.with_key {
            return Ok(((values,).into_pyobject(self.py)?.into_any(), rest));
        }
        let keys = maker.tables.keys(self.py, first)?;
        let key = self.stock.call_method1("first_key", (keys,))?;
        Ok(((key, values).into_pyobject(self.py)?.into_any(), rest))
    }
}

impl Step for Run<'_, '_> {
    fn group(&mut self, first: Group, reply: &mut Reply) -> PyResult<bool> {
        let parts = GroupBatches::after(&first, &reply.incoming);
        let parts = Bound::new(self.py, parts)?;
        let arguments = self.arguments(&first, &parts);
        let reminder = GroupLabel::of(first, &self.offsets.keys);
        arguments
            .and_then(|(arguments, rest)| {
                let result = self.function.call1(arguments.cast_into()?)?;
                let verifier = self.verifier.as_ref();
                self.output.batches(&result, reply, verifier)?;
                self.stock.call_method1("exhaust", (rest,))?;
                Ok(false)
            })
            .map_err(|error| {
                let (rows, all) = (parts.get().rows(), parts.get().is_over());
                reminder.annotate_part(self.py, &self.offsets.keys, &[rows], all, error)
            })
    }

    fn waits(&self) -> bool {
        self.output.waits()
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        self.output.write(py, reply)
    }
}
