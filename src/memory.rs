//! Memory whose size data decide, and what is said when there is none.
//!
//! Where Spark limits a worker (`spark.executor.pyspark.memory`, which is `RLIMIT_AS`), an allocation fails in the
//! middle of a task. Python and pyarrow raise `MemoryError` then; Rust's collections would end the process.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_buffer::MutableBuffer;
use rustix::process::{Resource, getrlimit};

/// Bytes from which on an allocation is tried first. Smaller ones fail only in a process that can do nothing any more.
const LARGE: usize = 1 << 20;

/// What could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot allocate {bytes} bytes for {what}{}", Limit::now())]
pub struct OutOfMemory {
    /// What the memory is for.
    pub what: &'static str,
    /// How much of it.
    pub bytes: usize,
}

/// Memory for `bytes` bytes of `what`, aligned as Arrow wants it; nothing is in it.
///
/// # Errors
///
/// The operating system, or the limit on this process, has not so much.
pub fn allocate(what: &'static str, bytes: usize) -> Result<MutableBuffer, OutOfMemory> {
    MutableBuffer::try_with_capacity(bytes).map_err(|_refused| OutOfMemory { what, bytes })
}

/// Whether `bytes` bytes for `what` can be had at once: for a library that allocates them itself, and ends the process
/// if it cannot. The memory is given back untouched, which costs two calls of the system; of less than a MiB nobody asks.
///
/// # Errors
///
/// As [`allocate`].
pub fn ensure(what: &'static str, bytes: usize) -> Result<(), OutOfMemory> {
    if bytes < LARGE {
        return Ok(());
    }
    allocate(what, bytes).map(drop)
}

/// Makes threads share the memory of the first one in a process whose address space is limited, where the C library
/// reserves 64 MiB of it for each. Called before a thread is started; does something once.
pub fn adapt_to_limit() {
    static ADAPTED: AtomicBool = AtomicBool::new(false);
    if ADAPTED.load(Ordering::Relaxed) || getrlimit(Resource::As).current.is_none() {
        return;
    }
    ADAPTED.store(true, Ordering::Relaxed);
    share_arena();
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "a setting of the C library")]
fn share_arena() {
    // SAFETY: two integers; glibc takes the lock of its allocator.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

#[cfg(not(target_env = "gnu"))]
fn share_arena() {}

/// Why code of ours has not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It had no memory.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// It panicked.
    #[error("{0}. This is a bug in bowstring.")]
    Bug(String),
}

impl Failure {
    /// What a panic was about.
    pub fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("a panic without a message");
        match arrow_layout(text) {
            Some(bytes) => Self::Memory(OutOfMemory {
                what: "Arrow data",
                bytes,
            }),
            None => Self::Bug(text.to_owned()),
        }
    }
}

/// Runs code whose panic shall be an error of the task. State that it leaves behind is not asked for again: the task is over.
///
/// # Errors
///
/// Those of `run`, and `RuntimeError` or `MemoryError` for a panic.
#[cfg(feature = "python")]
pub fn guarded<T>(run: impl FnOnce() -> pyo3::PyResult<T>) -> pyo3::PyResult<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(Failure::of_panic(panic.as_ref()).into()))
}

#[cfg(feature = "python")]
impl From<OutOfMemory> for pyo3::PyErr {
    fn from(error: OutOfMemory) -> Self {
        pyo3::exceptions::PyMemoryError::new_err(in_our_name(&error))
    }
}

#[cfg(feature = "python")]
impl From<Failure> for pyo3::PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Memory(error) => error.into(),
            Failure::Bug(_) => pyo3::exceptions::PyRuntimeError::new_err(in_our_name(&failure)),
        }
    }
}

#[cfg(feature = "python")]
fn in_our_name(error: &dyn std::error::Error) -> String {
    format!("bowstring {}: {error}", env!("CARGO_PKG_VERSION"))
}

/// Bytes that arrow-buffer wanted, if that is what its panic says.
///
/// Source: `MutableBufferError::AllocationError`, arrow-buffer 60.1.
fn arrow_layout(text: &str) -> Option<usize> {
    let layout = text.strip_prefix("failed to allocate memory for layout")?;
    let (_, size) = layout.split_once("size: ")?;
    let digits = size.split(|other: char| !other.is_ascii_digit()).next();
    Some(digits?.parse().unwrap_or_default())
}

/// The limit on this process's address space as the end of a sentence, or nothing.
struct Limit(Option<u64>);

impl Limit {
    fn now() -> Self {
        Self(getrlimit(Resource::As).current)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(bytes) => write!(
                formatter,
                ": this worker may have {} MiB of address space (spark.executor.pyspark.memory)",
                bytes >> 20
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn what_cannot_be_had_is_an_error() {
        let error = ensure("a column", 1 << 60).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("cannot allocate 1152921504606846976 bytes for a column"),
            "{text}"
        );
        assert!(allocate("a column", usize::MAX).is_err());
        assert_eq!(ensure("a column", 2 << 20), Ok(()));
    }

    #[test]
    fn a_limit_is_named_in_mebibytes() {
        let text = Limit(Some(1600 << 20)).to_string();
        assert_eq!(
            text,
            ": this worker may have 1600 MiB of address space (spark.executor.pyspark.memory)"
        );
        assert_eq!(Limit(None).to_string(), "");
    }

    #[test]
    fn a_panic_of_arrow_about_memory_is_no_bug() {
        let panic = catch_unwind(|| MutableBuffer::with_capacity(1 << 60)).unwrap_err();
        let Failure::Memory(error) = Failure::of_panic(panic.as_ref()) else {
            panic!("taken for a bug");
        };
        assert_eq!(error.bytes, 1 << 60);
    }

    #[test]
    fn every_other_panic_is_a_bug() {
        let panic = catch_unwind(|| panic!("index {} of 3", 7)).unwrap_err();
        let text = Failure::of_panic(panic.as_ref()).to_string();
        assert_eq!(text, "index 7 of 3. This is a bug in bowstring.");
    }
}
