//! A growing Arrow array of a declared result type.

use arrow_array::ArrayRef;
use arrow_schema::{ArrowError, DataType};
use bowstring_memory as memory;
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::convert::output::flat_builder::FlatBuilder;
use crate::convert::output::nested::NestedBuilder;
use crate::convert::output::values::Rules;
use crate::convert::types::SparkType;
use crate::facades::frames::PandasClasses;

/// Bytes that a value needs on its way: as an object, as what it is taken for, and twice where a builder grows.
const BYTES_OF_ROW: usize = 32;

/// A growing Arrow array of a declared type.
#[derive(Debug)]
pub(crate) struct FieldBuilder {
    /// `None` if only stock converts it, as it does every type without a row in the table.
    spark: Option<SparkType>,
    pub(super) values: Values,
}

/// What it grows from.
#[derive(Debug)]
pub(super) enum Values {
    Flat(FlatBuilder),
    /// An array, struct or map.
    Nested(Box<NestedBuilder>),
    /// Nothing.
    Stock,
}

impl FieldBuilder {
    /// A builder of `data_type`, as stock's `to_arrow_type` gives it.
    pub(crate) fn new(data_type: &DataType) -> Self {
        let Some(spark) = SparkType::of_result(data_type) else {
            return Self::stock();
        };
        let values = if spark.is_nested() {
            NestedBuilder::new(data_type).map(|builder| Values::Nested(Box::new(builder)))
        } else {
            FlatBuilder::new(spark, data_type).map(Values::Flat)
        };
        values.map_or_else(Self::stock, |values| Self {
            spark: Some(spark),
            values,
        })
    }

    /// For a field that only stock converts.
    pub(crate) fn stock() -> Self {
        Self {
            spark: None,
            values: Values::Stock,
        }
    }

    /// The type; `None` if only stock converts it.
    pub(crate) fn spark(&self) -> Option<SparkType> {
        self.spark
    }

    /// Takes what was built. `None` if that is nothing.
    ///
    /// # Errors
    ///
    /// Fails if the parts of a nested type do not fit together, which is a bug.
    pub(crate) fn finish(&mut self) -> Result<Option<ArrayRef>, ArrowError> {
        match &mut self.values {
            Values::Flat(builder) => Ok((builder.len() > 0).then(|| builder.finish())),
            Values::Nested(builder) => builder.finish(),
            Values::Stock => Ok(None),
        }
    }

    /// Bytes of text and binary values held, which the number of rows says nothing about.
    pub(crate) fn variable_bytes(&self) -> usize {
        match &self.values {
            Values::Flat(builder) => builder.variable_bytes(),
            Values::Nested(builder) => builder.variable_bytes(),
            Values::Stock => 0,
        }
    }

    /// Appends a column: a 1-D NumPy array or a pandas extension array. `false` if only stock may
    /// convert it; then nothing was appended.
    pub(crate) fn append(
        &mut self,
        values: &Bound<'_, PyAny>,
        classes: &PandasClasses,
        rules: &Rules,
    ) -> PyResult<bool> {
        let rows = match values.cast::<PyUntypedArray>() {
            Ok(array) => array.len(),
            Err(_) => values.len()?,
        };
        // Stock needs less where it shares the memory of an array.
        if memory::ensure("a column of a result", rows * BYTES_OF_ROW).is_err() {
            return Ok(false);
        }
        match &mut self.values {
            Values::Flat(builder) => builder.append(values, classes, rules),
            Values::Nested(builder) => builder.append(values, classes),
            Values::Stock => Ok(false),
        }
    }
}
