//! One connection of the JVM, served by one process.
//!
//! [`serve()`] plays the part of `pyspark/daemon.py`'s `worker` function: it gives PySpark's own
//! `main` two file objects and runs one task after another. What a native task needs besides
//! (reading ahead, writing behind) lives here too. This room knows sockets and Python, but not
//! Spark's versions and not pandas.

pub mod gather;
pub mod group;
pub mod group_reader;
pub mod input;
#[cfg(feature = "python")]
pub mod python_files;
pub mod read_ahead;
#[cfg(feature = "python")]
mod serve;
pub mod spare;
mod whole_columns;
pub mod write_behind;

#[cfg(feature = "python")]
pub use serve::{Connection, serve};
