//! The zygote's loop: import, fork, reap.
//!
//! A fresh executor waits for its first answer, so what that does not need is put off: first the imports
//! that a worker cannot do without, then forks, and the rest of the warm-up once a worker has answered.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::num::NonZeroI32;
use std::os::fd::{AsFd, OwnedFd};

use bowstring_link::{Ending, FORK, FromZygote, Launch, PACKET_LIMIT, WarmUp, packet};
use pyo3::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, PidfdFlags};

use crate::spark::sent_along;
use crate::zygote::child;
use crate::zygote::fork::{Fork, SingleThreaded, errno};
use crate::zygote::imports;
use crate::zygote::program;

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
    /// These modules are to be imported before anything is forked.
    Urgent(VecDeque<String>),
    /// Workers are forked, and nothing else is done until one of them has answered or ended, however long its
    /// task takes: workers that are forked until then lack little. Then these modules are imported.
    FirstAnswer(VecDeque<String>),
    /// These modules are to be imported while nobody wants anything.
    Later(VecDeque<String>),
    /// All is done. Nothing happens unasked.
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
    /// The first answer is out.
    Answered,
}

/// The state of the zygote. A child drops all of it.
#[derive(Debug)]
pub(crate) struct Nursery {
    launch: Launch,
    control: OwnedFd,
    stage: Stage,
    /// Where workers tell that they have answered their first task; `None` once one of them has.
    answers: Option<Answers>,
    /// The living children, with the descriptors that tell when they have ended.
    children: HashMap<NonZeroI32, Option<OwnedFd>>,
}

/// A pipe into which each worker writes one byte when its first answer is out.
#[derive(Debug)]
struct Answers {
    hear: OwnedFd,
    tell: OwnedFd,
}

impl Answers {
    fn new() -> io::Result<Self> {
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let (hear, tell) = rustix::pipe::pipe_with(flags)?;
        Ok(Self { hear, tell })
    }
}

impl Nursery {
    pub(crate) fn new(launch: Launch, control: OwnedFd) -> Self {
        Self {
            stage: Stage::Urgent(VecDeque::new()),
            answers: None,
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
    pub(crate) fn run(mut self, py: Python<'_>) -> PyResult<()> {
        bowstring_memory::tell_panics_briefly();
        imports::hold_garbage(py)?;
        let mut planned = imports::planned(&self.launch);
        if let Err(error) = self.import_worker_module(py, &mut planned) {
            return self.report_unusable(py, &error);
        }
        match self.launch.warm_up {
            WarmUp::ThenFork => self.stage = Stage::Urgent(planned),
            WarmUp::WhileForking => self.await_answer(py, planned)?,
            WarmUp::Never => self.stage = Stage::Warm,
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
                Step::Answered => self.go_on(),
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
                            let answered = self.answers.take().map(|answers| answers.tell);
                            drop(self);
                            child::live(py, &launch, handover, answered)
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
    ///
    /// Nothing stays `planned` where what tasks bring along could not be seen. What a planner's worker imports the user
    /// has named.
    fn import_worker_module(
        &mut self,
        py: Python<'_>,
        planned: &mut VecDeque<String>,
    ) -> PyResult<()> {
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
                if let Err(error) = sent_along::watch(&worker)
                    && self.launch.serves_tasks()
                    && !planned.is_empty()
                {
                    tracing::warn!(
                        "nothing is imported in advance, because nobody would see what a task brings along: {error}"
                    );
                    planned.clear();
                }
                if self.launch.serves_tasks() {
                    crate::spark::install_lazily(py, 0)?;
                }
                if self.native() {
                    crate::spark::promise_findings()?;
                }
            }
        }
        Ok(())
    }

    /// Whether tasks may take a native path.
    fn native(&self) -> bool {
        crate::spark::is_wanted() && self.launch.serves_tasks()
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
        if matches!(self.stage, Stage::Urgent(_)) {
            return Ok(Step::WarmUp);
        }
        let imports_left = matches!(self.stage, Stage::Later(_));
        let mut waiting = vec![PollFd::new(&self.control, PollFlags::IN)];
        let pidfds = self.children.values().flatten();
        waiting.extend(pidfds.map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
        let blind = waiting.len() <= self.children.len();
        let answers = self.answers.as_ref().map(|answers| &answers.hear);
        waiting.extend(answers.map(|answers| PollFd::new(answers, PollFlags::IN)));
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
        if answers.is_some() && ready.next_back() == Some(true) {
            return Ok(Step::Answered);
        }
        if ready.any(|ended| ended) || (blind && !imports_left) {
            return Ok(Step::Reap);
        }
        Ok(Step::WarmUp)
    }

    /// Reads one order.
    fn order(&self) -> io::Result<Step> {
        let packet = packet::receive(self.control.as_fd())?;
        let handover = packet.map(|mut packet| (packet.bytes, packet.descriptors.pop()));
        match handover {
            None => Err(io::ErrorKind::UnexpectedEof.into()),
            Some((bytes, Some(handover))) if bytes == FORK => Ok(Step::Fork(handover)),
            Some(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Imports the next module, or closes the stage after the last.
    fn warm_up(&mut self, py: Python<'_>) -> PyResult<()> {
        match &mut self.stage {
            Stage::Urgent(modules) | Stage::Later(modules) if !modules.is_empty() => {
                if let Some(module) = modules.pop_front() {
                    imports::import(py, &module);
                }
                Ok(())
            }
            Stage::Urgent(_) => {
                imports::fill_allocator(py)?;
                // What nobody has proven for these versions is found out later, and stock's until then.
                if self.native() && imports::has_pandas(py)? {
                    crate::spark::install_if_proven(py)?;
                    sent_along::tested(py)?;
                }
                self.await_answer(py, VecDeque::new())
            }
            Stage::Later(_) => {
                self.stage = Stage::Warm;
                imports::fill_allocator(py)?;
                // Without pandas in advance the first grouped task installs it, in its worker.
                if self.native() {
                    crate::spark::install_and_publish(py, imports::has_pandas(py)?)?;
                    sent_along::tested(py)?;
                }
                remember_archives(py);
                imports::freeze(py)
            }
            Stage::FirstAnswer(_) | Stage::Warm => Ok(()),
        }
    }

    /// Makes ready for the forks of the first workers; `later` is imported when one of them has answered.
    fn await_answer(&mut self, py: Python<'_>, later: VecDeque<String>) -> PyResult<()> {
        remember_archives(py);
        child::prepare(py)?;
        imports::freeze(py)?;
        self.answers = Some(Answers::new()?);
        self.stage = Stage::FirstAnswer(later);
        Ok(())
    }

    /// Goes on with the warm-up.
    fn go_on(&mut self) {
        self.answers = None;
        if let Stage::FirstAnswer(later) = &mut self.stage {
            self.stage = Stage::Later(std::mem::take(later));
        }
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
            // It may have had nothing to answer.
            self.go_on();
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
        match packet::send(self.control.as_fd(), &packet, &descriptors) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn remember_archives(py: Python<'_>) {
    if let Err(error) = imports::remember_archives(py) {
        tracing::debug!("archives are read again in every task: {error}");
    }
}
