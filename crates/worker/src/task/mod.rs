//! What a native task does beside its kind: the loop over groups, verification, errors and what they say of a group.

pub mod array_results;
pub mod column_udf;
pub mod converter;
pub mod driver;
pub mod group_label;
pub mod incoming;
pub mod kind;
pub mod results;
pub mod section;
pub mod series_results;
pub mod table_output;
pub mod verifier;
