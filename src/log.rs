//! Where words go: standard error, as text or JSON. Standard output belongs to the JVM.

use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts logging as `BOWSTRING_LOG` and `BOWSTRING_LOG_FORMAT` say.
///
/// Writes happen on the thread that logs, so no thread is in the way of a fork.
pub fn init() {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .with_env_var("BOWSTRING_LOG")
        .from_env_lossy();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let json = std::env::var_os("BOWSTRING_LOG_FORMAT").is_some_and(|format| format == "json");
    // A second call changes nothing: whoever embeds us may have a subscriber already.
    let started = if json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
    if let Err(error) = started {
        tracing::debug!("logging was already started: {error}");
    }
}

/// The last words of a process that cannot go on: one line, whatever the log level.
pub fn fatal(error: &anyhow::Error) {
    let line = format!("bowstring: {error:#}").replace('\n', " ");
    // Nowhere is left to report that standard error is closed.
    drop(writeln!(std::io::stderr(), "{line}"));
}
