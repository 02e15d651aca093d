//! The key's columns and those of the function's frame or table, by position.

use pyo3::prelude::*;

/// Which columns of the Arrow data are the key, and which the frame.
///
/// Source: `extract_key_value_indexes` in `pyspark/worker.py`, Spark 3.5.9 to 4.3.0.
#[derive(Clone, Debug)]
pub(crate) struct KeyColumns {
    /// Columns of the key, in order.
    pub(crate) keys: Vec<usize>,
    /// Columns of the frame, in order.
    pub(crate) values: Vec<usize>,
    /// Whether the function takes the key.
    pub(crate) with_key: bool,
}

impl KeyColumns {
    /// Those of a `GroupedMap` of `kinds/grouped_map.py`.
    ///
    /// # Errors
    ///
    /// Fails if it is not what its file says.
    pub(crate) fn of(task: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            keys: task.getattr("key_offsets")?.extract()?,
            values: task.getattr("value_offsets")?.extract()?,
            with_key: task.getattr("with_key")?.extract()?,
        })
    }
}
