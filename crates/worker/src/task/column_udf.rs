//! Functions that get columns: Series, or arrays.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::facades::task_parts::ColumnUdf;

impl ColumnUdf {
    /// The columns that it gets by position: a Series, or a tuple unless it is one.
    ///
    /// # Errors
    ///
    /// The data have fewer columns.
    pub(crate) fn select<'py>(
        &self,
        py: Python<'py>,
        series: &[Bound<'py, PyAny>],
    ) -> PyResult<Bound<'py, PyAny>> {
        match columns(series, &self.offsets)?.as_slice() {
            [one] => Ok((*one).clone()),
            several => Ok(PyTuple::new(py, several)?.into_any()),
        }
    }

    /// Calls the function for a group, or a batch.
    ///
    /// # Errors
    ///
    /// What the function raises.
    pub(crate) fn call<'py>(
        &self,
        series: &[Bound<'py, PyAny>],
        py: Python<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call_with(py, |offset| column(series, offset).cloned())
    }

    /// The same with what `column` gives for each argument.
    ///
    /// # Errors
    ///
    /// What the function raises, and what `column` fails with.
    pub(crate) fn call_with<'py>(
        &self,
        py: Python<'py>,
        column: impl Fn(usize) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let arguments: Vec<_> = (self.offsets.iter())
            .map(|offset| column(*offset))
            .collect::<PyResult<_>>()?;
        let arguments = PyTuple::new(py, arguments)?;
        if self.named.is_empty() {
            return self.function.bind(py).call1(arguments);
        }
        let named = self.named_columns(py, column)?;
        self.function.bind(py).call(arguments, Some(&named))
    }

    pub(crate) fn named_columns<'py>(
        &self,
        py: Python<'py>,
        column: impl Fn(usize) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let named = PyDict::new(py);
        for (name, offset) in &self.named {
            named.set_item(name, column(*offset)?)?;
        }
        Ok(named)
    }

    /// The positions of the columns that it gets by name.
    pub(crate) fn named<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.named_columns(py, |offset| Ok(offset.into_pyobject(py)?.into_any()))
    }

    /// The first column that the function gets.
    pub(crate) fn first(&self) -> Option<usize> {
        let named = || self.named.first().map(|(_, offset)| *offset);
        self.offsets.first().copied().or_else(named)
    }
}

/// The column at a position.
pub(crate) fn column<'a, 'py>(
    series: &'a [Bound<'py, PyAny>],
    offset: usize,
) -> PyResult<&'a Bound<'py, PyAny>> {
    series.get(offset).ok_or_else(|| {
        let width = series.len();
        PyRuntimeError::new_err(format!(
            "bowstring: the task names column {offset}, its data have {width}"
        ))
    })
}

/// The columns at these positions.
pub(crate) fn columns<'a, 'py>(
    series: &'a [Bound<'py, PyAny>],
    offsets: &[usize],
) -> PyResult<Vec<&'a Bound<'py, PyAny>>> {
    offsets
        .iter()
        .map(|offset| column(series, *offset))
        .collect()
}
