//! `SCALAR_PANDAS`: `pandas_udf`s that get Series and return Series. Eval type 200.
//!
//! Each batch is answered with a batch of as many rows, and at once. A batch costs a Series for
//! each column, one call of each function and one look at each result; where anything is not
//! plain, stock's function is told what the functions have returned, and does the rest.

pub(crate) mod iter;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_schema::SchemaRef;
use bowstring_ipc::framing::Framing;
use bowstring_ipc::group::Group;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::conversions::Conversions;
use crate::convert::input::group_columns::messages;
use crate::convert::input::series::GroupSeries;
use crate::convert::output::batch::Output;
use crate::convert::types::SparkType;
use crate::errors::internal;
use crate::facades::Callable;
use crate::facades::frames::FramesModule;
use crate::facades::record::SelfTest;
use crate::facades::scalar::ScalarTask;
use crate::facades::task_parts::ColumnUdf;
use crate::task::converter::Converter;
use crate::task::driver::Section;
use crate::task::kind::Kind;
use crate::task::section::{Reply, Rows};

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct ScalarPandas {
    udfs: Vec<ColumnUdf>,
    conversions: Arc<Conversions>,
    /// Has stock make a batch.
    batch: Callable,
}

#[pymethods]
impl ScalarPandas {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
    fn new(py: Python<'_>, task: ScalarTask, proven: SelfTest) -> PyResult<Self> {
        Ok(Self {
            conversions: Conversions::new(py, task.stock, &proven)?.into(),
            udfs: task.udfs,
            batch: task.batch,
        })
    }

    /// Whether all columns of the data behind `infile` have a native path that pays. Waits for their schema.
    fn takes(&self, py: Python<'_>, infile: &Bound<'_, InputFile>) -> PyResult<bool> {
        pays(py, &self.conversions, infile)
    }

    /// Runs the task: reads every batch, calls the functions, writes a batch of their results.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = self.conversions.reader(Framing::BatchPerGroup);
        let kind = SeriesOfBatches {
            py,
            task: self,
            module: FramesModule::of(py)?,
            frames: GroupSeries::new(&self.conversions),
            odd_schema: false,
            started: false,
        };
        let output = AtOnce {
            spare: None,
            native: None,
            stock: self.conversions.output(),
        };
        Section::new(infile, outfile, reader, self.conversions.stock.object(py))?
            .run_unnamed(kind, output)
    }
}

/// Whether all columns of the data behind `infile` have a native path that pays. Waits for their schema.
fn pays(
    py: Python<'_>,
    conversions: &Conversions,
    infile: &Bound<'_, InputFile>,
) -> PyResult<bool> {
    let Some(schema) = infile.get().input.peek_schema(py)? else {
        return Ok(true);
    };
    let types = conversions.types(&schema);
    // pyarrow shares the memory of text, which nobody has looked at.
    let pays = |spark: SparkType| !spark.is_nested();
    Ok(!types.is_empty() && types.into_iter().all(|spark| spark.is_some_and(pays)))
}

/// The batch that is written before the next one is read.
struct AtOnce {
    /// For the next native batch; nothing is in it.
    spare: Option<Output>,
    native: Option<(SchemaRef, RecordBatch)>,
    /// For batches that stock makes.
    stock: Output,
}

impl Rows for AtOnce {
    fn waits(&self) -> bool {
        false
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        match self.native.take() {
            Some((schema, batch)) => reply.write(py, schema, batch),
            None => reply.write_columns(py, &mut self.stock),
        }
    }
}

/// One batch → a Series for each column; Series → a batch of as many rows.
struct SeriesOfBatches<'a, 'py> {
    py: Python<'py>,
    task: &'a ScalarPandas,
    frames: GroupSeries,
    module: &'static FramesModule,
    /// As in [`crate::task::results::Results`].
    odd_schema: bool,
    /// A batch was taken.
    started: bool,
}

/// A batch, and the Series that were made of it; `None` if stock has to make them.
struct Arguments<'py> {
    batch: Group,
    series: Option<Vec<Bound<'py, PyAny>>>,
}

/// What the functions have returned for it.
struct Returned<'py> {
    arguments: Arguments<'py>,
    /// Those of the functions that were called.
    results: Vec<Bound<'py, PyAny>>,
    /// The values of the last one; `None` if stock has to go on.
    last: Option<Bound<'py, PyAny>>,
}

impl<'py> SeriesOfBatches<'_, 'py> {
    /// The output with what the functions have returned, or `None` if only stock may convert it.
    fn native(&self, returned: &Returned<'py>, output: &mut AtOnce) -> PyResult<Option<Output>> {
        let Returned {
            arguments,
            results,
            last: Some(last),
        } = returned
        else {
            return Ok(None);
        };
        let (rows, conversions) = (arguments.batch.rows, &self.task.conversions);
        let mut output = (output.spare.take()).unwrap_or_else(|| conversions.output());
        for (index, result) in results.iter().enumerate() {
            let values = if index + 1 == results.len() {
                Some(last.clone())
            } else {
                // Once more: a result may be what a later function was given, and has changed.
                self.module.result_values(result, Some(result), rows)?
            };
            let Some(values) = values else {
                return Ok(None);
            };
            if !output.append(index, &values, &conversions.classes)? {
                return Ok(None);
            }
        }
        output.end_group(rows);
        Ok(Some(output))
    }

    /// Adds the batch that stock makes to `output`.
    fn ask_stock(&mut self, returned: Returned<'py>, output: &mut Output) -> PyResult<()> {
        let (convert, arguments) = self.stocks(self.started, returned)?;
        let (column, odd_schema): (Bound<'py, PyAny>, bool) =
            convert.call1(arguments)?.extract()?;
        self.odd_schema |= odd_schema;
        let rows = output.take_over(&column, odd_schema)?;
        output.end_group(rows);
        Ok(())
    }

    /// What makes stock's batch, and of what.
    fn stocks(
        &self,
        started: bool,
        returned: Returned<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let Returned {
            arguments: Arguments { batch, series },
            results,
            ..
        } = returned;
        let (schema, messages) = messages(self.py, &batch)?;
        let known = (schema, messages, series, batch.rows, results, started);
        let convert = self.task.batch.object(self.py).clone();
        Ok((convert, known.into_pyobject(self.py)?))
    }
}

impl<'py> Kind<'py> for SeriesOfBatches<'_, 'py> {
    type Input<'g> = Group;
    type Arguments = Arguments<'py>;
    type Returned = Returned<'py>;
    type Output = AtOnce;

    fn arguments(&mut self, batch: Group, convert: Converter<'_>) -> PyResult<Self::Arguments> {
        let series = if self.odd_schema {
            None
        } else {
            convert.native_series(self.py, &mut self.frames, &batch)?
        };
        Ok(Arguments { batch, series })
    }

    fn call(&self, arguments: Self::Arguments) -> PyResult<Self::Returned> {
        let (mut results, mut last) = (Vec::new(), None);
        if let Some(series) = &arguments.series {
            for udf in &self.task.udfs {
                let result = udf.call(series, self.py)?;
                let first = udf.first().and_then(|first| series.get(first));
                // Stock may raise before it calls the next function.
                last = (self.module).result_values(&result, first, arguments.batch.rows)?;
                results.push(result);
                if last.is_none() {
                    break;
                }
            }
        }
        Ok(Returned {
            arguments,
            results,
            last,
        })
    }

    fn take(
        &mut self,
        returned: Self::Returned,
        output: &mut AtOnce,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        if let Some(mut native) = self.native(&returned, output)? {
            let batch = native.take().map_err(|error| internal(&error))?;
            convert.see_whole(
                || native.to_pyarrow(self.py, &batch),
                || self.stocks(true, returned),
            )?;
            let columns = RecordBatch::from(batch.column(0).as_struct());
            output.native = Some((native.flat_schema(), columns));
            output.spare = Some(native);
        } else {
            self.ask_stock(returned, &mut output.stock)?;
        }
        self.started = true;
        Ok(true)
    }
}
