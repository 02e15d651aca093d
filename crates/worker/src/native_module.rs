//! What our Python package asks of us: `_bowstring._native`, whose types are in `_native.pyi`.

use pyo3::prelude::*;
use pyo3::types::PyModule;

use crate::convert::input::struct_frames::StructFrames;
use crate::convert::input::task_columns::Columns;
use crate::convert::types_for_python::{self, TypeOfSpark};
use crate::kinds::arrow_batched;
use crate::kinds::grouped_agg::GroupedAgg;
use crate::kinds::grouped_agg::iter::GroupedAggIter;
use crate::kinds::grouped_agg_arrow::GroupedAggArrow;
use crate::kinds::grouped_agg_arrow::iter::GroupedAggArrowIter;
use crate::kinds::grouped_map::GroupedMap;
use crate::kinds::grouped_map::cogrouped::CogroupedMap;
use crate::kinds::grouped_map::iter::GroupedMapIter;
use crate::kinds::grouped_map_arrow::GroupedMapArrow;
use crate::kinds::grouped_map_arrow::cogrouped::CogroupedMapArrow;
use crate::kinds::grouped_map_arrow::iter::GroupedMapArrowIter;
use crate::kinds::map::batches::{Batches, StructBatch};
use crate::kinds::map::frames::MapFrames;
use crate::kinds::map::struct_stream::StructStream;
use crate::kinds::scalar::ScalarPandas;
use crate::kinds::scalar::iter::ScalarPandasIter;
use crate::kinds::table_function::TableRows;
use crate::spark::log_declined;
use crate::task::{array_results, verifier};

/// The module, new.
pub(crate) fn new(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    let native = PyModule::new(py, "_native")?;
    native.add_function(wrap_pyfunction!(arrow_batched::to_list, &native)?)?;
    native.add_function(wrap_pyfunction!(arrow_batched::evaluate, &native)?)?;
    native.add_function(wrap_pyfunction!(arrow_batched::to_array, &native)?)?;
    native.add_function(wrap_pyfunction!(arrow_batched::series_array, &native)?)?;
    native.add_function(wrap_pyfunction!(array_results::array_of_scalars, &native)?)?;
    native.add_function(wrap_pyfunction!(verifier::verifier, &native)?)?;
    native.add_function(wrap_pyfunction!(log_declined, &native)?)?;
    native.add_function(wrap_pyfunction!(types_for_python::types, &native)?)?;
    native.add_class::<Batches>()?;
    native.add_class::<StructBatch>()?;
    native.add_class::<StructStream>()?;
    native.add_class::<CogroupedMap>()?;
    native.add_class::<Columns>()?;
    native.add_class::<MapFrames>()?;
    native.add_class::<StructFrames>()?;
    native.add_class::<CogroupedMapArrow>()?;
    native.add_class::<GroupedAggArrow>()?;
    native.add_class::<GroupedAggArrowIter>()?;
    native.add_class::<GroupedAggIter>()?;
    native.add_class::<GroupedMap>()?;
    native.add_class::<ScalarPandas>()?;
    native.add_class::<ScalarPandasIter>()?;
    native.add_class::<GroupedMapIter>()?;
    native.add_class::<GroupedAgg>()?;
    native.add_class::<GroupedMapArrow>()?;
    native.add_class::<TableRows>()?;
    native.add_class::<TypeOfSpark>()?;
    native.add_class::<GroupedMapArrowIter>()?;
    Ok(native)
}
