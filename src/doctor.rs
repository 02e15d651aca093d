//! `bowstring doctor`: the environment's Python runs `python/bowstring/doctor`, whose sources are in this executable, so
//! that it works where the package is missing, too.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::Context;
use bowstring_supervisor as supervisor;
use rustix::fs::MemfdFlags;

use crate::cli::EMBEDDED;

include!(concat!(env!("OUT_DIR"), "/doctor.rs"));

const PROGRAM: &str = include_str!("doctor.py");

/// Becomes the doctor. Returns only if that fails.
///
/// # Errors
///
/// When there is no suitable Python.
pub(crate) fn run(arguments: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let sources = sources().context("hand over the doctor's sources")?;
    let words = [
        "-c".into(),
        PROGRAM.into(),
        sources.as_raw_fd().to_string().into(),
        env::current_exe()
            .context("find this executable")?
            .into_os_string(),
    ];
    let words: Vec<OsString> = words.into_iter().chain(arguments).collect();
    supervisor::become_python(&words, EMBEDDED)
}

/// A file without a name that the Python inherits.
fn sources() -> std::io::Result<File> {
    let memory = rustix::fs::memfd_create(c"bowstring-doctor", MemfdFlags::empty())?;
    let mut memory = File::from(memory);
    let texts = SOURCES.iter().flat_map(|(name, text)| [name, text]);
    for text in std::iter::once(&FINDER).chain(texts) {
        memory.write_all(text.as_bytes())?;
        memory.write_all(&[0])?;
    }
    memory.seek(SeekFrom::Start(0))?;
    Ok(memory)
}
