//! The door: a loopback port or a socket file, published on standard output.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use crate::settings::Transport;

/// Connections that may wait for being accepted; the kernel lowers it to its own limit.
const BACKLOG: u32 = 4096;

/// A bound door that nobody knows of yet.
#[derive(Debug)]
pub(super) enum Listener {
    /// Loopback; peers must know the secret.
    Tcp(TcpListener),
    /// A file; who can open it is let in.
    Unix(UnixListener, SocketFile),
}

/// An accepted connection.
#[derive(Debug)]
pub(super) enum Peer {
    /// Not authenticated yet.
    Tcp(TcpStream),
    /// Authenticated by the file's permissions.
    Unix(UnixStream),
}

impl Listener {
    /// Binds where the settings say. Needs a runtime.
    ///
    /// # Errors
    ///
    /// The kernel's, with the address.
    pub(super) fn bind(transport: &Transport) -> anyhow::Result<Self> {
        match transport {
            Transport::Ipv4(_) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                Ok(Self::Tcp(listen(TcpSocket::new_v4(), address)?))
            }
            Transport::Ipv6(_) => {
                let address = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
                Ok(Self::Tcp(listen(TcpSocket::new_v6(), address)?))
            }
            Transport::Unix(directory) => {
                let path = directory.join(unique_name().context("name the socket file")?);
                let listener = UnixListener::bind(&path)
                    .with_context(|| format!("listen on {}", path.display()))?;
                Ok(Self::Unix(listener, SocketFile(path)))
            }
        }
    }

    /// Tells the JVM where to connect: the only bytes that this process writes there.
    ///
    /// `port: i32 BE`, or `len: i32 BE` ‖ `path: [u8; len]`.
    ///
    /// # Errors
    ///
    /// When the JVM does not read it.
    pub(super) fn publish(&self, stdout: &OwnedFd) -> anyhow::Result<()> {
        let bytes = match self {
            Self::Tcp(listener) => {
                let port = listener.local_addr().context("read the port")?.port();
                i32::from(port).to_be_bytes().to_vec()
            }
            Self::Unix(_, SocketFile(path)) => {
                let path = path.as_os_str().as_bytes();
                let length = i32::try_from(path.len()).context("measure the socket's path")?;
                [&length.to_be_bytes(), path].concat()
            }
        };
        write_all(stdout, &bytes).context("write the port to standard output")
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    ///
    /// The kernel's, such as too many open files; the next call may succeed.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost.
    pub(super) async fn accept(&self) -> io::Result<Peer> {
        Ok(match self {
            Self::Tcp(listener) => Peer::Tcp(listener.accept().await?.0),
            Self::Unix(listener, _) => Peer::Unix(listener.accept().await?.0),
        })
    }
}

impl Peer {
    /// The bare connection, blocking, as a worker expects it.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(super) fn into_blocking(self) -> io::Result<OwnedFd> {
        match self {
            Self::Tcp(stream) => {
                let stream = stream.into_std()?;
                stream.set_nonblocking(false)?;
                // A worker answers in a few small writes. Nagle's algorithm would hold the last ones
                // back until the JVM's kernel acknowledges the first: 40 ms for every small task.
                stream.set_nodelay(true)?;
                Ok(stream.into())
            }
            Self::Unix(stream) => {
                let stream = stream.into_std()?;
                stream.set_nonblocking(false)?;
                Ok(stream.into())
            }
        }
    }
}

/// Removes the file when the daemon ends.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let Self(path) = self;
        if let Err(error) = remove(path) {
            tracing::warn!("remove {}: {error}", path.display());
        }
    }
}

/// Whoever cleaned the directory before us has done our work.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

fn listen(socket: io::Result<TcpSocket>, address: SocketAddr) -> anyhow::Result<TcpListener> {
    socket
        .and_then(|socket| {
            without_pacing(&socket);
            socket.bind(address)?;
            socket.listen(BACKLOG)
        })
        .with_context(|| format!("listen on {address}"))
}

/// Has connections send as soon as the other side has room. Some hosts choose an algorithm such as BBR, which paces what goes
/// to the network by timers; within one host that costs time and saves nothing.
fn without_pacing(socket: &TcpSocket) {
    if let Err(error) = sockopt::set_tcp_congestion(socket, "reno") {
        tracing::debug!("leave congestion control as it is: {error}");
    }
}

/// The name that stock gives: `.<uuid>.sock`.
fn unique_name() -> io::Result<String> {
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid")?;
    Ok(format!(".{}.sock", uuid.trim()))
}

fn write_all(file: impl AsFd, mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(&file, bytes))?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_not_paced() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        runtime.block_on(async {
            let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let listener = listen(TcpSocket::new_v4(), anywhere).unwrap();
            let address = listener.local_addr().unwrap();
            let _jvm = TcpStream::connect(address).await.unwrap();
            let peer = Listener::Tcp(listener).accept().await.unwrap();
            let accepted = peer.into_blocking().unwrap();
            assert_eq!(sockopt::tcp_congestion(&accepted).unwrap(), "reno");
            assert!(sockopt::tcp_nodelay(&accepted).unwrap());
        });
    }
}
