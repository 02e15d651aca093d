//! Arrow columns of one group → the arrays that pandas blocks are made of.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time64NanosecondType,
};
use arrow_buffer::Buffer;
use arrow_pyarrow::ToPyArrow;
use numpy::datetime::{Datetime, Timedelta, units};
use numpy::{Element, PyArray2, PyArrayDescrMethods, PyArrayMethods};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PySlice;

use crate::convert::input::column::Column;
use crate::convert::input::integers::fill_floats;
use crate::convert::input::objects;
use crate::convert::input::timestamps::{fill_instants, fill_spans};
use crate::convert::observed::{Dtype, Observed, Unit};
use crate::convert::types::{Pandas, SparkType};
use crate::errors;

/// What memory is asked for.
pub(super) const BLOCK: &str = "a block of a frame";

/// Bytes of a column from which on it is not copied if it need not be.
pub(super) const VIEWED_BYTES: usize = 64 << 10;

/// Bytes from which on NumPy asks for huge pages.
const HUGE: usize = 4 << 20;

/// Builds blocks.
pub(crate) struct Builder<'a, 'py> {
    /// The token of the attached interpreter.
    pub(crate) py: Python<'py>,
    /// `decimal.Decimal`.
    pub(crate) decimal: &'a Bound<'py, PyAny>,
    /// What the self-test has observed.
    pub(crate) observed: &'a Observed,
    /// Rows of the group.
    pub(crate) rows: usize,
}

/// What a block is made of, and whether it can be written to.
struct Block<'a, 'c> {
    columns: &'a [Option<&'a Column<'c>>],
    read_only: bool,
}

impl<'py> Builder<'_, 'py> {
    /// The array of a block: C-ordered, of shape (columns, rows). It is owned and writable or, if it is to be `read_only`, a
    /// view that cannot be made writable. A `None` among the columns leaves its row zeroed for the caller. Strings of pandas 3
    /// have no 2-D block, see [`Self::string_array`].
    ///
    /// # Errors
    ///
    /// Fails if Python has no memory.
    pub(crate) fn block(
        &self,
        dtype: Dtype,
        columns: &[Option<&Column<'_>>],
        read_only: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let columns = Block { columns, read_only };
        let array = match dtype {
            Dtype::Bool => self.fill::<bool>(&columns, |column, target| {
                let values = column
                    .arrays
                    .iter()
                    .filter_map(|array| array.as_boolean_opt());
                let values = values.flat_map(|array| array.values().iter());
                target
                    .iter_mut()
                    .zip(values)
                    .for_each(|(slot, value)| *slot = value);
                Ok(())
            })?,
            Dtype::Int8 => self.fill(&columns, copy::<Int8Type>)?,
            Dtype::Int16 => self.fill(&columns, copy::<Int16Type>)?,
            Dtype::Int32 => self.fill(&columns, copy::<Int32Type>)?,
            Dtype::Int64 => self.fill(&columns, copy::<Int64Type>)?,
            Dtype::Float32 => self.fill(&columns, |column, target| {
                convert::<Float32Type, _>(column, target, f32::NAN, |value| value);
                Ok(())
            })?,
            Dtype::Float64 => self.fill(&columns, |column, target| {
                if !fill_floats(column, target) {
                    convert::<Float64Type, _>(column, target, f64::NAN, |value| value);
                }
                Ok(())
            })?,
            Dtype::Object => self
                .fill::<Py<PyAny>>(&columns, |column, target| self.fill_objects(column, target))?,
            Dtype::Datetime(Unit::Nano) => {
                self.fill::<Datetime<units::Nanoseconds>>(&columns, |column, target| {
                    fill_instants(column, target, Unit::Nano);
                    Ok(())
                })?
            }
            Dtype::Datetime(Unit::Micro) => {
                self.fill::<Datetime<units::Microseconds>>(&columns, |column, target| {
                    fill_instants(column, target, Unit::Micro);
                    Ok(())
                })?
            }
            Dtype::Timedelta(Unit::Nano) => {
                self.fill::<Timedelta<units::Nanoseconds>>(&columns, |column, target| {
                    fill_spans(column, target, Unit::Nano);
                    Ok(())
                })?
            }
            Dtype::Timedelta(Unit::Micro) => {
                self.fill::<Timedelta<units::Microseconds>>(&columns, |column, target| {
                    fill_spans(column, target, Unit::Micro);
                    Ok(())
                })?
            }
            Dtype::String => {
                return Err(PyRuntimeError::new_err(
                    "bowstring: a string column has no 2-D block",
                ));
            }
        };
        Ok(array)
    }

    /// The block of a column of which stock shows Arrow's memory, too: a view of it, of one row, that cannot be written to.
    /// `None` if the column is not in one piece, if its values have to be converted, or if they are few: then a copy costs
    /// less, and holds no batch in memory.
    ///
    /// # Errors
    ///
    /// Fails if pyarrow does.
    pub(crate) fn view(
        &self,
        dtype: Dtype,
        column: &Column<'_>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let [array] = column.arrays.as_slice() else {
            return Ok(None);
        };
        let as_it_is = match column.spark.row().pandas {
            Pandas::Integers(own) | Pandas::Floats(own) => own == dtype,
            Pandas::Booleans
            | Pandas::Text
            | Pandas::Objects
            | Pandas::Nested
            | Pandas::Instants
            | Pandas::LocalTimes
            | Pandas::Spans => false,
        };
        let data = array.to_data();
        let bytes: usize = data.buffers().iter().map(Buffer::len).sum();
        if !as_it_is || array.null_count() > 0 || bytes < VIEWED_BYTES {
            return Ok(None);
        }
        let values = data.to_pyarrow(self.py)?.call_method0("to_numpy")?;
        values.call_method1("reshape", (1, self.rows)).map(Some)
    }

    fn fill<T: Element>(
        &self,
        block: &Block<'_, '_>,
        fill: impl Fn(&Column<'_>, &mut [T]) -> PyResult<()>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Block { columns, read_only } = block;
        errors::ensure(BLOCK, columns.len() * self.rows * size_of::<T>())?;
        let array = self.array::<T>(columns.len(), columns.iter().all(Option::is_some))?;
        if self.rows > 0 {
            let mut target = array.readwrite();
            let rows = target.as_slice_mut()?.chunks_exact_mut(self.rows);
            for (column, row) in columns.iter().zip(rows) {
                if let Some(column) = column {
                    fill(column, row)?;
                }
            }
        }
        if *read_only {
            // PARITY: with pandas 3 these columns are views of Arrow buffers in stock. A view of a
            // read-only array can no more be made writable than those.
            array.readwrite().make_nonwriteable();
            return array.as_any().get_item(PySlice::full(self.py));
        }
        Ok(array.into_any())
    }

    /// An array of shape (`height`, rows), zeroed unless it `is_filled` afterwards. NumPy has the kernel use huge pages for
    /// large memory if it is not zeroed.
    fn array<T: Element>(
        &self,
        height: usize,
        is_filled: bool,
    ) -> PyResult<Bound<'py, PyArray2<T>>> {
        let zeros = || PyArray2::zeros(self.py, (height, self.rows), false);
        if height * self.rows * size_of::<T>() < HUGE || !is_filled {
            return Ok(zeros());
        }
        let dtype = T::get_dtype(self.py);
        if dtype.has_object() {
            return Ok(zeros());
        }
        let empty = self
            .py
            .import("numpy")?
            .call_method1("empty", ((height, self.rows), dtype))?;
        Ok(empty.cast_into()?)
    }

    pub(crate) fn fill_objects(
        &self,
        column: &Column<'_>,
        target: &mut [Py<PyAny>],
    ) -> PyResult<()> {
        let py = self.py;
        match column.spark {
            SparkType::Boolean => {
                let arrays: Vec<_> = column
                    .arrays
                    .iter()
                    .filter_map(|array| array.as_boolean_opt())
                    .collect();
                objects::fill_booleans(py, &arrays, target);
                Ok(())
            }
            SparkType::String if column.has_wide_offsets() => {
                objects::fill_bytes(py, &column.in_bytes::<i64>(), target, objects::string)
            }
            SparkType::String => {
                objects::fill_bytes(py, &column.in_bytes::<i32>(), target, objects::string)
            }
            SparkType::Binary if column.has_wide_offsets() => {
                objects::fill_bytes(py, &column.in_bytes::<i64>(), target, objects::bytes)
            }
            SparkType::Binary => {
                objects::fill_bytes(py, &column.in_bytes::<i32>(), target, objects::bytes)
            }
            SparkType::Date => objects::fill_dates(py, &column.primitive::<Date32Type>(), target),
            SparkType::Time => {
                objects::fill_times(py, &column.primitive::<Time64NanosecondType>(), target)
            }
            SparkType::Decimal => objects::fill_decimals(
                py,
                self.decimal,
                &column.primitive::<Decimal128Type>(),
                column.scale(),
                target,
            ),
            SparkType::Null => {
                for slot in target.iter_mut() {
                    *slot = py.None();
                }
                Ok(())
            }
            SparkType::Byte | SparkType::Short | SparkType::Int | SparkType::Long => {
                self.fill_integers(column, target)
            }
            SparkType::Array | SparkType::Struct | SparkType::Map => {
                let batches: Vec<&dyn Array> = column
                    .arrays
                    .iter()
                    .map(|array| array.as_ref().as_ref())
                    .collect();
                for (slot, object) in target.iter_mut().zip(self.nested(&batches)?) {
                    *slot = object;
                }
                Ok(())
            }
            SparkType::Float
            | SparkType::Double
            | SparkType::Timestamp
            | SparkType::OffsetTimestamp
            | SparkType::NamedTimestamp
            | SparkType::TimestampNtz
            | SparkType::Interval => Err(PyRuntimeError::new_err(format!(
                "bowstring: {} columns hold no objects",
                column.spark.name()
            ))),
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is passed where filling may fail"
)]
fn copy<T: ArrowPrimitiveType>(column: &Column<'_>, target: &mut [T::Native]) -> PyResult<()> {
    let mut rest = target;
    for array in column.primitive::<T>() {
        let (head, tail) = rest.split_at_mut(array.len().min(rest.len()));
        head.copy_from_slice(array.values().get(..head.len()).unwrap_or_default());
        rest = tail;
    }
    Ok(())
}

/// Converts value by value; `null` stands for nulls.
pub(super) fn convert<T: ArrowPrimitiveType, U: Copy>(
    column: &Column<'_>,
    target: &mut [U],
    null: U,
    value: impl Fn(T::Native) -> U,
) {
    let mut rest = target;
    for array in column.primitive::<T>() {
        let (head, tail) = rest.split_at_mut(array.len().min(rest.len()));
        if array.null_count() == 0 {
            head.iter_mut()
                .zip(array.values().iter())
                .for_each(|(slot, native)| *slot = value(*native));
        } else {
            head.iter_mut()
                .zip(array.iter())
                .for_each(|(slot, native)| *slot = native.map_or(null, &value));
        }
        rest = tail;
    }
}
