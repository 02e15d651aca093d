//! Starts the embedded CPython as if the environment's own executable had been run.

use std::ffi::{CString, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Context;

/// Runs the whole life of an interpreter whose program is `code`; returns its exit code.
///
/// This is what `program options… -c code` does, by CPython's own entry point: environment variables, `site`,
/// the virtual environment and `sys.executable` come out as they do there. Blocks until the code ends.
///
/// # Errors
///
/// Before the interpreter starts, and only for a word that holds a zero byte.
#[expect(
    unsafe_code,
    reason = "there is no safe way into an interpreter that is configured by its command line"
)]
pub(crate) fn main(program: &Path, options: &[OsString], code: &str) -> anyhow::Result<c_int> {
    let arguments = std::iter::once(program.as_os_str())
        .chain(options.iter().map(OsString::as_os_str))
        .chain(["-c", code].map(OsStr::new))
        .map(|argument| CString::new(argument.as_bytes()))
        .collect::<Result<Vec<_>, _>>()
        .context("write the interpreter's command line")?;
    let mut pointers: Vec<*mut c_char> = arguments
        .iter()
        .map(|argument| argument.as_ptr().cast_mut())
        .chain([std::ptr::null_mut()])
        .collect();
    let count = c_int::try_from(arguments.len()).context("count the arguments")?;
    // SAFETY: `pointers` holds `count` NUL-terminated strings and a null, all of which outlive the call,
    // and CPython copies them without writing. No interpreter exists yet in this process.
    Ok(unsafe { pyo3::ffi::Py_BytesMain(count, pointers.as_mut_ptr()) })
}
