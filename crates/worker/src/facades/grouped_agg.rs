//! `_spark/kinds/grouped_agg.py`.

use pyo3::prelude::*;

use crate::facades::conversion::Stock;
use crate::facades::facade;
use crate::facades::task_parts::ColumnUdf;

facade! {
    "_spark.kinds.grouped_agg", "GroupedAgg";
    /// What an aggregation consists of.
    pub(crate) struct GroupedAggTask {
        pub(crate) stock: Stock,
        pub(crate) udfs: Vec<ColumnUdf>,
        /// Stock makes a Series of a result before it calls the next function.
        pub(crate) eager: bool,
        /// A group without batches has no result.
        pub(crate) skips_empty: bool,
    }
}
