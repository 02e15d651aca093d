//! Functions that get arrays and return scalars, and what becomes of the scalars.

use arrow_array::StructArray;
use arrow_pyarrow::FromPyArrow;
use arrow_schema::Schema;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert::c_data::{Layout, to_pyarrow};
use crate::convert::output::array_scalars::{ArrayScalars, ScalarColumns};
use crate::errors::internal;
use crate::task::column_udf::ColumnUdf;
use crate::task::step::Reply;
use crate::task::table_output::FlatOutput;
use crate::task::verifier::Verifier;

/// What a UDF has returned for a group.
#[derive(Debug)]
pub struct Returned<'py> {
    results: Results<'py>,
    /// The same as plain scalars; `None` if only stock may say what becomes of them.
    plain: Option<Vec<Bound<'py, PyAny>>>,
}

#[derive(Debug)]
enum Results<'py> {
    /// One for a group.
    One(Bound<'py, PyAny>),
    /// One that stands for all rows.
    Repeated(Bound<'py, PyAny>),
    /// One for each row.
    Each(Vec<Bound<'py, PyAny>>),
    /// The array that stock has made of them already.
    Made(Bound<'py, PyAny>),
}

/// Calls the functions of one task and takes their results.
#[derive(Debug)]
pub struct ArrayCalls<'a, 'py> {
    /// An `ArrayStock` of `stock_arrow.py`.
    stock: &'a Bound<'py, PyAny>,
    udfs: &'a [ColumnUdf],
    /// Stock makes an array of a result before it calls the next function.
    eager: bool,
    scalars: ArrayScalars<'py>,
    /// Native results; `None` if one is declared of a type without a native path.
    columns: Option<ScalarColumns>,
    plain: Layout<'py>,
    output: FlatOutput<'a, 'py>,
    verifier: Option<Verifier<'py>>,
}

impl<'a, 'py> ArrayCalls<'a, 'py> {
    /// Before the first group. `windows`: a group has a result for each of its rows.
    ///
    /// # Errors
    ///
    /// Fails if a result is declared with a type that arrow-rs does not know.
    pub fn new(
        stock: &'a Bound<'py, PyAny>,
        udfs: &'a [ColumnUdf],
        windows: bool,
    ) -> PyResult<Self> {
        let schema = stock.getattr("plain")?;
        Ok(Self {
            stock,
            udfs,
            eager: windows || stock.getattr("eager")?.extract()?,
            scalars: ArrayScalars::new(stock.py())?,
            columns: columns(stock, &schema)?,
            plain: Layout::of(&schema)?,
            output: FlatOutput::new(stock),
            verifier: Verifier::start(stock)?,
        })
    }

    /// Calls every function for a group of an aggregation, a `pyarrow.RecordBatch`.
    ///
    /// # Errors
    ///
    /// What a function raises, or stock for its result.
    pub fn aggregate(&self, batch: &Bound<'py, PyAny>) -> PyResult<Vec<Returned<'py>>> {
        self.udfs
            .iter()
            .map(|udf| self.one(call(udf, batch)?))
            .collect()
    }

    /// The same for a function that somebody else has called.
    ///
    /// # Errors
    ///
    /// What stock raises for the result.
    pub fn one(&self, result: Bound<'py, PyAny>) -> PyResult<Returned<'py>> {
        self.returned(Results::One(result), 1)
    }

    /// Calls every function for a partition of `rows`, a `pyarrow.RecordBatch`, or for each of its windows.
    ///
    /// # Errors
    ///
    /// As [`Self::aggregate`].
    pub fn windows(&self, batch: &Bound<'py, PyAny>, rows: usize) -> PyResult<Vec<Returned<'py>>> {
        self.udfs
            .iter()
            .map(|udf| {
                let results = if udf.bounded {
                    let arguments = (&udf.function, batch, &udf.offsets, udf.named(batch.py())?);
                    Results::Each(
                        self.stock
                            .call_method1(intern!(batch.py(), "windows"), arguments)?
                            .extract()?,
                    )
                } else {
                    Results::Repeated(call(udf, batch)?)
                };
                self.returned(results, rows)
            })
            .collect()
    }

    fn returned(&self, results: Results<'py>, rows: usize) -> PyResult<Returned<'py>> {
        let plain = match &results {
            _ if self.columns.is_none() => None,
            Results::One(result) | Results::Repeated(result) => {
                self.scalars.values(std::slice::from_ref(result))?
            }
            Results::Each(results) => self.scalars.values(results)?,
            Results::Made(_) => None,
        };
        let results = if plain.is_none() && self.eager {
            Results::Made(self.array(&results, rows)?)
        } else {
            results
        };
        Ok(Returned { results, plain })
    }

    /// The array that stock makes of results for so many rows.
    fn array(&self, results: &Results<'py>, rows: usize) -> PyResult<Bound<'py, PyAny>> {
        let stock = self.stock;
        match results {
            Results::One(result) => {
                stock.call_method1("array", (PyList::new(stock.py(), [result])?,))
            }
            Results::Repeated(result) => stock.call_method1("repeated", (result, rows)),
            Results::Each(results) => stock.call_method1("array", (results,)),
            Results::Made(array) => Ok(array.clone()),
        }
    }

    /// Appends what was returned for a group of so many rows, of which an aggregation has one.
    ///
    /// # Errors
    ///
    /// What stock raises for a result that is not as declared, and a difference that was found.
    pub fn take(&mut self, returned: &[Returned<'py>], rows: usize) -> PyResult<()> {
        let taken = match &mut self.columns {
            Some(columns) => append(&self.scalars, columns, returned, rows)?,
            None => false,
        };
        if !taken {
            self.flush()?;
            return self.output.append(&self.batch(returned, rows)?);
        }
        let Some(verifier) = Verifier::of_next(self.verifier.as_ref())? else {
            return Ok(());
        };
        let Some(mut alone) = columns(self.stock, self.plain.schema())? else {
            return Ok(());
        };
        append(&self.scalars, &mut alone, returned, rows)?;
        let ours = to_pyarrow(&finished(&mut alone, &self.plain)?, self.plain.schema())?;
        verifier.flat(&ours, self.batch(returned, rows))
    }

    /// The batch that stock makes.
    fn batch(&self, returned: &[Returned<'py>], rows: usize) -> PyResult<Bound<'py, PyAny>> {
        let arrays: Vec<_> = returned
            .iter()
            .map(|each| self.array(&each.results, rows))
            .collect::<PyResult<_>>()?;
        self.stock.call_method1("batch", (arrays,))
    }

    /// Moves native results to the output, behind what is there.
    fn flush(&mut self) -> PyResult<()> {
        match &mut self.columns {
            Some(columns) if columns.rows() > 0 => {
                let batch = finished(columns, &self.plain)?;
                self.output.append_native(&batch, &self.plain)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether there is enough for a batch.
    pub fn is_due(&self) -> bool {
        self.output.is_due() || self.columns.as_ref().is_some_and(ScalarColumns::is_due)
    }

    /// Whether anything waits to be written.
    pub fn waits(&self) -> bool {
        let native = |columns: &ScalarColumns| columns.rows() > 0;
        self.output.waits() || self.columns.as_ref().is_some_and(native)
    }

    /// Writes what waits, if anything does.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        self.flush()?;
        self.output.write(py, reply)
    }
}

/// Calls a function with columns of a `pyarrow.RecordBatch`.
fn call<'py>(udf: &ColumnUdf, batch: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let column = intern!(batch.py(), "column");
    // PARITY: a column that comes twice is two objects.
    udf.call_with(batch.py(), |offset| batch.call_method1(column, (offset,)))
}

/// Native columns for a task's results, if all can be native.
fn columns(stock: &Bound<'_, PyAny>, schema: &Bound<'_, PyAny>) -> PyResult<Option<ScalarColumns>> {
    let unproven: Vec<String> = stock.getattr("unproven")?.extract()?;
    let fields = Schema::from_pyarrow_bound(schema)?.fields;
    Ok(ScalarColumns::new(&fields, &unproven))
}

fn append<'py>(
    scalars: &ArrayScalars<'py>,
    columns: &mut ScalarColumns,
    returned: &[Returned<'py>],
    rows: usize,
) -> PyResult<bool> {
    let mut plain = Vec::with_capacity(returned.len());
    for each in returned {
        let Some(values) = &each.plain else {
            return Ok(false);
        };
        let Some(column) = scalars.scalars(values)? else {
            return Ok(false);
        };
        plain.push(column);
    }
    Ok(columns.append(&plain, rows))
}

fn finished(columns: &mut ScalarColumns, plain: &Layout<'_>) -> PyResult<StructArray> {
    let rows = columns.rows();
    let columns = columns.take().map_err(|error| internal(&error))?;
    StructArray::try_new_with_length(plain.fields().clone(), columns, None, rows)
        .map_err(|error| internal(&error))
}

/// The batch that is made natively of the results of one function, each for a row; `None` if stock has to make it.
///
/// # Errors
///
/// Fails only if Python itself does.
#[pyfunction]
pub fn array_of_scalars<'py>(
    schema: &Bound<'py, PyAny>,
    results: Vec<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let plain = Layout::of(schema)?;
    let scalars = ArrayScalars::new(schema.py())?;
    let fields = Schema::from_pyarrow_bound(schema)?.fields;
    let Some(mut columns) = ScalarColumns::new(&fields, &[]) else {
        return Ok(None);
    };
    let (plain_results, rows) = (scalars.values(&results)?, results.len());
    let returned = [Returned {
        results: Results::Each(results),
        plain: plain_results,
    }];
    if !append(&scalars, &mut columns, &returned, rows)? {
        return Ok(None);
    }
    to_pyarrow(&finished(&mut columns, &plain)?, schema).map(Some)
}
