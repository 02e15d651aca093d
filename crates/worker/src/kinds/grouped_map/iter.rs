//! `GROUPED_MAP_ITER`: `applyInPandas` with functions of iterators. Eval type 216.
//!
//! As [`crate::kinds::grouped_map`], with a frame for each batch of a group. It is made when the function
//! asks for it, and what the function gives is taken before it is asked for more.

use std::sync::Arc;

use bowstring_ipc::framing::Framing;
use bowstring_ipc::group::Group;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::conversions::Conversions;
use crate::convert::input::frame::{FrameOfColumns, GroupFrames, Offsets};
use crate::convert::output::batch::Output;
use crate::package;
use crate::task::group_label::Reminder;
use crate::task::incoming::{Part, Parts};
use crate::task::results::Results;
use crate::task::step::{self, Answer, Step};
use crate::task::verifier::Verifier;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct GroupedMapIter {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    offsets: Offsets,
    /// `frames` of `grouped_map.py`.
    iterate: Py<PyAny>,
    /// Stock converts the batches that the function has not asked for, too.
    converts_rest: bool,
    conversions: Arc<Conversions>,
}

#[pymethods]
impl GroupedMapIter {
    /// `task`: a `GroupedMap` of `kinds.py`.
    #[new]
    fn new(
        task: &Bound<'_, PyAny>,
        iterate: Py<PyAny>,
        converts_rest: bool,
        proven: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        Ok(Self {
            function: task.getattr("function")?.unbind(),
            offsets: Offsets::of(task)?,
            iterate,
            converts_rest,
            conversions: Conversions::new(&task.getattr("stock")?, proven)?.into(),
        })
    }

    /// Runs the task: reads every group, calls the function, writes what it gives.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = self.conversions.reader(Framing::Parts);
        let frames = GroupFrames::new(&self.conversions, &self.offsets);
        let verifier = Verifier::start(self.conversions.stock.bind(py))?;
        let maker = FrameMaker {
            frames,
            verifier: verifier.clone().map(Verifier::unbind),
        };
        let mut run = Run {
            py,
            task: self,
            function: self.function.bind(py),
            maker: Bound::new(py, maker)?,
            verifier,
            columns: None,
            results: Results::new(py, &self.conversions)?,
            output: self.conversions.output(),
        };
        step::run(py, infile.get(), outfile.get(), reader, &mut run)
    }
}

/// What makes the frames of one task: an object, since the function's iterator calls it.
#[derive(Debug)]
#[pyclass(module = "_bowstring")]
pub struct FrameMaker {
    frames: GroupFrames,
    /// A [`Verifier`], if the user has asked for one.
    verifier: Option<Py<PyAny>>,
}

#[pymethods]
impl FrameMaker {
    /// The frame of a batch, after what has to live until the next one is made.
    fn __call__<'py>(
        &mut self,
        py: Python<'py>,
        part: &Bound<'py, Part>,
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
        let verifier = self.verifier.as_ref().map(|it| Verifier::bound(it, py));
        let verifier = Verifier::of_next(verifier.as_ref())?;
        self.frames
            .frame_and_columns(py, batch, wants_key, verifier)
    }
}

/// What is remembered from group to group.
struct Run<'a, 'py> {
    py: Python<'py>,
    task: &'a GroupedMapIter,
    function: &'a Bound<'py, PyAny>,
    maker: Bound<'py, FrameMaker>,
    /// PARITY: those of the first frame live until the next group's is made; in Spark 4.1 only those of the key.
    columns: Option<Bound<'py, PyAny>>,
    verifier: Option<Verifier<'py>>,
    results: Results<'a, 'py>,
    output: Output,
}

impl<'py> Run<'_, 'py> {
    /// Calls the function for a group and takes what it gives. `made`: the first frame.
    fn call(
        &mut self,
        made: FrameOfColumns<'py>,
        rest: &Bound<'py, Parts>,
        answer: &mut Answer,
    ) -> PyResult<bool> {
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
        let frames = iterate.call1((frame, rest, &self.maker))?;
        let result = match made.key {
            Some(key) => self.function.call1((key, frames)),
            None => self.function.call1((frames,)),
        }?;
        for frame in result.try_iter()? {
            let verifier = Verifier::of_next(self.verifier.as_ref())?;
            let rows = (self.results).take_apart(&frame?, &mut self.output, verifier)?;
            if self.output.end_group(rows) {
                answer.write_structs(self.py, &mut self.output)?;
            }
        }
        while let Some(part) = rest.get().next(self.py)? {
            if self.task.converts_rest {
                let mut maker = self.maker.try_borrow_mut()?;
                maker.frames.frame(self.py, &part, false, None)?;
            }
        }
        Ok(false)
    }

    /// Those of the key, if stock has made the columns.
    fn key_columns(&self, columns: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Ok(columns) = columns.cast::<PyDict>() else {
            return Ok(None);
        };
        let keys = PyDict::new(self.py);
        for offset in &self.task.offsets.keys {
            keys.set_item(offset, columns.get_item(offset)?)?;
        }
        Ok(Some(keys.into_any()))
    }

    /// Has stock's error raised for a group without batches.
    fn refuse(&self, parts: &Bound<'py, Parts>) -> PyResult<bool> {
        let module = package::import(self.py, "_spark.kinds.grouped_map")?;
        for first in module.call_method1("first", (parts,))?.try_iter()? {
            first?;
        }
        Ok(false)
    }
}

impl Step for Run<'_, '_> {
    fn group(&mut self, first: Group, answer: &mut Answer) -> PyResult<bool> {
        let rest = Bound::new(self.py, Parts::after(&first, &answer.arrivals))?;
        if first.encoded.is_empty() {
            return self.refuse(&rest);
        }
        let keys = &self.task.offsets.keys;
        let with_key = self.task.offsets.with_key;
        let made = (self.maker.try_borrow_mut()?).make(self.py, &first, with_key);
        let reminder = Reminder::of(first, keys);
        made.and_then(|made| self.call(made, &rest, answer))
            .map_err(|error| {
                let (rows, all) = (rest.get().rows(), rest.get().is_over());
                reminder.annotate_part(self.py, keys, &[rows], all, error)
            })
    }

    fn waits(&self) -> bool {
        self.output.has_groups()
    }

    fn write(&mut self, py: Python<'_>, answer: &mut Answer) -> PyResult<()> {
        answer.write_structs(py, &mut self.output)
    }
}
