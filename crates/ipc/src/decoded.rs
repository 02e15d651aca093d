//! What becomes of columns that were looked at.

use arrow_schema::ArrowError;

use crate::Fault;

/// What became of a batch, or of a group.
#[derive(Debug)]
pub enum Decoded<T> {
    /// It is here.
    Native(T),
    /// It is sound, but stock has its own way with it.
    Stock(Why),
    /// Nobody may follow it.
    Malformed(Box<Fault>),
}

/// Why stock has to convert every column of a group.
#[derive(Debug)]
pub enum Why {
    /// It is sound in a way that the Arrow library does not know: a null count is left open, which arrow-rs takes for
    /// none; a buffer of offsets ends inside one, which arrow-rs panics about; buffers of views are counted where there
    /// are none; or a batch that needs no arrays or buffers has no list of them, which pyarrow refuses.
    Unusual,
    /// There is a type that Spark never sends (views, unions, dictionaries, run ends, maps of something else than pairs);
    /// neither it nor what follows it was looked at.
    UnknownLayout,
    /// The Arrow library asks for more than soundness: for text that is UTF-8, or that the keys of
    /// maps are never null.
    Refused(ArrowError),
}
