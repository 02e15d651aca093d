//! Everything of bowstring that needs CPython: the zygote, the workers that are forked from it, and what they do.
//!
//! Direction of knowledge: [`kinds`] → [`task`] → [`convert`] → [`facades`] and [`bowstring_ipc`]. Only [`spark`] knows
//! Spark's versions, and [`zygote`] and [`connection`] know nothing of pandas.

pub mod connection;
mod convert;
mod errors;
mod facades;
#[cfg(test)]
mod floors;
mod kinds;
mod native_module;
mod package;
mod spark;
mod task;
mod words;
pub mod zygote;

pub use zygote::{run as run_zygote, run_worker, take_over};
