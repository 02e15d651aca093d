//! pandas → Arrow: what functions return, taken apart.

pub mod array_scalars;
pub mod batch;
mod binary;
mod decimal;
pub mod field_builder;
pub mod leaf_builder;
mod masked;
pub mod nested;
pub mod number_piece;
mod numbers;
pub mod pieces;
pub mod scalars;
mod temporal;
mod text;
mod timestamps;
pub mod values;
