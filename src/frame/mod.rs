//! Arrow ⇄ pandas, exactly as the installed PySpark converts.
//!
//! Every conversion here is on an allow-list: [`kind`] says which Arrow types may be built
//! natively, [`to_pandas`] builds their columns, [`from_pandas`] takes results apart. A column
//! that is not on the list, or holds a value outside the range for which equality is known, is
//! left to the caller, who asks the stock converter. This room knows Arrow and pandas, but
//! neither sockets nor Spark's versions.

pub mod array_scalars;
pub mod c_data;
pub mod calendar;
pub mod column;
mod decimals;
pub mod field_builder;
pub mod from_pandas;
pub mod kind;
pub mod leaf_builder;
mod masked;
pub mod nested;
pub mod nested_output;
pub mod number_piece;
mod numbers;
pub mod objects;
pub mod output;
pub mod pieces;
pub mod scalars;
mod temporal;
mod text;
mod timestamps;
pub mod to_pandas;
pub mod zone;
