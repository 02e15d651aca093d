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
pub fn choose<T: Copy>(
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

#[cfg(test)]
mod tests {
    use crate::framing::Framing;

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
}
