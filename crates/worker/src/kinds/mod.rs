//! One folder per family of UDFs that has a native path.

pub mod arrow_batched;
pub mod grouped_agg;
pub mod grouped_agg_arrow;
pub mod grouped_map;
pub mod grouped_map_arrow;
pub mod map;
pub mod scalar;
pub mod table_function;
