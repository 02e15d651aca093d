//! What Spark and the user asked for, read once from the environment.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use bowstring_link::{Form, Launch, WarmUp, settings};
use subtle::ConstantTimeEq;

use crate::interpreter::{Embedded, Environment, Host};

/// Everything that is fixed for the life of a daemon. Spark starts another daemon for other values.
#[derive(Debug)]
pub(super) struct Settings {
    /// Where the zygote's code is.
    pub(super) form: Form,
    /// How a zygote is to be started the first time.
    pub(super) launch: Launch,
    /// How long a launcher may take to lead to the zygote, if one has to.
    pub(super) launcher_patience: Option<Duration>,
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
    /// Reads the environment; `arguments` are those behind `-m pyspark.daemon`, and `host` the Python that has
    /// run us, if one has.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or makes no sense.
    pub(super) fn from_environment(
        arguments: Vec<OsString>,
        embedded: Option<Embedded>,
        host: Option<Host>,
    ) -> anyhow::Result<Self> {
        settings::check()?;
        let (program, predecessor, is_launcher) = match host {
            Some(host) => (host.program, Some(host.known), false),
            None => match Environment::choose(embedded)? {
                Environment::Plain(program) => (program, None, false),
                Environment::Launcher(program) => (program, None, true),
            },
        };
        let patience = settings::python_timeout()?;
        // SQL runners set it, RDD runners do not. The former will need pandas and pyarrow, the latter
        // hardly ever.
        let sql = env::var_os("SPARK_SIMPLIFIED_TRACEBACK").is_some_and(|value| !value.is_empty());
        let warm_up = if sql {
            WarmUp::ThenFork
        } else {
            WarmUp::WhileForking
        };
        Ok(Self {
            form: match embedded {
                Some(_) => Form::Embedded,
                None => Form::Wheel,
            },
            launch: Launch {
                program,
                arguments,
                warm_up,
                restore: Vec::new(),
                predecessor,
            },
            launcher_patience: is_launcher.then_some(patience),
            spare_workers: settings::spare_workers()?,
            transport: transport()?,
            memory_limit_mib: env::var("PYSPARK_EXECUTOR_MEMORY_MB")
                .ok()
                .and_then(|text| text.parse().ok()),
            worker_logging: env::var_os("PYSPARK_SPARK_SESSION_UUID").is_some(),
        })
    }
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
}
