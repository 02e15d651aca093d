//! `_spark/proof/verify.py`: native conversions beside stock's on the user's own data, `BOWSTRING_NATIVE=verify`.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::facades::conversion::Messages;
use crate::facades::{Callable, facade, module};

module! {
    "_spark.proof.verify";
    /// What makes a [`Verifier`].
    pub(crate) struct Verify {
        verifier: Callable = "Verifier",
    }
}

facade! {
    "_spark.proof.verify", "Verifier";
    /// Compares for one task. Errors of its methods are the first difference.
    pub(crate) struct Verifier keeps object {
        batches: Callable,
        fields: Callable,
        flat: Callable,
        input: Callable,
        output: Callable,
        series: Callable,
        table: Callable,
        takes_next: Callable,
        whole: Callable,
    }
}

/// What a group was made into for the function.
pub(crate) struct Input<'a, 'py> {
    /// The group as stock's Arrow table.
    pub(crate) table: Bound<'py, PyAny>,
    /// By position in the table, the columns that stock has converted; the others are native.
    pub(crate) converted: Vec<Option<&'a Bound<'py, PyAny>>>,
    /// The columns of the frame.
    pub(crate) values: &'a [usize],
    /// The columns of the key.
    pub(crate) keys: &'a [usize],
    /// The frame that the function is about to get.
    pub(crate) frame: &'a Bound<'py, PyAny>,
    /// The key, if the function takes it.
    pub(crate) key: Option<&'a Bound<'py, PyTuple>>,
}

/// What a result was made into for the JVM.
pub(crate) struct Output<'a, 'py> {
    /// What the function has returned.
    pub(crate) result: &'a Bound<'py, PyAny>,
    /// Where the declared fields are among its columns.
    pub(crate) positions: &'a [usize],
    /// The fields that were converted natively.
    pub(crate) native: &'a [usize],
    /// What is about to be sent, a `pyarrow.RecordBatch`.
    pub(crate) batch: &'a Bound<'py, PyAny>,
}

impl Verify {
    /// For the task of this `Stock`, and about so large a share of its groups.
    pub(crate) fn verifier(&self, stock: &Bound<'_, PyAny>, share: f64) -> PyResult<Verifier> {
        let version = env!("CARGO_PKG_VERSION");
        self.verifier
            .call(stock.py(), (stock, share, version))?
            .extract()
    }
}

impl Verifier {
    /// The object, for what converts in Python.
    pub(crate) fn object(&self, py: Python<'_>) -> Py<PyAny> {
        self.object.clone_ref(py)
    }

    /// Whether the next group is one to compare.
    pub(crate) fn takes_next(&self, py: Python<'_>) -> PyResult<bool> {
        self.takes_next.call(py, ())?.extract()
    }

    /// Compares what the function is about to get with what stock would give it.
    pub(crate) fn input(&self, input: Input<'_, '_>) -> PyResult<()> {
        let py = input.frame.py();
        let arguments = (
            input.table,
            input.converted,
            input.values,
            input.keys,
            input.frame,
            input.key,
        );
        self.input.call(py, arguments).map(drop)
    }

    /// Compares the native Series of these columns with those that stock makes of a group's messages.
    pub(crate) fn series<'py>(
        &self,
        (schema, messages): Messages<'py>,
        columns: Vec<usize>,
        ours: &[Bound<'py, PyAny>],
    ) -> PyResult<()> {
        let py = schema.py();
        self.series
            .call(py, (schema, messages, columns, ours))
            .map(drop)
    }

    /// Compares fields of a batch with what stock makes of the Series, one for each of them.
    pub(crate) fn fields<'py>(
        &self,
        fields: &[usize],
        series: Vec<Bound<'py, PyAny>>,
        batch: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        self.fields
            .call(batch.py(), (fields, series, batch))
            .map(drop)
    }

    /// Compares a batch with the struct column that `convert` makes of `arguments`.
    pub(crate) fn whole<'py>(
        &self,
        convert: &Bound<'py, PyAny>,
        arguments: Bound<'py, PyTuple>,
        batch: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        self.whole
            .call(batch.py(), (convert, arguments, batch))
            .map(drop)
    }

    /// Compares a table of pyarrow with stock's.
    pub(crate) fn table<'py>(
        &self,
        ours: &Bound<'py, PyAny>,
        stocks: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        self.table.call(ours.py(), (ours, stocks)).map(drop)
    }

    /// Compares record batches, each the fields of a result, with those that stock would send.
    pub(crate) fn batches<'py>(
        &self,
        ours: &Bound<'py, PyList>,
        stocks: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        self.batches.call(ours.py(), (ours, stocks)).map(drop)
    }

    /// Compares a batch with a column for each field with what stock would send, or raise.
    pub(crate) fn flat<'py>(
        &self,
        ours: &Bound<'py, PyAny>,
        stocks: PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let stocks = stocks.unwrap_or_else(|error| error.value(ours.py()).clone().into_any());
        self.flat.call(ours.py(), (ours, stocks)).map(drop)
    }

    /// Compares what is about to be sent with what stock would send.
    pub(crate) fn output(&self, output: &Output<'_, '_>) -> PyResult<()> {
        let arguments = (output.result, output.positions, output.native, output.batch);
        self.output.call(output.batch.py(), arguments).map(drop)
    }
}
