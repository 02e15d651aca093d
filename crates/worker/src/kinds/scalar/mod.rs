//! `SCALAR_PANDAS`: `pandas_udf`s that get Series and return Series. Eval type 200.
//!
//! Each batch is answered with a batch of as many rows, and at once. A batch costs a Series for
//! each column, one call of each function and one look at each result; where anything is not
//! plain, stock's function is told what the functions have returned, and does the rest.

pub mod iter;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use bowstring_ipc::framing::Framing;
use bowstring_ipc::group::Group;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::conversions::Conversions;
use crate::convert::input::group_columns::messages;
use crate::convert::input::series::GroupSeries;
use crate::convert::output::batch::Output;
use crate::convert::types::InputKind;
use crate::errors::internal;
use crate::package;
use crate::task::column_udf::ColumnUdf;
use crate::task::step::{self, Reply, Step};
use crate::task::verifier::Verifier;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct ScalarPandas {
    udfs: Vec<ColumnUdf>,
    pub(crate) conversions: Arc<Conversions>,
    /// A `ScalarTask` of `kinds_scalar.py`.
    pub(crate) task: Py<PyAny>,
}

#[pymethods]
impl ScalarPandas {
    #[new]
    pub(crate) fn new(task: &Bound<'_, PyAny>, proven: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            udfs: ColumnUdf::all(task)?,
            conversions: Arc::new(Conversions::new(&task.getattr("stock")?, proven)?),
            task: task.clone().unbind(),
        })
    }

    /// Whether all columns of the data behind `infile` have a native path that pays. Waits for their schema.
    pub(crate) fn takes(&self, py: Python<'_>, infile: &Bound<'_, InputFile>) -> PyResult<bool> {
        let Some(schema) = infile.get().input.peek_schema(py)? else {
            return Ok(true);
        };
        let kinds = self.conversions.kinds(&schema);
        // pyarrow shares the memory of text, which nobody has looked at.
        let pays = |kind: &InputKind| !kind.is_nested();
        Ok(!kinds.is_empty() && kinds.iter().all(|kind| kind.as_ref().is_some_and(pays)))
    }

    /// Runs the task: reads every batch, calls the functions, writes a batch of their results.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = self.conversions.reader(Framing::BatchPerGroup);
        let mut run = Run {
            py,
            task: self,
            frames: GroupSeries::new(py, &self.conversions)?,
            values: package::import(py, "_worker.frames")?.getattr("result_values")?,
            spare: None,
            stock: self.conversions.output(),
            odd_schema: false,
            started: false,
            verifier: Verifier::start(self.conversions.stock.bind(py))?,
        };
        step::run(py, infile.get(), outfile.get(), reader, &mut run)
    }
}

/// What is remembered from batch to batch.
struct Run<'a, 'py> {
    py: Python<'py>,
    task: &'a ScalarPandas,
    frames: GroupSeries,
    /// `frames.py`'s `result_values`.
    values: Bound<'py, PyAny>,
    /// For the next native batch; nothing is in it.
    spare: Option<Output>,
    /// For batches that stock makes.
    stock: Output,
    /// As in [`crate::task::results::Results`].
    odd_schema: bool,
    /// A batch was written.
    started: bool,
    verifier: Option<Verifier<'py>>,
}

impl<'py> Run<'_, 'py> {
    /// The output for what the functions return, or `None` if only stock may convert it; adds the results to `results`.
    fn native(
        &mut self,
        series: &[Bound<'py, PyAny>],
        rows: usize,
        results: &mut Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Output>> {
        let mut last = None;
        for udf in &self.task.udfs {
            let result = udf.call(series, self.py)?;
            let first = udf.first().and_then(|first| series.get(first));
            let values = self.values.call1((&result, first, rows))?;
            results.push(result);
            if values.is_none() {
                // Stock may raise before it calls the next function.
                return Ok(None);
            }
            last = Some(values);
        }
        let conversions = &self.task.conversions;
        let mut output = (self.spare.take()).unwrap_or_else(|| conversions.output());
        for (index, result) in results.iter().enumerate() {
            let values = match &last {
                Some(last) if index + 1 == results.len() => last.clone(),
                // Once more: a result may be what a later function was given, and has changed.
                _ => self.values.call1((result, result, rows))?,
            };
            if values.is_none() || !output.append(index, &values, &conversions.names)? {
                return Ok(None);
            }
        }
        output.end_group(rows);
        Ok(Some(output))
    }

    /// The output with the batch that stock makes.
    fn ask_stock(
        &mut self,
        group: &Group,
        series: Option<Vec<Bound<'py, PyAny>>>,
        results: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<&mut Output> {
        let (schema, messages) = messages(self.py, group)?;
        let made = self.task.task.bind(self.py).call_method1(
            "batch",
            (schema, messages, series, group.rows, results, self.started),
        )?;
        let (column, odd_schema): (Bound<'py, PyAny>, bool) = made.extract()?;
        self.odd_schema |= odd_schema;
        let rows = self.stock.take_over(&column, odd_schema)?;
        self.stock.end_group(rows);
        Ok(&mut self.stock)
    }
}

impl Step for Run<'_, '_> {
    fn group(&mut self, group: Group, reply: &mut Reply) -> PyResult<bool> {
        let (py, mut results) = (self.py, Vec::new());
        let series = if self.odd_schema {
            None
        } else {
            self.frames.native_series(py, &group)?
        };
        let native = match &series {
            Some(series) => self.native(series, group.rows, &mut results)?,
            None => None,
        };
        if let Some(mut output) = native {
            let batch = output.take().map_err(|error| internal(&error))?;
            if let Some(verifier) = Verifier::of_next(self.verifier.as_ref())? {
                let (schema, messages) = messages(py, &group)?;
                let known = (schema, messages, series, group.rows, results, true);
                let convert = self.task.task.bind(py).getattr("batch")?;
                verifier.whole(
                    &convert,
                    known.into_pyobject(py)?,
                    &output.to_pyarrow(py, &batch)?,
                )?;
            }
            let columns = RecordBatch::from(batch.column(0).as_struct());
            reply.write(py, output.flat_schema(), columns)?;
            self.spare = Some(output);
        } else {
            let output = self.ask_stock(&group, series, results)?;
            reply.write_columns(py, output)?;
        }
        self.started = true;
        Ok(false)
    }

    fn waits(&self) -> bool {
        false
    }

    fn write(&mut self, _py: Python<'_>, _reply: &mut Reply) -> PyResult<()> {
        Ok(())
    }
}
