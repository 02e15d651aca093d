//! One connection of the JVM, served by one process.
//!
//! [`serve()`] plays the part of `pyspark/daemon.py`'s `worker` function: it gives PySpark's own
//! `main` two file objects and runs one task after another. This room knows sockets and Python, but not
//! Spark's versions and not pandas.

pub mod files;
mod serve;

pub use serve::{Connection, serve};
