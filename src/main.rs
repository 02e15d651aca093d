//! Picks a role, runs it, reports how it went. Nothing else happens here.

use std::process::ExitCode;

use bowstring::cli::{self, Role};
use bowstring::{interpreter, log, supervisor};

fn main() -> ExitCode {
    log::init();
    let outcome = match cli::parse(std::env::args_os()) {
        Role::Tell(text) => cli::tell(&text),
        Role::Supervisor(arguments) => supervisor::run(arguments),
        Role::Zygote(launch) => bowstring::run_zygote(launch),
        Role::Worker(launch) => bowstring::run_worker(launch),
        Role::Python(arguments) => interpreter::become_python(&arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            log::fatal(&error);
            ExitCode::FAILURE
        }
    }
}
