//! `SCALAR_PANDAS_ITER`: `pandas_udf`s that get an iterator of Series and return one. Eval type 204.
//!
//! Stock's own function runs the user's and counts rows. It gets Series that are made natively when
//! it asks for them; what it yields becomes a native batch where it is plain, and is written at once.
//! As in [`crate::kinds::scalar`], what is not plain goes through stock's conversions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_ipc::framing::Framing;
use bowstring_ipc::group::Group;
use bowstring_socket::read_ahead::Next;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::conversions::Conversions;
use crate::convert::input::group_columns::messages;
use crate::convert::input::series::GroupSeries;
use crate::convert::output::batch::Output;
use crate::errors::{internal, wire_error};
use crate::facades::frames::FramesModule;
use crate::facades::record::SelfTest;
use crate::facades::scalar::ScalarIterTask;
use crate::kinds::scalar::pays;
use crate::task::converter::Converters;
use crate::task::incoming::Incoming;
use crate::task::section::{self, Reply};

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct ScalarPandasIter {
    conversions: Arc<Conversions>,
    task: Arc<ScalarIterTask>,
    /// As in [`crate::task::results::Results`].
    odd_schema: AtomicBool,
}

#[pymethods]
impl ScalarPandasIter {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
    fn new(py: Python<'_>, task: ScalarIterTask, proven: SelfTest) -> PyResult<Self> {
        Ok(Self {
            conversions: Conversions::new(py, task.stock.extract(py)?, &proven)?.into(),
            task: Arc::new(task),
            odd_schema: AtomicBool::new(false),
        })
    }

    /// Whether all columns of the data behind `infile` have a native path that pays. Waits for their schema.
    fn takes(&self, py: Python<'_>, infile: &Bound<'_, InputFile>) -> PyResult<bool> {
        pays(py, &self.conversions, infile)
    }

    /// The native batch of a Series that was yielded, or `None` if only stock may convert it.
    fn make(&self, result: &Bound<'_, PyAny>) -> PyResult<Option<Made>> {
        if self.odd_schema.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let conversions = &self.conversions;
        let Some((values, rows)) = FramesModule::of(result.py())?.series_values(result)? else {
            return Ok(None);
        };
        let mut output = conversions.output();
        if !output.append(0, &values, &conversions.classes)? {
            return Ok(None);
        }
        output.end_group(rows);
        let batch = output.take_flat().map_err(|error| internal(&error))?;
        Ok(Some(Made {
            batch,
            schema: output.flat_schema(),
        }))
    }

    /// Runs the task: has stock call the function, makes Series when it asks, writes what it yields.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = self.conversions.reader(Framing::BatchPerGroup);
        let (infile, outfile) = (infile.get(), outfile.get());
        section::serve_section(py, infile, outfile, reader, usize::MAX, |reply| {
            let batches = SeriesBatches {
                incoming: reply.incoming.clone(),
                task: Arc::clone(&self.task),
                converters: Converters::of(self.conversions.stock.object(py))?,
                state: Mutex::new(Some(GroupSeries::new(&self.conversions))),
            };
            let yielded = self.task.start(Bound::new(py, batches)?.into_any())?;
            let outcome = self.write_all(&yielded, reply);
            // The generator ends now, as in stock's main loop, even if the error keeps it.
            let closed = yielded.call_method0("close").map(drop);
            outcome.and(closed)
        })
    }
}

impl ScalarPandasIter {
    fn write_all(&self, yielded: &Bound<'_, PyAny>, reply: &mut Reply) -> PyResult<()> {
        let (py, mut started) = (yielded.py(), false);
        // For what stock makes.
        let mut stock = self.conversions.output();
        for item in yielded.try_iter()? {
            let item = item?;
            let made;
            let native = if let Ok(made) = item.cast::<Made>() {
                Some(made.get())
            } else if let Some(series) = series_of(&item)? {
                made = self.make(&series)?;
                made.as_ref()
            } else {
                None
            };
            if let Some(Made { batch, schema }) = native {
                reply.write(py, SchemaRef::clone(schema), batch.clone())?;
            } else {
                self.ask_stock(&item, started, &mut stock)?;
                reply.write_columns(py, &mut stock)?;
            }
            started = true;
        }
        // Where a function has swallowed an error of a conversion there may be more.
        while let Next::Group(_) = reply.incoming.next(py, None) {}
        Ok(())
    }

    /// Adds what stock makes of an item to `output`.
    fn ask_stock(
        &self,
        item: &Bound<'_, PyAny>,
        started: bool,
        output: &mut Output,
    ) -> PyResult<()> {
        let (column, odd_schema) = self.task.batch(item, started)?;
        self.odd_schema.fetch_or(odd_schema, Ordering::Relaxed);
        let rows = output.take_over(&column, odd_schema)?;
        output.end_group(rows);
        Ok(())
    }
}

/// The Series of a pair with its type, as Spark lines before 4.3 yield it.
fn series_of<'py>(item: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let pair = item.cast::<PyTuple>().ok();
    pair.map(|pair| pair.get_item(0)).transpose()
}

/// A batch of results, in the place of a `pyarrow.RecordBatch`.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct Made {
    batch: RecordBatch,
    schema: SchemaRef,
}

#[pymethods]
impl Made {
    fn __len__(&self) -> usize {
        self.batch.num_rows()
    }
}

/// The batches of the task, in the place of those that stock's deserializer yields.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
struct SeriesBatches {
    incoming: Incoming,
    task: Arc<ScalarIterTask>,
    converters: Converters,
    /// `None` after the end, or after an error, as a generator is over then.
    state: Mutex<Option<GroupSeries>>,
}

#[pymethods]
impl SeriesBatches {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            // As two threads that share stock's generator.
            Err(TryLockError::WouldBlock) => {
                return Err(PyValueError::new_err("generator already executing"));
            }
        };
        let Some(frames) = state.as_mut() else {
            return Ok(None);
        };
        let outcome = match self.incoming.next(py, None) {
            Next::Group(group) => self.batch(py, frames, &group).map(Some),
            Next::Failed(error) => Err(wire_error(&error)),
            Next::End | Next::Waiting => Ok(None),
        };
        if !matches!(outcome, Ok(Some(_))) {
            *state = None;
        }
        outcome
    }
}

impl SeriesBatches {
    fn batch<'py>(
        &self,
        py: Python<'py>,
        frames: &mut GroupSeries,
        group: &Group,
    ) -> PyResult<Bound<'py, PyAny>> {
        let convert = self.converters.next(py)?;
        match convert.native_series(py, frames, group)? {
            Some(series) => self.task.converted(py, series, group.rows),
            None => self.task.read(py, messages(py, group)?),
        }
    }
}
