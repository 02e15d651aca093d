//! Arrow IPC bytes that cross the socket between the JVM and a worker, as checked values.
//!
//! This room is pure: it sees slices and a [`Source`] of bytes, never sockets and never Python. Everything
//! that can be malformed is an error of [`WireError`] that says what was expected.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod arrays;
mod decoded;
mod error;
mod fault;
mod fields;
#[expect(
    clippy::arithmetic_side_effects,
    reason = "lengths of memory that is here, and rows of batches that were checked"
)]
pub mod framing;
#[expect(
    clippy::arithmetic_side_effects,
    reason = "lengths of memory that is here, and rows of batches that were checked"
)]
pub mod group;
mod inflate;
mod layout;
mod message;
mod offsets;
mod soundness;
mod source;
#[expect(
    clippy::arithmetic_side_effects,
    reason = "lengths of memory that is here, and rows of batches that were checked"
)]
pub mod spare;
mod unwrap;
#[expect(
    clippy::arithmetic_side_effects,
    reason = "lengths of memory that is here, and rows of batches that were checked"
)]
mod whole_columns;
mod words;

pub use decoded::{Decoded, Why};
pub use error::WireError;
pub use fault::{Fault, Lie};
pub use fields::{nullable, text_as_bytes};
pub use message::{CONTINUATION, MessageHeader};
pub use soundness::{SoundBatch, check};
pub use source::Source;
pub use words::{UnknownWord, choose};

use inflate::inflate;
use layout::owner;
use message::MessagePrefix;
use unwrap::unwrap_struct;

/// Longest Arrow IPC metadata accepted, in bytes.
///
/// A schema of 10,000 columns takes about 1.5 MB; a length beyond this limit is not a length.
const MAX_METADATA_BYTES: usize = 64 << 20;

/// Most rows accepted in one record batch: the JVM counts rows in an `int`.
pub const MAX_ROWS: i64 = i32::MAX as i64;

/// Negative lengths and markers of Spark's worker protocol.
///
/// Source: `pyspark/serializers.py`, `SpecialLengths`, Spark 3.5.9 and 4.3.0.
pub mod marker {
    /// An Arrow stream with the task's output follows.
    pub const START_ARROW_STREAM: i32 = -6;
}
