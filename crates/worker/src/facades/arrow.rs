//! `_spark/stock/arrow.py`.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::facades::conversion::Messages;
use crate::facades::{Callable, facade};

facade! {
    "_spark.stock.arrow", "Reader";
    /// Stock's reader of groups, and its writer's check.
    pub(crate) struct Reader {
        agree: Callable,
        read: Callable,
        whole_schema: Callable,
    }
}

facade! {
    "_spark.stock.arrow", "ArrowStock";
    /// Stock's ways with tables, for one task.
    pub(crate) struct ArrowStock keeps object {
        /// What a result has that stock sends as it is, a `pyarrow.Schema`.
        pub(crate) plain: Py<PyAny>,
        agree: Callable,
        convert: Callable,
        convert_batch: Callable,
        exhaust: Callable,
        feed: Callable,
        first_key: Callable,
        iterate: Callable,
        key_of_sides: Callable,
        read: Callable,
        schema: Callable,
        select: Callable,
        wrapped: Callable,
    }
}

facade! {
    "_spark.stock.arrow", "ArrayStock";
    /// What stock makes of the results of functions that get arrays and return scalars, for one task.
    pub(crate) struct ArrayStock keeps object {
        /// An array is made of a result before the next function is called.
        pub(crate) eager: bool,
        /// A group without batches has no result.
        pub(crate) skips_empty: bool,
        /// The schema of results, a `pyarrow.Schema`.
        pub(crate) plain: Py<PyAny>,
        /// Names of types that scalars must not be converted to natively.
        pub(crate) unproven: Vec<String>,
        arguments: Callable,
        array: Callable,
        batch: Callable,
        iterate: Callable,
        join: Callable,
        repeated: Callable,
        windows: Callable,
    }
}

impl Reader {
    /// Raises what stock's writer raises for a batch that has not the schema of the answer.
    pub(crate) fn agree(
        &self,
        batch: &Bound<'_, PyAny>,
        schema: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.agree.call(batch.py(), (batch, schema)).map(drop)
    }

    /// The record batches of a group.
    pub(crate) fn read<'py>(
        &self,
        py: Python<'py>,
        messages: Messages<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.read.call(py, messages)
    }

    /// A schema from its message.
    pub(crate) fn whole_schema<'py>(
        &self,
        message: Bound<'py, PyBytes>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = message.py();
        self.whole_schema.call(py, (message,))
    }
}

impl ArrowStock {
    /// The object, for other functions of the Python half.
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.object.bind(py)
    }

    /// As [`Reader::agree`].
    pub(crate) fn agree(
        &self,
        batch: &Bound<'_, PyAny>,
        schema: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.agree.call(batch.py(), (batch, schema)).map(drop)
    }

    /// Checks a result. Returns an iterator of the batches of it that are sent.
    pub(crate) fn convert<'py>(&self, result: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.convert.call(result.py(), (result,))
    }

    /// The same for one batch of an iterator.
    pub(crate) fn convert_batch<'py>(
        &self,
        batch: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.convert_batch.call(batch.py(), (batch,))
    }

    /// After the results of a group.
    pub(crate) fn exhaust(&self, rest: Bound<'_, PyAny>) -> PyResult<()> {
        let py = rest.py();
        self.exhaust.call(py, (rest,)).map(drop)
    }

    /// The iterator that a function gets, and the one that stock exhausts afterwards. `convert` makes batches of `parts`.
    pub(crate) fn feed<'py>(
        &self,
        first: Bound<'py, PyAny>,
        parts: &Bound<'py, PyAny>,
        convert: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let py = first.py();
        self.feed.call(py, (first, parts, convert))?.extract()
    }

    /// The key of a group, from the key columns of its batches.
    pub(crate) fn first_key<'py>(&self, batches: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = batches.py();
        self.first_key.call(py, (batches,))
    }

    /// The batches of a result that should be an iterator.
    pub(crate) fn iterate<'py>(&self, result: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.iterate.call(result.py(), (result,))
    }

    /// The key of a cogroup, from the key columns of the batches of both sides.
    pub(crate) fn key_of_sides<'py>(
        &self,
        [left, right]: [Bound<'py, PyAny>; 2],
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = left.py();
        self.key_of_sides.call(py, (left, right))
    }

    /// As [`Reader::read`].
    pub(crate) fn read<'py>(
        &self,
        py: Python<'py>,
        messages: Messages<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.read.call(py, messages)
    }

    /// The schema that the columns at `offsets` have.
    pub(crate) fn schema<'py>(
        &self,
        message: Bound<'py, PyBytes>,
        offsets: &[usize],
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = message.py();
        self.schema.call(py, (message, offsets))
    }

    /// These columns of a group, batch by batch.
    pub(crate) fn select<'py>(
        &self,
        py: Python<'py>,
        (schema, messages): Messages<'py>,
        offsets: &[usize],
    ) -> PyResult<Bound<'py, PyAny>> {
        self.select.call(py, (schema, messages, offsets))
    }

    /// The schema of an answer with plain results.
    pub(crate) fn wrapped<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.wrapped.call(py, ())
    }
}

impl ArrayStock {
    /// The object, for other functions of the Python half.
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.object.bind(py)
    }

    /// Its reader.
    pub(crate) fn reader(&self, py: Python<'_>) -> PyResult<Reader> {
        self.object.bind(py).extract()
    }

    /// What makes of a batch what a function of an iterator gets.
    pub(crate) fn arguments<'py>(
        &self,
        py: Python<'py>,
        offsets: &[usize],
    ) -> PyResult<Bound<'py, PyAny>> {
        self.arguments.call(py, (offsets,))
    }

    /// An array of results.
    pub(crate) fn array<'py>(
        &self,
        py: Python<'py>,
        results: &[Bound<'py, PyAny>],
    ) -> PyResult<Bound<'py, PyAny>> {
        self.array.call(py, (results,))
    }

    /// The batch that is sent.
    pub(crate) fn batch<'py>(
        &self,
        py: Python<'py>,
        arrays: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.batch.call(py, (arrays,))
    }

    /// The iterator that a function gets of `batches`. `arguments`: of [`Self::arguments`].
    pub(crate) fn iterate<'py>(
        &self,
        arguments: &Bound<'py, PyAny>,
        batches: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.iterate.call(arguments.py(), (arguments, batches))
    }

    /// The batch that functions get the columns of.
    pub(crate) fn join<'py>(&self, batches: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = batches.py();
        self.join.call(py, (batches,))
    }

    /// The array of a result that stands for so many rows.
    pub(crate) fn repeated<'py>(
        &self,
        result: &Bound<'py, PyAny>,
        rows: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.repeated.call(result.py(), (result, rows))
    }

    /// What the function returns for each window, whose bounds are the first two columns.
    pub(crate) fn windows<'py>(
        &self,
        function: &Py<PyAny>,
        batch: &Bound<'py, PyAny>,
        offsets: &[usize],
        named: Bound<'py, PyDict>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.windows
            .call(batch.py(), (function, batch, offsets, named))?
            .extract()
    }
}
