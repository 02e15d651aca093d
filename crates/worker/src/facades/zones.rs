//! `_spark/proof/zones.py`.

use numpy::PyArray1;
use pyo3::prelude::*;

use crate::facades::{Callable, module};

module! {
    "_spark.proof.zones";
    /// Offsets of time zones.
    pub(crate) struct Zones {
        input_table: Callable,
        output_table: Callable,
    }
}

/// Where offsets start, what they are, and where the last one ends, in microseconds.
pub(crate) type Table<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>, i64);

impl Zones {
    /// Offsets by instant of the zone of a `Stock`; `None` if they are not proven.
    pub(crate) fn input_table<'py>(
        &self,
        stock: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Table<'py>>> {
        self.input_table.call(stock.py(), (stock,))?.extract()
    }

    /// The same by local time.
    pub(crate) fn output_table<'py>(
        &self,
        stock: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Table<'py>>> {
        self.output_table.call(stock.py(), (stock,))?.extract()
    }
}
