//! The settings: every `BOWSTRING_*` variable, with its default, its values and its effect.
//!
//! [`ALL`] is the one table. Parsing, the daemon's check, `--help` and a test of `docs/settings.md` come from it.
//! A setting is read where it is heeded: in the supervisor, the zygote or a worker. A worker could report a
//! wrong value only to a task, so the daemon [checks](check) all before it starts.
//!
//! What Spark sets for its daemons is the supervisor's (`settings.rs` there).

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// A variable with which a user sets bowstring.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// The value if the variable is not set, as a user would write it; empty where no value says it.
    pub default: &'static str,
    /// What it may be.
    pub values: Values,
    /// What it does, in one sentence without a full stop.
    pub effect: &'static str,
}

/// The values that a variable may have. Anything else is [`Nonsense`].
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// A path. Whoever runs it checks it.
    Path,
    /// A whole number of a unit. Spaces around it do not matter; it is never empty.
    Number {
        /// What is counted.
        unit: &'static str,
        /// The least number.
        least: u64,
        /// The greatest number.
        most: u64,
    },
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of these words, or nothing, which counts as not set.
    WordsOrEmpty(&'static [&'static str]),
    /// What a function takes.
    Text {
        /// Ends the sentence "it is not …".
        allowed: &'static str,
        /// Whether this is one.
        takes: fn(&str) -> bool,
    },
}

/// Every setting, in the order of `--help` and `docs/settings.md`.
pub const ALL: [Setting; 10] = [
    PYTHON,
    PYTHON_TIMEOUT,
    NATIVE,
    DISABLE,
    ERROR_NOTES,
    SPARE_WORKERS,
    PREIMPORT,
    READ_AHEAD_BYTES,
    LOG,
    LOG_FORMAT,
];

const PYTHON: Setting = Setting {
    name: "BOWSTRING_PYTHON",
    default: "",
    values: Values::Path,
    effect: "the Python whose packages are used, or a script that starts it",
};

/// Some launchers unpack a whole environment first.
const PYTHON_TIMEOUT: Setting = Setting {
    name: "BOWSTRING_PYTHON_TIMEOUT",
    default: "120",
    values: Values::Number {
        unit: "seconds",
        least: 1,
        most: 86_400,
    },
    effect: "how long such a script may take until its Python runs",
};

const NATIVE: Setting = Setting {
    name: "BOWSTRING_NATIVE",
    default: "on",
    values: Values::Text {
        allowed: "on, off, verify, or verify: and a share of the groups above 0 and up to 1, such as verify:0.01",
        takes: |text| text.parse::<Native>().is_ok(),
    },
    effect: "on: native conversions; off: PySpark's own for every task; verify: both, and the first difference ends \
             the task",
};

const DISABLE: Setting = Setting {
    name: "BOWSTRING_DISABLE",
    default: "0",
    values: Values::WordsOrEmpty(&["0", "1"]),
    effect: "1: the stock pyspark.daemon runs",
};

const ERROR_NOTES: Setting = Setting {
    name: "BOWSTRING_ERROR_NOTES",
    default: "on",
    values: Values::Words(&["on", "off"]),
    effect: "on: an error ends with a line that names its group; CPython 3.11 or later",
};

/// The JVM creates workers one by one, so one may be taken while the next is made. Each is a process.
const SPARE_WORKERS: Setting = Setting {
    name: "BOWSTRING_SPARE_WORKERS",
    default: "2",
    values: Values::Number {
        unit: "workers",
        least: 0,
        most: 256,
    },
    effect: "how many workers are kept ready for the next tasks",
};

const PREIMPORT: Setting = Setting {
    name: "BOWSTRING_PREIMPORT",
    default: "",
    values: Values::Text {
        allowed: "a list of modules separated by commas",
        takes: |text| modules(text).is_some(),
    },
    effect: "imports these once for all workers, in place of NumPy, pandas, pyarrow and parts of PySpark; empty: none",
};

const READ_AHEAD_BYTES: Setting = Setting {
    name: "BOWSTRING_READ_AHEAD_BYTES",
    default: "8388608",
    values: Values::Number {
        unit: "bytes",
        least: 0,
        most: 1 << 40,
    },
    effect: "about how much input is queued before the function asks for it; one group or batch may be more",
};

const LOG: Setting = Setting {
    name: "BOWSTRING_LOG",
    default: "warn",
    values: Values::Text {
        allowed: "error, warn, info, debug, trace, off, or a filter such as bowstring_supervisor=debug",
        takes: |text| filter(text).is_some(),
    },
    effect: "what is logged, on standard error",
};

const LOG_FORMAT: Setting = Setting {
    name: "BOWSTRING_LOG_FORMAT",
    default: "text",
    values: Values::WordsOrEmpty(&["text", "json"]),
    effect: "how the log is written",
};

/// A value that a variable cannot have.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{name}={value} is not {allowed}")]
pub struct Nonsense {
    name: &'static str,
    value: String,
    allowed: String,
}

impl Values {
    /// All of them in words: ends the sentence "it is not …".
    #[must_use]
    pub fn allowed(&self) -> String {
        match *self {
            Self::Path => "an executable file".to_owned(),
            Self::Number { unit, least, most } => {
                format!("a number of {unit} from {least} to {most}")
            }
            Self::Words(words) | Self::WordsOrEmpty(words) => words.join(" or "),
            Self::Text { allowed, .. } => allowed.to_owned(),
        }
    }

    fn takes(&self, text: &str) -> bool {
        match *self {
            Self::Path => true,
            Self::Number { least, most, .. } => {
                number(text).is_some_and(|number| (least..=most).contains(&number))
            }
            Self::Words(words) => words.contains(&text),
            Self::WordsOrEmpty(words) => text.is_empty() || words.contains(&text),
            Self::Text { takes, .. } => takes(text),
        }
    }
}

impl Setting {
    /// The variable's value, or the default if it is not set, or is empty and may be.
    ///
    /// # Errors
    ///
    /// [`Nonsense`] if the value is not one that the table allows, or not UTF-8.
    fn read(&self) -> Result<String, Nonsense> {
        self.choose(env::var_os(self.name).as_deref())
    }

    fn choose(&self, value: Option<&OsStr>) -> Result<String, Nonsense> {
        let Some(value) = value else {
            return Ok(self.default.to_owned());
        };
        match value.to_str().filter(|text| self.values.takes(text)) {
            Some("") => Ok(self.default.to_owned()),
            Some(text) => Ok(text.to_owned()),
            None => Err(Nonsense {
                name: self.name,
                value: value.to_string_lossy().into_owned(),
                allowed: self.values.allowed(),
            }),
        }
    }

    /// Of a setting that counts something.
    fn number(&self) -> Result<u64, Nonsense> {
        self.read().map(|text| number(&text).unwrap_or_default())
    }
}

/// Reads every setting, and finds no fault with any. A path is checked by whoever runs it.
///
/// # Errors
///
/// [`Nonsense`], about the first that makes none.
pub fn check() -> Result<(), Nonsense> {
    ALL.iter()
        .filter(|setting| !matches!(setting.values, Values::Path))
        .try_for_each(|setting| setting.read().map(drop))
}

/// `BOWSTRING_PYTHON`, unless it is empty.
pub fn python() -> Option<PathBuf> {
    let value = env::var_os(PYTHON.name).filter(|value| !value.is_empty())?;
    Some(value.into())
}

/// `BOWSTRING_PYTHON_TIMEOUT`: how long a script in the Python's place may take to start one.
///
/// # Errors
///
/// [`Nonsense`].
pub fn python_timeout() -> Result<Duration, Nonsense> {
    PYTHON_TIMEOUT.number().map(Duration::from_secs)
}

/// `BOWSTRING_DISABLE`: whether stock's daemon is to run.
///
/// # Errors
///
/// [`Nonsense`].
pub fn disabled() -> Result<bool, Nonsense> {
    DISABLE.read().map(|text| text == "1")
}

/// `BOWSTRING_SPARE_WORKERS`: workers to keep ready.
///
/// # Errors
///
/// [`Nonsense`].
pub fn spare_workers() -> Result<usize, Nonsense> {
    SPARE_WORKERS.number().map(saturate)
}

/// `BOWSTRING_READ_AHEAD_BYTES`: most bytes of input to hold before the function asks for them. The default
/// if it is nonsense: by then the daemon has [checked](check) it.
pub fn read_ahead_bytes() -> usize {
    let default = || number(READ_AHEAD_BYTES.default).unwrap_or_default();
    saturate(READ_AHEAD_BYTES.number().unwrap_or_else(|_| default()))
}

/// `BOWSTRING_PREIMPORT`: modules to import in advance; `None` if nothing is said.
///
/// # Errors
///
/// [`Nonsense`].
pub fn preimport() -> Result<Option<Vec<String>>, Nonsense> {
    let is_set = env::var_os(PREIMPORT.name).is_some();
    let text = PREIMPORT.read()?;
    Ok(is_set.then(|| modules(&text).unwrap_or_default()))
}

/// `BOWSTRING_LOG_FORMAT`: whether lines are JSON.
///
/// # Errors
///
/// [`Nonsense`].
pub fn logs_json() -> Result<bool, Nonsense> {
    LOG_FORMAT.read().map(|text| text == "json")
}

/// `BOWSTRING_LOG`: what is logged.
///
/// # Errors
///
/// [`Nonsense`].
pub fn log_filter() -> Result<EnvFilter, Nonsense> {
    let text = LOG.read()?;
    Ok(filter(&text).unwrap_or_else(default_filter))
}

/// Of warnings, where nothing else is said.
pub fn default_filter() -> EnvFilter {
    EnvFilter::default().add_directive(LevelFilter::WARN.into())
}

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
    /// [`Nonsense`].
    pub fn from_environment() -> Result<Self, Nonsense> {
        let text = ERROR_NOTES.read()?;
        Ok(if text == "off" { Self::Off } else { Self::On })
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
    /// [`Nonsense`].
    pub fn from_environment() -> Result<Self, Nonsense> {
        NATIVE.read().map(|text| text.parse().unwrap_or_default())
    }
}

/// [`Native::from_str`] has no answer; the table says what there is.
#[derive(Debug)]
pub struct NotNative;

impl FromStr for Native {
    type Err = NotNative;

    fn from_str(text: &str) -> Result<Self, NotNative> {
        match text {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            "verify" => Ok(Self::Verify(1.0)),
            other => other
                .strip_prefix("verify:")
                .and_then(|share| share.parse().ok())
                .filter(|share| *share > 0.0 && *share <= 1.0)
                .map(Self::Verify)
                .ok_or(NotNative),
        }
    }
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn saturate(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn filter(text: &str) -> Option<EnvFilter> {
    // A word that is no level would be taken for the name of a module, and only ours are there.
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
}

fn modules(text: &str) -> Option<Vec<String>> {
    let names = text.split(',').map(str::trim);
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    let is_name = |part: &str| {
        part.starts_with(|first: char| first == '_' || first.is_alphabetic())
            && part
                .chars()
                .all(|letter| letter == '_' || letter.is_alphanumeric())
    };
    names
        .iter()
        .all(|name| name.split('.').all(is_name))
        .then(|| names.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn refused(setting: &Setting, text: &str) {
        let error = setting.choose(Some(OsStr::new(text))).unwrap_err();
        let allowed = setting.values.allowed();
        let expected = format!("{}={text} is not {allowed}", setting.name);
        assert_eq!(error.to_string(), expected);
    }

    fn taken(setting: &Setting, text: &str) -> String {
        setting.choose(Some(OsStr::new(text))).unwrap()
    }

    #[test]
    fn every_default_is_a_value_and_every_row_is_one_line() {
        for setting in ALL {
            assert!(
                setting.default.is_empty() || setting.values.takes(setting.default),
                "{setting:?}"
            );
            assert_eq!(setting.choose(None).unwrap(), setting.default);
            assert!(setting.name.starts_with("BOWSTRING_"), "{setting:?}");
            for text in [&setting.values.allowed(), setting.effect] {
                assert!(
                    !text.is_empty() && !text.contains(['\n', '|']),
                    "{setting:?}"
                );
            }
        }
    }

    #[test]
    fn a_number_is_within_its_range() {
        for setting in ALL {
            let Values::Number { least, most, .. } = setting.values else {
                continue;
            };
            for number in [least, most] {
                assert_eq!(taken(&setting, &number.to_string()), number.to_string());
            }
            let beyond = (most + 1).to_string();
            for text in [
                "",
                " ",
                "-1",
                "many",
                "2.0",
                "1e3",
                "99999999999999999999",
                &beyond,
            ] {
                refused(&setting, text);
            }
        }
        assert_eq!(number(&taken(&SPARE_WORKERS, " 256 ")), Some(256));
        refused(&PYTHON_TIMEOUT, "0");
    }

    #[test]
    fn a_word_is_one_of_the_list_and_empty_where_that_says_nothing() {
        for setting in [DISABLE, LOG_FORMAT] {
            assert_eq!(taken(&setting, ""), setting.default);
        }
        assert_eq!(taken(&DISABLE, "1"), "1");
        assert_eq!(taken(&LOG_FORMAT, "json"), "json");
        assert_eq!(taken(&ERROR_NOTES, "off"), "off");
        for (setting, texts) in [
            (DISABLE, ["2", "yes", "true", "01", " 1"]),
            (LOG_FORMAT, ["xml", "JSON", "text ", "0", "plain"]),
            (ERROR_NOTES, ["", "0", "none", "ON", "on,off"]),
        ] {
            for text in texts {
                refused(&setting, text);
            }
        }
    }

    #[test]
    fn a_share_to_verify_is_above_zero_and_at_most_one() {
        let native = |text: &str| taken(&NATIVE, text).parse::<Native>().unwrap();
        assert_eq!(native("on"), Native::On);
        assert_eq!(native("off"), Native::Off);
        assert_eq!(native("verify"), Native::Verify(1.0));
        assert_eq!(native("verify:0.01"), Native::Verify(0.01));
        assert_eq!(native("verify:1"), Native::Verify(1.0));
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
            refused(&NATIVE, text);
        }
    }

    #[test]
    fn a_filter_names_levels_and_modules_of_ours() {
        assert_eq!(taken(&LOG, ""), "warn");
        for text in [
            "off",
            "DEBUG",
            "bowstring_supervisor",
            "warn,bowstring_worker::zygote=trace",
        ] {
            assert_eq!(taken(&LOG, text), text);
        }
        for text in [
            "loud",
            "bowstring=loud",
            "debug;info",
            "debug info",
            "warn,all",
        ] {
            refused(&LOG, text);
        }
    }

    #[test]
    fn an_empty_list_of_modules_imports_nothing() {
        let list = |text: &str| modules(&taken(&PREIMPORT, text)).unwrap();
        assert!(list("").is_empty());
        assert!(list(" , ").is_empty());
        assert_eq!(list(" numpy,,my.module "), ["numpy", "my.module"]);
        for text in [
            "numpy pandas",
            "numpy;pandas",
            "my-module",
            "1st",
            "a..b",
            "/x.py",
        ] {
            refused(&PREIMPORT, text);
        }
    }

    #[test]
    fn what_is_not_utf_8_is_refused_in_words() {
        let value = OsStr::from_bytes(b"\xff");
        for setting in ALL {
            if !matches!(setting.values, Values::Path) {
                let error = setting.choose(Some(value)).unwrap_err().to_string();
                assert!(error.starts_with(setting.name), "{error}");
            }
        }
    }
}
