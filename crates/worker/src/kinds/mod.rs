//! One folder per family of UDFs that has a native path.

pub(crate) mod arrow_batched;
pub(crate) mod grouped_agg;
pub(crate) mod grouped_agg_arrow;
pub(crate) mod grouped_map;
pub(crate) mod grouped_map_arrow;
pub(crate) mod map;
pub(crate) mod scalar;
pub(crate) mod table_function;
