//! The variables with which a user sets bowstring, except `BOWSTRING_PYTHON`: what each may be, and what it
//! is when nothing is said.
//!
//! They are read where they are heeded, in the supervisor, the zygote or a worker; a worker could say
//! that a value makes no sense only to a task. So the daemon [checks](check) all before it starts.

use std::env;
use std::ffi::OsStr;
use std::time::Duration;

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::{ErrorNotes, Native};

/// A value that a variable cannot have.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{name}={value} is not {allowed}")]
pub struct Nonsense {
    name: &'static str,
    value: String,
    allowed: String,
}

/// Parses a value; `allowed` ends the sentence "it is not …".
///
/// # Errors
///
/// [`Nonsense`] if `parse` has no answer, or the value is not UTF-8.
pub(super) fn parse<T>(
    name: &'static str,
    value: &OsStr,
    allowed: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Nonsense> {
    value.to_str().and_then(parse).ok_or_else(|| Nonsense {
        name,
        value: value.to_string_lossy().into_owned(),
        allowed: allowed.to_owned(),
    })
}

/// A whole number of `unit`.
#[derive(Clone, Copy, Debug)]
struct Number {
    name: &'static str,
    unit: &'static str,
    default: u64,
    least: u64,
    most: u64,
}

impl Number {
    fn read(&self) -> Result<u64, Nonsense> {
        env::var_os(self.name).map_or(Ok(self.default), |value| self.parse(&value))
    }

    fn parse(&self, value: &OsStr) -> Result<u64, Nonsense> {
        let Self {
            name,
            unit,
            least,
            most,
            ..
        } = *self;
        let allowed = format!("a number of {unit} from {least} to {most}");
        parse(name, value, &allowed, |text| {
            let number = text.trim().parse().ok()?;
            (least..=most).contains(&number).then_some(number)
        })
    }
}

/// The JVM creates workers one by one, so one may be taken while the next is made. Each is a process.
const SPARE_WORKERS: Number = Number {
    name: "BOWSTRING_SPARE_WORKERS",
    unit: "workers",
    default: 2,
    least: 0,
    most: 256,
};

const READ_AHEAD_BYTES: Number = Number {
    name: "BOWSTRING_READ_AHEAD_BYTES",
    unit: "bytes",
    default: 8 << 20,
    least: 0,
    most: 1 << 40,
};

/// Some launchers unpack a whole environment first.
const PYTHON_TIMEOUT: Number = Number {
    name: "BOWSTRING_PYTHON_TIMEOUT",
    unit: "seconds",
    default: 120,
    least: 1,
    most: 86_400,
};

/// `BOWSTRING_SPARE_WORKERS`: workers to keep ready.
///
/// # Errors
///
/// [`Nonsense`].
pub fn spare_workers() -> Result<usize, Nonsense> {
    SPARE_WORKERS.read().map(saturate)
}

/// `BOWSTRING_READ_AHEAD_BYTES`: most bytes of input to hold before the function asks for them. The default
/// if it is nonsense: by then the daemon has [checked](check) it.
pub fn read_ahead_bytes() -> usize {
    saturate(READ_AHEAD_BYTES.read().unwrap_or(READ_AHEAD_BYTES.default))
}

/// `BOWSTRING_PYTHON_TIMEOUT`: how long a script in the Python's place may take to start one.
///
/// # Errors
///
/// [`Nonsense`].
pub fn python_timeout() -> Result<Duration, Nonsense> {
    PYTHON_TIMEOUT.read().map(Duration::from_secs)
}

/// `BOWSTRING_DISABLE`: whether stock's daemon is to run.
///
/// # Errors
///
/// [`Nonsense`].
pub fn disabled() -> Result<bool, Nonsense> {
    const NAME: &str = "BOWSTRING_DISABLE";
    env::var_os(NAME).map_or(Ok(false), |value| {
        parse(NAME, &value, "0 or 1", |text| match text {
            "" | "0" => Some(false),
            "1" => Some(true),
            _ => None,
        })
    })
}

/// `BOWSTRING_LOG_FORMAT`: whether lines are JSON.
///
/// # Errors
///
/// [`Nonsense`].
pub fn logs_json() -> Result<bool, Nonsense> {
    const NAME: &str = "BOWSTRING_LOG_FORMAT";
    env::var_os(NAME).map_or(Ok(false), |value| {
        parse(NAME, &value, "text or json", |text| match text {
            "" | "text" => Some(false),
            "json" => Some(true),
            _ => None,
        })
    })
}

/// `BOWSTRING_LOG`: what is logged.
///
/// # Errors
///
/// [`Nonsense`].
pub fn log_filter() -> Result<EnvFilter, Nonsense> {
    let value = env::var_os("BOWSTRING_LOG").unwrap_or_default();
    parse_filter(&value)
}

/// Of warnings, where nothing else is said.
pub fn default_filter() -> EnvFilter {
    EnvFilter::default().add_directive(LevelFilter::WARN.into())
}

fn parse_filter(value: &OsStr) -> Result<EnvFilter, Nonsense> {
    let allowed =
        "error, warn, info, debug, trace, off, or a filter such as bowstring_supervisor=debug";
    parse("BOWSTRING_LOG", value, allowed, |text| {
        // A word that is no level would be taken for the name of a module, of which there are none but ours.
        let is_known = |word: &str| {
            word.is_empty()
                || word.contains(['=', '['])
                || word.starts_with("bowstring")
                || word.parse::<LevelFilter>().is_ok()
        };
        if !text.split(',').map(str::trim).all(is_known) {
            return None;
        }
        EnvFilter::builder()
            .with_default_directive(LevelFilter::WARN.into())
            .parse(text)
            .ok()
    })
}

/// `BOWSTRING_PREIMPORT`: modules to import in advance; `None` if nothing is said.
///
/// # Errors
///
/// [`Nonsense`].
pub fn preimport() -> Result<Option<Vec<String>>, Nonsense> {
    env::var_os("BOWSTRING_PREIMPORT")
        .map(|value| parse_modules(&value))
        .transpose()
}

fn parse_modules(value: &OsStr) -> Result<Vec<String>, Nonsense> {
    let allowed = "a list of modules separated by commas";
    parse("BOWSTRING_PREIMPORT", value, allowed, |text| {
        let modules = text.split(',').map(str::trim);
        let modules: Vec<_> = modules.filter(|module| !module.is_empty()).collect();
        let is_name = |part: &str| {
            part.starts_with(|first: char| first == '_' || first.is_alphabetic())
                && part
                    .chars()
                    .all(|letter| letter == '_' || letter.is_alphanumeric())
        };
        modules
            .iter()
            .all(|module| module.split('.').all(is_name))
            .then(|| modules.into_iter().map(str::to_owned).collect())
    })
}

/// Reads every variable of this file and of the conversions.
///
/// # Errors
///
/// [`Nonsense`], about the first that makes none.
pub fn check() -> Result<(), Nonsense> {
    disabled()?;
    log_filter()?;
    logs_json()?;
    Native::from_environment()?;
    ErrorNotes::from_environment()?;
    spare_workers()?;
    READ_AHEAD_BYTES.read()?;
    python_timeout()?;
    preimport()?;
    Ok(())
}

fn saturate(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_within_its_range() {
        let count = |text: &str| SPARE_WORKERS.parse(OsStr::new(text));
        assert_eq!(count("0"), Ok(0));
        assert_eq!(count(" 256 "), Ok(256));
        for text in ["", "-1", "many", "2.0", "257"] {
            let error = count(text).unwrap_err().to_string();
            let expected =
                format!("BOWSTRING_SPARE_WORKERS={text} is not a number of workers from 0 to 256");
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn a_filter_names_levels_and_modules_of_ours() {
        let filter = |text: &str| parse_filter(OsStr::new(text));
        for text in [
            "",
            "off",
            "DEBUG",
            "bowstring_supervisor",
            "warn,bowstring_worker::zygote=trace",
        ] {
            assert!(filter(text).is_ok(), "{text}");
        }
        for text in [
            "loud",
            "bowstring=loud",
            "debug;info",
            "debug info",
            "warn,all",
        ] {
            let error = filter(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("BOWSTRING_LOG={text} is not ")),
                "{error}"
            );
        }
    }

    #[test]
    fn an_empty_list_of_modules_imports_nothing() {
        let modules = |text: &str| parse_modules(OsStr::new(text));
        assert_eq!(modules(""), Ok(vec![]));
        assert_eq!(
            modules(" numpy,,my.module "),
            Ok(vec!["numpy".into(), "my.module".into()])
        );
        for text in [
            "numpy pandas",
            "numpy;pandas",
            "my-module",
            "1st",
            "a..b",
            "/x.py",
        ] {
            assert!(modules(text).is_err(), "{text}");
        }
    }
}
