//! `_spark/kinds/grouped_map.py`.

use pyo3::prelude::*;

use crate::facades::{Callable, facade, module};

module! {
    "_spark.kinds.grouped_map";
    /// What stands for parts of stock's code.
    pub(crate) struct GroupedMapModule {
        first: Callable,
    }
}

facade! {
    "_spark.kinds.grouped_map", "GroupedMap";
    /// What a grouped map consists of, or one side of a cogrouped one.
    pub(crate) struct GroupedMapTask {
        /// `Stock` or, for Arrow, `ArrowStock`.
        pub(crate) stock: Py<PyAny>,
        /// The user's function as PySpark has wrapped it.
        pub(crate) function: Py<PyAny>,
        /// Columns of the key, in order.
        pub(crate) key_offsets: Vec<usize>,
        /// Columns of the frame, in order.
        pub(crate) value_offsets: Vec<usize>,
        /// Whether the function takes the key.
        pub(crate) with_key: bool,
    }
}

facade! {
    "_spark.kinds.grouped_map", "CogroupedMap";
    /// What a cogrouped map consists of.
    pub(crate) struct CogroupedMapTask {
        /// The user's function as PySpark has wrapped it.
        pub(crate) function: Py<PyAny>,
        pub(crate) left: GroupedMapTask,
        pub(crate) right: GroupedMapTask,
    }
}

impl GroupedMapModule {
    /// The first of these batches, of which there may be none.
    pub(crate) fn first<'py>(&self, batches: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.first.call(batches.py(), (batches,))
    }
}
