//! Choices that our Python files name by a word.

use std::str::FromStr;

use bowstring_ipc::UnknownWord;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

/// A choice as an argument: `ValueError` if the word names none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<T>(pub(crate) T);

impl<'py, T: FromStr<Err = UnknownWord>> FromPyObject<'_, 'py> for Word<T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let word: PyBackedStr = object.extract()?;
        let choice = word.parse();
        choice
            .map(Self)
            .map_err(|error: UnknownWord| PyValueError::new_err(error.to_string()))
    }
}
