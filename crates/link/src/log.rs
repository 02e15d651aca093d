//! Where words go: standard error, as text or JSON. Standard output belongs to the JVM.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use crate::settings;

/// Starts logging as `BOWSTRING_LOG` and `BOWSTRING_LOG_FORMAT` say.
///
/// The daemon refuses what they cannot be; until then, and for other roles, it counts as not said.
///
/// Writes happen on the thread that logs, so no thread is in the way of a fork.
pub fn init() {
    let filter = settings::log_filter().unwrap_or_else(|_| settings::default_filter());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let json = settings::logs_json().unwrap_or_default();
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
pub fn fatal(error: &impl Display) {
    let line = format!("bowstring: {error:#}").replace('\n', " ");
    // Nowhere is left to report that standard error is closed.
    drop(writeln!(std::io::stderr(), "{line}"));
}
