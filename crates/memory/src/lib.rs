//! Memory whose size data decide, and what is said when there is none.
//!
//! Where Spark limits a worker (`spark.executor.pyspark.memory`, which is `RLIMIT_AS`), an allocation fails in the
//! middle of a task. Python and pyarrow raise `MemoryError` then; Rust's collections would end the process.

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use arrow_buffer::MutableBuffer;
use rustix::process::{Resource, getrlimit};

/// Bytes from which on an allocation is tried first. Smaller ones fail only in a process that can do nothing any more.
pub const LARGE: usize = 1 << 20;

/// What could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot allocate {}{what}{}", Bytes(*bytes), Limit::now())]
pub struct OutOfMemory {
    /// What the memory is for.
    pub what: &'static str,
    /// How much of it; 0 if nobody knows.
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
/// if it cannot. The memory is given back untouched. Nobody asks for less than a MiB, or without a limit, where the kernel
/// promises more than it has.
///
/// # Errors
///
/// As [`allocate`].
pub fn ensure(what: &'static str, bytes: usize) -> Result<(), OutOfMemory> {
    if bytes < LARGE || !is_limited() {
        return Ok(());
    }
    allocate(what, bytes).map(drop)
}

/// Stack of a thread of ours, in bytes: they read and write columns, and none of them runs the user's code.
const STACK: usize = 512 << 10;

/// Starts a thread of ours.
///
/// # Errors
///
/// The operating system gives none; where address space is limited, because there is none for its stack.
pub fn thread<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    adapt_to_limit();
    let thread = thread::Builder::new().name(name.to_owned());
    thread.stack_size(STACK).spawn(run).map_err(|error| {
        if error.kind() == io::ErrorKind::WouldBlock && is_limited() {
            let (what, bytes) = ("the stack of a thread", STACK);
            return io::Error::other(OutOfMemory { what, bytes });
        }
        error
    })
}

/// In a process whose address space is limited, makes threads share the memory of the first one, where the C library
/// reserves 64 MiB for each, and has large blocks given back at once, which it puts on its heap otherwise, with holes
/// between them. Does something once.
fn adapt_to_limit() {
    static ADAPTED: AtomicBool = AtomicBool::new(false);
    if ADAPTED.load(Ordering::Relaxed) || !is_limited() {
        return;
    }
    ADAPTED.store(true, Ordering::Relaxed);
    set_heap(Some(1), 4 << 20, 8 << 20);
}

/// Has the C library use so many `arenas`, map blocks of `mapped` bytes each for itself, and keep `kept` bytes that are free at
/// the end of its heap.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "settings of the C library")]
fn set_heap(arenas: Option<i32>, mapped: i32, kept: i32) {
    let arenas = arenas.map(|arenas| (libc::M_ARENA_MAX, arenas));
    let sizes = [
        (libc::M_MMAP_THRESHOLD, mapped),
        (libc::M_TRIM_THRESHOLD, kept),
    ];
    for (setting, value) in arenas.into_iter().chain(sizes) {
        // SAFETY: two integers; glibc takes the lock of its allocator.
        unsafe { libc::mallopt(setting, value) };
    }
}

#[cfg(not(target_env = "gnu"))]
fn set_heap(_arenas: Option<i32>, _mapped: i32, _kept: i32) {}

/// Whether [`expect_large_blocks`] was called.
static EXPECTED: AtomicBool = AtomicBool::new(false);

/// Has the C library keep freed memory for itself as in a worker of stock's that has had large groups: it takes the largest
/// block that was freed for a measure of what to keep, and ours frees large blocks of other sizes. Does something once, and
/// nothing where address space is limited.
pub fn expect_large_blocks() {
    if EXPECTED.swap(true, Ordering::Relaxed) || is_limited() {
        return;
    }
    // The largest measure that glibc 2.36 takes by itself (DEFAULT_MMAP_THRESHOLD_MAX), and twice what it would keep then, of
    // which M_TRIM_THRESHOLD in mallopt(3) tells: a frame has many columns.
    set_heap(None, 32 << 20, 128 << 20);
}

/// Gives what is kept back to the kernel, in a process that [expects large blocks](expect_large_blocks). Looks through all of the
/// heap, which takes milliseconds.
pub fn give_back() {
    if EXPECTED.load(Ordering::Relaxed) {
        trim_heap();
    }
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "a function of the C library")]
fn trim_heap() {
    // SAFETY: takes a number of bytes to keep, and the lock of its allocator.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
fn trim_heap() {}

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
        let (what, bytes) = match arrow_layout(text) {
            Some(bytes) => ("Arrow data", bytes),
            // What PyO3 says where Python gives it no object. It has hardly another reason.
            None if NO_OBJECT.contains(&text) && is_limited() => ("an object of Python", 0),
            None => return Self::Bug(text.to_owned()),
        };
        Self::Memory(OutOfMemory { what, bytes })
    }
}

/// Source: `Bound::from_owned_ptr` and `panic_after_error`, PyO3 0.29.
const NO_OBJECT: [&str; 2] = ["PyObject pointer is null", "Python API call failed"];

/// Whether this process's address space is limited.
pub fn is_limited() -> bool {
    Limit::now().0.is_some()
}

/// Has panics told in one line where address space is limited: to look for the names of a backtrace takes memory, and the
/// process ends if there is none.
pub fn tell_panics_briefly() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if is_limited() {
            tracing::warn!("{panic}");
        } else {
            usual(panic);
        }
    }));
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

struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => formatter.write_str("memory for "),
            bytes => write!(formatter, "{bytes} bytes for "),
        }
    }
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
        let error = allocate("a column", 1 << 60).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("cannot allocate 1152921504606846976 bytes for a column"),
            "{text}"
        );
        assert!(allocate("a column", usize::MAX).is_err());
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
