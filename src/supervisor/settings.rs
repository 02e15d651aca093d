//! What Spark and the user asked for, read once from the environment.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use anyhow::Context;
use subtle::ConstantTimeEq;

use crate::control::{ErrorNotes, Launch, Native, WarmUp};
use crate::interpreter::Environment;

/// Spare workers unless `BOWSTRING_SPARE_WORKERS` says otherwise: the JVM creates workers one by one,
/// so one may be taken while the next is made.
const SPARE_WORKERS: usize = 2;

/// Most spare workers: each is a process.
const SPARE_WORKERS_LIMIT: usize = 256;

/// Everything that is fixed for the life of a daemon. Spark starts another daemon for other values.
#[derive(Debug)]
pub(super) struct Settings {
    /// How a zygote is to be started the first time.
    pub(super) launch: Launch,
    /// Workers to keep ready.
    pub(super) spare_workers: usize,
    /// Where to listen.
    pub(super) transport: Transport,
    /// Spark's limit on a worker's address space in MiB, to compare a dead worker's memory with.
    pub(super) memory_limit_mib: Option<u64>,
    /// Whether the JVM looks for the workers' log records on standard output (Spark 4.1 on).
    pub(super) worker_logging: bool,
}

/// Where the JVM connects.
#[derive(Debug)]
pub(super) enum Transport {
    /// The IPv4 loopback address.
    Ipv4(Secret),
    /// The IPv6 loopback address.
    Ipv6(Secret),
    /// A socket file in this directory, whose permissions are the authentication (Spark 4.1 on).
    Unix(PathBuf),
}

/// What a peer on a TCP connection must know.
pub(super) struct Secret(Vec<u8>);

impl Secret {
    /// Compares in a time that does not depend on where the two differ.
    pub(super) fn matches(&self, offered: &[u8]) -> bool {
        self.0.ct_eq(offered).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Settings {
    /// Reads the environment; `arguments` are those behind `-m pyspark.daemon`.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or makes no sense.
    pub(super) fn from_environment(arguments: Vec<OsString>) -> anyhow::Result<Self> {
        let program = Environment::choose()?.program;
        // Workers read these for themselves, too late for an error that says what is wrong.
        Native::from_environment()?;
        ErrorNotes::from_environment()?;
        // SQL runners set it, RDD runners do not. The former will need pandas and pyarrow, the latter
        // hardly ever.
        let sql = env::var_os("SPARK_SIMPLIFIED_TRACEBACK").is_some_and(|value| !value.is_empty());
        let warm_up = if sql {
            WarmUp::ThenFork
        } else {
            WarmUp::WhileForking
        };
        Ok(Self {
            launch: Launch {
                program,
                arguments,
                warm_up,
                restore: Vec::new(),
            },
            spare_workers: spare_workers(env::var_os("BOWSTRING_SPARE_WORKERS").as_deref())?,
            transport: transport()?,
            memory_limit_mib: env::var("PYSPARK_EXECUTOR_MEMORY_MB")
                .ok()
                .and_then(|text| text.parse().ok()),
            worker_logging: env::var_os("PYSPARK_SPARK_SESSION_UUID").is_some(),
        })
    }
}

fn spare_workers(text: Option<&OsStr>) -> anyhow::Result<usize> {
    let Some(text) = text else {
        return Ok(SPARE_WORKERS);
    };
    text.to_str()
        .and_then(|text| text.trim().parse().ok())
        .filter(|count| *count <= SPARE_WORKERS_LIMIT)
        .with_context(|| {
            let text = text.display();
            format!("BOWSTRING_SPARE_WORKERS={text} is not a number up to {SPARE_WORKERS_LIMIT}")
        })
}

fn transport() -> anyhow::Result<Transport> {
    if is_true("PYTHON_UNIX_DOMAIN_ENABLED") {
        let directory = env::var_os("PYTHON_WORKER_FACTORY_SOCK_DIR").context(
            "PYTHON_UNIX_DOMAIN_ENABLED is set but PYTHON_WORKER_FACTORY_SOCK_DIR is not",
        )?;
        return Ok(Transport::Unix(directory.into()));
    }
    let secret = env::var_os("PYTHON_WORKER_FACTORY_SECRET")
        .filter(|secret| !secret.is_empty())
        .context(
            "PYTHON_WORKER_FACTORY_SECRET is not set; Spark sets it when it starts a daemon",
        )?;
    let secret = Secret(secret.into_encoded_bytes());
    Ok(if is_true("SPARK_PREFER_IPV6") {
        Transport::Ipv6(secret)
    } else {
        Transport::Ipv4(secret)
    })
}

/// Scala writes booleans as `True` or `true`.
fn is_true(name: &str) -> bool {
    env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_matches_itself_only_and_is_not_printed() {
        let secret = Secret(b"open sesame".to_vec());
        assert!(secret.matches(b"open sesame"));
        assert!(!secret.matches(b"open sesamf"));
        assert!(!secret.matches(b"open"));
        assert!(!secret.matches(b""));
        assert!(!format!("{secret:?}").contains("sesame"));
    }

    #[test]
    fn spare_workers_are_a_small_number() {
        let count = |text: &str| spare_workers(Some(OsStr::new(text)));
        assert_eq!(spare_workers(None).unwrap(), SPARE_WORKERS);
        assert_eq!(count("0").unwrap(), 0);
        for text in ["", "-1", "many", "1000000"] {
            let error = count(text).unwrap_err().to_string();
            assert!(error.contains("BOWSTRING_SPARE_WORKERS"), "{error}");
        }
    }
}
