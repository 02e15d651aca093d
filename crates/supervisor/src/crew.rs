//! The workers: who is ready, who is wanted, who lives, who died.
//!
//! One task owns all of it and is asked through [`Request`]s, so nothing is locked.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::num::NonZeroI32;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bowstring_link::{Ending, FromZygote, Launch, WarmUp};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::interpreter::launcher;
use crate::obituary::{Obituary, Told};
use crate::settings::Settings;
use crate::zygote::{Dead, News, Zygote};

/// Zygotes that may die one after another without having forked.
const STILLBIRTHS_LIMIT: u32 = 3;

/// Pause before a dead zygote is replaced; doubled for each that has not forked.
const REBIRTH_PAUSE: Duration = Duration::from_millis(100);

/// Pause after a failed fork. Source: `pyspark/daemon.py`, `manager`, Spark 3.5.9 and 4.3.0.
const FORK_PAUSE: Duration = Duration::from_secs(1);

/// What others ask of the crew.
#[derive(Debug)]
pub(super) enum Request {
    /// A worker for a connection, or why there is none.
    Hire(oneshot::Sender<io::Result<Spare>>),
    /// This worker was not needed and has seen nothing.
    Return(Spare),
    /// The JVM wants the process of this number killed.
    Kill(i32),
}

/// A worker that waits for a connection. Dropping it sends it home: it exits on its own.
#[derive(Debug)]
pub(super) struct Spare {
    /// Its process.
    pub(super) pid: NonZeroI32,
    /// The socket on which it waits for [`ASSIGN`](bowstring_link::ASSIGN).
    pub(super) handover: OwnedFd,
}

/// A living worker, spare or not.
#[derive(Debug)]
struct Worker {
    /// Stands for this very process even after its number has been given to another. `None` only on
    /// kernels without.
    pidfd: Option<OwnedFd>,
    /// We have killed it.
    by_order: bool,
}

/// The state of the task.
#[derive(Debug)]
pub(super) struct Crew {
    settings: Arc<Settings>,
    inbox: mpsc::Receiver<Request>,
    /// To be told once when the first zygote is ready.
    ready: Option<oneshot::Sender<()>>,
    launch: Launch,
    zygote: Option<Zygote>,
    /// A launcher has made zygotes in process groups of their own.
    strays: bool,
    /// Zygotes that have been started since one has last forked.
    stillbirths: u32,
    spares: VecDeque<Spare>,
    waiting: VecDeque<oneshot::Sender<io::Result<Spare>>>,
    workers: HashMap<NonZeroI32, Worker>,
    /// Until then nothing is started: a zygote or a fork has failed.
    pause: Option<Instant>,
    /// Rounds of failed forks since the last that succeeded.
    failed_forks: u32,
}

impl Crew {
    /// Starts the first zygote; `ready` is told when the port may be published.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(super) fn start(
        settings: Arc<Settings>,
        inbox: mpsc::Receiver<Request>,
        ready: oneshot::Sender<()>,
    ) -> anyhow::Result<Self> {
        // Workers whose zygote has died become our children, so that they are reaped: the JVM takes a
        // zombie for a living worker.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .context("adopt orphans")?;
        let launch = settings.launch.clone();
        Ok(Self {
            zygote: Some(Zygote::spawn(
                settings.form,
                &launch,
                settings.launcher_patience,
                settings.memory_limit_mib,
            )?),
            strays: false,
            settings,
            inbox,
            ready: Some(ready),
            launch,
            stillbirths: 1,
            spares: VecDeque::new(),
            waiting: VecDeque::new(),
            workers: HashMap::new(),
            pause: None,
            failed_forks: 0,
        })
    }

    /// Serves until it has to give up.
    ///
    /// # Errors
    ///
    /// When PySpark cannot be imported at the start, or when zygotes keep dying.
    pub(super) async fn run(mut self) -> anyhow::Result<Infallible> {
        let mut children = signal(SignalKind::child()).context("handle SIGCHLD")?;
        // A child may have ended before the handler was there.
        self.reap()?;
        loop {
            self.refill()?;
            tokio::select! {
                Some(request) = self.inbox.recv() => self.serve(request),
                news = news(self.zygote.as_ref()) => self.take_news(news)?,
                _ = children.recv() => self.reap()?,
                () = until(self.pause) => self.pause = None,
                () = ended_apart(self.zygote.as_ref()) => self.zygote_left()?,
                () = until(self.zygote.as_ref().and_then(|zygote| zygote.due)) => self.overdue()?,
            }
        }
    }

    /// Asks for as many workers as are wanted and neither here nor on their way.
    fn refill(&mut self) -> anyhow::Result<()> {
        if self.pause.is_some() {
            return Ok(());
        }
        let zygote = match &mut self.zygote {
            Some(zygote) => zygote,
            none => {
                self.stillbirths += 1;
                none.insert(Zygote::spawn(
                    self.settings.form,
                    &self.launch,
                    self.settings.launcher_patience,
                    self.settings.memory_limit_mib,
                )?)
            }
        };
        self.waiting.retain(|answer| !answer.is_closed());
        let wanted = self.settings.spare_workers + self.waiting.len();
        while self.spares.len() + zygote.asked() < wanted {
            match zygote.ask_for_worker() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::error!("ask for a worker: {error}");
                    self.pause = Some(Instant::now() + FORK_PAUSE);
                    break;
                }
            }
        }
        Ok(())
    }

    fn serve(&mut self, request: Request) {
        match request {
            Request::Hire(answer) => match self.spares.pop_front() {
                Some(spare) => self.assign(answer, spare),
                None => self.waiting.push_back(answer),
            },
            Request::Return(spare) => self.station(spare),
            Request::Kill(pid) => self.kill(pid),
        }
    }

    /// Gives the worker to whoever waits longest, or keeps it if there are not enough.
    fn station(&mut self, spare: Spare) {
        if !self.workers.contains_key(&spare.pid) {
            return;
        }
        while let Some(answer) = self.waiting.pop_front() {
            if !answer.is_closed() {
                return self.assign(answer, spare);
            }
        }
        if self.spares.len() < self.settings.spare_workers {
            self.spares.push_back(spare);
        }
    }

    fn assign(&mut self, answer: oneshot::Sender<io::Result<Spare>>, spare: Spare) {
        // Who has asked may be gone; then the worker is still unused.
        if let Err(Ok(spare)) = answer.send(Ok(spare)) {
            self.station(spare);
        }
    }

    /// Kills a worker of ours; any other number is not for us to touch.
    fn kill(&mut self, pid: i32) {
        let worker = NonZeroI32::new(pid).and_then(|pid| self.workers.get_mut(&pid));
        let Some(worker) = worker else {
            tracing::debug!("asked to kill {pid}, which is no worker of ours");
            return;
        };
        worker.by_order = true;
        self.spares.retain(|spare| spare.pid.get() != pid);
        let outcome = match (&worker.pidfd, Pid::from_raw(pid)) {
            (Some(pidfd), _) => rustix::process::pidfd_send_signal(pidfd, Signal::KILL),
            (None, Some(pid)) => rustix::process::kill_process(pid, Signal::KILL),
            (None, None) => Ok(()),
        };
        if let Err(error) = outcome {
            tracing::debug!("kill worker {pid}: {error}");
        }
    }

    fn take_news(&mut self, news: io::Result<Option<News>>) -> anyhow::Result<()> {
        if let Some(news) = news.context("hear from the zygote")? {
            return self.hear(news);
        }
        if let Some(zygote) = &mut self.zygote {
            // SIGCHLD will tell how it ended.
            zygote.silent = true;
        }
        Ok(())
    }

    fn hear(&mut self, (message, descriptor): News) -> anyhow::Result<()> {
        match message {
            FromZygote::Here(pid) => self.welcome(pid),
            FromZygote::Ready => {
                if let Some(ready) = self.ready.take() {
                    // Nobody waits for it if the daemon is ending.
                    let _ = ready.send(());
                }
            }
            FromZygote::Unusable(why) => {
                let why = match self.settings.launcher_patience {
                    Some(_) => format!("{}: {why}", self.launch.program.display()),
                    None => why,
                };
                if self.ready.is_some() {
                    bail!(why);
                }
                tracing::error!("a new zygote is unusable: {why}");
            }
            FromZygote::Crowded(threads) => {
                tracing::warn!(
                    "the modules imported in advance have left {threads} threads, so workers \
                     import for themselves; see BOWSTRING_PREIMPORT"
                );
                self.launch.warm_up = WarmUp::Never;
                if let Some(zygote) = &mut self.zygote {
                    zygote.excused = true;
                }
            }
            FromZygote::Forked(pid) => self.enlist(pid, descriptor),
            FromZygote::ForkFailed(errno) => self.fork_failed(errno),
            FromZygote::Ended {
                pid,
                ending,
                peak_kib,
            } => self.dismiss(pid, ending, Some(peak_kib)),
        }
        Ok(())
    }

    /// The launcher has done its part.
    fn welcome(&mut self, pid: NonZeroI32) {
        let (Some(zygote), Some(pid)) = (&mut self.zygote, Pid::from_raw(pid.get())) else {
            return;
        };
        zygote.arrived(pid);
        self.strays |= zygote.other_group().is_some();
        let launcher = self.launch.program.display();
        tracing::info!(
            "{launcher} has led to the zygote, process {}",
            pid.as_raw_nonzero()
        );
    }

    /// The launcher takes too long.
    fn overdue(&mut self) -> anyhow::Result<()> {
        let launcher = self.launch.program.display();
        let seconds = self
            .settings
            .launcher_patience
            .unwrap_or_default()
            .as_secs();
        let why = format!(
            "{launcher} has not started a Python within {seconds} s (BOWSTRING_PYTHON_TIMEOUT); {}",
            launcher::ADVICE
        );
        // Killed.
        drop(self.zygote.take());
        self.launcher_failed(why)
    }

    fn launcher_failed(&mut self, why: String) -> anyhow::Result<()> {
        if self.ready.is_some() || self.stillbirths >= STILLBIRTHS_LIMIT {
            bail!(why);
        }
        tracing::error!("{why}");
        self.pause = Some(Instant::now() + REBIRTH_PAUSE * 2_u32.pow(self.stillbirths));
        Ok(())
    }

    /// The zygote has ended, and its launcher may go on.
    fn zygote_left(&mut self) -> anyhow::Result<()> {
        match self.zygote.take() {
            Some(zygote) => self.zygote_died(zygote, None),
            None => Ok(()),
        }
    }

    fn enlist(&mut self, pid: NonZeroI32, pidfd: Option<OwnedFd>) {
        self.stillbirths = 0;
        self.failed_forks = 0;
        let worker = Worker {
            pidfd,
            by_order: false,
        };
        self.workers.insert(pid, worker);
        if let Some(handover) = self.zygote.as_mut().and_then(Zygote::answered) {
            self.station(Spare { pid, handover });
        }
    }

    /// Tries again after a pause; who waits is told of the second failure, or of one that will last.
    fn fork_failed(&mut self, errno: i32) {
        drop(self.zygote.as_mut().and_then(Zygote::answered));
        if self.pause.is_some() {
            // Asked for in the same round.
            return;
        }
        self.pause = Some(Instant::now() + FORK_PAUSE);
        self.failed_forks += 1;
        let error = io::Error::from_raw_os_error(errno);
        if self.failed_forks == 1 {
            tracing::error!("fork a worker: {error}");
        }
        let passing = matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
        );
        if !passing || self.failed_forks > 1 {
            for answer in self.waiting.drain(..) {
                // Who has left needs no answer.
                drop(answer.send(Err(io::Error::from_raw_os_error(errno))));
            }
        }
    }

    /// Strikes a dead worker off the list.
    fn dismiss(&mut self, pid: NonZeroI32, ending: Ending, peak_kib: Option<u64>) {
        self.spares.retain(|spare| spare.pid != pid);
        let Some(worker) = self.workers.remove(&pid) else {
            return;
        };
        let obituary = Obituary {
            pid,
            ending,
            peak_kib,
            limit_mib: self.settings.memory_limit_mib,
            by_order: worker.by_order,
        };
        obituary.publish();
    }

    /// Reaps the zygote and adopted orphans.
    fn reap(&mut self) -> anyhow::Result<()> {
        loop {
            let (pid, status) = match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(ended)) => ended,
                Ok(None) | Err(rustix::io::Errno::CHILD) => return Ok(()),
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error).context("reap children"),
            };
            let ending = ending(status);
            let dead = self
                .zygote
                .as_mut()
                .map_or(Dead::Other, |zygote| zygote.bury(pid));
            match (dead, self.zygote.take_if(|_| dead == Dead::Zygote)) {
                (_, Some(zygote)) => self.zygote_died(zygote, Some(ending))?,
                (Dead::Launcher, None) => tracing::debug!("the zygote's launcher {}", Told(ending)),
                (Dead::Zygote | Dead::Other, None) => {
                    self.dismiss(pid.as_raw_nonzero(), ending, None);
                }
            }
        }
    }

    /// Decides whether to start another. `ending` is `None` where only a launcher could tell.
    fn zygote_died(&mut self, zygote: Zygote, ending: Option<Ending>) -> anyhow::Result<()> {
        // Its last messages say why it left, and of whom it had still taken leave.
        let zygote = self.zygote.insert(zygote);
        let mut last = Vec::new();
        while let Some(news) = zygote.last_news().context("hear from the zygote")? {
            last.push(news);
        }
        for news in last {
            self.hear(news)?;
        }
        let zygote = self.zygote.take();
        if zygote.as_ref().is_some_and(|zygote| zygote.excused) {
            return Ok(());
        }
        let told = ending.map_or("has ended".to_owned(), |ending| Told(ending).to_string());
        if zygote.is_some_and(|zygote| zygote.due.is_some()) {
            let launcher = self.launch.program.display();
            let advice = launcher::ADVICE;
            let why = format!("{launcher} {told} and has not run `-c` in a Python; {advice}");
            return self.launcher_failed(why);
        }
        if self.stillbirths >= STILLBIRTHS_LIMIT {
            bail!("the zygote {told}, as did others before it, without having forked a worker");
        }
        tracing::error!("the zygote {told}; another is started");
        if self.stillbirths > 0 && self.ready.is_none() {
            // It was ready and died before it forked: of an import, most likely.
            self.launch.warm_up = WarmUp::Never;
        }
        self.pause = Some(Instant::now() + REBIRTH_PAUSE * 2_u32.pow(self.stillbirths));
        Ok(())
    }
}

impl Drop for Crew {
    /// Hangs up on those that are in no process group of ours.
    fn drop(&mut self) {
        if !self.strays {
            return;
        }
        // All of these may have ended.
        if let Some(group) = self.zygote.as_ref().and_then(Zygote::other_group) {
            let _ = rustix::process::kill_process_group(group, Signal::HUP);
        }
        for pidfd in self
            .workers
            .values()
            .filter_map(|worker| worker.pidfd.as_ref())
        {
            let _ = rustix::process::pidfd_send_signal(pidfd, Signal::HUP);
        }
    }
}

/// The end of a zygote that is not our child.
async fn ended_apart(zygote: Option<&Zygote>) {
    match zygote {
        Some(zygote) => zygote.ended_apart().await,
        None => std::future::pending().await,
    }
}

/// News of the zygote, for ever none if there is no zygote to bring any.
async fn news(zygote: Option<&Zygote>) -> io::Result<Option<News>> {
    match zygote {
        Some(zygote) if !zygote.silent => zygote.news().await,
        _ => std::future::pending().await,
    }
}

/// The end of the pause, never if there is none.
async fn until(pause: Option<Instant>) {
    match pause {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

fn ending(status: WaitStatus) -> Ending {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, Some(signal)) => Ending::Killed(signal),
        (None, None) => Ending::Exited(status.as_raw()),
    }
}
