//! The settings that workers heed and that the supervisor checks, so that a wrong one is an error of
//! the daemon's start.

use std::env;
use std::ffi::OsStr;

use crate::variables::{Nonsense, parse};

/// `BOWSTRING_ERROR_NOTES`: whether an error says which group it was raised for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorNotes {
    /// One line is added to the error.
    #[default]
    On,
    /// Errors stay as they are.
    Off,
}

impl ErrorNotes {
    /// Reads the variable.
    ///
    /// # Errors
    ///
    /// Names the values that it may have.
    pub fn from_environment() -> Result<Self, Nonsense> {
        Self::parse(env::var_os("BOWSTRING_ERROR_NOTES").as_deref())
    }

    fn parse(value: Option<&OsStr>) -> Result<Self, Nonsense> {
        let Some(value) = value else {
            return Ok(Self::On);
        };
        parse(
            "BOWSTRING_ERROR_NOTES",
            value,
            "on or off",
            |text| match text {
                "on" => Some(Self::On),
                "off" => Some(Self::Off),
                _ => None,
            },
        )
    }
}

/// `BOWSTRING_NATIVE`: whose conversions a native task uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Native {
    /// Ours.
    #[default]
    On,
    /// PySpark's.
    Off,
    /// Ours, compared with PySpark's for this share of the groups.
    Verify(f64),
}

impl Native {
    /// Reads the variable.
    ///
    /// # Errors
    ///
    /// Names the values that it may have.
    pub fn from_environment() -> Result<Self, Nonsense> {
        Self::parse(env::var_os("BOWSTRING_NATIVE").as_deref())
    }

    fn parse(value: Option<&OsStr>) -> Result<Self, Nonsense> {
        let Some(value) = value else {
            return Ok(Self::On);
        };
        let allowed = "on, off, verify, or verify: and a share of the groups above 0 and up to 1, such \
                       as verify:0.01";
        parse("BOWSTRING_NATIVE", value, allowed, |text| match text {
            "on" => Some(Self::On),
            "off" => Some(Self::Off),
            "verify" => Some(Self::Verify(1.0)),
            other => other
                .strip_prefix("verify:")
                .and_then(|share| share.parse().ok())
                .filter(|share| *share > 0.0 && *share <= 1.0)
                .map(Self::Verify),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native(text: &str) -> Result<Native, Nonsense> {
        Native::parse(Some(OsStr::new(text)))
    }

    #[test]
    fn conversions_are_native_unless_told_otherwise() {
        assert_eq!(Native::parse(None).unwrap(), Native::On);
        assert_eq!(native("on").unwrap(), Native::On);
        assert_eq!(native("off").unwrap(), Native::Off);
        assert_eq!(native("verify").unwrap(), Native::Verify(1.0));
        assert_eq!(native("verify:0.01").unwrap(), Native::Verify(0.01));
        assert_eq!(native("verify:1").unwrap(), Native::Verify(1.0));
    }

    #[test]
    fn a_share_is_above_zero_and_at_most_one() {
        for text in [
            "",
            "ON",
            "true",
            "verify:",
            "verify:0",
            "verify:-1",
            "verify:1.01",
            "verify:NaN",
            "verify:inf",
            "verify:half",
            "verified",
        ] {
            let error = native(text).unwrap_err().to_string();
            assert!(error.contains("verify:0.01"), "{error}");
        }
    }

    #[test]
    fn notes_are_on_or_off() {
        let notes = |text: &str| ErrorNotes::parse(Some(OsStr::new(text)));
        assert_eq!(ErrorNotes::parse(None).unwrap(), ErrorNotes::On);
        assert_eq!(notes("on").unwrap(), ErrorNotes::On);
        assert_eq!(notes("off").unwrap(), ErrorNotes::Off);
        for text in ["", "0", "none"] {
            let error = notes(text).unwrap_err().to_string();
            assert!(error.contains("BOWSTRING_ERROR_NOTES"), "{error}");
        }
    }
}
