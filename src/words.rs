//! Choices that our Python files name by a word.

use thiserror::Error;

/// A word that names none of the choices; only a bug says one, or a Spark that we do not know.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("bowstring: {word:?} is no {what}: {known}")]
pub struct UnknownWord {
    what: &'static str,
    word: String,
    known: String,
}

/// The choice that `word` names; `what` they are choices of.
///
/// # Errors
///
/// [`UnknownWord`], with those that are known.
pub(crate) fn choose<T: Copy>(
    what: &'static str,
    word: &str,
    choices: &[(&str, T)],
) -> Result<T, UnknownWord> {
    let found = choices.iter().find(|(name, _)| *name == word);
    found.map(|(_, choice)| *choice).ok_or_else(|| UnknownWord {
        what,
        word: word.to_owned(),
        known: choices
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", "),
    })
}

#[cfg(feature = "python")]
mod python {
    use std::str::FromStr;

    use pyo3::exceptions::PyValueError;
    use pyo3::prelude::*;
    use pyo3::pybacked::PyBackedStr;

    use super::UnknownWord;
    use crate::frame::kind::Unit;
    use crate::worker::group_reader::Framing;

    impl From<UnknownWord> for PyErr {
        fn from(error: UnknownWord) -> Self {
            PyValueError::new_err(error.to_string())
        }
    }

    impl<'py> FromPyObject<'_, 'py> for Framing {
        type Error = PyErr;

        fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
            parse(object)
        }
    }

    impl<'py> FromPyObject<'_, 'py> for Unit {
        type Error = PyErr;

        fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
            parse(object)
        }
    }

    fn parse<T: FromStr<Err = UnknownWord>>(object: Borrowed<'_, '_, PyAny>) -> PyResult<T> {
        Ok(object.extract::<PyBackedStr>()?.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::group_reader::Framing;

    #[test]
    fn a_word_is_known_or_an_error_that_names_it() {
        assert_eq!("batch".parse(), Ok(Framing::BatchPerGroup));
        assert_eq!("stream".parse(), Ok(Framing::StreamPerGroup));
        let error = "streams".parse::<Framing>().unwrap_err().to_string();
        assert_eq!(
            error,
            "bowstring: \"streams\" is no framing of groups: batch, stream"
        );
    }

    #[cfg(feature = "python")]
    #[test]
    fn a_unit_is_known_or_an_error_that_names_it() {
        use crate::frame::kind::Unit;

        assert_eq!("us".parse(), Ok(Unit::Micro));
        assert_eq!("ns".parse(), Ok(Unit::Nano));
        let error = "ms".parse::<Unit>().unwrap_err().to_string();
        assert_eq!(error, "bowstring: \"ms\" is no unit of time: us, ns");
    }
}
