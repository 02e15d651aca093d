//! One socket of the JVM: read ahead of what is asked for, written to behind the work.
//!
//! This room knows sockets and threads, but neither Python nor Spark.

pub mod gather;
pub mod input;
pub mod read_ahead;
pub mod write_behind;
