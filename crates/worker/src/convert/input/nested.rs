//! Arrow lists, structs and maps → NumPy arrays and dicts, as objects of a column.
//!
//! Stock lets pyarrow's `to_pandas` convert the column and then passes each row through PySpark's
//! converter. Which of the two made an object decides what it looks like: pyarrow's arrays are
//! views of one flat array, the converter's are made for each row.
//!
//! Source: `ConvertListsLike`, `ConvertStruct` and `ConvertMap` of `arrow_to_pandas.cc` (pyarrow
//! 19 and 26), `_create_converter_to_pandas` of `pyspark/sql/pandas/types.py` (3.5.9 to 4.3.0).

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, ListArray, MapArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field};
use arrow_select::concat::concat;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySlice, PyString};

use crate::convert::input::column::Column;
use crate::convert::input::numpy::Builder;
use crate::convert::nested_types::{is_converted, leaf};
use crate::convert::observed::{Dtype, Observed};
use crate::convert::types::SparkType;

/// Whether every value lies in the range for which the native path is known to be equal.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest are leaves")]
pub(crate) fn fits(array: &ArrayRef, observed: &Observed) -> bool {
    match array.data_type() {
        DataType::List(_) => array
            .as_list_opt::<i32>()
            .is_some_and(|list| fits(&elements(list).0, observed)),
        DataType::Struct(_) => array
            .as_struct_opt()
            .is_some_and(|rows| rows.columns().iter().all(|column| fits(column, observed))),
        DataType::Map(..) => array.as_map_opt().is_some_and(|map| {
            let (keys, values, _) = entries(map);
            keys.null_count() == 0 && fits(&keys, observed) && fits(&values, observed)
        }),
        data_type => {
            leaf(&Field::new("", data_type.clone(), true), observed).is_some_and(|spark| {
                Column::of(spark, Arc::clone(array))
                    .dtype(observed)
                    .is_some()
            })
        }
    }
}

/// The elements of all rows, and where each row's begin and end among them.
fn elements(list: &ListArray) -> (ArrayRef, Vec<usize>) {
    let (start, bounds) = rebase(list.offsets());
    let length = bounds.last().copied().unwrap_or(0);
    (list.values().slice(start, length), bounds)
}

/// The same for the keys and the values of a map.
fn entries(map: &MapArray) -> (ArrayRef, ArrayRef, Vec<usize>) {
    let (start, bounds) = rebase(map.offsets());
    let length = bounds.last().copied().unwrap_or(0);
    (
        map.keys().slice(start, length),
        map.values().slice(start, length),
        bounds,
    )
}

/// The first offset, and all offsets counted from it. Arrow has checked that they ascend.
#[expect(
    clippy::cast_sign_loss,
    reason = "Arrow has checked that offsets ascend from zero"
)]
fn rebase(offsets: &OffsetBuffer<i32>) -> (usize, Vec<usize>) {
    let start = offsets.first() as usize;
    let bounds = offsets.iter().map(|offset| *offset as usize - start);
    (start, bounds.collect())
}

impl<'py> Builder<'_, 'py> {
    /// Objects for the rows of a nested column, batches in order; `None` for nulls.
    pub(crate) fn nested(&self, batches: &[&dyn Array]) -> PyResult<Vec<Py<PyAny>>> {
        // PARITY: Spark 4.2 and later join the batches first; earlier ones have one batch, or the
        // column was left to stock.
        let joined = concat(batches).map_err(|error| {
            PyRuntimeError::new_err(format!("bowstring: join nested batches: {error}"))
        })?;
        self.objects(&joined)
    }

    /// Each row as it is found in a struct, a map, or an array of objects.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest are leaves")]
    fn objects(&self, array: &ArrayRef) -> PyResult<Vec<Py<PyAny>>> {
        match array.data_type() {
            DataType::List(_) => self.lists(array.as_list()),
            DataType::Struct(_) => self.structs(array.as_struct()),
            DataType::Map(..) => self.maps(array.as_map()),
            _ => self.leaves(array),
        }
    }

    /// Python objects, as taking a single value out of pyarrow's flat NumPy array gives them.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all others are the objects that a column of them has"
    )]
    fn leaves(&self, array: &ArrayRef) -> PyResult<Vec<Py<PyAny>>> {
        let spark = self.leaf(array)?;
        // PARITY: an integer column with nulls is float64 in Spark 3.5 to 4.1.
        let as_float = array.null_count() > 0 && !self.observed.nested_integer_objects;
        if as_float && let Some(floats) = self.float_objects(spark, array)? {
            return Ok(floats);
        }
        match spark {
            SparkType::Float => self.values::<Float32Type, _>(array, f64::from),
            SparkType::Double => self.values::<Float64Type, _>(array, |value| value),
            _ => {
                let mut objects: Vec<_> = (0..array.len()).map(|_| self.py.None()).collect();
                self.fill_objects(&Column::of(spark, Arc::clone(array)), &mut objects)?;
                Ok(objects)
            }
        }
    }

    pub(super) fn values<T, U>(
        &self,
        array: &ArrayRef,
        convert: impl Fn(T::Native) -> U,
    ) -> PyResult<Vec<Py<PyAny>>>
    where
        T: ArrowPrimitiveType,
        U: for<'a> IntoPyObjectExt<'a>,
    {
        let values = array.as_primitive::<T>().iter();
        values
            .map(|value| match value {
                Some(value) => convert(value).into_py_any(self.py),
                None => Ok(self.py.None()),
            })
            .collect()
    }

    fn leaf(&self, array: &ArrayRef) -> PyResult<SparkType> {
        let field = Field::new("", array.data_type().clone(), true);
        leaf(&field, self.observed).ok_or_else(|| {
            PyRuntimeError::new_err(format!(
                "bowstring: {} has no native path",
                array.data_type()
            ))
        })
    }

    fn lists(&self, list: &ListArray) -> PyResult<Vec<Py<PyAny>>> {
        let (elements, bounds) = elements(list);
        if is_converted(elements.data_type()) {
            let mut objects = self.objects(&elements)?.into_iter();
            return self.rows(list.nulls(), &bounds, |from, to| {
                let row: Vec<_> = objects.by_ref().take(to - from).collect();
                // PARITY: `numpy.array([])`.
                if row.is_empty() {
                    return Ok(PyArray1::<f64>::zeros(self.py, 0, false)
                        .into_any()
                        .unbind());
                }
                let array = PyArray1::<Py<PyAny>>::zeros(self.py, row.len(), false);
                for (slot, object) in array.readwrite().as_slice_mut()?.iter_mut().zip(row) {
                    *slot = object;
                }
                Ok(array.into_any().unbind())
            });
        }
        let flat = self.flat(&elements)?;
        self.rows(list.nulls(), &bounds, |from, to| {
            let (from, to) = (from.cast_signed(), to.cast_signed());
            Ok(flat.get_item(PySlice::new(self.py, from, to, 1))?.unbind())
        })
    }

    /// The elements of all rows in one array, of which rows are views.
    fn flat(&self, elements: &ArrayRef) -> PyResult<Bound<'py, PyAny>> {
        if matches!(elements.data_type(), DataType::List(_)) {
            let objects = self.objects(elements)?;
            let array = PyArray2::<Py<PyAny>>::zeros(self.py, (1, objects.len()), false);
            for (slot, object) in array.readwrite().as_slice_mut()?.iter_mut().zip(objects) {
                *slot = object;
            }
            return array.get_item(0);
        }
        let column = Column::of(self.leaf(elements)?, Arc::clone(elements));
        let dtype = match column.dtype(self.observed) {
            Some(Dtype::String) | None => Dtype::Object,
            Some(Dtype::Float64) if column.is_integer() && self.observed.nested_integer_objects => {
                Dtype::Object
            }
            Some(dtype) => dtype,
        };
        let builder = Builder {
            rows: elements.len(),
            ..*self
        };
        let array = builder.block(dtype, &[Some(&column)], false)?;
        // PARITY: pyarrow does not copy what it can view.
        if column.is_zero_copy_in_stock(dtype) {
            let flags = array.getattr(intern!(self.py, "flags"))?;
            flags.setattr(intern!(self.py, "writeable"), false)?;
        }
        array.get_item(0)
    }

    fn structs(&self, rows: &StructArray) -> PyResult<Vec<Py<PyAny>>> {
        let names: Vec<Bound<'py, PyString>> = rows
            .fields()
            .iter()
            .map(|field| PyString::intern(self.py, field.name()))
            .collect();
        let mut columns = Vec::with_capacity(names.len());
        for column in rows.columns() {
            columns.push(self.objects(column)?.into_iter());
        }
        let mut objects = Vec::with_capacity(rows.len());
        for row in 0..rows.len() {
            // Every column gives up its value, whether the row is null or not.
            let values: Vec<_> = columns.iter_mut().map(Iterator::next).collect();
            if rows.is_null(row) {
                objects.push(self.py.None());
                continue;
            }
            let dict = PyDict::new(self.py);
            for (name, value) in names.iter().zip(values) {
                dict.set_item(name, value)?;
            }
            objects.push(dict.into_any().unbind());
        }
        Ok(objects)
    }

    fn maps(&self, map: &MapArray) -> PyResult<Vec<Py<PyAny>>> {
        let (keys, values, bounds) = entries(map);
        let (keys, values) = (self.objects(&keys)?, self.objects(&values)?);
        let mut entries = keys.into_iter().zip(values);
        self.rows(map.nulls(), &bounds, |from, to| {
            let dict = PyDict::new(self.py);
            // PARITY: of equal keys the first one stays, with the last one's value.
            for (key, value) in entries.by_ref().take(to - from) {
                dict.set_item(key, value)?;
            }
            Ok(dict.into_any().unbind())
        })
    }

    /// Calls `row` with the bounds of every row in order and keeps what it gives for those that
    /// are not null.
    fn rows(
        &self,
        nulls: Option<&NullBuffer>,
        bounds: &[usize],
        mut row: impl FnMut(usize, usize) -> PyResult<Py<PyAny>>,
    ) -> PyResult<Vec<Py<PyAny>>> {
        let mut objects = Vec::with_capacity(bounds.len());
        for (index, pair) in bounds.windows(2).enumerate() {
            let &[from, to] = pair else { continue };
            let is_null = nulls.is_some_and(|nulls| nulls.is_null(index));
            // A null row may have elements; they have to be passed over.
            let object = if is_null && from == to {
                self.py.None()
            } else {
                let object = row(from, to)?;
                if is_null { self.py.None() } else { object }
            };
            objects.push(object);
        }
        Ok(objects)
    }
}
