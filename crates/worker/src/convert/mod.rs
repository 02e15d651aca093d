//! Arrow ⇄ pandas, exactly as the installed PySpark converts.
//!
//! Every conversion here is on an allow-list: [`types`] says which types of Spark may be built natively, [`input`]
//! builds their columns, [`output`] takes results apart. A column that is not on the list, or holds a value outside
//! the range for which equality is known, is left to the caller, who asks the stock converter. This room knows Arrow
//! and pandas, but neither sockets nor Spark's versions.

pub(crate) mod c_data;
pub(crate) mod calendar;
pub(crate) mod classes;
pub(crate) mod conversions;
pub(crate) mod input;
pub(crate) mod lent;
pub(crate) mod limits;
mod nested_types;
pub(crate) mod observed;
pub(crate) mod output;
pub(crate) mod types;
pub(crate) mod types_for_python;
pub(crate) mod zone;
