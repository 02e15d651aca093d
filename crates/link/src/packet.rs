//! Packets with descriptors: `sendmsg` and `recvmsg` with `SCM_RIGHTS`.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

use crate::PACKET_LIMIT;

/// Most descriptors that come with one packet: a connection and a standard output.
const DESCRIPTOR_LIMIT: usize = 2;

/// One received packet.
#[derive(Debug)]
pub struct Packet {
    /// Its bytes, at most [`PACKET_LIMIT`].
    pub bytes: Vec<u8>,
    /// The descriptors that came with it, close-on-exec.
    pub descriptors: Vec<OwnedFd>,
}

/// Two connected sockets that keep packets apart. Both are blocking and close-on-exec.
///
/// # Errors
///
/// The kernel's, usually for want of descriptors.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

/// Sends one packet, whole or not at all.
///
/// # Errors
///
/// `EPIPE` when nobody holds the other end any more; no signal is raised. `EAGAIN` on a non-blocking
/// socket whose peer does not keep up.
pub fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTOR_LIMIT))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let parts = [IoSlice::new(bytes)];
    rustix::io::retry_on_intr(|| {
        rustix::net::sendmsg(socket, &parts, &mut ancillary, SendFlags::NOSIGNAL)
    })?;
    Ok(())
}

/// Receives one packet; `None` when the other end is closed.
///
/// Waits for one if the socket is blocking.
///
/// # Errors
///
/// The kernel's, and `InvalidData` for a packet that does not fit. `ECONNRESET` counts as closed.
pub fn receive(socket: BorrowedFd<'_>) -> io::Result<Option<Packet>> {
    let mut bytes = vec![0; PACKET_LIMIT];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTOR_LIMIT))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let outcome = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )
    });
    let received = match outcome {
        Ok(received) => received,
        Err(rustix::io::Errno::CONNRESET) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let descriptors = ancillary
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            RecvAncillaryMessage::ScmCredentials(_) | _ => None,
        })
        .flatten()
        .collect();
    if received.flags.contains(ReturnFlags::TRUNC) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // No message is empty, so nothing received is the end.
    if received.bytes == 0 {
        return Ok(None);
    }
    bytes.truncate(received.bytes);
    Ok(Some(Packet { bytes, descriptors }))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn keeps_packets_apart_and_carries_descriptors() {
        let (left, right) = pair().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        send(left.as_fd(), b"one", &[]).unwrap();
        send(left.as_fd(), b"two", &[far.as_fd()]).unwrap();
        drop(far);

        let one = receive(right.as_fd()).unwrap().unwrap();
        assert_eq!((&one.bytes[..], one.descriptors.len()), (&b"one"[..], 0));
        let mut two = receive(right.as_fd()).unwrap().unwrap();
        assert_eq!(two.bytes, b"two");
        let mut far = UnixStream::from(two.descriptors.remove(0));
        near.write_all(b"through").unwrap();
        let mut read = [0; 7];
        far.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"through");
    }

    #[test]
    fn a_closed_end_is_none_and_sending_to_it_an_error() {
        let (left, right) = pair().unwrap();
        drop(left);
        assert!(receive(right.as_fd()).unwrap().is_none());
        let error = send(right.as_fd(), b"x", &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
