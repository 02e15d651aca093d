//! Native conversions beside stock's on the user's own data: `BOWSTRING_NATIVE=verify`.

use bowstring_link::Native;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::convert::input::key_columns::KeyColumns;
use crate::package;

/// Compares for one task. What is compared, and how, is `verify.py`'s.
#[derive(Clone, Debug)]
pub(crate) struct Verifier<'py>(Bound<'py, PyAny>);

/// The `Verifier` of a task for what converts in Python, or `None` if the user has not asked for it.
#[pyfunction]
pub(crate) fn verifier(stock: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
    Ok(Verifier::start(stock)?.map(Verifier::unbind))
}

/// What a group was made into for the function.
#[derive(Debug)]
pub(crate) struct Input<'a, 'py> {
    /// The group as stock's Arrow table.
    pub(crate) table: Bound<'py, PyAny>,
    /// By position in the table, the columns that stock has converted; the others are native.
    pub(crate) converted: Vec<Option<&'a Bound<'py, PyAny>>>,
    /// Which columns are the key and which the frame.
    pub(crate) offsets: &'a KeyColumns,
    /// The frame that the function is about to get.
    pub(crate) frame: &'a Bound<'py, PyAny>,
    /// The key, if the function takes it.
    pub(crate) key: Option<&'a Bound<'py, PyTuple>>,
}

/// What a result was made into for the JVM.
#[derive(Debug)]
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

impl<'py> Verifier<'py> {
    /// For the task of this `Stock`, or `None` if the user has not asked for it.
    pub(crate) fn start(stock: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let Native::Verify(share) = Native::from_environment().unwrap_or_default() else {
            return Ok(None);
        };
        let module = package::import(stock.py(), "_spark.proof.verify")?;
        let version = env!("CARGO_PKG_VERSION");
        let verifier = module.getattr("Verifier")?.call1((stock, share, version))?;
        Ok(Some(Self(verifier)))
    }

    /// The interpreter that it belongs to.
    pub(crate) fn py(&self) -> Python<'py> {
        self.0.py()
    }

    /// For what outlives this attachment to the interpreter.
    pub(crate) fn unbind(self) -> Py<PyAny> {
        self.0.unbind()
    }

    /// The verifier of an [`Self::unbind`].
    pub(crate) fn bound(unbound: &Py<PyAny>, py: Python<'py>) -> Self {
        Self(unbound.bind(py).clone())
    }

    /// The verifier of a task, if it has one and the next group is one to compare.
    pub(crate) fn of_next(verifier: Option<&Self>) -> PyResult<Option<&Self>> {
        match verifier {
            Some(verifier) if verifier.0.call_method0("takes_next")?.is_truthy()? => {
                Ok(Some(verifier))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Compares what the function is about to get with what stock would give it.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub(crate) fn input(&self, input: Input<'_, 'py>) -> PyResult<()> {
        let arguments = (
            input.table,
            input.converted,
            &input.offsets.values,
            &input.offsets.keys,
            input.frame,
            input.key,
        );
        self.0.call_method1("input", arguments).map(drop)
    }

    /// Compares the native Series of these columns with those that stock makes of a group's messages.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub(crate) fn series(
        &self,
        (schema, messages): (Bound<'py, PyBytes>, Bound<'py, PyList>),
        columns: Vec<usize>,
        ours: &[Bound<'py, PyAny>],
    ) -> PyResult<()> {
        let arguments = (schema, messages, columns, ours);
        self.0.call_method1("series", arguments).map(drop)
    }

    /// Compares fields of a batch with what stock makes of the Series, one for each of them.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub(crate) fn fields(
        &self,
        fields: Vec<usize>,
        series: Vec<Bound<'py, PyAny>>,
        batch: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let arguments = (fields, series, batch);
        self.0.call_method1("fields", arguments).map(drop)
    }

    /// Compares a batch with the struct column that `convert` makes of `arguments`.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub(crate) fn whole(
        &self,
        convert: &Bound<'py, PyAny>,
        arguments: Bound<'py, PyTuple>,
        batch: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let arguments = (convert, arguments, batch);
        self.0.call_method1("whole", arguments).map(drop)
    }

    /// Compares a table of pyarrow with stock's.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub(crate) fn table(
        &self,
        ours: &Bound<'py, PyAny>,
        stocks: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        self.0.call_method1("table", (ours, stocks)).map(drop)
    }

    /// Compares record batches, each the fields of a result, with those that stock would send.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub(crate) fn batches(
        &self,
        ours: &Bound<'py, PyList>,
        stocks: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        self.0.call_method1("batches", (ours, stocks)).map(drop)
    }

    /// Compares a batch with a column for each field with what stock would send, or raise.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub(crate) fn flat(
        &self,
        ours: &Bound<'py, PyAny>,
        stocks: PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let stocks = stocks.unwrap_or_else(|error| error.value(ours.py()).clone().into_any());
        self.0.call_method1("flat", (ours, stocks)).map(drop)
    }

    /// Compares what is about to be sent with what stock would send.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub(crate) fn output(&self, output: &Output<'_, 'py>) -> PyResult<()> {
        let arguments = (output.result, output.positions, output.native, output.batch);
        self.0.call_method1("output", arguments).map(drop)
    }
}
