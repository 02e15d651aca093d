//! `_spark/kinds/scalar.py`.

use pyo3::prelude::*;

use crate::facades::conversion::{Messages, Stock};
use crate::facades::task_parts::ColumnUdf;
use crate::facades::{Callable, facade};

facade! {
    "_spark.kinds.scalar", "ScalarTask";
    /// What a task of functions from Series to Series consists of.
    pub(crate) struct ScalarTask {
        pub(crate) stock: Stock,
        pub(crate) udfs: Vec<ColumnUdf>,
        /// Has stock make a batch of what the functions have returned: its struct column, and whether the task's first schema
        /// is odd.
        pub(crate) batch: Callable,
    }
}

facade! {
    "_spark.kinds.scalar", "ScalarIterTask";
    /// What a task consists of whose function goes through the batches itself.
    pub(crate) struct ScalarIterTask {
        /// `Stock`
        pub(crate) stock: Py<PyAny>,
        batch: Callable,
        converted: Callable,
        read: Callable,
        start: Callable,
    }
}

impl ScalarIterTask {
    /// Has stock make a batch of what it has yielded: its struct column, and whether the task's first schema is odd.
    pub(crate) fn batch<'py>(
        &self,
        item: &Bound<'py, PyAny>,
        started: bool,
    ) -> PyResult<(Bound<'py, PyAny>, bool)> {
        self.batch.call(item.py(), (item, started))?.extract()
    }

    /// A batch for stock's function.
    pub(crate) fn converted<'py>(
        &self,
        py: Python<'py>,
        series: Vec<Bound<'py, PyAny>>,
        rows: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.converted.call(py, (series, rows))
    }

    /// The same, as stock reads it.
    pub(crate) fn read<'py>(
        &self,
        py: Python<'py>,
        messages: Messages<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.read.call(py, messages)
    }

    /// The generator of what stock yields for batches from [`Self::converted`] or [`Self::read`].
    pub(crate) fn start<'py>(&self, batches: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = batches.py();
        self.start.call(py, (batches,))
    }
}
