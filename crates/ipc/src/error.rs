//! What can be wrong with the bytes of the peer.

use arrow_schema::ArrowError;
use bowstring_memory::{Failure, OutOfMemory};

/// The peer's bytes are not the protocol, or their Arrow data do not fit their schema.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The stream ended inside something.
    #[error("the stream ended while {expected} was expected")]
    Truncated {
        /// What the missing bytes should have been.
        expected: &'static str,
    },
    /// A length that cannot be one.
    #[error("{what} has the length {length}, expected 0 to {limit}")]
    Length {
        /// The field that carries the length.
        what: &'static str,
        /// The length as sent.
        length: i64,
        /// The largest length accepted.
        limit: i64,
    },
    /// The number before a group is not a known one.
    #[error("{found} dataframes announced for a group, expected 1, or 0 at the end")]
    GroupMarker {
        /// The marker as sent.
        found: i32,
    },
    /// Metadata that are not an Arrow IPC message.
    #[error("the metadata of {expected} are not an Arrow IPC message: {reason}")]
    Metadata {
        /// The message that should have been there.
        expected: &'static str,
        /// The verifier's words.
        reason: String,
    },
    /// An IPC message of another kind than the protocol has at this place.
    #[error("an Arrow IPC message of kind {found}, expected {expected}")]
    MessageKind {
        /// The message that should have been there.
        expected: &'static str,
        /// The kind as sent.
        found: String,
    },
    /// A later stream of the same task has another schema than the first.
    #[error("the schema of group {group} differs from that of the first group")]
    SchemaChanged {
        /// Number of the group in this task, from 0.
        group: u64,
    },
    /// A schema that Arrow does not know.
    #[error("the schema of the groups is not one of Arrow's: {source}")]
    Schema {
        /// The decoder's words.
        #[source]
        source: ArrowError,
    },
    /// The socket failed.
    #[error("the socket failed while {expected} was read: {source}")]
    Io {
        /// What was being read.
        expected: &'static str,
        /// The operating system's words.
        #[source]
        source: std::io::Error,
    },
    /// There is no memory for what is to be read.
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
    /// The same, and for which group, or which batch where there are none.
    #[error("group {group}: {source}")]
    GroupOutOfMemory {
        /// Number of the group in this task, from 0.
        group: u64,
        /// What could not be had.
        #[source]
        source: OutOfMemory,
    },
    /// Whoever reads has panicked.
    #[error("read a group: {0}")]
    Panicked(Failure),
}

impl From<Failure> for WireError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Memory(error) => Self::OutOfMemory(error),
            Failure::Bug(_) => Self::Panicked(failure),
        }
    }
}
