//! Standard input and signals: how the JVM names workers to kill, and how it ends the daemon.

use std::io::{self, Read};
use std::process::ExitCode;
use std::thread;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::crew::Request;

/// Ends when the JVM wants the daemon to end.
#[derive(Debug)]
pub(super) struct Lifeline {
    stdin_closed: oneshot::Receiver<()>,
    terminate: Signal,
    interrupt: Signal,
    // Only here to be caught instead of killing us: we send it to our own group at the end. A handler,
    // unlike "ignore", is not inherited by the zygote and its workers.
    _hang_up: Signal,
}

impl Lifeline {
    /// Starts to listen; each pid on standard input becomes a [`Request::Kill`].
    ///
    /// A thread of its own reads, because standard input can be a file or a terminal, which cannot be
    /// waited for otherwise. It ends with the process.
    ///
    /// # Errors
    ///
    /// When handlers or the thread cannot be had.
    pub(super) fn start(requests: mpsc::Sender<Request>) -> anyhow::Result<Self> {
        let handler = |kind| signal(kind).context("handle signals");
        let (close, stdin_closed) = oneshot::channel();
        thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || {
                relay_kills(io::stdin().lock(), |pid| {
                    requests.blocking_send(Request::Kill(pid)).is_ok()
                });
                // Nobody listens if the daemon is ending already.
                let _ = close.send(());
            })
            .context("start the thread that reads standard input")?;
        Ok(Self {
            stdin_closed,
            terminate: handler(SignalKind::terminate())?,
            interrupt: handler(SignalKind::interrupt())?,
            _hang_up: handler(SignalKind::hangup())?,
        })
    }

    /// Waits for the end and gives the exit code that stock gives: 0 when standard input was closed,
    /// 1 after a signal.
    pub(super) async fn severed(&mut self) -> ExitCode {
        tokio::select! {
            _ = &mut self.stdin_closed => ExitCode::SUCCESS,
            _ = self.terminate.recv() => ExitCode::FAILURE,
            _ = self.interrupt.recv() => ExitCode::FAILURE,
        }
    }
}

/// Reads pids, `i32 BE` each, until the input ends or nobody wants them.
fn relay_kills(mut input: impl Read, mut kill: impl FnMut(i32) -> bool) {
    let mut pid = [0; 4];
    while input.read_exact(&mut pid).is_ok() {
        if !kill(i32::from_be_bytes(pid)) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_written_pid_is_the_end_not_a_pid() {
        let mut killed = Vec::new();
        relay_kills(&b"\0\0\x12\x67\xff\xff\xff\xff\0\0"[..], |pid| {
            killed.push(pid);
            true
        });
        assert_eq!(killed, [4711, -1]);
    }
}
