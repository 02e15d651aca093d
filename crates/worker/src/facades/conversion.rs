//! `_spark/stock/conversion.py`.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::facades::{Callable, facade, module};

/// A group as stock takes it: the schema and the record batches, encapsulated.
pub(crate) type Messages<'py> = (Bound<'py, PyBytes>, Bound<'py, PyList>);

module! {
    "_spark.stock.conversion";
    /// What is asked for without a task.
    pub(crate) struct ConversionModule {
        refuses_chunks: Callable,
    }
}

facade! {
    "_spark.stock.conversion", "Stock";
    /// Stock's conversions for one task.
    pub(crate) struct Stock keeps object {
        /// `spark.sql.session.timeZone`.
        pub(crate) timezone: Option<String>,
        /// Whether pyarrow refuses what does not fit.
        pub(crate) safecheck: bool,
        /// Whether columns are matched by name.
        pub(crate) by_name: bool,
        /// Whether the Series of a group's batches are joined, and not the batches.
        pub(crate) joins_series: bool,
        batches: Callable,
        column: Callable,
        field: Callable,
        fields: Callable,
        frame: Callable,
        is_read_only: Callable,
        meet_text: Callable,
        opaque_fields: Callable,
        result_column: Callable,
        series: Callable,
        table: Callable,
        whole: Callable,
        whole_columns: Callable,
    }
}

impl ConversionModule {
    /// Whether a column was converted, and pyarrow wants no batch of what it became.
    pub(crate) fn refuses_chunks(&self, py: Python<'_>, error: &PyErr) -> PyResult<bool> {
        self.refuses_chunks.call(py, (error.value(py),))?.extract()
    }
}

impl Stock {
    /// The object, for other functions of the Python half.
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.object.bind(py)
    }

    /// Reads a group, and looks at no value.
    pub(crate) fn batches<'py>(
        &self,
        py: Python<'py>,
        messages: Messages<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.batches.call(py, messages)
    }

    /// Converts a column of a [`Self::table`].
    pub(crate) fn column<'py>(
        &self,
        table: &Bound<'py, PyAny>,
        index: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.column.call(table.py(), (table, index))
    }

    /// Converts the result's column at `position` for the field `index`.
    pub(crate) fn field<'py>(
        &self,
        frame: &Bound<'py, PyAny>,
        position: usize,
        index: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.field.call(frame.py(), (frame, position, index))
    }

    /// The schema of a result, a `pyarrow.Schema`.
    pub(crate) fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.fields.call(py, ())
    }

    /// The frame that stock makes of the columns at `offsets`.
    pub(crate) fn frame<'py>(
        &self,
        columns: &Bound<'py, PyDict>,
        offsets: &[usize],
    ) -> PyResult<Bound<'py, PyAny>> {
        self.frame.call(columns.py(), (columns, offsets))
    }

    /// Whether [`Self::series`] gives a column, in so many batches, in memory that nobody can write to.
    pub(crate) fn is_read_only(
        &self,
        schema: Bound<'_, PyBytes>,
        index: usize,
        batches: usize,
    ) -> PyResult<bool> {
        let py = schema.py();
        self.is_read_only
            .call(py, (schema, index, batches))?
            .extract()
    }

    /// Before the first group with text.
    pub(crate) fn meet_text(&self, py: Python<'_>) -> PyResult<()> {
        self.meet_text.call(py, ()).map(drop)
    }

    /// Positions of the result's fields that only stock may convert.
    pub(crate) fn opaque_fields(&self, py: Python<'_>) -> PyResult<Vec<usize>> {
        self.opaque_fields.call(py, ())?.extract()
    }

    /// Converts the Series that a function's results were made into.
    pub(crate) fn result_column<'py>(
        &self,
        series: Bound<'py, PyAny>,
        index: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = series.py();
        self.result_column.call(py, (series, index))
    }

    /// The Series of these columns of a group.
    pub(crate) fn series<'py>(
        &self,
        py: Python<'py>,
        (schema, messages): Messages<'py>,
        columns: &[usize],
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.series.call(py, (schema, messages, columns))?.extract()
    }

    /// The Arrow table of a group.
    pub(crate) fn table<'py>(
        &self,
        py: Python<'py>,
        messages: Messages<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.table.call(py, messages)
    }

    /// Checks and converts a whole result: its struct column, and whether the task's first schema is odd.
    pub(crate) fn whole<'py>(
        &self,
        result: &Bound<'py, PyAny>,
        started: bool,
    ) -> PyResult<(Bound<'py, PyAny>, bool)> {
        self.whole.call(result.py(), (result, started))?.extract()
    }

    /// The same for a Series for each field.
    pub(crate) fn whole_columns<'py>(
        &self,
        py: Python<'py>,
        series: Vec<Bound<'py, PyAny>>,
        started: bool,
    ) -> PyResult<(Bound<'py, PyAny>, bool)> {
        self.whole_columns.call(py, (series, started))?.extract()
    }
}
