//! Arrow columns of one group → the arrays that pandas blocks are made of.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time64NanosecondType,
    TimestampMicrosecondType,
};
use arrow_array::{Array, GenericBinaryArray, LargeBinaryArray, OffsetSizeTrait};
use arrow_buffer::{ArrowNativeType, BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer};
use arrow_pyarrow::ToPyArrow;
use arrow_schema::ArrowError;
use numpy::datetime::{Datetime, Timedelta, units};
use numpy::{Element, PyArray1, PyArray2, PyArrayDescrMethods, PyArrayMethods};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PySlice;

use crate::convert::c_data;
use crate::convert::input::column::{Column, local_time};
use crate::convert::input::objects;
use crate::convert::types::{Dtype, Observed, Pandas, SparkType, Unit};
use crate::errors;

/// What memory is asked for.
const BLOCK: &str = "a block of a frame";

/// Bytes of a column from which on it is not copied if it need not be.
const VIEWED_BYTES: usize = 64 << 10;

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
                fill_float64(column, target);
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
                    convert::<DurationMicrosecondType, _>(
                        column,
                        target,
                        i64::MIN.into(),
                        |value| (value * 1_000).into(),
                    );
                    Ok(())
                })?
            }
            Dtype::Timedelta(Unit::Micro) => {
                self.fill::<Timedelta<units::Microseconds>>(&columns, |column, target| {
                    convert::<DurationMicrosecondType, _>(
                        column,
                        target,
                        i64::MIN.into(),
                        Into::into,
                    );
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

    /// Values and mask of one of pandas' own arrays of integers; `None` if the column has other values.
    ///
    /// # Errors
    ///
    /// Fails if Python has no memory.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an allow-list: what is not on it goes to stock"
    )]
    pub(crate) fn masked(
        &self,
        column: &Column<'_>,
    ) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let values = match column.spark {
            SparkType::Byte => self.integers::<Int8Type>(column)?,
            SparkType::Short => self.integers::<Int16Type>(column)?,
            SparkType::Int => self.integers::<Int32Type>(column)?,
            SparkType::Long => self.integers::<Int64Type>(column)?,
            _ => return Ok(None),
        };
        let mask = column
            .arrays
            .iter()
            .flat_map(|array| (0..array.len()).map(|row| array.is_null(row)));
        let mask = PyArray1::from_iter(self.py, mask);
        Ok(Some((values, mask.into_any())))
    }

    fn integers<T: ArrowPrimitiveType>(&self, column: &Column<'_>) -> PyResult<Bound<'py, PyAny>>
    where
        T::Native: Element + From<bool>,
    {
        errors::ensure(BLOCK, self.rows * size_of::<T::Native>())?;
        let array = PyArray1::<T::Native>::zeros(self.py, self.rows, false);
        // PARITY: below a null pandas puts a one.
        convert::<T, _>(
            column,
            array.readwrite().as_slice_mut()?,
            true.into(),
            |value| value,
        );
        Ok(array.into_any())
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
            SparkType::Byte => objects::fill_integers(py, &column.primitive::<Int8Type>(), target),
            SparkType::Short => {
                objects::fill_integers(py, &column.primitive::<Int16Type>(), target)
            }
            SparkType::Int => objects::fill_integers(py, &column.primitive::<Int32Type>(), target),
            SparkType::Long => objects::fill_integers(py, &column.primitive::<Int64Type>(), target),
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

    /// The `pyarrow.LargeStringArray` inside a pandas 3 string column, for text that was decoded as bytes; `shared`: in the
    /// memory that was read into, if that is possible, all of which then lives as long as the column.
    ///
    /// # Errors
    ///
    /// Fails if pyarrow refuses the array.
    pub(crate) fn string_array(
        &self,
        column: &Column<'_>,
        shared: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        if column.has_wide_offsets() {
            self.large_strings(&column.in_bytes::<i64>(), shared)
        } else {
            self.large_strings(&column.in_bytes::<i32>(), shared)
        }
    }

    fn large_strings<O: OffsetSizeTrait>(
        &self,
        arrays: &[GenericBinaryArray<O>],
        shared: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let [array] = arrays
            && (shared || array.value_data().len() >= VIEWED_BYTES)
        {
            return c_data::to_large_string(self.py, array);
        }
        let bytes = |array: &GenericBinaryArray<O>| {
            let offsets = array.value_offsets();
            let (first, last) = (offsets.first(), offsets.last());
            first
                .zip(last)
                .map_or(0, |(first, last)| last.as_usize() - first.as_usize())
        };
        let bytes = arrays.iter().map(bytes).sum();
        errors::ensure(
            "a text column of a frame",
            bytes + 2 * self.rows * size_of::<i64>(),
        )?;
        let array = joined(arrays, bytes).map_err(|error| {
            PyRuntimeError::new_err(format!("bowstring: build a string column: {error}"))
        })?;
        c_data::to_large_string(self.py, &array)
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
fn convert<T: ArrowPrimitiveType, U: Copy>(
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

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other kinds never have this dtype"
)]
fn fill_float64(column: &Column<'_>, target: &mut [f64]) {
    match column.spark {
        SparkType::Byte => convert::<Int8Type, _>(column, target, f64::NAN, f64::from),
        SparkType::Short => convert::<Int16Type, _>(column, target, f64::NAN, f64::from),
        SparkType::Int => convert::<Int32Type, _>(column, target, f64::NAN, f64::from),
        // PARITY: above 2^53 stock rounds too.
        SparkType::Long => convert::<Int64Type, _>(column, target, f64::NAN, round_to_f64),
        _ => convert::<Float64Type, _>(column, target, f64::NAN, |value| value),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an integer column with nulls is float64 in stock, rounded to nearest"
)]
pub(crate) fn round_to_f64(value: i64) -> f64 {
    value as f64
}

fn fill_instants<T: Copy + From<i64>>(column: &Column<'_>, target: &mut [T], unit: Unit) {
    let nat = i64::MIN;
    if let Some(offsets) = &column.offsets {
        let lookup = offsets.lookup();
        convert::<TimestampMicrosecondType, _>(column, target, nat.into(), |value| {
            let offset = lookup.offset(value);
            offset
                .and_then(|offset| local_time(value, offset, unit))
                .unwrap_or(nat)
                .into()
        });
        return;
    }
    let offset = column.east();
    convert::<TimestampMicrosecondType, _>(column, target, nat.into(), |value| {
        local_time(value, offset, unit).unwrap_or(nat).into()
    });
}

/// The bytes of all arrays, which are so many, copied into one with 64-bit offsets.
fn joined<O: OffsetSizeTrait>(
    arrays: &[GenericBinaryArray<O>],
    bytes: usize,
) -> Result<LargeBinaryArray, ArrowError> {
    let rows: usize = arrays.iter().map(Array::len).sum();
    let mut offsets = Vec::with_capacity(rows + 1);
    let mut values = Vec::with_capacity(bytes);
    let mut nulls = arrays
        .iter()
        .any(|array| array.null_count() > 0)
        .then(|| BooleanBufferBuilder::new(rows));
    offsets.push(0_i64);
    for array in arrays {
        let range = array.value_offsets().iter().map(|offset| offset.as_usize());
        let start = range.clone().next().unwrap_or(0);
        let end = range.clone().next_back().unwrap_or(0);
        let base = values.len();
        values.extend_from_slice(array.value_data().get(start..end).unwrap_or_default());
        offsets.extend(
            range
                .skip(1)
                .map(|offset| i64::usize_as(base + offset - start)),
        );
        if let Some(builder) = &mut nulls {
            match array.nulls() {
                Some(validity) => builder.append_buffer(validity.inner()),
                None => builder.append_n(array.len(), true),
            }
        }
    }
    let nulls = nulls.map(|mut builder| NullBuffer::new(builder.finish()));
    LargeBinaryArray::try_new(OffsetBuffer::new(offsets.into()), values.into(), nulls)
}
