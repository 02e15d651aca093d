//! pandas → Arrow: what functions return, taken apart.

pub(crate) mod array_scalars;
pub(crate) mod batch;
mod binary;
mod decimal;
pub(crate) mod field_builder;
pub(crate) mod flat_builder;
mod leaf_builder;
mod masked;
pub(crate) mod nested;
pub(crate) mod number_piece;
mod numbers;
pub(crate) mod pieces;
pub(crate) mod scalars;
mod temporal;
mod text;
mod timestamps;
pub(crate) mod values;
