//! One column of a group, and the dtype that stock gives it.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Date32Type, Time64NanosecondType};
use arrow_array::{
    Array, ArrayRef, GenericBinaryArray, OffsetSizeTrait, PrimitiveArray, RecordBatch,
};
use arrow_schema::DataType;

use crate::convert::calendar::{PYTHON_DATES, TimeOfDay, fixed_offset};
use crate::convert::input::nested;
use crate::convert::observed::{Dtype, Observed};
use crate::convert::types::{Pandas, SparkType};
use crate::convert::zone::ZoneTable;

/// One column of a group: an array per batch.
#[derive(Debug)]
pub(crate) struct Column<'a> {
    pub(crate) spark: SparkType,
    pub(crate) arrays: Vec<Cow<'a, ArrayRef>>,
    nulls: usize,
    /// Of the session's zone, for [`SparkType::NamedTimestamp`].
    pub(crate) offsets: Option<Arc<ZoneTable>>,
}

impl<'a> Column<'a> {
    /// Column `index` of every batch.
    pub(crate) fn new(spark: SparkType, batches: &'a [RecordBatch], index: usize) -> Self {
        let arrays: Vec<_> = batches
            .iter()
            .filter_map(|batch| batch.columns().get(index).map(Cow::Borrowed))
            .collect();
        let nulls = arrays.iter().map(|array| array.null_count()).sum();
        Self {
            spark,
            arrays,
            nulls,
            offsets: None,
        }
    }

    /// With the offsets that a [`SparkType::NamedTimestamp`] needs.
    #[must_use]
    pub(crate) fn in_zone(self, offsets: &Arc<ZoneTable>) -> Self {
        Self {
            offsets: Some(Arc::clone(offsets)),
            ..self
        }
    }

    /// An array that is all of a column.
    pub(crate) fn of(spark: SparkType, array: ArrayRef) -> Column<'static> {
        Column {
            spark,
            nulls: array.null_count(),
            offsets: None,
            arrays: vec![Cow::Owned(array)],
        }
    }

    /// Whether the values are integers.
    pub(crate) fn is_integer(&self) -> bool {
        matches!(self.spark.row().pandas, Pandas::Integers(_))
    }

    /// The first row alone.
    pub(crate) fn first(&self) -> Column<'static> {
        let first = self
            .arrays
            .iter()
            .find(|array| !array.is_empty())
            .map(|array| array.slice(0, 1));
        let nulls = first.as_ref().map_or(0, Array::null_count);
        Column {
            spark: self.spark,
            arrays: first.map(Cow::Owned).into_iter().collect(),
            nulls,
            offsets: self.offsets.clone(),
        }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.arrays.iter().map(|array| array.len()).sum()
    }

    /// Whether pandas 3 sees this column as a read-only view of an Arrow buffer in stock.
    pub(crate) fn is_zero_copy_in_stock(&self, dtype: Dtype) -> bool {
        match dtype {
            Dtype::Int8
            | Dtype::Int16
            | Dtype::Int32
            | Dtype::Int64
            | Dtype::Float32
            | Dtype::Float64
            | Dtype::Datetime(_) => self.nulls == 0,
            Dtype::Bool | Dtype::Object | Dtype::Timedelta(_) | Dtype::String => false,
        }
    }

    /// The dtype that stock gives this column, or `None` if a value lies outside the range for
    /// which the native path is known to be equal, or text is not UTF-8.
    pub(crate) fn dtype(&self, observed: &Observed) -> Option<Dtype> {
        let dtype = self.spark.row().pandas.dtype(self.nulls > 0, observed);
        let fits = match self.spark {
            SparkType::Boolean
            | SparkType::Byte
            | SparkType::Short
            | SparkType::Int
            | SparkType::Long
            | SparkType::Float
            | SparkType::Double
            | SparkType::Binary
            | SparkType::Decimal
            | SparkType::Null => true,
            SparkType::String => dtype == Dtype::String || self.is_text(),
            SparkType::Array | SparkType::Struct | SparkType::Map => {
                let joined = self.arrays.len() == 1 || observed.nested_integer_objects;
                let fits = |array: &Cow<'_, ArrayRef>| nested::fits(array, observed);
                joined && self.arrays.iter().all(fits)
            }
            SparkType::Date => self.all::<Date32Type>(|days| PYTHON_DATES.contains(&days)),
            SparkType::Time => {
                self.all::<Time64NanosecondType>(|value| TimeOfDay::new(value).is_some())
            }
            SparkType::Timestamp | SparkType::OffsetTimestamp | SparkType::NamedTimestamp => {
                self.has_local_times(observed.timestamp_unit)
            }
            SparkType::TimestampNtz => self.has_nanoseconds(),
            SparkType::Interval => self.spans_have_nanoseconds(),
        };
        fits.then_some(dtype)
    }

    /// The Arrow type; of a column without batches none.
    fn data_type(&self) -> Option<&DataType> {
        self.arrays.first().map(|array| array.data_type())
    }

    /// Microseconds east of UTC of timestamps in a zone without rules; 0 of others.
    pub(crate) fn east(&self) -> i64 {
        match self.data_type() {
            Some(DataType::Timestamp(_, Some(zone))) => fixed_offset(zone).unwrap_or_default(),
            _ => 0,
        }
    }

    /// The scale of decimals; 0 of others.
    pub(crate) fn scale(&self) -> i8 {
        match self.data_type() {
            Some(DataType::Decimal128(_, scale)) => *scale,
            _ => 0,
        }
    }

    /// Whether text or bytes have 64-bit offsets, which columns have, too, that were put together of several batches.
    pub(crate) fn has_wide_offsets(&self) -> bool {
        let data_type = self.data_type();
        matches!(data_type, Some(DataType::LargeUtf8 | DataType::LargeBinary))
    }

    /// Whether all values fit.
    pub(super) fn all<T: ArrowPrimitiveType>(&self, fits: impl Fn(T::Native) -> bool) -> bool {
        self.primitive::<T>().iter().all(|array| {
            if array.null_count() == 0 {
                array.values().iter().all(|value| fits(*value))
            } else {
                array.iter().flatten().all(&fits)
            }
        })
    }

    pub(crate) fn primitive<T: ArrowPrimitiveType>(&self) -> Vec<&PrimitiveArray<T>> {
        self.arrays
            .iter()
            .filter_map(|array| array.as_primitive_opt::<T>())
            .collect()
    }

    /// The arrays of bytes, or of text as bytes, with these offsets; their memory is shared.
    pub(crate) fn in_bytes<O: OffsetSizeTrait>(&self) -> Vec<GenericBinaryArray<O>> {
        let in_bytes = |array: &Cow<'_, ArrayRef>| {
            let text = || Some(array.as_string_opt::<O>()?.clone().into());
            array.as_binary_opt::<O>().cloned().or_else(text)
        };
        self.arrays.iter().filter_map(in_bytes).collect()
    }
}
