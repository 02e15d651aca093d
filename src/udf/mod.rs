//! One file per kind of UDF that has a native path, and what the kinds share: it joins `frame` and
//! `worker`.

pub mod batches;
pub mod cogrouped_map;
pub mod columns;
pub mod conversions;
pub mod error_notes;
pub mod group_frames;
pub mod grouped_map;
pub mod results;
pub mod task;
pub mod verifier;
