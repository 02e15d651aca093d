//! The reading half of a connection: one socket, one buffer for the connection's whole life.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::ops::RangeInclusive;
use std::os::fd::AsRawFd;

use arrow_buffer::Buffer;
use bowstring_ipc::spare::Spare;
use bowstring_ipc::{Source, WireError};
use bowstring_memory::{self as memory, OutOfMemory};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{RecvAncillaryBuffer, RecvFlags};

/// Bytes that are read ahead of what is asked for, at most.
const CHUNK: usize = 256 << 10;

/// The same after a body that was large: what is read ahead of the next one would be copied into its place.
const LITTLE: usize = 4 << 10;

/// Bytes of a body for which the kernel may wake the reader once, if so many are still to come.
const PATIENCE: RangeInclusive<usize> = LARGE..=1 << 20;

/// How long a pause of the peer may be before it is read what is here: it depends on windows and estimates of the kernel
/// whether a peer can send as much as the mark asks for.
const PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};

/// How long a worker waits for a task before it is idle.
const IDLE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 500_000_000,
};

/// Bytes of a large body.
const LARGE: usize = 64 << 10;

/// Largest step by which memory grows ahead of the bytes that fill it, so that a length alone,
/// however large, allocates little.
const MAX_STEP: usize = 16 << 20;

/// Bytes that new memory is filled with at once: it is zeroed before, and should be in the cache still.
const FILLED_AT_ONCE: usize = 1 << 20;

/// Bytes of large buffers that are kept for later ones, as long as there is work.
const KEPT_BYTES: usize = 512 << 20;

/// Of the largest values that Spark sends, decimals. Large memory of an allocator has it, too.
const ALIGNMENT: usize = 16;

/// Buffered reader that never asks the socket for more than one read at a time.
#[derive(Debug)]
pub struct Input {
    socket: File,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Bytes of `buffer` that the next read may fill.
    ahead: usize,
    /// Bytes that have to be here before the kernel wakes the reader; one but while a large body is read.
    low_water_mark: usize,
    /// For what [`Input::aligned`] returns.
    spare: Spare,
    /// What was taken since [`Input::keep`].
    kept: Option<Vec<u8>>,
}

impl Input {
    /// Reads from `socket`, which must be in blocking mode.
    pub fn new(socket: File) -> Self {
        Self::after(socket, Vec::new())
    }

    /// The same, with bytes in the buffer that have been read from it before.
    pub fn after(socket: File, here: Vec<u8>) -> Self {
        let end = here.len();
        let mut buffer = here;
        buffer.resize(end.max(CHUNK), 0);
        Self {
            socket,
            buffer: buffer.into_boxed_slice(),
            start: 0,
            end,
            ahead: CHUNK,
            low_water_mark: 1,
            spare: Spare::new(KEPT_BYTES),
            kept: None,
        }
    }

    /// Keeps a copy of what is taken from now on: the beginning of a task, which is small.
    pub fn keep(&mut self) {
        self.kept = Some(Vec::new());
    }

    /// Drops the copy, and keeps none.
    pub fn forget(&mut self) {
        self.kept = None;
    }

    /// Everything that was read since [`Input::keep`], taken or not; `None` without.
    pub fn since_kept(&self) -> Option<Vec<u8>> {
        self.kept
            .as_ref()
            .map(|kept| [kept, self.buffered()].concat())
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

    /// As [`Self::wait`]. A worker that has nothing to do for a while keeps no memory for what is read next.
    ///
    /// # Errors
    ///
    /// Fails if the socket does.
    pub fn wait_for_task(&mut self) -> io::Result<bool> {
        if self.start == self.end && !self.spare.is_empty() {
            let mut waiting = [PollFd::new(&self.socket, PollFlags::IN)];
            let poll = || rustix::event::poll(&mut waiting, Some(&IDLE));
            if rustix::io::retry_on_intr(poll)? == 0 {
                self.let_go();
                memory::give_back();
            }
        }
        self.wait()
    }

    /// Waits until about as many bytes are here as are still to come, so that the kernel wakes the reader for them once
    /// and not for each packet; never for more, because the peer may be waiting for an answer by then. `false` if they are
    /// few or do not come, for a read that waits for any.
    fn wait_for(&mut self, coming: usize) -> io::Result<bool> {
        let few = coming < *PATIENCE.start();
        self.set_low_water_mark(if few { 1 } else { coming.min(*PATIENCE.end()) });
        if self.low_water_mark == 1 {
            return Ok(false);
        }
        // A blocking read would not do: having copied a part, it still sleeps until the rest alone reaches the mark.
        let mut waiting = [PollFd::new(&self.socket, PollFlags::IN)];
        let ready = rustix::io::retry_on_intr(|| rustix::event::poll(&mut waiting, Some(&PAUSE)))?;
        if ready == 0 {
            self.set_low_water_mark(1);
        }
        Ok(ready > 0)
    }

    /// Without it, reads are right too, only more of them.
    fn set_low_water_mark(&mut self, bytes: usize) {
        if bytes != self.low_water_mark && set_receive_low_water_mark(&self.socket, bytes).is_ok() {
            self.low_water_mark = bytes;
        }
    }

    fn take_buffered(&mut self, target: &mut [u8]) -> usize {
        let here = self.buffered();
        let count = here.len().min(target.len());
        let (head, _) = target.split_at_mut(count);
        head.copy_from_slice(here.get(..count).unwrap_or_default());
        self.consume(count);
        count
    }

    /// Keeps no memory for what is read next: there may be nothing for long.
    pub fn let_go(&mut self) {
        self.spare.clear();
    }
}

impl Source for Input {
    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn consume(&mut self, count: usize) {
        let end = (self.start + count).min(self.end);
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(self.buffer.get(self.start..end).unwrap_or_default());
        }
        self.start = end;
    }

    fn peek(&mut self, length: usize) -> io::Result<Option<&[u8]>> {
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

    fn read_full(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut filled = self.take_buffered(target);
        // Most of a large body is here already if the peer is the faster one: nothing has to be waited for then.
        let mut waits = target.len() - filled < LARGE;
        while let Some(rest) = target.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let wanted = rest.len();
            // Into its place, and only what comes with it into the buffer, which is empty.
            let (ahead, _) = self.buffer.split_at_mut(self.ahead);
            let mut places = [IoSliceMut::new(rest), IoSliceMut::new(ahead)];
            let outcome = retried(|| {
                if waits {
                    self.socket.read_vectored(&mut places)
                } else {
                    receive_now(&self.socket, &mut places)
                }
            });
            let count = match outcome {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Ok(0) => break,
                outcome => outcome?,
            };
            if let Some(kept) = &mut self.kept {
                let end = filled + count.min(wanted);
                kept.extend_from_slice(target.get(filled..end).unwrap_or_default());
            }
            filled += count.min(wanted);
            self.start = 0;
            self.end = count.saturating_sub(wanted);
            waits = count < wanted && !self.wait_for(wanted - count)?;
        }
        self.set_low_water_mark(1);
        Ok(filled)
    }

    fn aligned(
        &mut self,
        head: &[u8],
        length: usize,
        expected: &'static str,
    ) -> Result<Buffer, WireError> {
        let start = head.len().next_multiple_of(ALIGNMENT);
        // All of it, so that it is not copied while it grows; a length that is none gets no more than a step.
        let end = start.saturating_add(length);
        let mut memory = if let Ok(memory) = self.spare.take(end) {
            memory
        } else {
            self.spare.clear();
            let again = self.spare.take(end);
            again.or_else(|_refused| self.spare.take(start + length.min(MAX_STEP)))?
        };
        if memory.len() < start {
            memory.resize(start, 0);
        }
        if let Some(target) = memory.get_mut(start - head.len()..start) {
            target.copy_from_slice(head);
        }
        let mut filled = start;
        while filled < end {
            // Doubling keeps the copies of growing below twice the length.
            if filled == memory.capacity() {
                let more = (end - filled).min(MAX_STEP.max(filled));
                let reserved = memory.try_reserve_exact(more);
                reserved.map_err(|_refused| OutOfMemory {
                    what: expected,
                    bytes: length,
                })?;
            }
            let at_once = memory.len().max(filled + FILLED_AT_ONCE);
            let next = end.min(memory.capacity()).min(at_once);
            if memory.len() < next {
                memory.resize(next, 0);
            }
            let target = memory.get_mut(filled..next);
            let count = self
                .read_full(target.unwrap_or_default())
                .map_err(|source| WireError::Io { expected, source })?;
            filled += count;
            if filled < next {
                return Err(WireError::Truncated { expected });
            }
        }
        memory.truncate(end);
        self.ahead = if length >= LARGE { LITTLE } else { CHUNK };
        Ok(self.spare.lend(memory))
    }

    fn spare(&mut self) -> &mut Spare {
        &mut self.spare
    }
}

/// `SO_RCVLOWAT`: how many bytes have to be here before `poll` says that there are any.
#[expect(unsafe_code, reason = "rustix has no such option")]
fn set_receive_low_water_mark(socket: &File, bytes: usize) -> io::Result<()> {
    let value = libc::c_int::try_from(bytes).map_err(io::Error::other)?;
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
    // SAFETY: the kernel reads `length` bytes of `value`, which lives until the call returns.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            (&raw const value).cast(),
            length,
        )
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Reads what is here, however little; [`io::ErrorKind::WouldBlock`] if there is nothing.
fn receive_now(socket: &File, places: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut nothing = RecvAncillaryBuffer::default();
    let message = rustix::net::recvmsg(socket, places, &mut nothing, RecvFlags::DONTWAIT)?;
    Ok(message.bytes)
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
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    fn pair() -> (UnixStream, Input) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (theirs, Input::new(File::from(OwnedFd::from(ours))))
    }

    #[test]
    fn another_input_goes_on_where_a_task_began() {
        let (mut peer, mut input) = pair();
        let task: Vec<u8> = (0..=255).cycle().take(3 * CHUNK).collect();
        let sent = task.clone();
        let writer = std::thread::spawn(move || {
            peer.write_all(b"before").unwrap();
            peer.write_all(&sent).unwrap();
        });
        assert_eq!(&input.array::<6>("the task before").unwrap(), b"before");
        assert_eq!(input.since_kept(), None);
        input.keep();
        // Out of the buffer, and past it.
        input.wait().unwrap();
        input.consume(3);
        let mut large = vec![0; CHUNK + 5];
        assert_eq!(input.read_full(&mut large).unwrap(), large.len());
        input.wait().unwrap();
        let read = input.since_kept().unwrap();
        assert!(read.len() > 3 + large.len());
        let mut other = Input::after(input.socket.try_clone().unwrap(), read);
        let mut whole = vec![0; task.len()];
        assert_eq!(other.read_full(&mut whole).unwrap(), whole.len());
        assert!(whole == task);
        input.forget();
        assert_eq!(input.since_kept(), None);
        writer.join().unwrap();
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
    fn an_idle_worker_keeps_no_memory() {
        let (mut peer, mut input) = pair();
        let writer = std::thread::spawn(move || {
            peer.write_all(&vec![7; 2 * LARGE])?;
            std::thread::sleep(2 * std::time::Duration::from_nanos(IDLE.tv_nsec.unsigned_abs()));
            peer.write_all(b"next")
        });
        drop(input.aligned(b"", 2 * LARGE, "a body").unwrap());
        assert!(!input.spare.is_empty());
        assert!(input.wait_for_task().unwrap());
        assert!(input.spare.is_empty());
        writer.join().unwrap().unwrap();
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

    fn tcp_pair() -> (TcpStream, Input) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        (peer, Input::new(File::from(OwnedFd::from(ours))))
    }

    #[test]
    fn nobody_waits_for_more_than_a_body_has() {
        let (mut peer, mut input) = tcp_pair();
        for round in 0..40 {
            for size in [3 * CHUNK + 17, CHUNK, 100 << 10, 70_001] {
                let mut writer = peer.try_clone().unwrap();
                let body = vec![7; size];
                let sent = body.clone();
                // In pieces, and nothing behind the last: a reader that wants more would hang.
                let thread = std::thread::spawn(move || {
                    sent.chunks(9_999 + 4_999 * round)
                        .try_for_each(|piece| writer.write_all(piece))
                });
                assert_eq!(input.aligned(b"", size, "a body").unwrap().as_slice(), body);
                thread.join().unwrap().unwrap();
                peer.write_all(b"next").unwrap();
                assert!(input.wait().unwrap());
                assert_eq!(&input.array::<4>("four bytes").unwrap(), b"next");
            }
        }
    }

    #[test]
    fn a_peer_that_pauses_is_waited_for_without_a_mark() {
        let (mut peer, mut input) = tcp_pair();
        peer.write_all(b"ab").unwrap();
        assert!(!input.wait_for(CHUNK).unwrap());
        assert_eq!(input.low_water_mark, 1);
        peer.write_all(&vec![7; CHUNK]).unwrap();
        assert!(input.wait_for(CHUNK).unwrap());
    }

    #[test]
    fn a_body_that_ends_early_ends_the_waiting() {
        let (mut peer, mut input) = tcp_pair();
        let thread = std::thread::spawn(move || peer.write_all(&vec![7; 200_000]));
        assert!(matches!(
            input.aligned(b"", 2 * CHUNK, "a body"),
            Err(WireError::Truncated { .. })
        ));
        thread.join().unwrap().unwrap();
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
