//! Arrow → pandas: columns, and the frames, Series and tables that are made of them.

pub mod blocks;
pub mod column;
pub mod frame;
pub mod group_columns;
pub mod key_columns;
pub mod nested;
pub mod numpy;
pub mod objects;
pub mod series;
pub mod struct_frames;
pub mod table;
pub mod task_columns;
