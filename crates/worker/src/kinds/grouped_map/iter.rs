//! `GROUPED_MAP_ITER`: `applyInPandas` with functions of iterators. Eval type 216.
//!
//! As [`crate::kinds::grouped_map`], with a frame for each batch of a group. It is made when the function
//! asks for it, and what the function gives is taken before it is asked for more.

use bowstring_ipc::framing::Framing;
use bowstring_ipc::group::Group;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple};

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::input::frame::GroupFrames;
use crate::facades::grouped_map::{GroupedMapModule, GroupedMapTask};
use crate::facades::record::SelfTest;
use crate::kinds::grouped_map::{Parts, call};
use crate::task::converter::{Converter, Converters, FrameOfColumns};
use crate::task::driver::Section;
use crate::task::incoming::{GroupBatch, GroupBatches};
use crate::task::kind::StreamKind;
use crate::task::results::Results;
use crate::task::section::Structs;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct GroupedMapIter {
    parts: Parts,
    /// `frames` of `grouped_map.py`.
    iterate: Py<PyAny>,
    /// Stock converts the batches that the function has not asked for, too.
    converts_rest: bool,
}

#[pymethods]
impl GroupedMapIter {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
    fn new(
        py: Python<'_>,
        task: GroupedMapTask,
        iterate: Py<PyAny>,
        converts_rest: bool,
        proven: SelfTest,
    ) -> PyResult<Self> {
        Ok(Self {
            parts: Parts::new(py, task, &proven)?,
            iterate,
            converts_rest,
        })
    }

    /// Runs the task: reads every group, calls the function, writes what it gives.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let Parts {
            function,
            columns,
            conversions,
        } = &self.parts;
        let reader = conversions.reader(Framing::Parts);
        let section = Section::new(infile, outfile, reader, conversions.stock.object(py))?;
        let maker = FrameMaker {
            frames: self.parts.frames(),
            converters: section.converters.clone(),
        };
        let kind = FrameStreams {
            py,
            task: self,
            function: function.bind(py),
            maker: Bound::new(py, maker)?,
            columns: None,
            results: Results::new(py, conversions)?,
        };
        let output = Structs(conversions.output());
        section.run_streams(&columns.keys, kind, output)
    }
}

/// What makes the frames of one task: an object, since the function's iterator calls it.
#[derive(Debug)]
#[pyclass(module = "_bowstring")]
pub(crate) struct FrameMaker {
    frames: GroupFrames,
    converters: Converters,
}

#[pymethods]
impl FrameMaker {
    /// The frame of a batch, after what has to live until the next one is made.
    fn __call__<'py>(
        &mut self,
        py: Python<'py>,
        part: &Bound<'py, GroupBatch>,
    ) -> PyResult<Bound<'py, PyList>> {
        let made = self.make(py, &part.get().0, false)?;
        PyList::new(py, [made.columns, made.frame])
    }
}

impl FrameMaker {
    fn make<'py>(
        &mut self,
        py: Python<'py>,
        batch: &Group,
        wants_key: bool,
    ) -> PyResult<FrameOfColumns<'py>> {
        let convert = self.converters.next(py)?;
        convert.frame_and_columns(py, &mut self.frames, batch, wants_key)
    }
}

/// The batches of a group → an iterator of frames, and a key if the function takes it; an iterator of frames → rows.
struct FrameStreams<'a, 'py> {
    py: Python<'py>,
    task: &'a GroupedMapIter,
    function: &'a Bound<'py, PyAny>,
    maker: Bound<'py, FrameMaker>,
    /// PARITY: those of the first frame live until the next group's is made; in Spark 4.1 only those of the key.
    columns: Option<Bound<'py, PyAny>>,
    results: Results<'a, 'py>,
}

impl<'py> FrameStreams<'_, 'py> {
    /// Those of the key, if stock has made the columns.
    fn key_columns(&self, columns: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Ok(columns) = columns.cast::<PyDict>() else {
            return Ok(None);
        };
        let keys = PyDict::new(self.py);
        for offset in &self.task.parts.columns.keys {
            keys.set_item(offset, columns.get_item(offset)?)?;
        }
        Ok(Some(keys.into_any()))
    }
}

impl<'py> StreamKind<'py> for FrameStreams<'_, 'py> {
    /// The frames, and the key.
    type Arguments = (Bound<'py, PyAny>, Option<Bound<'py, PyTuple>>);
    type Returned = Bound<'py, PyAny>;
    type Output = Structs;

    /// A group without batches, for which stock raises an error.
    fn skips(&self, first: &Group, rest: &Bound<'py, GroupBatches>) -> PyResult<bool> {
        if !first.encoded.is_empty() {
            return Ok(false);
        }
        for first in GroupedMapModule::of(self.py)?
            .first(rest.as_any())?
            .try_iter()?
        {
            first?;
        }
        Ok(true)
    }

    fn arguments(
        &mut self,
        first: &Group,
        rest: &Bound<'py, GroupBatches>,
    ) -> PyResult<Self::Arguments> {
        let with_key = self.task.parts.columns.with_key;
        let made = (self.maker.try_borrow_mut()?).make(self.py, first, with_key)?;
        // The list lets the iterator forget the frame that it has given.
        let frame = if self.task.converts_rest {
            // PARITY: in Spark 4.1 the iterator keeps the columns.
            self.columns = self.key_columns(&made.columns)?;
            PyList::new(self.py, [made.columns, made.frame])?
        } else {
            self.columns = Some(made.columns);
            PyList::new(self.py, [made.frame])?
        };
        let iterate = self.task.iterate.bind(self.py);
        Ok((iterate.call1((frame, rest, &self.maker))?, made.key))
    }

    fn call(&self, (frames, key): Self::Arguments) -> PyResult<Self::Returned> {
        call(self.function, key, frames)
    }

    fn results(&self, returned: &Self::Returned) -> PyResult<Bound<'py, PyIterator>> {
        returned.try_iter()
    }

    fn take(
        &mut self,
        frame: Bound<'py, PyAny>,
        output: &mut Structs,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        self.results.take(&frame, output, convert)
    }

    fn end(&mut self, _: Self::Returned, rest: &Bound<'py, GroupBatches>) -> PyResult<()> {
        while let Some(batch) = rest.get().next(self.py)? {
            if self.task.converts_rest {
                let mut maker = self.maker.try_borrow_mut()?;
                maker.frames.frame(self.py, &batch, false)?;
            }
        }
        Ok(())
    }
}
