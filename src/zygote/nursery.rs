//! The zygote's loop: import, fork, reap.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::num::NonZeroI32;
use std::os::fd::{AsFd, OwnedFd};

use pyo3::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags};

use super::child;
use super::fork::{Fork, SingleThreaded, errno};
use super::imports;
use super::program;
use crate::control::{self, Ending, FromZygote, Launch, PACKET_LIMIT, WarmUp};
use crate::seam::sent_along;

/// How often to look for dead children on a kernel without pidfds.
const BLIND_REAP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Do not wait.
const AT_ONCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// What is still to be done before forking is all there is.
#[derive(Debug)]
enum Stage {
    /// These modules are to be imported.
    Importing(VecDeque<String>),
    /// All are. Nothing more is to be done unasked.
    Warm,
}

/// What the loop found to do.
enum Step {
    /// Fork a worker that waits for its connection here.
    Fork(OwnedFd),
    /// Look which children have ended.
    Reap,
    /// Nobody wants anything: get on with the warm-up.
    WarmUp,
}

/// The state of the zygote. A child drops all of it.
#[derive(Debug)]
pub(super) struct Nursery {
    launch: Launch,
    control: OwnedFd,
    stage: Stage,
    /// The living children, with the descriptors that tell when they have ended.
    children: HashMap<NonZeroI32, Option<OwnedFd>>,
}

impl Nursery {
    pub(super) fn new(launch: Launch, control: OwnedFd) -> Self {
        Self {
            stage: Stage::Importing(imports::planned(&launch)),
            launch,
            control,
            children: HashMap::new(),
        }
    }

    /// Serves until the supervisor closes the control socket. In a child it does not return.
    ///
    /// # Errors
    ///
    /// An exception nobody foresaw; the interpreter prints it and ends the process.
    pub(super) fn run(mut self, py: Python<'_>) -> PyResult<()> {
        crate::memory::tell_panics_briefly();
        if let Err(error) = self.import_worker_module(py) {
            return self.report_unusable(py, &error);
        }
        if !self.say(&FromZygote::Ready, None)? {
            return Ok(());
        }
        loop {
            let step = match self.next_step() {
                Ok(step) => step,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            match step {
                Step::Reap => self.reap(py)?,
                Step::WarmUp => self.warm_up(py)?,
                Step::Fork(handover) => {
                    let proof = match (SingleThreaded::check()?, self.launch.warm_up) {
                        (Ok(proof), _) => proof,
                        (Err(_), WarmUp::Never) => SingleThreaded::as_stock_has_it(),
                        (Err(threads), WarmUp::ThenFork | WarmUp::WhileForking) => {
                            self.say(&FromZygote::Crowded(threads), None)?;
                            return Ok(());
                        }
                    };
                    // What start-up files or imports have printed would be printed by each child again.
                    child::flush(py)?;
                    match proof.fork(py) {
                        Ok(Fork::Child) => {
                            let launch = self.launch.clone();
                            drop(self);
                            child::live(py, &launch, handover)
                        }
                        Ok(Fork::Parent(pid)) => self.announce(pid)?,
                        Err(error) => {
                            let errno = errno(py, error)?;
                            self.say(&FromZygote::ForkFailed(errno), None)?;
                        }
                    }
                }
            }
        }
    }

    /// Imports what no worker can do without, or at least makes sure that it is there.
    fn import_worker_module(&mut self, py: Python<'_>) -> PyResult<()> {
        program::pose_as_daemon(py, &self.launch)?;
        let module = self.launch.worker_module();
        match self.launch.warm_up {
            WarmUp::Never => {
                let util = py.import("importlib.util")?;
                let spec = util.call_method1("find_spec", (module,))?;
                if spec.is_none() {
                    let error = format!("No module named '{module}'");
                    return Err(pyo3::exceptions::PyModuleNotFoundError::new_err(error));
                }
            }
            WarmUp::ThenFork | WarmUp::WhileForking => {
                let worker = py.import(module)?;
                if let Err(error) = sent_along::watch(&worker) {
                    self.import_nothing(&error);
                }
                if self.launch.serves_tasks() {
                    crate::seam::install_lazily(py, 0)?;
                }
            }
        }
        Ok(())
    }

    /// Gives up the imports in advance where what tasks bring along could not be seen.
    ///
    /// What a planner's worker imports the user has named.
    fn import_nothing(&mut self, error: &PyErr) {
        if let Stage::Importing(modules) = &mut self.stage
            && self.launch.serves_tasks()
            && !modules.is_empty()
        {
            tracing::warn!(
                "nothing is imported in advance, because nobody would see what a task brings along: {error}"
            );
            modules.clear();
        }
    }

    /// Whether tasks may take a native path.
    fn native(&self) -> bool {
        crate::seam::is_wanted() && self.launch.serves_tasks()
    }

    fn report_unusable(&self, py: Python<'_>, error: &PyErr) -> PyResult<()> {
        let program = self.launch.program.display();
        let text = format!(
            "{program} cannot import {}: {error}",
            self.launch.worker_module()
        );
        if tracing::enabled!(tracing::Level::INFO) {
            error.print(py);
        }
        self.say(&FromZygote::Unusable(text.replace('\n', " ")), None)?;
        Ok(())
    }

    /// Waits until there is something to do.
    fn next_step(&self) -> io::Result<Step> {
        let imports_left = matches!(self.stage, Stage::Importing(_));
        if imports_left && self.launch.warm_up == WarmUp::ThenFork {
            return Ok(Step::WarmUp);
        }
        let mut waiting = vec![PollFd::new(&self.control, PollFlags::IN)];
        let pidfds = self.children.values().flatten();
        waiting.extend(pidfds.map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
        let blind = waiting.len() <= self.children.len();
        let timeout = match (imports_left, blind) {
            (true, _) => Some(&AT_ONCE),
            (false, true) => Some(&BLIND_REAP),
            (false, false) => None,
        };
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut waiting, timeout))?;
        let mut ready = waiting.iter().map(|fd| !fd.revents().is_empty());
        if ready.next() == Some(true) {
            return self.order();
        }
        if ready.any(|ended| ended) || (blind && !imports_left) {
            return Ok(Step::Reap);
        }
        Ok(Step::WarmUp)
    }

    /// Reads one order.
    fn order(&self) -> io::Result<Step> {
        let packet = control::receive(self.control.as_fd())?;
        let handover = packet.map(|mut packet| (packet.bytes, packet.descriptors.pop()));
        match handover {
            None => Err(io::ErrorKind::UnexpectedEof.into()),
            Some((bytes, Some(handover))) if bytes == control::FORK => Ok(Step::Fork(handover)),
            Some(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Imports the next module, or closes the warm-up after the last.
    fn warm_up(&mut self, py: Python<'_>) -> PyResult<()> {
        let Stage::Importing(modules) = &mut self.stage else {
            return Ok(());
        };
        if let Some(module) = modules.pop_front() {
            imports::import(py, &module);
            return Ok(());
        }
        self.stage = Stage::Warm;
        if self.launch.warm_up == WarmUp::Never {
            return Ok(());
        }
        // Without pandas in advance the first grouped task installs it, in its worker.
        if self.native() && imports::has_pandas(py)? {
            crate::seam::install(py)?;
            sent_along::tested(py)?;
        }
        if let Err(error) = imports::remember_archives(py) {
            tracing::debug!("archives are read again in every task: {error}");
        }
        child::prepare(py)?;
        imports::freeze(py)
    }

    /// Tells the supervisor of a new worker.
    fn announce(&mut self, pid: NonZeroI32) -> PyResult<()> {
        // Not reaped yet, so the number is still the child's.
        let pidfd = Pid::from_raw(pid.get())
            .and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok());
        self.say(&FromZygote::Forked(pid), pidfd.as_ref())?;
        self.children.insert(pid, pidfd);
        Ok(())
    }

    /// Reaps every child that has ended and tells how.
    fn reap(&mut self, py: Python<'_>) -> PyResult<()> {
        let os = py.import("os")?;
        let no_wait = os.getattr("WNOHANG")?;
        let children: Vec<NonZeroI32> = self.children.keys().copied().collect();
        for pid in children {
            let ended = os.call_method1("wait4", (pid.get(), &no_wait))?;
            let (reaped, status, usage): (i32, i32, Bound<'_, PyAny>) = ended.extract()?;
            if reaped == 0 {
                continue;
            }
            self.children.remove(&pid);
            let code: i32 = os
                .call_method1("waitstatus_to_exitcode", (status,))?
                .extract()?;
            let ending = if code < 0 {
                Ending::Killed(-code)
            } else {
                Ending::Exited(code)
            };
            let peak_kib = usage.getattr("ru_maxrss")?.extract()?;
            let message = FromZygote::Ended {
                pid,
                ending,
                peak_kib,
            };
            self.say(&message, None)?;
        }
        Ok(())
    }

    /// Sends a message; false when nobody listens any more, which the next step will notice too.
    fn say(&self, message: &FromZygote, descriptor: Option<&OwnedFd>) -> io::Result<bool> {
        let packet = message.encode();
        debug_assert!(packet.len() <= PACKET_LIMIT);
        let descriptors: Vec<_> = descriptor.iter().map(|fd| fd.as_fd()).collect();
        match control::send(self.control.as_fd(), &packet, &descriptors) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error),
        }
    }
}
