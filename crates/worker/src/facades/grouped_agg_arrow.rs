//! `_spark/kinds/grouped_agg_arrow.py`.

use pyo3::prelude::*;

use crate::facades::arrow::ArrayStock;
use crate::facades::facade;
use crate::facades::task_parts::ColumnUdf;

facade! {
    "_spark.kinds.grouped_agg_arrow", "GroupedAggArrow";
    /// What an aggregation consists of.
    pub(crate) struct GroupedAggArrowTask {
        pub(crate) stock: ArrayStock,
        pub(crate) udfs: Vec<ColumnUdf>,
    }
}
