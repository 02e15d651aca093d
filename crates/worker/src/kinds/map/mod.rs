//! Kinds without groups: batches in, batches out.

pub mod batches;
pub mod frames;
pub mod struct_stream;
