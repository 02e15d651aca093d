//! Bytes that cross the socket between the JVM and a worker, as values.
//!
//! This room is pure: it sees slices, never sockets and never Python. Everything that can be
//! malformed is an error of [`WireError`] that says what was expected.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod error;
mod fault;
mod inflate;
mod ipc_message;
mod layout;
mod nullable;
mod offsets;
mod plain_columns;
mod soundness;
mod unwrap;

pub use error::WireError;
pub use fault::{Fault, Lie};
pub use inflate::inflate;
pub use ipc_message::{BodyLength, CONTINUATION, MessageHeader, MessagePrefix};
pub use layout::owner;
pub use nullable::{nullable, nullable_inside, text_as_bytes};
pub use plain_columns::{is_plain, plain_columns};
pub use soundness::{Found, Soundness, check};
pub use unwrap::unwrap_struct;

/// Longest Arrow IPC metadata accepted, in bytes.
///
/// A schema of 10,000 columns takes about 1.5 MB; a length beyond this limit is not a length.
pub const MAX_METADATA_BYTES: usize = 64 << 20;

/// Most rows accepted in one record batch: the JVM counts rows in an `int`.
pub const MAX_ROWS: i64 = i32::MAX as i64;

/// Negative lengths and markers of Spark's worker protocol.
///
/// Source: `pyspark/serializers.py`, `SpecialLengths`, Spark 3.5.9 and 4.3.0.
pub mod marker {
    /// An Arrow stream with the task's output follows.
    pub const START_ARROW_STREAM: i32 = -6;
}
