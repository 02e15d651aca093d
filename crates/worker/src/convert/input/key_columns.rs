//! The key's columns and those of the function's frame or table, by position.

use crate::facades::grouped_map::GroupedMapTask;

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
    /// All of so many columns for the frame, and none for a key.
    pub(crate) fn all(width: usize) -> Self {
        Self {
            keys: Vec::new(),
            values: (0..width).collect(),
            with_key: false,
        }
    }
}

impl From<GroupedMapTask> for KeyColumns {
    fn from(task: GroupedMapTask) -> Self {
        Self {
            keys: task.key_offsets,
            values: task.value_offsets,
            with_key: task.with_key,
        }
    }
}
