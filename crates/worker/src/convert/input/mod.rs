//! Arrow → pandas: columns, and the frames, Series and tables that are made of them.

pub(crate) mod blocks;
pub(crate) mod column;
pub(crate) mod frame;
pub(crate) mod group_columns;
mod integers;
pub(crate) mod key_columns;
pub(crate) mod nested;
pub(crate) mod numpy;
pub(crate) mod objects;
pub(crate) mod series;
pub(crate) mod struct_frames;
pub(crate) mod table;
pub(crate) mod task_columns;
mod text;
mod timestamps;
