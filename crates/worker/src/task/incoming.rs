//! What arrives for a task: groups, or the batches of a group while the user's function runs.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use bowstring_ipc::framing::GroupReader;
use bowstring_ipc::group::Group;
use bowstring_socket::input::Input;
use bowstring_socket::read_ahead::{Next, ReadAhead, Stopper};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::wire_error;

/// The reading thread of a task, shared with the iterators that its functions get, and these with threads of
/// the functions.
///
/// Who waits for what arrives holds the lock, without the interpreter. So nobody waits for the lock with it.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    thread: Arc<Mutex<Option<ReadAhead>>>,
    stopper: Stopper,
}

impl Incoming {
    /// Starts to read, see [`ReadAhead::start`].
    ///
    /// # Errors
    ///
    /// Fails if the operating system gives no thread.
    pub(crate) fn start(input: Input, reader: GroupReader, limit: usize) -> io::Result<Self> {
        let thread = ReadAhead::start(input, reader, limit)?;
        Ok(Self {
            stopper: thread.stopper(),
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Waits until nobody else waits. Not to be called with the interpreter.
    fn lock(&self) -> MutexGuard<'_, Option<ReadAhead>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes next. Blocks, for at most `patience` if there is one.
    pub(crate) fn next(&self, py: Python<'_>, patience: Option<Duration>) -> Next {
        if let Ok(mut thread) = self.thread.try_lock()
            && let Some(group) = thread.as_mut().and_then(ReadAhead::ready)
        {
            return Next::Group(group);
        }
        // The lock is released before the interpreter is asked for.
        py.detach(|| match self.lock().as_mut() {
            Some(thread) => thread.next(patience),
            None => Next::End,
        })
    }

    /// Gives the connection's input back after [`Next::End`]; nothing arrives afterwards, whoever asks. `None`
    /// if the thread panicked.
    pub(crate) fn finish(&self, py: Python<'_>) -> Option<Input> {
        py.detach(|| self.lock().take().and_then(ReadAhead::finish))
    }

    /// As [`ReadAhead::abandon`]; whoever waits for what arrives, or asks later, finds the end.
    pub(crate) fn abandon(&self, py: Python<'_>) {
        self.stopper.stop();
        py.detach(|| drop(self.lock().take()));
    }
}

/// A batch of a group, as an object that Python passes on.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct GroupBatch(pub(crate) Group);

/// The batches of one group, each when it is asked for.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct GroupBatches {
    first: Mutex<Option<Group>>,
    incoming: Incoming,
    rows: AtomicUsize,
    over: AtomicBool,
}

impl GroupBatches {
    /// Those of the group that starts with `first`.
    pub(crate) fn new(first: Group, incoming: &Incoming) -> Self {
        let mut parts = Self::after(&first, incoming);
        parts.first = Mutex::new((!first.encoded.is_empty()).then_some(first));
        parts
    }

    /// Those that follow `first`.
    pub(crate) fn after(first: &Group, incoming: &Incoming) -> Self {
        Self {
            rows: first.rows.into(),
            over: first.ends.into(),
            first: Mutex::new(None),
            incoming: incoming.clone(),
        }
    }

    /// The next batch. Blocks until it is there.
    ///
    /// # Errors
    ///
    /// The stream is out of step, or another thread is waiting for the next batch.
    pub(crate) fn next(&self, py: Python<'_>) -> PyResult<Option<Group>> {
        // Held to the end, for the next one may be of another group.
        let mut first = match self.first.try_lock() {
            Ok(first) => first,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // As two threads that share stock's generator.
            Err(TryLockError::WouldBlock) => {
                return Err(PyValueError::new_err("generator already executing"));
            }
        };
        if first.is_some() {
            return Ok(first.take());
        }
        if self.is_over() {
            return Ok(None);
        }
        let group = match self.incoming.next(py, None) {
            Next::Group(group) => group,
            Next::Failed(error) => return Err(wire_error(&error)),
            Next::Waiting | Next::End => return Ok(None),
        };
        self.over.store(group.ends, Ordering::Relaxed);
        self.rows.fetch_add(group.rows, Ordering::Relaxed);
        Ok((!group.encoded.is_empty()).then_some(group))
    }

    /// Whether all batches have arrived.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Rows of the batches that have arrived.
    pub(crate) fn rows(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }
}

/// What a kind may take of what arrives, and keep.
pub(crate) trait Arrived {
    /// Of the group, or of the first batch of one.
    fn of(first: Group, incoming: &Incoming) -> Self;
}

impl Arrived for Group {
    fn of(first: Group, _incoming: &Incoming) -> Self {
        first
    }
}

impl Arrived for GroupBatches {
    fn of(first: Group, incoming: &Incoming) -> Self {
        Self::new(first, incoming)
    }
}

#[pymethods]
impl GroupBatches {
    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<GroupBatch>> {
        Ok(self.next(py)?.map(GroupBatch))
    }
}
