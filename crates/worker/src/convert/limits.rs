//! How large a batch of results becomes.

/// Rows after which a batch is written: the default of `spark.sql.execution.arrow.maxRecordsPerBatch`.
pub(crate) const MAX_ROWS: usize = 10_000;

/// Bytes after which a batch is written.
pub(crate) const MAX_BYTES: usize = 1 << 20;
