//! A thread that reads and decodes groups while the main thread runs the user's function.
//!
//! The thread holds the connection's [`Input`] from the first byte of the data section to its
//! end and then gives it back; it never attaches to the interpreter. What it may hold ahead is
//! bounded in bytes, so that a `LIMIT` stays cheap and memory flat.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bowstring_ipc::framing::GroupReader;
use bowstring_ipc::group::Group;
use bowstring_ipc::{Source, WireError};
use bowstring_memory::{self as memory, Failure};

use crate::input::Input;

/// Bytes of decoded groups that are handed over at once. Waking the other thread costs some ten
/// microseconds, as much as a small group.
const HAND_OVER_BYTES: usize = 64 << 10;

/// What the reading thread has for the main thread.
#[derive(Debug)]
pub enum Next {
    /// A group.
    Group(Group),
    /// Nothing yet; only if a patience was given.
    Waiting,
    /// The data section is over.
    End,
    /// The stream is out of step.
    Failed(WireError),
}

/// Groups on their way from the reading thread.
#[derive(Debug)]
pub struct ReadAhead {
    shared: Arc<Shared>,
    thread: JoinHandle<Input>,
    ready: VecDeque<Group>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
    drained: Condvar,
    limit: usize,
    /// Memory is short: nothing is read behind a group that is as large as the limit, before somebody waits for it.
    sparing: bool,
}

#[derive(Debug, Default)]
struct State {
    groups: VecDeque<Group>,
    bytes: usize,
    /// The main thread waits for more.
    awaited: bool,
    end: Option<Result<(), WireError>>,
    abandoned: bool,
}

impl ReadAhead {
    /// Starts to read; holds at most about `limit` bytes of groups as they came over the wire, but
    /// always one group. Half of that waits in the queue, half with the main thread.
    ///
    /// # Errors
    ///
    /// As [`memory::thread`].
    pub fn start(mut input: Input, mut reader: GroupReader, limit: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
            drained: Condvar::new(),
            limit: limit / 2,
            sparing: memory::is_limited(),
        });
        let theirs = Ending(Arc::clone(&shared));
        let thread = memory::thread("bowstring-read", move || {
            let Ending(shared) = &theirs;
            let filled = AssertUnwindSafe(|| shared.fill(&mut input, &mut reader));
            if let Err(panic) = catch_unwind(filled) {
                shared.end(Failure::of_panic(panic.as_ref()).into());
            }
            if shared.sparing {
                input.let_go();
            }
            input
        })?;
        Ok(Self {
            shared,
            thread,
            ready: VecDeque::new(),
        })
    }

    /// A group that is here already, without asking the thread.
    pub fn ready(&mut self) -> Option<Group> {
        self.ready.pop_front()
    }

    /// The next group. Blocks, for at most `patience` if there is one.
    pub fn next(&mut self, patience: Option<Duration>) -> Next {
        if let Some(group) = self.ready.pop_front() {
            return Next::Group(group);
        }
        let mut state = self.shared.lock();
        loop {
            if state.abandoned {
                return Next::End;
            }
            if !state.groups.is_empty() {
                std::mem::swap(&mut state.groups, &mut self.ready);
                state.bytes = 0;
                state.awaited = false;
                self.shared.drained.notify_one();
                return self.ready.pop_front().map_or(Next::Waiting, Next::Group);
            }
            match state.end.take() {
                Some(Ok(())) => {
                    state.end = Some(Ok(()));
                    return Next::End;
                }
                Some(Err(error)) => {
                    // A function may go on after the error.
                    state.end = Some(Ok(()));
                    return Next::Failed(error);
                }
                None => {}
            }
            state.awaited = true;
            self.shared.drained.notify_one();
            state = match patience {
                None => self
                    .shared
                    .filled
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let waited = self.shared.filled.wait_timeout(state, patience);
                    let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() && state.groups.is_empty() && state.end.is_none() {
                        return Next::Waiting;
                    }
                    state
                }
            };
        }
    }

    /// Gives the connection's input back after [`Next::End`]. `None` if the thread panicked.
    pub fn finish(self) -> Option<Input> {
        self.thread.join().ok()
    }

    /// Tells the thread to stop at its next group. It may stay blocked on the socket, which the
    /// caller is about to give up.
    pub fn abandon(self) {
        self.stopper().stop();
    }

    /// What ends a [`next`](Self::next) that waits in another thread, and does as [`abandon`](Self::abandon).
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.shared))
    }
}

/// Stops a reading thread that somebody else may be waiting for.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<Shared>);

impl Stopper {
    /// From now on nothing is read, and [`ReadAhead::next`] has nothing more.
    pub fn stop(&self) {
        let Self(shared) = self;
        shared.lock().abandoned = true;
        shared.drained.notify_all();
        shared.filled.notify_all();
    }
}

/// Held by the reading thread: whatever becomes of that, nobody waits for it afterwards.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        let reason = "the reading thread ended before its data";
        self.0.end(Failure::Bug(reason.to_owned()).into());
    }
}

impl Shared {
    /// Ends with an error unless there is an end already.
    fn end(&self, error: WireError) {
        self.lock().end.get_or_insert(Err(error));
        self.filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, input: &mut Input, reader: &mut GroupReader) {
        let mut batch = Vec::new();
        let mut bytes = 0;
        loop {
            let outcome = reader.next_group(input);
            let end = match outcome {
                Ok(Some(group)) => {
                    bytes += group.bytes();
                    batch.push(group);
                    None
                }
                Ok(None) => Some(Ok(())),
                Err(error) => Some(Err(error)),
            };
            // Hand over when there is enough, or before a read that may block.
            let over = end.is_some();
            if over || bytes >= HAND_OVER_BYTES || input.buffered().is_empty() {
                if !self.hand_over(&mut batch, bytes, end) || over {
                    return;
                }
                bytes = 0;
            }
        }
    }

    /// Waits for room and adds `batch`. `false` if nobody wants it any more.
    fn hand_over(
        &self,
        batch: &mut Vec<Group>,
        bytes: usize,
        end: Option<Result<(), WireError>>,
    ) -> bool {
        let mut state = self.lock();
        while state.bytes > 0 && state.bytes + bytes > self.limit && !state.abandoned {
            state = self
                .drained
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.abandoned {
            return false;
        }
        state.groups.extend(batch.drain(..));
        state.bytes += bytes;
        state.end = end;
        self.filled.notify_one();
        let rests = self.sparing && bytes >= self.limit && state.end.is_none();
        // What is handed over has been awaited, perhaps; what comes next has not.
        state.awaited &= !rests;
        // A group that is larger than the limit is the only one that waits: no other is read meanwhile.
        while (rests && !state.awaited || state.bytes > self.limit)
            && state.end.is_none()
            && !state.abandoned
        {
            state = self
                .drained
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        !state.abandoned
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    use arrow_ipc::writer::StreamWriter;
    use arrow_schema::{DataType, Field, Schema};

    use bowstring_ipc::framing::{Framing, Projection};

    /// Reads the schema of a stream that stays open, and asks `project` which columns are wanted.
    fn reading(project: Box<Projection>) -> (UnixStream, ReadAhead) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
        let writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
        theirs.write_all(writer.get_ref()).unwrap();
        let input = Input::new(File::from(OwnedFd::from(ours)));
        let reader = GroupReader::new(Framing::BatchPerGroup, project);
        (theirs, ReadAhead::start(input, reader, 1 << 20).unwrap())
    }

    #[test]
    fn a_panic_of_the_reading_thread_ends_the_groups() {
        let (_peer, mut groups) = reading(Box::new(|_| panic!("no such column")));
        let Next::Failed(error) = groups.next(None) else {
            panic!("the panic was not told");
        };
        assert_eq!(
            error.to_string(),
            "read a group: no such column. This is a bug in bowstring."
        );
        assert!(matches!(groups.next(None), Next::End), "told once");
    }

    #[test]
    fn a_panic_about_memory_is_told_as_such() {
        let (_peer, mut groups) = reading(Box::new(|_| {
            drop(arrow_buffer::MutableBuffer::with_capacity(1 << 60));
            Vec::new()
        }));
        let next = groups.next(None);
        assert!(
            matches!(next, Next::Failed(WireError::OutOfMemory(error)) if error.bytes == 1 << 60)
        );
    }

    #[test]
    fn a_thread_that_is_gone_is_not_waited_for() {
        let (_peer, mut groups) = reading(Box::new(|_| Vec::new()));
        // What a thread leaves that ends in a way that nobody has thought of.
        drop(Ending(Arc::clone(&groups.shared)));
        assert!(matches!(
            groups.next(None),
            Next::Failed(WireError::Panicked(_))
        ));
    }
}
