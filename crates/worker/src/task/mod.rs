//! What a native task does beside its kind: the loop over groups, verification, errors and what they say of a group.

pub(crate) mod array_results;
pub(crate) mod column_udf;
pub(crate) mod converter;
pub(crate) mod driver;
pub(crate) mod group_label;
pub(crate) mod incoming;
pub(crate) mod kind;
pub(crate) mod results;
pub(crate) mod section;
pub(crate) mod series_results;
pub(crate) mod table_output;
pub(crate) mod verifier;
