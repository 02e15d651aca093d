//! How the death of a worker is told.

use std::fmt;
use std::num::NonZeroI32;

use bowstring_link::Ending;
use rustix::process::Signal;

/// What is known when a worker has ended.
#[derive(Debug)]
pub(super) struct Obituary {
    /// Which worker.
    pub(super) pid: NonZeroI32,
    /// How it ended.
    pub(super) ending: Ending,
    /// Its largest resident set in KiB, if its parent could still tell.
    pub(super) peak_kib: Option<u64>,
    /// The limit that Spark set, in MiB.
    pub(super) limit_mib: Option<u64>,
    /// We killed it, because the JVM said so.
    pub(super) by_order: bool,
}

impl Obituary {
    /// One line in the log; a warning only for an end that nobody asked for.
    ///
    /// Exit codes 1 and 255 follow an exception that the JVM has been told of.
    pub(super) fn publish(&self) {
        let ordinary = self.by_order || matches!(self.ending, Ending::Exited(0 | 1 | 255));
        if ordinary {
            tracing::debug!("{self}");
        } else {
            tracing::warn!("{self}");
        }
    }
}

impl fmt::Display for Obituary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} {}", self.pid, Told(self.ending))?;
        if let Some(peak) = self.peak_kib {
            write!(f, ", peak memory {} MiB", peak / 1024)?;
        }
        if let Some(limit) = self.limit_mib {
            write!(f, " of {limit} MiB allowed")?;
        }
        if self.by_order {
            f.write_str(", on the JVM's order")?;
        } else if self.ending == Ending::Killed(Signal::KILL.as_raw()) {
            f.write_str("; nobody here sent it, so look for the kernel's out-of-memory killer")?;
        } else if self.ending == Ending::Killed(Signal::ABORT.as_raw()) && self.limit_mib.is_some()
        {
            f.write_str("; a library may have ended it because the limit left no memory")?;
        }
        Ok(())
    }
}

/// An ending in words.
pub(super) struct Told(pub(super) Ending);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ending::Exited(code) => write!(f, "exited with code {code}"),
            Ending::Killed(signal) => match name(signal) {
                Some(name) => write!(f, "died of signal {signal} ({name})"),
                None => write!(f, "died of signal {signal}"),
            },
        }
    }
}

fn name(signal: i32) -> Option<&'static str> {
    const NAMES: [(Signal, &str); 15] = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::XFSZ, "SIGXFSZ"),
        (Signal::SYS, "SIGSYS"),
    ];
    NAMES
        .iter()
        .find(|(known, _)| known.as_raw() == signal)
        .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obituary(ending: Ending) -> Obituary {
        Obituary {
            pid: NonZeroI32::new(1234).unwrap(),
            ending,
            peak_kib: Some(812 * 1024 + 1),
            limit_mib: None,
            by_order: false,
        }
    }

    #[test]
    fn names_the_signal_and_the_memory() {
        assert_eq!(
            obituary(Ending::Killed(11)).to_string(),
            "worker 1234 died of signal 11 (SIGSEGV), peak memory 812 MiB"
        );
        assert_eq!(
            obituary(Ending::Killed(64)).to_string(),
            "worker 1234 died of signal 64, peak memory 812 MiB"
        );
    }

    #[test]
    fn an_abort_under_a_limit_points_at_the_limit() {
        let mut obituary = obituary(Ending::Killed(6));
        assert!(!obituary.to_string().contains("the limit"));
        obituary.limit_mib = Some(400);
        assert!(obituary.to_string().ends_with(
            "of 400 MiB allowed; a library may have ended it because the limit left no memory"
        ));
    }

    #[test]
    fn an_unordered_sigkill_points_at_the_kernel() {
        let mut obituary = obituary(Ending::Killed(9));
        obituary.limit_mib = Some(1024);
        assert!(obituary.to_string().contains("812 MiB of 1024 MiB allowed"));
        assert!(obituary.to_string().contains("out-of-memory"));
        obituary.by_order = true;
        assert!(!obituary.to_string().contains("out-of-memory"));
    }
}
