//! The zygote as seen from here: a child process and the socket to it.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::Context;
use rustix::process::{Pid, Signal, WaitOptions};
use tokio::io::Interest;
use tokio::net::UnixDatagram;

use crate::control::{self, FORK, FromZygote, Launch, Packet, WarmUp, ZYGOTE_NAME};

/// Forks asked for and not answered. More would fill the socket while the zygote imports.
const FORKS_IN_FLIGHT: usize = 32;

/// A running zygote. Dropping it kills and reaps it; workers it has forked live on.
#[derive(Debug)]
pub(super) struct Zygote {
    /// Connected and keeps packets apart, which is all that the type promises.
    channel: UnixDatagram,
    /// `None` once reaped, when the number may belong to somebody else.
    pid: Option<Pid>,
    /// Our ends of the sockets on which the workers asked for will wait, in the order of the requests.
    asked: VecDeque<OwnedFd>,
    /// The other end is closed; the process is ending.
    pub(super) silent: bool,
    /// It has said why it is about to leave, and that is no failure.
    pub(super) excused: bool,
}

/// One message, with the descriptor that came along.
pub(super) type News = (FromZygote, Option<OwnedFd>);

impl Zygote {
    /// Starts one from this very executable. Needs a runtime.
    ///
    /// # Errors
    ///
    /// When the kernel refuses a process or a socket.
    pub(super) fn spawn(launch: &Launch) -> anyhow::Result<Self> {
        let (ours, theirs) = control::pair().context("make the zygote's control socket")?;
        rustix::io::ioctl_fionbio(&ours, true).context("set up the zygote's control socket")?;
        let variables = single_threaded(launch.warm_up);
        let mut launch = launch.clone();
        launch.restore = variables
            .iter()
            .map(|(name, _)| (OsString::from(name), env::var_os(name)))
            .collect();
        // The link is read by the child, which is still this executable then. It works when the file
        // has been replaced meanwhile, as a path would not.
        let child = Command::new("/proc/self/exe")
            .arg0(ZYGOTE_NAME)
            .args(launch.to_arguments())
            .envs(variables)
            .stdin(Stdio::from(theirs))
            .spawn()
            .context("start the zygote")?;
        Ok(Self {
            channel: UnixDatagram::from_std(ours.into())
                .context("watch the zygote's control socket")?,
            pid: Some(Pid::from_child(&child)),
            asked: VecDeque::new(),
            silent: false,
            excused: false,
        })
    }

    /// Asks for one more worker; false when that must wait until others are there.
    ///
    /// # Errors
    ///
    /// For want of descriptors. A zygote that is ending is no error here: its end will be noticed.
    pub(super) fn ask_for_worker(&mut self) -> io::Result<bool> {
        if self.asked.len() >= FORKS_IN_FLIGHT || self.silent {
            return Ok(false);
        }
        let (ours, theirs) = control::pair()?;
        match control::send(self.channel.as_fd(), FORK, &[theirs.as_fd()]) {
            Ok(()) => {
                self.asked.push_back(ours);
                Ok(true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::BrokenPipe
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::WouldBlock
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The workers that are being made.
    pub(super) fn asked(&self) -> usize {
        self.asked.len()
    }

    /// The socket to the worker that the oldest request has brought forth, or failed to.
    pub(super) fn answered(&mut self) -> Option<OwnedFd> {
        self.asked.pop_front()
    }

    /// Waits for the next message; `None` when there will be no more.
    ///
    /// # Errors
    ///
    /// The kernel's, or `InvalidData` for what is no message.
    ///
    /// # Cancel safety
    ///
    /// No message is lost.
    pub(super) async fn news(&self) -> io::Result<Option<News>> {
        let packet = self
            .channel
            .async_io(Interest::READABLE, || {
                control::receive(self.channel.as_fd())
            })
            .await?;
        packet.map(read).transpose()
    }

    /// A message that is here already.
    ///
    /// # Errors
    ///
    /// As [`news`](Self::news).
    pub(super) fn last_news(&self) -> io::Result<Option<News>> {
        match control::receive(self.channel.as_fd()) {
            Ok(packet) => packet.map(read).transpose(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether this is its process id.
    pub(super) fn is(&self, pid: Pid) -> bool {
        self.pid == Some(pid)
    }

    /// It has been reaped and must not be signalled any more.
    pub(super) fn buried(&mut self) {
        self.pid = None;
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        let Some(pid) = self.pid.take() else {
            return;
        };
        // Only we reap it, so the pid is still its own and neither call can fail.
        if rustix::process::kill_process(pid, Signal::KILL).is_ok() {
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
        }
    }
}

fn read(mut packet: Packet) -> io::Result<News> {
    let message = FromZygote::decode(&packet.bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok((message, packet.descriptors.pop()))
}

/// The variables under which numpy and pyarrow start no threads when they are imported.
///
/// jemalloc inside pyarrow starts a background thread, OpenBLAS inside numpy one for each further CPU.
/// Checked with pyarrow 19 and 26. Workers get back what Spark gave.
fn single_threaded(warm_up: WarmUp) -> Vec<(&'static str, &'static str)> {
    let mut variables = Vec::new();
    if warm_up != WarmUp::Never {
        variables.push(("OPENBLAS_NUM_THREADS", "1"));
        if env::var_os(ARROW_JEMALLOC).is_none() {
            variables.push((ARROW_JEMALLOC, "background_thread:false"));
        }
    }
    variables
}

const ARROW_JEMALLOC: &str = "JE_ARROW_MALLOC_CONF";
