//! Kinds without groups: batches in, batches out.

pub(crate) mod batches;
pub(crate) mod frames;
pub(crate) mod struct_stream;
