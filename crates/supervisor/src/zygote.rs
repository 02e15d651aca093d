//! The zygote as seen from here: a process and the socket to it.
//!
//! It is our child, or what a launcher has become that was, or a child of such a launcher.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use bowstring_link::{
    FORK, Form, FromZygote, Launch, MODULE_PROGRAM, Packet, VERSION, WarmUp, ZYGOTE_NAME, packet,
};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Resource, Signal, WaitOptions, getrlimit};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::net::unix::pipe;
use tokio::time::Instant;

use crate::interpreter::launcher;

/// Forks asked for and not answered. More would fill the socket while the zygote imports.
const FORKS_IN_FLIGHT: usize = 32;

/// A running zygote. Dropping it kills and reaps it; workers it has forked live on.
#[derive(Debug)]
pub(super) struct Zygote {
    /// Connected and keeps packets apart, which is all that the type promises.
    channel: UnixDatagram,
    /// Our child: it, or its launcher. `None` once reaped, when the number may belong to somebody else.
    pid: Option<Pid>,
    /// Until when a launcher that is on its way to it has to be there.
    pub(super) due: Option<Instant>,
    /// It, if a launcher has started it as a child instead of becoming it.
    apart: Option<Apart>,
    /// Our ends of the sockets on which the workers asked for will wait, in the order of the requests.
    asked: VecDeque<OwnedFd>,
    /// The other end is closed; the process is ending.
    pub(super) silent: bool,
    /// It has said why it is about to leave, and that is no failure.
    pub(super) excused: bool,
}

/// A zygote whose launcher waits for its end.
#[derive(Debug)]
struct Apart {
    pid: Pid,
    /// A pidfd, which is readable once the process has ended. That it can be waited for is all that the
    /// type promises.
    pidfd: pipe::Receiver,
}

/// Whose death it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dead {
    /// The zygote's.
    Zygote,
    /// That of its launcher, which it survives.
    Launcher,
    /// Somebody else's.
    Other,
}

/// One message, with the descriptor that came along.
pub(super) type News = (FromZygote, Option<OwnedFd>);

impl Zygote {
    /// Starts one, by way of the launcher if there is one: then `patience` is how
    /// long that may take. Needs a runtime.
    ///
    /// `limit_mib`: the address space that Spark allows a worker.
    ///
    /// # Errors
    ///
    /// When the kernel refuses a process or a socket.
    pub(super) fn spawn(
        form: Form,
        launch: &Launch,
        patience: Option<Duration>,
        limit_mib: Option<u64>,
    ) -> anyhow::Result<Self> {
        let (ours, theirs) = packet::pair().context("make the zygote's control socket")?;
        rustix::io::ioctl_fionbio(&ours, true).context("set up the zygote's control socket")?;
        let mut variables = single_threaded(launch.warm_up).to_vec();
        variables.extend(sparing(launch.warm_up, limit_mib));
        let mut command = match patience {
            None => directly(form, launch, variables),
            Some(_) => by_launcher(form, launch, &variables)?,
        };
        let child = command
            .stdin(Stdio::from(theirs))
            .spawn()
            .with_context(|| match patience {
                None => "start the zygote".to_owned(),
                Some(_) => format!("run {}", launch.program.display()),
            })?;
        Ok(Self {
            channel: UnixDatagram::from_std(ours.into())
                .context("watch the zygote's control socket")?,
            pid: Some(Pid::from_child(&child)),
            due: patience.map(|patience| Instant::now() + patience),
            apart: None,
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
        let (ours, theirs) = packet::pair()?;
        match packet::send(self.channel.as_fd(), FORK, &[theirs.as_fd()]) {
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
            .async_io(Interest::READABLE, || packet::receive(self.channel.as_fd()))
            .await?;
        packet.map(read).transpose()
    }

    /// A message that is here already.
    ///
    /// # Errors
    ///
    /// As [`news`](Self::news).
    pub(super) fn last_news(&self) -> io::Result<Option<News>> {
        match packet::receive(self.channel.as_fd()) {
            Ok(packet) => packet.map(read).transpose(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The launcher has led to this process. Needs a runtime.
    pub(super) fn arrived(&mut self, pid: Pid) {
        self.due = None;
        if self.pid == Some(pid) {
            return;
        }
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from);
        match pidfd.and_then(pipe::Receiver::from_owned_fd_unchecked) {
            Ok(pidfd) => self.apart = Some(Apart { pid, pidfd }),
            // It has ended, or the kernel has no pidfds and the launcher's end has to tell.
            Err(error) => tracing::debug!("watch the zygote {pid:?}: {error}"),
        }
    }

    /// Waits for its end where that is not the end of our child; otherwise for ever.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn ended_apart(&self) {
        match &self.apart {
            // An error of the runtime's is as good a reason to look for another zygote.
            Some(apart) => drop(apart.pidfd.readable().await),
            None => std::future::pending().await,
        }
    }

    /// Takes note of a process that has been reaped, so that nobody signals it any more.
    pub(super) fn bury(&mut self, dead: Pid) -> Dead {
        if self.apart.take_if(|apart| apart.pid == dead).is_some() {
            return Dead::Zygote;
        }
        if self.pid.take_if(|pid| *pid == dead).is_none() {
            return Dead::Other;
        }
        match &self.apart {
            Some(apart) if apart.lives() => Dead::Launcher,
            Some(_) | None => Dead::Zygote,
        }
    }

    /// Its process group, if a launcher has given it one that is not ours.
    pub(super) fn other_group(&self) -> Option<Pid> {
        let pid = self.apart.as_ref().map(|apart| apart.pid).or(self.pid)?;
        let group = rustix::process::getpgid(Some(pid)).ok()?;
        (group != rustix::process::getpgrp()).then_some(group)
    }
}

impl Apart {
    fn lives(&self) -> bool {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut waiting = [PollFd::new(&self.pidfd, PollFlags::IN)];
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut waiting, Some(&now))) == Ok(0)
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        if let Some(apart) = &self.apart {
            // It may have ended. Its launcher goes on to its own end.
            let _ = rustix::process::pidfd_send_signal(&apart.pidfd, Signal::KILL);
            return;
        }
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

/// The command that is the zygote.
fn directly(form: Form, launch: &Launch, mut variables: Vec<Variable>) -> Command {
    variables.retain(|variable| variable.always || env::var_os(variable.name).is_none());
    let mut launch = launch.clone();
    launch.restore = variables
        .iter()
        .map(|Variable { name, .. }| (OsString::from(name), env::var_os(name)))
        .collect();
    let mut command = match form {
        // The link is read by the child, which is still this executable then. It works when the file
        // has been replaced meanwhile, as a path would not.
        Form::Embedded => Command::new("/proc/self/exe"),
        Form::Wheel => Command::new(&launch.program),
    };
    let (name, arguments) = form.command_line(ZYGOTE_NAME, &launch);
    command.arg0(name).args(arguments).envs(
        variables
            .iter()
            .map(|Variable { name, value, .. }| (name, value)),
    );
    command
}

/// The command that leads to the zygote. What is a zygote's alone is set behind the launcher, which is run
/// with what Spark gave.
fn by_launcher(form: Form, launch: &Launch, variables: &[Variable]) -> anyhow::Result<Command> {
    let mut facts: Vec<OsString> = match form {
        Form::Embedded => vec![
            "embedded".into(),
            format!("/proc/{}/exe", std::process::id()).into(),
            env::current_exe().context("find this executable")?.into(),
        ],
        Form::Wheel => ["wheel", MODULE_PROGRAM, VERSION]
            .map(OsString::from)
            .to_vec(),
    };
    facts.push(launch.warm_up.word().into());
    facts.extend(variables.iter().map(
        |Variable {
             name,
             value,
             always,
         }| {
            let mark = if *always { '!' } else { '?' };
            format!("{mark}{name}={value}").into()
        },
    ));
    facts.push("--".into());
    facts.extend(launch.arguments.iter().cloned());
    tracing::info!("run {} for its Python", launch.program.display());
    let mut command = Command::new(&launch.program);
    command.args(launcher::arguments(&facts, &launch.arguments));
    Ok(command)
}

/// A variable that is set for the zygote alone. Workers get back what Spark gave.
#[derive(Clone, Copy, Debug)]
struct Variable {
    name: &'static str,
    value: &'static str,
    /// Also over a value that was given.
    always: bool,
}

/// The variables under which numpy and pyarrow start no threads when they are imported.
///
/// jemalloc inside pyarrow starts a background thread, OpenBLAS inside numpy one for each further CPU.
/// Checked with pyarrow 19 and 26.
fn single_threaded(warm_up: WarmUp) -> &'static [Variable] {
    const VARIABLES: [Variable; 2] = [
        Variable {
            name: "OPENBLAS_NUM_THREADS",
            value: "1",
            always: true,
        },
        Variable {
            name: "JE_ARROW_MALLOC_CONF",
            value: "background_thread:false",
            always: false,
        },
    ];
    match warm_up {
        WarmUp::Never => &[],
        WarmUp::ThenFork | WarmUp::WhileForking => &VARIABLES,
    }
}

/// The variable under which mimalloc inside pyarrow reserves little, where address space is limited: nothing if that is
/// hardly enough for the imports, else 32 MiB at a time.
///
/// It reserves 1 GiB by itself, or a quarter, or nothing: stock's workers import pyarrow under the limit, and get what there
/// is. Seen with pyarrow 26; 19 knows no such variable.
fn sparing(warm_up: WarmUp, limit_mib: Option<u64>) -> Option<Variable> {
    const HARDLY_ENOUGH_MIB: u64 = 640;
    let ours = getrlimit(Resource::As).current.map(|bytes| bytes >> 20);
    let limit = [limit_mib, ours].into_iter().flatten().min()?;
    let kib = if limit < HARDLY_ENOUGH_MIB {
        "0"
    } else {
        "32768"
    };
    (warm_up != WarmUp::Never).then_some(Variable {
        name: "MIMALLOC_ARENA_RESERVE",
        value: kib,
        always: false,
    })
}
