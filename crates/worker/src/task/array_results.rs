//! What becomes of the scalars that functions of arrays return.

use std::slice;

use arrow_array::StructArray;
use arrow_pyarrow::FromPyArrow;
use arrow_schema::Schema;
use pyo3::prelude::*;

use crate::convert::c_data::{Layout, to_pyarrow};
use crate::convert::output::array_scalars::{ArrayScalars, ScalarColumns};
use crate::errors::internal;
use crate::facades::arrow::ArrayStock;
use crate::task::converter::Converter;
use crate::task::section::{Reply, Rows};
use crate::task::table_output::FlatOutput;

/// What a UDF has returned for a group.
#[derive(Debug)]
pub(crate) struct Returned<'py> {
    results: Results<'py>,
    /// The same as plain scalars; `None` if only stock may say what becomes of them.
    plain: Option<Vec<Bound<'py, PyAny>>>,
}

/// Results of one function.
#[derive(Debug)]
pub(crate) enum Results<'py> {
    /// One for a group.
    One(Bound<'py, PyAny>),
    /// One that stands for all rows.
    Repeated(Bound<'py, PyAny>),
    /// One for each row.
    Each(Vec<Bound<'py, PyAny>>),
    /// The array that stock has made of them already.
    Made(Bound<'py, PyAny>),
}

/// Looks at the results of one task.
#[derive(Debug)]
pub(crate) struct ArrayResults<'a, 'py> {
    stock: &'a ArrayStock,
    /// Stock makes an array of a result before it calls the next function.
    eager: bool,
    scalars: ArrayScalars<'py>,
    /// All results are declared of types with a native path.
    native: bool,
}

impl<'a, 'py> ArrayResults<'a, 'py> {
    /// Before the first group. `windows`: a group has a result for each of its rows.
    ///
    /// # Errors
    ///
    /// Fails if a result is declared with a type that arrow-rs does not know.
    pub(crate) fn new(py: Python<'py>, stock: &'a ArrayStock, windows: bool) -> PyResult<Self> {
        Ok(Self {
            stock,
            eager: windows || stock.eager,
            scalars: ArrayScalars::new(py)?,
            native: columns(py, stock)?.is_some(),
        })
    }

    /// What one function has returned for so many rows.
    ///
    /// # Errors
    ///
    /// What stock raises for it, if it does so before it calls the next function.
    pub(crate) fn of(
        &self,
        py: Python<'py>,
        results: Results<'py>,
        rows: usize,
    ) -> PyResult<Returned<'py>> {
        let plain = match &results {
            _ if !self.native => None,
            Results::One(result) | Results::Repeated(result) => {
                self.scalars.values(slice::from_ref(result))?
            }
            Results::Each(results) => self.scalars.values(results)?,
            Results::Made(_) => None,
        };
        let results = if plain.is_none() && self.eager {
            Results::Made(array(py, self.stock, &results, rows)?)
        } else {
            results
        };
        Ok(Returned { results, plain })
    }
}

/// Native results of many groups, and batches that stock has made, in the order in which they came.
#[derive(Debug)]
pub(crate) struct ArrayRows<'a, 'py> {
    stock: &'a ArrayStock,
    scalars: ArrayScalars<'py>,
    /// Native results; `None` if one is declared of a type without a native path.
    columns: Option<ScalarColumns>,
    plain: Layout<'py>,
    output: FlatOutput<'py>,
}

impl<'a, 'py> ArrayRows<'a, 'py> {
    /// Before the first result.
    ///
    /// # Errors
    ///
    /// Fails if a result is declared with a type that arrow-rs does not know.
    pub(crate) fn new(py: Python<'py>, stock: &'a ArrayStock) -> PyResult<Self> {
        Ok(Self {
            stock,
            scalars: ArrayScalars::new(py)?,
            columns: columns(py, stock)?,
            plain: Layout::of(stock.plain.bind(py))?,
            output: FlatOutput::new(stock.reader(py)?),
        })
    }

    /// Appends what was returned for a group of so many rows, of which an aggregation has one. Returns whether there is
    /// enough for a batch.
    ///
    /// # Errors
    ///
    /// What stock raises for a result that is not as declared, and a difference that was found.
    pub(crate) fn take(
        &mut self,
        returned: &[Returned<'py>],
        rows: usize,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        let taken = match &mut self.columns {
            Some(columns) => append(&self.scalars, columns, returned, rows)?,
            None => false,
        };
        if taken {
            convert.see_flat(|| self.alone(returned, rows), || self.batch(returned, rows))?;
        } else {
            self.flush()?;
            self.output.append(&self.batch(returned, rows)?)?;
        }
        Ok(self.output.is_due() || self.columns.as_ref().is_some_and(ScalarColumns::is_due))
    }

    /// The batch that stock makes.
    fn batch(&self, returned: &[Returned<'py>], rows: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.plain.schema().py();
        let arrays: Vec<_> = returned
            .iter()
            .map(|each| array(py, self.stock, &each.results, rows))
            .collect::<PyResult<_>>()?;
        self.stock.batch(py, arrays)
    }

    /// A batch of these native results and no others.
    fn alone(
        &self,
        returned: &[Returned<'py>],
        rows: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(mut alone) = columns(self.plain.schema().py(), self.stock)? else {
            return Ok(None);
        };
        append(&self.scalars, &mut alone, returned, rows)?;
        to_pyarrow(&finished(&mut alone, &self.plain)?, self.plain.schema()).map(Some)
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
}

impl Rows for ArrayRows<'_, '_> {
    fn waits(&self) -> bool {
        let native = |columns: &ScalarColumns| columns.rows() > 0;
        self.output.waits() || self.columns.as_ref().is_some_and(native)
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        self.flush()?;
        self.output.write(py, reply)
    }
}

/// The array that stock makes of results for so many rows.
fn array<'py>(
    py: Python<'py>,
    stock: &ArrayStock,
    results: &Results<'py>,
    rows: usize,
) -> PyResult<Bound<'py, PyAny>> {
    match results {
        Results::One(result) => stock.array(py, slice::from_ref(result)),
        Results::Repeated(result) => stock.repeated(result, rows),
        Results::Each(results) => stock.array(py, results),
        Results::Made(array) => Ok(array.clone()),
    }
}

/// Native columns for a task's results, if all can be native.
fn columns(py: Python<'_>, stock: &ArrayStock) -> PyResult<Option<ScalarColumns>> {
    let fields = Schema::from_pyarrow_bound(stock.plain.bind(py))?.fields;
    Ok(ScalarColumns::new(&fields, &stock.unproven))
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
#[pyfunction]
pub(crate) fn array_of_scalars<'py>(
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
