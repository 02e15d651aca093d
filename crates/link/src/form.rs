//! The two forms of bowstring, and how each starts a process with an interpreter.

use std::ffi::{OsStr, OsString};

use crate::Launch;

/// Where the code of zygotes and workers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In the executable, with a CPython.
    Embedded,
    /// In `bowstring._native`, a module of the environment's Python.
    Wheel,
}

/// The program with which a Python becomes a zygote or a worker. It leaves nothing in `__main__`.
pub const MODULE_PROGRAM: &str = concat!("exec('''", include_str!("start.py"), "''', {})");

/// What must agree between executable and module.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Form {
    /// `argv[0]`, and the arguments, of the process called `name`.
    ///
    /// An interpreter finds its environment by `argv[0]`.
    pub fn command_line(self, name: &str, launch: &Launch) -> (OsString, Vec<OsString>) {
        let words = launch.to_arguments();
        match self {
            Self::Embedded => (name.into(), words),
            Self::Wheel => {
                let options = launch.predecessor.iter().flat_map(|known| &known.options);
                let arguments = options
                    .map(OsString::as_os_str)
                    .chain(["-c", MODULE_PROGRAM, VERSION, name].map(OsStr::new))
                    .chain(words.iter().map(OsString::as_os_str))
                    .map(OsStr::to_owned)
                    .collect();
                (launch.program.clone().into_os_string(), arguments)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_program_is_one_literal() {
        let text = include_str!("start.py");
        assert!(!text.contains("'''") && !text.contains('\\'), "{text}");
    }
}
