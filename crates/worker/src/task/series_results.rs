//! What becomes of the scalars that functions of Series return.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert::conversions::Conversions;
use crate::convert::output::batch::Output;
use crate::convert::output::scalars::Scalars;
use crate::facades::conversion::ConversionModule;
use crate::task::converter::{Appended, Converter};
use crate::task::section::Flat;

/// What a UDF has returned for a group.
pub(crate) enum Returned<'py> {
    /// One result for a group.
    One(Bound<'py, PyAny>),
    /// One result that stands for so many rows.
    Repeated(Bound<'py, PyAny>, usize),
    /// One result for each row.
    Each(Vec<Bound<'py, PyAny>>),
    /// The Series that stock makes of it.
    Series(Bound<'py, PyAny>),
}

/// Takes the results of one task.
pub(crate) struct SeriesResults<'a, 'py> {
    py: Python<'py>,
    conversions: &'a Conversions,
    /// Stock makes a Series of a result before it calls the next function.
    eager: bool,
    scalars: Scalars<'py>,
    /// `pandas.Series`
    series_class: Bound<'py, PyAny>,
    /// As in [`crate::task::results::Results`].
    odd_schema: bool,
}

impl<'a, 'py> SeriesResults<'a, 'py> {
    /// Before the first group.
    pub(crate) fn new(
        py: Python<'py>,
        conversions: &'a Conversions,
        eager: bool,
    ) -> PyResult<Self> {
        Ok(Self {
            py,
            conversions,
            eager,
            scalars: Scalars::new(py)?,
            series_class: py.import("pandas")?.getattr("Series")?,
            odd_schema: false,
        })
    }

    /// Makes the Series of a result at once if stock does, and it is more than a plain scalar.
    ///
    /// # Errors
    ///
    /// What pandas raises for it.
    pub(crate) fn early(&self, returned: Returned<'py>) -> PyResult<Returned<'py>> {
        let plain = match &returned {
            _ if !self.eager => true,
            Returned::One(result) | Returned::Repeated(result, _) => {
                self.scalars.of(result)?.is_some()
            }
            Returned::Each(results) => self.scalars.all(results)?.is_some(),
            Returned::Series(_) => true,
        };
        if plain {
            Ok(returned)
        } else {
            Ok(Returned::Series(self.series(&returned)?))
        }
    }

    /// The Series that stock makes of a result.
    fn series(&self, returned: &Returned<'py>) -> PyResult<Bound<'py, PyAny>> {
        let series = |values: &Bound<'py, PyList>| self.series_class.call1((values,));
        match returned {
            Returned::One(result) => series(&PyList::new(self.py, [result])?),
            Returned::Repeated(result, rows) => series(&PyList::new(self.py, [result])?)?
                .call_method1(intern!(self.py, "repeat"), (rows,)),
            Returned::Each(results) => series(&PyList::new(self.py, results)?),
            Returned::Series(made) => Ok(made.clone()),
        }
    }

    /// Appends the results for a group to `output`. Returns whether there is enough for a batch.
    ///
    /// # Errors
    ///
    /// What stock raises for a result that is not as declared, and a difference that was found.
    pub(crate) fn take(
        &mut self,
        results: &[Returned<'py>],
        output: &mut Flat,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        let rows = self.append_rows(results, &mut output.0, convert)?;
        Ok(output.0.end_group(rows))
    }

    fn append_rows(
        &mut self,
        results: &[Returned<'py>],
        output: &mut Output,
        convert: Converter<'_>,
    ) -> PyResult<usize> {
        let rows = results.first().map_or(Ok(0), Returned::rows)?;
        let mut even = rows > 0;
        for result in results {
            even &= result.rows()? == rows;
        }
        if self.odd_schema || !even {
            return self.take_whole(results, output);
        }
        let taken = convert.append(
            self.conversions,
            rows,
            output,
            |output, index| self.append(results, output, index),
            |verifier, native, (alone, batch)| {
                let series = native
                    .iter()
                    .filter_map(|index| results.get(*index))
                    .map(|result| self.series(result))
                    .collect::<PyResult<_>>()?;
                verifier.fields(native, series, &alone.to_pyarrow(self.py, batch)?)
            },
        )?;
        if !taken {
            return self.take_whole(results, output);
        }
        Ok(rows)
    }

    /// Appends the result of one function for a group as a field.
    fn append(
        &self,
        results: &[Returned<'py>],
        output: &mut Output,
        index: usize,
    ) -> PyResult<Appended> {
        let Some(result) = results.get(index) else {
            return Ok(Appended::OfAnotherType);
        };
        if self.take_scalars(index, result, output)? {
            return Ok(Appended::Natively);
        }
        let array = (self.conversions.stock)
            .result_column(self.series(result)?, index)
            .map_err(|error| self.first_error(results, output, error))?;
        Appended::stocks(output, index, &array)
    }

    fn take_scalars(
        &self,
        index: usize,
        result: &Returned<'py>,
        output: &mut Output,
    ) -> PyResult<bool> {
        let mut one = |result, rows| -> PyResult<bool> {
            let scalar = self.scalars.of(result)?;
            Ok(scalar.is_some_and(|scalar| output.append_scalars(index, &[scalar], rows)))
        };
        Ok(match result {
            Returned::One(result) => one(result, 1)?,
            Returned::Repeated(result, rows) => one(result, *rows)?,
            Returned::Each(results) => self
                .scalars
                .all(results)?
                .is_some_and(|scalars| output.append_scalars(index, &scalars, 1)),
            Returned::Series(_) => false,
        })
    }

    /// What stock raises for all results together, of which one is refused: an array of several chunks only after the
    /// last field, and that one may be refused before.
    fn first_error(&self, results: &[Returned<'py>], output: &Output, error: PyErr) -> PyErr {
        let refuses_chunks =
            ConversionModule::of(self.py).and_then(|stock| stock.refuses_chunks(self.py, &error));
        if !refuses_chunks.unwrap_or(false) || !error.is_instance_of::<PyTypeError>(self.py) {
            return error;
        }
        self.whole(results, output).err().unwrap_or(error)
    }

    /// Has stock convert all results of a group together.
    fn take_whole(&mut self, results: &[Returned<'py>], output: &mut Output) -> PyResult<usize> {
        let (column, odd_schema) = self.whole(results, output)?;
        self.odd_schema = odd_schema;
        output.take_over(&column, odd_schema)
    }

    fn whole(
        &self,
        results: &[Returned<'py>],
        output: &Output,
    ) -> PyResult<(Bound<'py, PyAny>, bool)> {
        let series: Vec<_> = results
            .iter()
            .map(|result| self.series(result))
            .collect::<PyResult<_>>()?;
        (self.conversions.stock).whole_columns(self.py, series, output.started())
    }
}

impl Returned<'_> {
    fn rows(&self) -> PyResult<usize> {
        match self {
            Self::One(_) => Ok(1),
            Self::Repeated(_, rows) => Ok(*rows),
            Self::Each(results) => Ok(results.len()),
            Self::Series(series) => series.len(),
        }
    }
}
