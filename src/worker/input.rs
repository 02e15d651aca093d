//! The reading half of a connection: one socket, one buffer for the connection's whole life.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};

use arrow_buffer::Buffer;

use super::spare::Spare;
use crate::wire::WireError;

/// Bytes that are read ahead of what is asked for, at most.
const CHUNK: usize = 256 << 10;

/// The same after a body that was large: what is read ahead of the next one would be copied into its place.
const LITTLE: usize = 4 << 10;

/// Bytes of a large body.
const LARGE: usize = CHUNK;

/// Largest step by which memory grows ahead of the bytes that fill it, so that a length alone,
/// however large, allocates little.
const MAX_STEP: usize = 16 << 20;

/// Of the largest values that Arrow has, and of its buffers on the wire.
const ALIGNMENT: usize = 64;

/// Buffered reader that never asks the socket for more than one read at a time.
#[derive(Debug)]
pub struct Input {
    socket: File,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Bytes of `buffer` that the next read may fill.
    ahead: usize,
    /// For what [`Input::aligned`] returns.
    spare: Spare,
}

impl Input {
    /// Reads from `socket`, which must be in blocking mode.
    pub fn new(socket: File) -> Self {
        Self {
            socket,
            buffer: vec![0; CHUNK].into_boxed_slice(),
            start: 0,
            end: 0,
            ahead: CHUNK,
            spare: Spare::default(),
        }
    }

    /// Bytes that are here already.
    pub fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Drops `count` buffered bytes.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Waits for at least one buffered byte. `false` at the end of the stream.
    ///
    /// # Errors
    ///
    /// Fails if the socket does.
    pub fn wait(&mut self) -> io::Result<bool> {
        if self.start == self.end {
            self.start = 0;
            self.end = retried(|| self.socket.read(&mut self.buffer))?;
        }
        Ok(self.start < self.end)
    }

    /// Waits for `length` bytes without taking them. `None` if they are more than the buffer holds, or
    /// than there are.
    ///
    /// # Errors
    ///
    /// Fails if the socket does.
    pub fn peek(&mut self, length: usize) -> io::Result<Option<&[u8]>> {
        if length > self.buffer.len() {
            return Ok(None);
        }
        if self.start + length > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end - self.start < length {
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match retried(|| self.socket.read(room))? {
                0 => return Ok(None),
                count => self.end += count,
            }
        }
        Ok(self.buffer.get(self.start..self.start + length))
    }

    /// Fills `target` from its start; fewer bytes only at the end of the stream.
    ///
    /// # Errors
    ///
    /// Fails if the socket does.
    pub fn read_full(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut filled = self.take_buffered(target);
        while let Some(rest) = target.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            // Into its place, and only what comes with it into the buffer, which is empty.
            let (ahead, _) = self.buffer.split_at_mut(self.ahead);
            let wanted = rest.len();
            let mut places = [IoSliceMut::new(rest), IoSliceMut::new(ahead)];
            let count = retried(|| self.socket.read_vectored(&mut places))?;
            if count == 0 {
                break;
            }
            filled += count.min(wanted);
            self.start = 0;
            self.end = count.saturating_sub(wanted);
        }
        Ok(filled)
    }

    fn take_buffered(&mut self, target: &mut [u8]) -> usize {
        let here = self.buffered();
        let count = here.len().min(target.len());
        let (head, _) = target.split_at_mut(count);
        head.copy_from_slice(here.get(..count).unwrap_or_default());
        self.consume(count);
        count
    }

    /// Reads exactly `N` bytes.
    ///
    /// # Errors
    ///
    /// [`WireError::Truncated`] naming `expected` if the stream ends before.
    pub fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], WireError> {
        let mut bytes = [0; N];
        let count = self
            .read_full(&mut bytes)
            .map_err(|source| WireError::Io { expected, source })?;
        if count == N {
            Ok(bytes)
        } else {
            Err(WireError::Truncated { expected })
        }
    }

    /// Reads exactly `length` bytes into memory that Arrow finds aligned, directly behind `head`.
    /// The bytes that were read are the last ones of the buffer; those before `head` mean nothing.
    ///
    /// # Errors
    ///
    /// [`WireError::Truncated`] naming `expected` if the stream ends before.
    pub fn aligned(
        &mut self,
        head: &[u8],
        length: usize,
        expected: &'static str,
    ) -> Result<Buffer, WireError> {
        let start = head.len().next_multiple_of(ALIGNMENT);
        let mut memory = self.spare.take(start + length.min(MAX_STEP));
        memory.resize(memory.len().max(start), 0);
        if let Some(target) = memory.as_slice_mut().get_mut(start - head.len()..start) {
            target.copy_from_slice(head);
        }
        let (mut filled, length) = (start, start.saturating_add(length));
        while filled < length {
            // Doubling keeps the copies of growing below twice the length.
            let end = filled + (length - filled).min(MAX_STEP.max(filled));
            memory.resize(memory.len().max(end), 0);
            let target = memory.as_slice_mut().get_mut(filled..end);
            let count = self
                .read_full(target.unwrap_or_default())
                .map_err(|source| WireError::Io { expected, source })?;
            filled += count;
            if filled < end {
                return Err(WireError::Truncated { expected });
            }
        }
        memory.truncate(length);
        self.ahead = if length >= LARGE { LITTLE } else { CHUNK };
        Ok(self.spare.lend(memory))
    }

    /// Keeps no memory for what is read next.
    pub fn let_go(&mut self) {
        self.spare.clear();
    }
}

/// One read, repeated if a signal interrupts it.
fn retried(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    fn pair() -> (UnixStream, Input) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (theirs, Input::new(File::from(OwnedFd::from(ours))))
    }

    #[test]
    fn stops_reading_once_enough_is_here() {
        let (mut peer, mut input) = pair();
        peer.write_all(b"abcd").unwrap();
        // The peer stays silent and open: a reader that wants more would hang here.
        assert_eq!(&input.array::<4>("four bytes").unwrap(), b"abcd");
    }

    #[test]
    fn names_what_was_expected_when_the_stream_ends() {
        let (mut peer, mut input) = pair();
        peer.write_all(b"ab").unwrap();
        drop(peer);
        let error = input.array::<4>("a group marker").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the stream ended while a group marker was expected"
        );
    }

    #[test]
    fn what_was_peeked_at_is_read_again() {
        let (mut peer, mut input) = pair();
        peer.write_all(b"abcdef").unwrap();
        assert_eq!(&input.array::<2>("two bytes").unwrap(), b"ab");
        assert_eq!(input.peek(3).unwrap(), Some(b"cde".as_slice()));
        assert_eq!(input.peek(CHUNK + 1).unwrap(), None);
        assert_eq!(&input.array::<4>("four bytes").unwrap(), b"cdef");
        drop(peer);
        assert_eq!(input.peek(1).unwrap(), None);
    }

    #[test]
    fn a_huge_length_allocates_only_a_step() {
        let (mut peer, mut input) = pair();
        peer.write_all(b"ab").unwrap();
        drop(peer);
        assert!(matches!(
            input.aligned(b"", 1 << 39, "a body"),
            Err(WireError::Truncated { .. })
        ));
    }

    #[test]
    fn a_body_behind_its_head_is_aligned() {
        let (mut peer, mut input) = pair();
        peer.write_all(b"body").unwrap();
        let whole = input.aligned(b"head", 4, "a body").unwrap();
        assert!(whole.as_slice().ends_with(b"headbody"));
        assert_eq!((whole.as_ptr() as usize + whole.len() - 4) % ALIGNMENT, 0);
    }

    #[test]
    fn body_larger_than_the_buffer_arrives_whole() {
        let (mut peer, mut input) = pair();
        let sent: Vec<u8> = (0..3 * CHUNK + 17)
            .map(|i| u8::try_from(i % 251).unwrap())
            .collect();
        let copy = sent.clone();
        let writer = std::thread::spawn(move || peer.write_all(&copy));
        assert_eq!(
            input.aligned(b"", sent.len(), "a body").unwrap().as_slice(),
            sent
        );
        writer.join().unwrap().unwrap();
    }

    #[test]
    fn bodies_of_all_sizes_arrive_in_order() {
        let (mut peer, mut input) = pair();
        let sizes = [
            3,
            LARGE,
            5,
            LARGE - 1,
            2 * CHUNK,
            LITTLE,
            0,
            1,
            CHUNK,
            LITTLE + 1,
        ];
        let bodies = sizes.map(|size| {
            (0..size)
                .map(|i| u8::try_from((i + size) % 251).unwrap())
                .collect::<Vec<_>>()
        });
        let sent = bodies.concat();
        let writer = std::thread::spawn(move || peer.write_all(&sent));
        for body in bodies {
            assert_eq!(
                input.aligned(b"", body.len(), "a body").unwrap().as_slice(),
                body
            );
        }
        writer.join().unwrap().unwrap();
        assert!(!input.wait().unwrap());
    }
}
