//! Calls of the functions that get Series.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::convert::conversions::Conversions;
use crate::facades::frames::FramesModule;
use crate::facades::task_parts::ColumnUdf;
use crate::task::column_udf::{column, columns};
use crate::task::series_results::{Returned, SeriesResults};

/// Calls the functions of one task.
pub(crate) struct SeriesCalls<'a, 'py> {
    py: Python<'py>,
    udfs: &'a [ColumnUdf],
    /// Stock makes a Series of a result before it calls the next function.
    eager: bool,
    /// What becomes of their results.
    pub(crate) results: SeriesResults<'a, 'py>,
}

impl<'a, 'py> SeriesCalls<'a, 'py> {
    /// Before the first group.
    pub(crate) fn new(
        py: Python<'py>,
        conversions: &'a Conversions,
        udfs: &'a [ColumnUdf],
        eager: bool,
    ) -> PyResult<Self> {
        Ok(Self {
            py,
            udfs,
            eager,
            results: SeriesResults::new(py, conversions, eager)?,
        })
    }

    /// Calls every function for a group of an aggregation.
    ///
    /// # Errors
    ///
    /// What a function raises, or pandas for its result.
    pub(crate) fn aggregate(&self, series: &[Bound<'py, PyAny>]) -> PyResult<Vec<Returned<'py>>> {
        self.udfs
            .iter()
            .map(|udf| {
                let result = udf.call(series, self.py)?;
                self.results.early(Returned::One(result))
            })
            .collect()
    }

    /// Calls the only function with an iterator of what [`ColumnUdf::select`] gives.
    ///
    /// # Errors
    ///
    /// As [`Self::aggregate`].
    pub(crate) fn aggregate_iterator(
        &self,
        parts: Bound<'py, PyAny>,
    ) -> PyResult<[Returned<'py>; 1]> {
        let [udf] = self.udfs else {
            return Err(PyRuntimeError::new_err(
                "bowstring: there is not one function, this is a bug",
            ));
        };
        let result = udf.function.bind(self.py).call1((parts,))?;
        Ok([self.results.early(Returned::One(result))?])
    }

    /// Calls every function for a partition of `rows`, or for each of its windows.
    ///
    /// # Errors
    ///
    /// As [`Self::aggregate`].
    pub(crate) fn windows(
        &self,
        series: &[Bound<'py, PyAny>],
        rows: usize,
    ) -> PyResult<Vec<Returned<'py>>> {
        // PARITY: while the last window lives, the columns share their memory with it, so pandas 3
        // copies on writing. In stock it lives until the next function's windows come, or at most
        // for its own function.
        let mut last_window = None;
        let mut returned = Vec::with_capacity(self.udfs.len());
        for udf in self.udfs {
            returned.push(if udf.bounded {
                let (results, window) = self.bounded(udf, series)?;
                last_window = (!self.eager).then_some(window);
                self.results.early(Returned::Each(results))?
            } else {
                let result = udf.call(series, self.py)?;
                let rows = match udf.first() {
                    Some(first) if self.eager => column(series, first)?.len()?,
                    Some(_) | None => rows,
                };
                self.results.early(Returned::Repeated(result, rows))?
            });
        }
        drop(last_window);
        Ok(returned)
    }

    /// Calls a function for each window. Returns the last window, too.
    fn bounded(
        &self,
        udf: &ColumnUdf,
        series: &[Bound<'py, PyAny>],
    ) -> PyResult<(Vec<Bound<'py, PyAny>>, Bound<'py, PyAny>)> {
        let (bounds, values) = udf.offsets.split_at_checked(2).ok_or_else(|| {
            PyRuntimeError::new_err("bowstring: a window has no bounds, this is a bug")
        })?;
        let bounds = columns(series, bounds)?;
        let values = columns(series, values)?;
        let [begin, end] = *bounds.as_slice() else {
            return Err(PyRuntimeError::new_err("bowstring: a window has no end"));
        };
        let named = udf.named_columns(self.py, |offset| column(series, offset).cloned())?;
        let function = udf.function.bind(self.py);
        FramesModule::of(self.py)?.windows(function, [begin, end], values, named)
    }
}
