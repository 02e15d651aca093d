//! How a script that starts the Python is made to start the zygote.
//!
//! It is run with `-c CODE`, and the code, `hand_over.py`, replaces that Python's process by the zygote. So
//! whatever the script sets for the Python (variables, limits, umask, directory, signals, namespaces) is
//! in force for the zygote and its workers, as it is with stock.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// What a launcher is started with: `-c` ‖ the code ‖ `words`, the arguments that stock gives.
///
/// The code sees those words too, so a script that looks for `pyspark.daemon` among its arguments finds it.
/// It is one word without blanks and without anything that a shell would expand: scripts with a bare `$*`
/// work. `facts` are what `hand_over` takes, none of them with a zero byte.
pub(crate) fn arguments(facts: &[OsString], words: &[OsString]) -> Vec<OsString> {
    let facts: Vec<&[u8]> = facts.iter().map(|fact| fact.as_bytes()).collect();
    let source = include_str!("hand_over.py");
    let call = format!("\nhand_over(bytes.fromhex('{}'))\n", hex(&facts.join(&0)));
    let code = hex(&[source.as_bytes(), call.as_bytes()].concat());
    let code = format!("exec(bytes.fromhex('{code}'))");
    let stock = ["-m", "pyspark.daemon"].map(OsStr::new);
    [OsStr::new("-c"), OsStr::new(&code)]
        .into_iter()
        .chain(stock)
        .chain(words.iter().map(OsString::as_os_str))
        .map(OsStr::to_owned)
        .collect()
}

/// What to do about a launcher that does not start a Python as it should; the end of a sentence.
pub(crate) const ADVICE: &str = "a script in the Python's place has to pass all its arguments on to a \
     CPython, as `exec python \"$@\"` does; otherwise name the interpreter itself in BOWSTRING_PYTHON, or \
     set BOWSTRING_DISABLE=1 for stock's daemon";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_one_word_for_every_shell() {
        let arguments = arguments(&["/a b".into(), "*".into()], &["pyspark.worker".into()]);
        let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
        let [c, code, rest @ ..] = &words[..] else {
            panic!("{words:?}");
        };
        assert_eq!(
            (*c, rest),
            ("-c", &["-m", "pyspark.daemon", "pyspark.worker"][..])
        );
        assert!(
            !code.contains([' ', '\n', '\t', '*', '?', '[', '~', '$', '\\']),
            "{code}"
        );
    }
}
