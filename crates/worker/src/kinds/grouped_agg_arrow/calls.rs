//! Calls of the functions that get arrays.

use pyo3::intern;
use pyo3::prelude::*;

use crate::facades::arrow::ArrayStock;
use crate::facades::task_parts::ColumnUdf;
use crate::task::array_results::{ArrayResults, Results, Returned};

/// Calls the functions of one task.
#[derive(Debug)]
pub(crate) struct ArrayCalls<'a, 'py> {
    stock: &'a ArrayStock,
    udfs: &'a [ColumnUdf],
    results: ArrayResults<'a, 'py>,
}

impl<'a, 'py> ArrayCalls<'a, 'py> {
    /// Before the first group. `windows`: a group has a result for each of its rows.
    ///
    /// # Errors
    ///
    /// Fails if a result is declared with a type that arrow-rs does not know.
    pub(crate) fn new(
        py: Python<'py>,
        stock: &'a ArrayStock,
        udfs: &'a [ColumnUdf],
        windows: bool,
    ) -> PyResult<Self> {
        Ok(Self {
            stock,
            udfs,
            results: ArrayResults::new(py, stock, windows)?,
        })
    }

    /// Calls every function for a group of an aggregation, a `pyarrow.RecordBatch`.
    ///
    /// # Errors
    ///
    /// What a function raises, or stock for its result.
    pub(crate) fn aggregate(&self, batch: &Bound<'py, PyAny>) -> PyResult<Vec<Returned<'py>>> {
        self.udfs
            .iter()
            .map(|udf| (self.results).of(batch.py(), Results::One(call(udf, batch)?), 1))
            .collect()
    }

    /// Calls every function for a partition of `rows`, a `pyarrow.RecordBatch`, or for each of its windows.
    ///
    /// # Errors
    ///
    /// As [`Self::aggregate`].
    pub(crate) fn windows(
        &self,
        batch: &Bound<'py, PyAny>,
        rows: usize,
    ) -> PyResult<Vec<Returned<'py>>> {
        self.udfs
            .iter()
            .map(|udf| {
                let results = if udf.bounded {
                    let named = udf.named(batch.py())?;
                    let (function, offsets) = (&udf.function, &udf.offsets);
                    Results::Each(self.stock.windows(function, batch, offsets, named)?)
                } else {
                    Results::Repeated(call(udf, batch)?)
                };
                self.results.of(batch.py(), results, rows)
            })
            .collect()
    }
}

/// Calls a function with columns of a `pyarrow.RecordBatch`.
fn call<'py>(udf: &ColumnUdf, batch: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let column = intern!(batch.py(), "column");
    // PARITY: a column that comes twice is two objects.
    udf.call_with(batch.py(), |offset| batch.call_method1(column, (offset,)))
}
