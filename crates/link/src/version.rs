//! Versions of CPython, and whether two go together.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

/// Major and minor: what must agree for compiled packages to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    major: u8,
    minor: u8,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The text holds no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoVersion;

impl FromStr for Version {
    type Err = NoVersion;

    /// Reads `3.11`, `3.11.7` and `3.11.7.final.0`.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let mut numbers = text.trim().split('.').map(|number| number.parse().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err(NoVersion),
        }
    }
}

/// A Python of another version than the one inside this binary.
#[derive(Debug, Error)]
#[error(
    "{} is Python {found}, but this bowstring is built for Python {built}; install the \
     bowstring for {found} or set BOWSTRING_PYTHON to a Python {built}",
    program.display()
)]
pub struct OtherVersion {
    /// The interpreter that was chosen.
    program: PathBuf,
    /// Its version.
    found: Version,
    /// The embedded version.
    built: Version,
}

impl Version {
    /// Compares a Python's version with this one, the one inside this binary.
    ///
    /// # Errors
    ///
    /// [`OtherVersion`], which says what to do.
    pub fn check(self, program: &Path, found: Self) -> Result<(), OtherVersion> {
        if self == found {
            return Ok(());
        }
        Err(OtherVersion {
            program: program.to_owned(),
            found,
            built: self,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYTHON_3_11: Version = Version {
        major: 3,
        minor: 11,
    };

    #[test]
    fn reads_the_usual_spellings() {
        for text in ["3.11", " 3.11.7\n", "3.11.7.final.0"] {
            assert_eq!(text.parse(), Ok(PYTHON_3_11), "{text}");
        }
        for text in ["", "3", "three.eleven", "3.x"] {
            assert_eq!(text.parse::<Version>(), Err(NoVersion), "{text}");
        }
    }
}
