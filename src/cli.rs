//! What the command line asks for.
//!
//! bowstring stands where Spark expects a Python, so whatever is not plainly for bowstring belongs to
//! that Python, unread.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use bowstring_link::{DAEMON_NAME, Launch, Predecessor, WORKER_NAME, ZYGOTE_NAME, settings};
use bowstring_supervisor::{Embedded, Host};

/// The jobs of this one binary.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Print a text and leave.
    Tell(String),
    /// Play `pyspark.daemon`; what Spark put behind it.
    Supervisor(Vec<OsString>),
    /// The same for a Python that has run `bowstring.daemon` and given its process to us.
    Daemon(Host, Vec<OsString>),
    /// Be the process that workers are forked from. Only the supervisor asks for it.
    Zygote(Launch),
    /// Be a worker that goes on where the same process has left off. Only a worker asks for it.
    Worker(Launch),
    /// Say whether bowstring will be used here, with these arguments.
    Doctor(Vec<OsString>),
    /// Be the environment's Python, with these arguments.
    Python(Vec<OsString>),
}

/// Decides from the arguments, `argv[0]` included, and from `BOWSTRING_DISABLE`.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Role {
    // The supervisor says what is wrong with a value that is neither.
    choose(arguments, settings::disabled().unwrap_or_default())
}

/// Prints a text that was asked for on standard output.
///
/// # Errors
///
/// When standard output does not take it.
pub(crate) fn tell(text: &str) -> anyhow::Result<ExitCode> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

fn choose(arguments: impl IntoIterator<Item = OsString>, disabled: bool) -> Role {
    let mut arguments = arguments.into_iter();
    let name = arguments.next();
    let rest: Vec<OsString> = arguments.collect();
    let internal: Option<fn(Launch) -> Role> = match name.as_deref().and_then(OsStr::to_str) {
        Some(ZYGOTE_NAME) => Some(Role::Zygote),
        Some(WORKER_NAME) => Some(Role::Worker),
        _ => None,
    };
    if name.as_deref() == Some(OsStr::new(DAEMON_NAME))
        && let Some(role) = daemon(&rest)
    {
        return role;
    }
    if let Some(role) = internal
        && let Some(launch) = Launch::from_arguments(rest.iter().cloned())
    {
        return role(launch);
    }
    let words: Vec<&str> = rest.iter().map_while(|word| word.to_str()).collect();
    match words[..] {
        ["--version"] => Role::Tell(version()),
        ["--help"] => Role::Tell(help()),
        ["doctor", ..] => Role::Doctor(rest.into_iter().skip(1).collect()),
        ["-m", "pyspark.daemon", ..] if !disabled => {
            Role::Supervisor(rest.into_iter().skip(2).collect())
        }
        _ => Role::Python(rest),
    }
}

/// Reads what `bowstring/daemon.py` writes: `version` ‖ `program` ‖ `option`… ‖ `--` ‖ `argument`…
fn daemon(words: &[OsString]) -> Option<Role> {
    let end = words.iter().position(|word| word == "--")?;
    let (host, arguments) = words.split_at(end);
    let [version, program, options @ ..] = host else {
        return None;
    };
    let known = Predecessor {
        version: version.clone(),
        options: options.to_vec(),
        path: Vec::new(),
    };
    let program = program.into();
    Some(Role::Daemon(
        Host { program, known },
        arguments[1..].to_vec(),
    ))
}

/// What the build script has found, if there is a CPython inside.
pub(crate) const EMBEDDED: Option<Embedded> = match option_env!("BOWSTRING_PYTHON_VERSION") {
    Some(version) => Some(Embedded {
        version,
        executable: option_env!("BOWSTRING_PYTHON_EXECUTABLE"),
    }),
    None => None,
};

/// Names the Python inside as well: the two versions have to match when something does not.
fn version() -> String {
    let inside = EMBEDDED.map(|python| format!(" (Python {})", python.version));
    format!(
        "bowstring {}{}\n",
        env!("CARGO_PKG_VERSION"),
        inside.unwrap_or_default()
    )
}

const HELP: &str = "\
bowstring: a native daemon for PySpark's executors

Spark starts bowstring where it would start Python. bowstring then runs the Python side of UDFs and
RDDs itself; in every other respect it behaves as the Python of the chosen environment.

Switch it on
  spark-submit --conf spark.pyspark.python=/path/to/bowstring …
  (or PYSPARK_PYTHON=/path/to/bowstring; the path must exist on every executor)

Switch it off
  leave that setting out, or keep it and set
  --conf spark.executorEnv.BOWSTRING_DISABLE=1

Usage
  bowstring -m pyspark.daemon [worker module]   run by Spark: serve an executor's tasks
  bowstring doctor [--help]                     whether bowstring will be used here, and why not
  bowstring --version | --help
  bowstring anything else                       runs the environment's Python with these arguments

Which Python
  The first of: $BOWSTRING_PYTHON, a `python` beside this executable, $VIRTUAL_ENV/bin/python,
  `python3` on the PATH";

/// How [`HELP`] goes on, where the Python is inside.
const HELP_EMBEDDED: &str = ", the Python that bowstring was built with. Its version, 3.x, must be
  the one that `--version` shows.
";

/// Where it is not.
const HELP_WHEEL: &str = ". It must have the package bowstring, of the same version.
";

/// What comes before the table of the settings.
const HELP_ENVIRONMENT: &str = "
Environment (for executors: spark.executorEnv.NAME)
";

/// Where the text of a setting begins, and where a line ends at the latest.
const COLUMN: usize = 30;
const WIDTH: usize = 100;

/// [`HELP`] with the table of the settings.
fn help() -> String {
    let mut text = HELP.to_owned();
    text.push_str(match EMBEDDED {
        Some(_) => HELP_EMBEDDED,
        None => HELP_WHEEL,
    });
    text.push_str(HELP_ENVIRONMENT);
    for setting in settings::ALL {
        let allowed = setting.values.allowed();
        let default = match setting.default {
            "" => String::new(),
            default => format!("; default {default}"),
        };
        let mut line = format!("{:<COLUMN$}", format!("  {}", setting.name));
        for word in format!("{} [{allowed}{default}]", setting.effect).split(' ') {
            if line.len() + 1 + word.len() > WIDTH {
                text.push_str(line.trim_end());
                text.push('\n');
                line = " ".repeat(COLUMN);
            }
            if line.len() > COLUMN {
                line.push(' ');
            }
            line.push_str(word);
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use bowstring_link::WarmUp;

    fn role(words: &[&str]) -> Role {
        choose(words.iter().map(OsString::from), false)
    }

    #[test]
    fn only_the_daemon_module_makes_a_supervisor() {
        let daemon = ["bowstring", "-m", "pyspark.daemon"];
        assert_eq!(role(&daemon), Role::Supervisor(vec![]));
        let worker = [&daemon[..], &["pyspark.worker"]].concat();
        assert_eq!(
            role(&worker),
            Role::Supervisor(vec!["pyspark.worker".into()])
        );
        let plain: [&[&str]; 5] = [
            &["bowstring"],
            &["bowstring", "-VV"],
            &["bowstring", "-m", "pyspark.sql.worker.analyze_udtf"],
            &["bowstring", "-c", "--help"],
            &["bowstring", "-u", "-m", "pyspark.daemon"],
        ];
        for words in plain {
            let rest = words[1..].iter().map(OsString::from).collect();
            assert_eq!(role(words), Role::Python(rest));
        }
    }

    #[test]
    fn switched_off_the_daemon_is_pythons() {
        let words = ["bowstring", "-m", "pyspark.daemon", "pyspark.worker"].map(OsString::from);
        let expected = Role::Python(words[1..].to_vec());
        assert_eq!(choose(words, true), expected);
    }

    #[test]
    fn a_python_that_gives_its_process_names_itself() {
        let words = [
            "3.11",
            "/venv/bin/python",
            "-X",
            "dev",
            "--",
            "pyspark.worker",
        ];
        let host = Host {
            program: "/venv/bin/python".into(),
            known: Predecessor {
                version: "3.11".into(),
                options: ["-X", "dev"].map(OsString::from).to_vec(),
                path: vec![],
            },
        };
        let called = |name: &str| role(&[&[name], &words[..]].concat());
        assert_eq!(
            called(DAEMON_NAME),
            Role::Daemon(host, vec!["pyspark.worker".into()])
        );
        let plain = words.iter().map(OsString::from).collect();
        assert_eq!(called("bowstring"), Role::Python(plain));
        for words in [
            &[DAEMON_NAME, "3.11", "--"][..],
            &[DAEMON_NAME, "3.11", "python"],
        ] {
            let plain = words[1..].iter().map(OsString::from).collect();
            assert_eq!(role(words), Role::Python(plain));
        }
    }

    #[test]
    fn internal_roles_are_chosen_by_name_alone() {
        let launch = Launch {
            program: "/venv/bin/python".into(),
            arguments: vec![],
            warm_up: WarmUp::Never,
            restore: vec![],
            predecessor: None,
        };
        let words = |name: &str| [vec![name.into()], launch.to_arguments()].concat();
        assert_eq!(
            choose(words(ZYGOTE_NAME), false),
            Role::Zygote(launch.clone())
        );
        assert_eq!(
            choose(words(WORKER_NAME), false),
            Role::Worker(launch.clone())
        );
        assert_eq!(
            choose(words("bowstring"), false),
            Role::Python(launch.to_arguments())
        );
    }
}
