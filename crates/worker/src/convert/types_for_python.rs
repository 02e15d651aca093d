//! The table of types, as the Python half asks it.

use arrow_pyarrow::ToPyArrow;
use pyo3::prelude::*;

use crate::convert::types::{Pandas, Results, Row, Series, TYPES};

/// A row of the table, for the Python half.
#[pyclass(frozen, name = "SparkType", module = "_bowstring")]
pub(crate) struct TypeOfSpark(&'static Row);

#[pymethods]
impl TypeOfSpark {
    #[getter]
    fn name(&self) -> &'static str {
        self.0.name
    }

    /// The names of its classes in `pyspark.sql.types`, its own first.
    #[getter]
    fn classes(&self) -> Vec<&'static str> {
        let own = std::iter::once(self.0.class);
        own.chain(self.0.like_it.iter().copied()).collect()
    }

    /// The Arrow types of its columns, if they are few.
    #[getter]
    fn arrow<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let types = self.0.arrow.iter();
        types.map(|data_type| data_type.to_pyarrow(py)).collect()
    }

    #[getter]
    fn is_nested(&self) -> bool {
        self.0.spark.is_nested()
    }

    /// Whether pandas has values of NumPy's in a column without nulls.
    #[getter]
    fn is_number(&self) -> bool {
        match self.0.pandas {
            Pandas::Booleans | Pandas::Integers(_) | Pandas::Floats(_) => true,
            Pandas::Text
            | Pandas::Objects
            | Pandas::Nested
            | Pandas::Instants
            | Pandas::LocalTimes
            | Pandas::Spans => false,
        }
    }

    /// Whether a Series of it is made natively, with or without nulls.
    #[getter]
    fn in_series(&self) -> bool {
        matches!(self.0.series, Series::Always | Series::WithNulls)
    }

    /// The same in stock's older way.
    #[getter]
    fn in_older_series(&self) -> bool {
        self.0.series != Series::Never
    }

    #[getter]
    fn is_result(&self) -> bool {
        self.0.results != Results::Never
    }

    /// Whether plain scalars are converted to it natively.
    #[getter]
    fn of_scalars(&self) -> bool {
        self.0.is_of_scalars()
    }

    #[getter]
    fn is_exact(&self) -> bool {
        self.0.is_exact
    }
}

/// The types with a native path.
#[pyfunction]
pub(crate) fn types() -> Vec<TypeOfSpark> {
    TYPES.iter().map(TypeOfSpark).collect()
}
