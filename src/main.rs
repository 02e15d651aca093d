//! bowstring: a native daemon for PySpark's executors.
//!
//! Stock Spark starts it in place of `python -m pyspark.daemon`. Three kinds of process do the
//! work: a *supervisor* ([`bowstring_supervisor`]) that owns the sockets, a *zygote* that has
//! imported everything once, and one *worker* per connection, forked from the zygote (`bowstring_worker`).
//!
//! This program picks a role, runs it, and reports how it went. Nothing else happens here.

use std::process::ExitCode;

use bowstring_link::log;
use bowstring_supervisor as supervisor;

use crate::cli::Role;

mod cli;
mod doctor;

fn main() -> ExitCode {
    log::init();
    let outcome = match cli::parse(std::env::args_os()) {
        Role::Tell(text) => cli::tell(&text),
        Role::Supervisor(arguments) => supervisor::run(arguments, cli::EMBEDDED, None),
        Role::Daemon(host, arguments) => supervisor::run(arguments, cli::EMBEDDED, Some(host)),
        Role::Zygote(launch) => run_zygote(launch),
        Role::Worker(launch) => run_worker(launch),
        Role::Doctor(arguments) => doctor::run(arguments),
        Role::Python(arguments) => supervisor::become_python(&arguments, cli::EMBEDDED),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            log::fatal(&error);
            ExitCode::FAILURE
        }
    }
}

#[cfg(feature = "embedded")]
use bowstring_worker::{run_worker, run_zygote};

#[cfg(not(feature = "embedded"))]
use without_python as run_zygote;
#[cfg(not(feature = "embedded"))]
use without_python as run_worker;

#[cfg(not(feature = "embedded"))]
fn without_python(launch: bowstring_link::Launch) -> anyhow::Result<ExitCode> {
    let bowstring_link::Launch { program, .. } = launch;
    anyhow::bail!(
        "this bowstring has no Python inside and cannot be {}",
        program.display()
    )
}
