//! What can be wrong inside a record batch whose message is well formed.

/// One contradiction in the data of a group, and where it is.
///
/// The row counts from 0 in the group; a fault inside a nested value has the row of the column
/// that the value belongs to.
#[derive(Debug, thiserror::Error)]
#[error("group {group}: {place}: {lie}", place = self.place())]
pub struct Fault {
    /// Number of the group in this task, from 0.
    pub group: u64,
    /// Name of the column, followed by the names of the fields inside it.
    pub column: String,
    /// The first row that is concerned, if the fault is about single rows.
    pub row: Option<usize>,
    /// What is wrong.
    #[source]
    pub lie: Lie,
}

impl Fault {
    /// The same fault after so many rows of a group.
    #[must_use]
    pub(super) fn in_group(self, group: u64, rows: usize) -> Self {
        let row = self.row.map(|row| rows.saturating_add(row));
        Self { group, row, ..self }
    }

    fn place(&self) -> String {
        let column = &self.column;
        match self.row {
            Some(row) => format!("column '{column}', row {row}"),
            None => format!("column '{column}'"),
        }
    }
}

/// Numbers of a record batch that contradict one another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lie {
    /// The batch has fewer arrays or buffers than its schema needs.
    #[error("the record batch has no {what} for it")]
    Missing {
        /// What the batch has too few of.
        what: &'static str,
    },
    /// An array has another length than what it belongs to.
    #[error("{found} rows where {expected} are announced")]
    Rows {
        /// Length of the array as sent.
        found: i64,
        /// Length of the batch or of the enclosing array.
        expected: usize,
    },
    /// A buffer that points outside the batch's body.
    #[error("buffer {index} lies at {offset}+{length}, outside the body of {body} bytes")]
    OutsideBody {
        /// Position in the batch's list of buffers.
        index: usize,
        /// Offset in the body as sent, in bytes.
        offset: i64,
        /// Length as sent, in bytes.
        length: i64,
        /// Length of the body, in bytes.
        body: usize,
    },
    /// A buffer without room for the values of every row.
    #[error("{length} bytes of {what} where {needed} are needed")]
    Short {
        /// What the buffer holds.
        what: &'static str,
        /// Length of the buffer, in bytes.
        length: usize,
        /// Length that the rows need, in bytes.
        needed: usize,
    },
    /// An offset into something that ends before it.
    #[error("offset {offset} is beyond the {limit} {unit} that it points into")]
    Beyond {
        /// The offset as sent.
        offset: i64,
        /// The largest offset there may be.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// An offset that is smaller than the one before it, or than 0.
    #[error("offset {offset} follows offset {previous}")]
    Backwards {
        /// The offset as sent.
        offset: i64,
        /// The offset before it; 0 before the first.
        previous: i64,
    },
    /// A null count that its validity bitmap does not bear out.
    #[error("the null count is {announced}, but {found} rows are null, this the first")]
    NullCount {
        /// The count as sent.
        announced: i64,
        /// What the bitmap says.
        found: usize,
    },
    /// Nulls are announced, and the validity bitmap has none, or cannot have as many.
    #[error("the null count is {announced}, but none of {rows} rows is null")]
    NoNulls {
        /// The count as sent.
        announced: i64,
        /// Length of the array.
        rows: usize,
    },
    /// A compressed buffer that does not yield what it announces.
    #[error("buffer {index} announces {announced} bytes of {codec} data, {reason}")]
    Compression {
        /// Position in the batch's list of buffers.
        index: usize,
        /// Name of the codec.
        codec: &'static str,
        /// Size after decompression as sent, in bytes.
        announced: i64,
        /// The decoder's words.
        reason: String,
    },
}
