//! One file per kind of UDF that has a native path, and what the kinds share: it joins `frame` and
//! `worker`.

pub mod array_agg;
pub mod array_calls;
pub mod arrivals;
pub mod arrow_batched;
pub mod batches;
mod blocks;
pub mod cogrouped_map;
pub mod cogrouped_map_arrow;
pub mod column_udf;
pub mod columns;
pub mod conversions;
pub mod error_notes;
pub mod group_columns;
pub mod group_frames;
pub mod group_series;
pub mod group_tables;
pub mod grouped_agg_arrow_iter;
pub mod grouped_agg_iter;
pub mod grouped_map;
pub mod grouped_map_arrow;
pub mod grouped_map_arrow_iter;
pub mod grouped_map_iter;
pub mod map_frames;
pub mod results;
pub mod scalar_pandas;
pub mod scalar_pandas_iter;
pub mod series_agg;
pub mod series_calls;
pub mod struct_frames;
pub mod struct_stream;
pub mod table_output;
pub mod table_rows;
pub mod task;
pub mod verifier;
