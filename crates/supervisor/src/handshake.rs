//! One connection from accepting it to handing it to a worker.
//!
//! Worker → JVM: `pid: i32 BE` (negative: the error number of a failed fork). On TCP then JVM → worker:
//! `len: i32 BE` ‖ `secret: [u8; len]`, and worker → JVM: `len: i32 BE` ‖ `"ok"` or `"err"`.
//!
//! Source: `pyspark/daemon.py`, `worker`, Spark 3.5.9 and 4.3.0.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use bowstring_link::{ASSIGN, packet};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::crew::{Request, Spare};
use crate::listener::{Listener, Peer};
use crate::settings::{Secret, Settings, Transport};

/// How long a peer may take to say the secret: `spark.python.authenticate.socketTimeout`'s default.
const PATIENCE: Duration = Duration::from_secs(15);

/// Longest secret in bytes. Spark's are 64 hexadecimal digits.
const SECRET_LIMIT: usize = 4096;

/// Peers that may be in this state at once, since each holds a worker. A JVM has one at a time.
const PEERS_LIMIT: usize = 256;

/// Pause after a failed `accept`, which would fail again at once when descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a connection was not handed over.
#[derive(Debug, Error)]
enum Refused {
    /// There is no worker for it; the JVM has been told.
    #[error("no worker could be forked: {0}")]
    NoWorker(io::Error),
    /// The daemon is ending.
    #[error("the daemon is ending")]
    Ending,
    /// It said a wrong secret; it has been told.
    #[error("the peer does not know the secret")]
    WrongSecret,
    /// It announced a secret of an impossible length.
    #[error("the peer announced a secret of {0} bytes")]
    BadLength(i32),
    /// It said nothing for too long.
    #[error("the peer did not authenticate within {} s", PATIENCE.as_secs())]
    Silent,
    /// The connection broke, which is how a peer withdraws.
    #[error("the peer left: {0}")]
    Left(#[from] io::Error),
    /// The worker died before it could be given the connection.
    #[error("worker {pid} is gone: {source}")]
    WorkerGone {
        /// The worker.
        pid: i32,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Accepts for ever; every connection is served by a task of its own, so none waits for another.
///
/// # Errors
///
/// None yet: a failing `accept` is logged and tried again.
pub(super) async fn welcome_all(
    listener: &Listener,
    settings: &Arc<Settings>,
    stdout: Option<Arc<OwnedFd>>,
    requests: mpsc::Sender<Request>,
) -> anyhow::Result<Infallible> {
    let places = Arc::new(Semaphore::new(PEERS_LIMIT));
    loop {
        let place = Arc::clone(&places).acquire_owned().await?;
        let peer = match listener.accept().await {
            Ok(peer) => peer,
            Err(error) => {
                tracing::error!("accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let host = Host {
            settings: Arc::clone(settings),
            stdout: stdout.clone(),
            requests: requests.clone(),
        };
        tokio::spawn(async move {
            match host.welcome(peer).await {
                Ok(()) => {}
                Err(Refused::Left(error)) => tracing::debug!("the peer left: {error}"),
                Err(error) => tracing::warn!("refuse a connection: {error}"),
            }
            drop(place);
        });
    }
}

/// What one connection's task needs.
struct Host {
    settings: Arc<Settings>,
    stdout: Option<Arc<OwnedFd>>,
    requests: mpsc::Sender<Request>,
}

impl Host {
    async fn welcome(&self, mut peer: Peer) -> Result<(), Refused> {
        let spare = match self.hire().await? {
            Ok(spare) => spare,
            Err(errno) => {
                write(
                    &mut peer,
                    &(-errno.raw_os_error().unwrap_or(1)).to_be_bytes(),
                )
                .await?;
                return Err(Refused::NoWorker(errno));
            }
        };
        if let Err(refused) = introduce(&mut peer, &spare, &self.settings.transport).await {
            // It has seen nothing of this peer and can serve the next.
            drop(self.requests.send(Request::Return(spare)).await);
            return Err(refused);
        }
        let connection = peer.into_blocking()?;
        let mut descriptors = vec![connection.as_fd()];
        descriptors.extend(self.stdout.as_ref().map(|stdout| stdout.as_fd()));
        packet::send(spare.handover.as_fd(), ASSIGN, &descriptors).map_err(|source| {
            Refused::WorkerGone {
                pid: spare.pid.get(),
                source,
            }
        })
    }

    async fn hire(&self) -> Result<io::Result<Spare>, Refused> {
        let (answer, hired) = oneshot::channel();
        let asked = self.requests.send(Request::Hire(answer)).await;
        asked.map_err(|_closed| Refused::Ending)?;
        hired.await.map_err(|_closed| Refused::Ending)
    }
}

/// Says who will serve the peer and asks for the secret if it must know one.
async fn introduce(peer: &mut Peer, spare: &Spare, transport: &Transport) -> Result<(), Refused> {
    write(peer, &spare.pid.get().to_be_bytes()).await?;
    match (peer, transport) {
        (Peer::Tcp(stream), Transport::Ipv4(secret) | Transport::Ipv6(secret)) => {
            let offered = timeout(PATIENCE, read_secret(stream)).await;
            let offered = offered.map_err(|_elapsed| Refused::Silent)??;
            authenticate(stream, secret, &offered).await
        }
        (Peer::Tcp(_), Transport::Unix(_)) => Err(Refused::WrongSecret),
        (Peer::Unix(_), _) => Ok(()),
    }
}

/// Reads not one byte more than the secret: what follows is for the worker.
async fn read_secret(stream: &mut TcpStream) -> Result<Vec<u8>, Refused> {
    let announced = stream.read_i32().await?;
    let length = usize::try_from(announced)
        .ok()
        .filter(|length| *length <= SECRET_LIMIT)
        .ok_or(Refused::BadLength(announced))?;
    let mut secret = vec![0; length];
    stream.read_exact(&mut secret).await?;
    Ok(secret)
}

async fn authenticate(
    stream: &mut TcpStream,
    secret: &Secret,
    offered: &[u8],
) -> Result<(), Refused> {
    if secret.matches(offered) {
        stream.write_all(b"\0\0\0\x02ok").await?;
        Ok(())
    } else {
        stream.write_all(b"\0\0\0\x03err").await?;
        stream.shutdown().await?;
        Err(Refused::WrongSecret)
    }
}

/// A few bytes into a fresh connection: its buffer takes them, so nothing waits here.
async fn write(peer: &mut Peer, bytes: &[u8]) -> io::Result<()> {
    match peer {
        Peer::Tcp(stream) => stream.write_all(bytes).await,
        Peer::Unix(stream) => stream.write_all(bytes).await,
    }
}
