//! Plays `pyspark.daemon` for the JVM, without an interpreter.
//!
//! Listens, authenticates, hands each connection to a worker, kills the workers that the JVM names, and
//! says why a worker died. Nothing that a peer sends, or fails to send, reaches Python before the peer
//! is known. The workers themselves are forked by the zygote, a child of this process; the two talk
//! through [`control`](bowstring_link).
//!
//! Source: `pyspark/daemon.py`, `manager`, Spark 3.5.9 and 4.3.0.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use rustix::process::Signal;
use tokio::sync::{mpsc, oneshot};

mod crew;
mod handshake;
mod interpreter;
mod lifeline;
mod listener;
mod obituary;
mod settings;
mod zygote;

pub use interpreter::{Embedded, Host, NoPython, become_python};

use crew::{Crew, Request};
use lifeline::Lifeline;
use listener::Listener;
use settings::Settings;

/// Requests that may wait for the crew before whoever makes one waits too.
const REQUEST_QUEUE: usize = 256;

/// Serves the executor until it lets go of standard input or sends SIGTERM, then ends every worker.
///
/// # Errors
///
/// When no tasks can be served: a setting that makes no sense, no suitable Python, no PySpark in it, or
/// a zygote that keeps dying. No process is left behind then either.
pub fn run(
    arguments: Vec<OsString>,
    embedded: Option<Embedded>,
    host: Option<Host>,
) -> anyhow::Result<ExitCode> {
    let settings = Arc::new(Settings::from_environment(arguments, embedded, host)?);
    let stdout = reserve_stdout().context("reserve standard output for the port")?;
    lead_process_group().context("lead a process group")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let outcome = runtime.block_on(supervise(settings, stdout));
    // Last, so that the zygote is gone and cannot fork a worker that would miss the signal.
    drop(runtime);
    if let Err(error) = rustix::process::kill_current_process_group(Signal::HUP) {
        tracing::error!("hang up on the workers: {error}");
    }
    outcome
}

/// Runs the parts until one of them decides that it is over.
async fn supervise(settings: Arc<Settings>, stdout: OwnedFd) -> anyhow::Result<ExitCode> {
    let stdout = Arc::new(stdout);
    let (requests, inbox) = mpsc::channel(REQUEST_QUEUE);
    let (ready, is_ready) = oneshot::channel();
    let mut lifeline = Lifeline::start(requests.clone())?;
    let crew = Crew::start(Arc::clone(&settings), inbox, ready)?;
    tokio::select! {
        never = crew.run() => never.map(no_exit),
        never = serve(&settings, &stdout, requests, is_ready) => never.map(no_exit),
        code = lifeline.severed() => Ok(code),
    }
}

/// Opens the door once the zygote is ready, and never stops on its own.
async fn serve(
    settings: &Arc<Settings>,
    stdout: &Arc<OwnedFd>,
    requests: mpsc::Sender<Request>,
    is_ready: oneshot::Receiver<()>,
) -> anyhow::Result<Infallible> {
    let listener = Listener::bind(&settings.transport)?;
    if is_ready.await.is_err() {
        // The crew has given up and is about to say why.
        std::future::pending::<()>().await;
    }
    listener.publish(stdout)?;
    let shared = settings.worker_logging.then(|| Arc::clone(stdout));
    handshake::welcome_all(&listener, settings, shared, requests).await
}

fn no_exit(never: Infallible) -> ExitCode {
    match never {}
}

/// Keeps the real standard output for the port and lets everything else, children included, write to
/// standard error instead: the JVM reads the first bytes as a number (SPARK-23240, SPARK-29885).
fn reserve_stdout() -> rustix::io::Result<OwnedFd> {
    let stdout = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(stdout)
}

/// Makes a process group of our own, which the workers join by being born.
fn lead_process_group() -> rustix::io::Result<()> {
    match rustix::process::setpgid(None, None) {
        // A session leader leads its group already.
        Err(rustix::io::Errno::PERM) if rustix::process::getpgrp() == rustix::process::getpid() => {
            Ok(())
        }
        outcome => outcome,
    }
}
