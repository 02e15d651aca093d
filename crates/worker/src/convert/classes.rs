//! Classes and objects of pandas, to tell at a glance what a column or a value is.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyFloat;

use crate::facades::frames::PandasClasses;

impl PandasClasses {
    /// Null by stock's mask, for the objects whose nullness needs no call.
    pub(crate) fn is_null(&self, object: &Bound<'_, PyAny>) -> bool {
        object.is_none() || object.is(&self.na) || object.is(&self.nat) || is_nan(object)
    }

    /// Exactly a `decimal.Decimal`.
    pub(crate) fn is_decimal(&self, object: &Bound<'_, PyAny>) -> bool {
        object.get_type().is(&self.decimal)
    }

    /// Exactly an `ArrowStringArray`.
    pub(crate) fn is_arrow_strings(&self, values: &Bound<'_, PyAny>) -> bool {
        values.get_type().is(&self.arrow_string_array)
    }

    /// Exactly an `ArrowExtensionArray`, of a dtype like `int64[pyarrow]`.
    pub(crate) fn is_arrow_backed(&self, values: &Bound<'_, PyAny>) -> bool {
        values.get_type().is(&self.arrow_extension_array)
    }

    /// Exactly a `Categorical`.
    pub(crate) fn is_categorical(&self, values: &Bound<'_, PyAny>) -> bool {
        values.get_type().is(&self.categorical)
    }

    /// Exactly an array of `Int8` to `UInt64`, `Float32`, `Float64` or `boolean`.
    pub(crate) fn is_masked(&self, values: &Bound<'_, PyAny>) -> bool {
        let class = values.get_type();
        self.masked_arrays.iter().any(|masked| class.is(masked))
    }

    /// The array of objects inside a `StringArray`; anything else as it is.
    pub(crate) fn unwrap_strings<'py>(
        &self,
        values: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if values.get_type().is(&self.string_array) {
            values.getattr(intern!(values.py(), "_ndarray"))
        } else {
            Ok(values.clone())
        }
    }

    /// A `DatetimeArray` with a time zone.
    pub(crate) fn is_aware(&self, values: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(values.get_type().is(&self.datetime_array)
            && !values.getattr(intern!(values.py(), "tz"))?.is_none())
    }

    /// The NumPy array inside a `DatetimeArray` or `TimedeltaArray`; anything else as it is.
    pub(crate) fn unwrap_temporal<'py>(
        &self,
        values: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let class = values.get_type();
        if class.is(&self.datetime_array) || class.is(&self.timedelta_array) {
            values.getattr(intern!(values.py(), "_ndarray"))
        } else {
            Ok(values.clone())
        }
    }
}

/// Whether `object` is the float NaN.
pub(crate) fn is_nan(object: &Bound<'_, PyAny>) -> bool {
    object
        .cast_exact::<PyFloat>()
        .is_ok_and(|float| float.value().is_nan())
}
