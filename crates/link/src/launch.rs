//! How the supervisor tells a new zygote what to be: its command line.
//!
//! Arguments rather than environment variables, because workers inherit the environment and users can
//! see it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// `argv[0]` that makes the binary a zygote. Its standard input is then the control socket.
pub const ZYGOTE_NAME: &str = "bowstring-zygote";

/// `argv[0]` that makes the binary a worker that has started over. Its standard input is then a socket on which a
/// [`RESUME`](crate::RESUME) waits.
pub const WORKER_NAME: &str = "bowstring-worker";

/// `argv[0]` that makes the executable the daemon of the Python whose process it has taken.
pub const DAEMON_NAME: &str = "bowstring-daemon";

/// What the zygote imports before it forks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// Everything, and no worker before that is done: each would import the same again.
    ThenFork,
    /// Everything, but whoever asks for a worker meanwhile gets one at once.
    WhileForking,
    /// Nothing; workers import for themselves, as stock's do since Spark 4.2. The way out when an
    /// import starts threads.
    Never,
}

impl WarmUp {
    /// How it is said on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::ThenFork => "then-fork",
            Self::WhileForking => "while-forking",
            Self::Never => "never",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        [Self::ThenFork, Self::WhileForking, Self::Never]
            .into_iter()
            .find(|known| known.word() == word)
    }
}

/// Everything a zygote is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The interpreter whose environment is used, such as `<venv>/bin/python`.
    pub program: PathBuf,
    /// What Spark put behind `-m pyspark.daemon`.
    pub arguments: Vec<OsString>,
    /// When to import.
    pub warm_up: WarmUp,
    /// Variables that were set for the zygote alone, with what Spark gave; workers get that back.
    pub restore: Vec<(OsString, Option<OsString>)>,
    /// The Python whose process the zygote has taken, if a launcher has started one.
    pub predecessor: Option<Predecessor>,
}

/// What a Python knew beyond what its process has, and keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Predecessor {
    /// Its version, such as `3.11`.
    pub version: OsString,
    /// The options on its command line, such as `-s` or `-X` and `dev`.
    pub options: Vec<OsString>,
    /// Its `sys.path`, if a program inside it may have changed that; otherwise empty.
    pub path: Vec<OsString>,
}

impl Launch {
    /// \[`version` ‖ `option`… ‖ `--` ‖ (`=` `entry of sys.path`)… ‖ `--`\] ‖ `warm-up` ‖ `program` ‖
    /// (`NAME` | `NAME=VALUE`)… ‖ `--` ‖ `arguments`…
    ///
    /// The part in brackets is a predecessor's; `hand_over.py` writes the same.
    pub fn to_arguments(&self) -> Vec<OsString> {
        let mut all = Vec::new();
        if let Some(predecessor) = &self.predecessor {
            all.push(predecessor.version.clone());
            all.extend(predecessor.options.iter().cloned());
            all.push("--".into());
            all.extend(predecessor.path.iter().map(|entry| {
                let mut item = OsString::from("=");
                item.push(entry);
                item
            }));
            all.push("--".into());
        }
        all.push(self.warm_up.word().into());
        all.push(self.program.clone().into_os_string());
        for (name, value) in &self.restore {
            let mut item = name.clone();
            if let Some(value) = value {
                item.push("=");
                item.push(value);
            }
            all.push(item);
        }
        all.push("--".into());
        all.extend(self.arguments.iter().cloned());
        all
    }

    /// The reverse of [`to_arguments`](Self::to_arguments); `None` if it does not fit, as when a user
    /// runs the internal role by hand.
    pub fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut arguments = arguments.into_iter();
        let mut first = arguments.next()?;
        let predecessor = if first.as_bytes().first()?.is_ascii_digit() {
            let version = first;
            let options = until_dashes(&mut arguments)?;
            let path = until_dashes(&mut arguments)?;
            first = arguments.next()?;
            Some(Predecessor {
                version,
                options,
                path: path
                    .iter()
                    .map(|item| item.as_bytes().strip_prefix(b"="))
                    .map(|entry| Some(OsString::from_vec(entry?.to_vec())))
                    .collect::<Option<_>>()?,
            })
        } else {
            None
        };
        let warm_up = WarmUp::of_word(first.to_str()?)?;
        let program = arguments.next()?.into();
        let restore = until_dashes(&mut arguments)?;
        Some(Self {
            program,
            arguments: arguments.collect(),
            warm_up,
            restore: restore.iter().map(|item| split(item)).collect(),
            predecessor,
        })
    }

    /// The module that serves the connections.
    ///
    /// An argument that does not start with `pyspark` is somebody else's (SPARK-48705) and is ignored.
    ///
    /// Source: `pyspark/daemon.py`, `worker`, Spark 4.0.5 to 4.3.0; Spark 3.5.9 gives no argument.
    pub fn worker_module(&self) -> &str {
        self.arguments
            .first()
            .and_then(|argument| argument.to_str())
            .filter(|module| module.starts_with("pyspark"))
            .unwrap_or(DEFAULT_WORKER_MODULE)
    }

    /// Whether connections carry the tasks of UDFs and RDDs, not a planner's questions.
    pub fn serves_tasks(&self) -> bool {
        self.worker_module() == DEFAULT_WORKER_MODULE
    }
}

/// The module that serves connections unless Spark names another.
const DEFAULT_WORKER_MODULE: &str = "pyspark.worker";

/// The arguments up to `--`, which is taken too; `None` if there is none.
fn until_dashes(arguments: &mut impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    let mut before = Vec::new();
    loop {
        match arguments.next()? {
            end if end == "--" => return Some(before),
            item => before.push(item),
        }
    }
}

/// Splits `NAME=VALUE`; a name alone stands for a variable that was not set.
fn split(item: &OsStr) -> (OsString, Option<OsString>) {
    let bytes = item.as_bytes();
    match bytes.iter().position(|&byte| byte == b'=') {
        Some(at) => (
            OsString::from_vec(bytes[..at].to_vec()),
            Some(OsString::from_vec(bytes[at + 1..].to_vec())),
        ),
        None => (item.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(arguments: &[&str]) -> Launch {
        Launch {
            program: "/venv/bin/python".into(),
            arguments: arguments.iter().map(Into::into).collect(),
            warm_up: WarmUp::WhileForking,
            restore: vec![
                ("UNSET".into(), None),
                ("EMPTY".into(), Some("".into())),
                ("SET".into(), Some("a=b".into())),
            ],
            predecessor: None,
        }
    }

    #[test]
    fn survives_the_command_line() {
        for arguments in [&[][..], &["pyspark.worker"], &["--", "x"]] {
            let launch = launch(arguments);
            assert_eq!(Launch::from_arguments(launch.to_arguments()), Some(launch));
        }
    }

    #[test]
    fn a_predecessor_survives_the_command_line() {
        for (options, path) in [
            (&[][..], &[][..]),
            (&["-sE", "-W", "error"][..], &["", "--", "/a"][..]),
        ] {
            let mut launch = launch(&["pyspark.worker"]);
            launch.predecessor = Some(Predecessor {
                version: "3.11".into(),
                options: options.iter().map(Into::into).collect(),
                path: path.iter().map(Into::into).collect(),
            });
            assert_eq!(Launch::from_arguments(launch.to_arguments()), Some(launch));
        }
    }

    #[test]
    fn refuses_a_command_line_that_is_not_its_own() {
        for arguments in [&[][..], &["-c", "pass"], &["never"], &["never", "/python"]] {
            let arguments = arguments.iter().map(OsString::from);
            assert_eq!(Launch::from_arguments(arguments), None);
        }
    }

    #[test]
    fn takes_the_worker_module_only_from_pyspark() {
        let planner = "pyspark.sql.worker.analyze_udtf";
        assert_eq!(launch(&[]).worker_module(), "pyspark.worker");
        assert_eq!(launch(&["sentry"]).worker_module(), "pyspark.worker");
        assert_eq!(launch(&[planner]).worker_module(), planner);
        assert!(!launch(&[planner]).serves_tasks());
    }
}
