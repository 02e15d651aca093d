//! The columns of a group, put together batch by batch as they come.
//!
//! A large group comes in batches of ten thousand rows. pandas wants each column in one piece, so somebody has to copy.
//! Here a batch is copied while it is in the cache, its memory is read into again, and the group lies in memory once. A
//! column is one buffer in the end, which a frame can show as it is.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::ByteArrayType;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, GenericByteArray, LargeBinaryArray,
    PrimitiveArray, RecordBatch, RecordBatchOptions, downcast_primitive,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBufferBuilder, Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer,
    ScalarBuffer,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema};
use bowstring_memory::{self as memory, OutOfMemory};

use crate::spare::Spare;

/// What the memory is for, in an error.
const WHAT: &str = "a column of a group";

/// Bytes by which a column grows at least; larger ones grow by half.
const LEAST_GROWTH: usize = 64 << 10;

/// Bytes of a column for which room is made as for many, if that costs no memory.
const LARGE: usize = 1 << 20;

/// What the C library has from the kernel for itself, whatever it was asked for before, so that the kernel moves pages
/// where it grows. Other memory is copied, and leaves holes. What nobody writes to is none.
///
/// Source: `DEFAULT_MMAP_THRESHOLD_MAX`, glibc 2.36.
const PAGES: usize = (32 << 20) + (64 << 10);

/// What 32-bit offsets reach.
const MOST_BYTES: usize = i32::MAX as usize;

/// Of an offset.
const WIDTH: usize = size_of::<i64>();

/// Whether columns of these types can be put together.
pub(super) fn can_join(schema: &Schema) -> bool {
    let known = |field: &FieldRef| Kind::of(field.data_type()).is_some();
    !schema.fields().is_empty() && schema.fields().iter().all(known)
}

/// How values lie in memory.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A bit each.
    Bits,
    /// So many bytes each.
    Fixed(usize),
    /// As many bytes as 32-bit offsets say.
    Bytes,
    /// As many bytes as 64-bit offsets say.
    LargeBytes,
}

impl Kind {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an allow-list: all others stay as they came"
    )]
    fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Boolean => Some(Self::Bits),
            DataType::Binary => Some(Self::Bytes),
            DataType::LargeBinary => Some(Self::LargeBytes),
            other => other.primitive_width().map(Self::Fixed),
        }
    }
}

/// The columns of a group as far as they have come.
#[derive(Debug)]
pub(super) struct WholeColumns {
    columns: Vec<WholeColumn>,
    /// Rows of each batch.
    lengths: Vec<usize>,
}

impl WholeColumns {
    /// Before the first batch of this schema, which [can be joined](can_join).
    pub(super) fn new(schema: &Schema) -> Self {
        let columns = schema.fields().iter().filter_map(|field| {
            Some(WholeColumn {
                kind: Kind::of(field.data_type())?,
                field: Arc::clone(field),
                bits: BooleanBufferBuilder::new(0),
                values: Vec::new(),
                offsets: Vec::new(),
                nulls: NullBufferBuilder::new(0),
            })
        });
        Self {
            columns: columns.collect(),
            lengths: Vec::new(),
        }
    }

    /// Whether another batch may come: 32-bit offsets have to do for the group if stock has to convert it.
    pub(super) fn has_room(&self, batch: &RecordBatch) -> bool {
        let both = self.columns.iter().zip(batch.columns());
        both.into_iter().all(|(column, array)| {
            !matches!(column.kind, Kind::Bytes)
                || column.values.len() + array.get_buffer_memory_size() <= MOST_BYTES
        })
    }

    /// Appends a batch of the schema. Columns have their memory from `spare`.
    ///
    /// # Errors
    ///
    /// There is no memory; what has come before is of no use any more.
    pub(super) fn append(
        &mut self,
        batch: &RecordBatch,
        spare: &mut Spare,
    ) -> Result<(), OutOfMemory> {
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            column.append(array, spare)?;
        }
        self.lengths.push(batch.num_rows());
        Ok(())
    }

    /// All rows as one batch, and how many of them each batch had. Bytes have 64-bit offsets then.
    ///
    /// # Errors
    ///
    /// The columns do not fit together, which is a bug.
    pub(super) fn finish(self, spare: &mut Spare) -> Result<(RecordBatch, Vec<usize>), ArrowError> {
        let rows = self.lengths.iter().sum();
        let mut fields = Vec::with_capacity(self.columns.len());
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            let name = column.field.name().clone();
            let array = column.finish(rows, spare)?;
            fields.push(Field::new(name, array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new_with_options(schema, arrays, &options)?;
        Ok((batch, self.lengths))
    }
}

/// One column.
#[derive(Debug)]
struct WholeColumn {
    field: FieldRef,
    kind: Kind,
    bits: BooleanBufferBuilder,
    values: Vec<u8>,
    /// Of bytes, 64 bits each, native byte order; the first value starts at the first one.
    offsets: Vec<u8>,
    nulls: NullBufferBuilder,
}

impl WholeColumn {
    fn append(&mut self, array: &ArrayRef, spare: &mut Spare) -> Result<(), OutOfMemory> {
        match array.nulls() {
            Some(nulls) => self.nulls.append_buffer(nulls),
            None => self.nulls.append_n_non_nulls(array.len()),
        }
        match self.kind {
            Kind::Bits => {
                if let Some(array) = array.as_boolean_opt() {
                    self.bits.append_buffer(array.values());
                }
                Ok(())
            }
            Kind::Fixed(width) => {
                let data = array.to_data();
                let (first, length) = (data.offset() * width, data.len() * width);
                let values = data.buffers().first().map(Buffer::as_slice);
                let values = values.and_then(|all| all.get(first..first + length));
                extend(&mut self.values, values.unwrap_or_default(), spare)
            }
            Kind::Bytes => match array.as_binary_opt::<i32>() {
                Some(array) => self.append_bytes(array, spare),
                None => Ok(()),
            },
            Kind::LargeBytes => match array.as_binary_opt::<i64>() {
                Some(array) => self.append_bytes(array, spare),
                None => Ok(()),
            },
        }
    }

    fn append_bytes<T: ByteArrayType>(
        &mut self,
        array: &GenericByteArray<T>,
        spare: &mut Spare,
    ) -> Result<(), OutOfMemory> {
        let mut ends = array.value_offsets().iter().map(|it| it.as_usize());
        let first = ends.next().unwrap_or_default();
        let last = array
            .value_offsets()
            .last()
            .map_or(first, |it| it.as_usize());
        let base = self.values.len();
        if self.offsets.is_empty() {
            extend(&mut self.offsets, &[0; WIDTH], spare)?;
        }
        reserve(&mut self.offsets, array.len() * WIDTH, spare)?;
        let before = self.offsets.len();
        self.offsets.resize(before + array.len() * WIDTH, 0);
        let places = self.offsets.get_mut(before..).unwrap_or_default();
        for (place, end) in places.chunks_exact_mut(WIDTH).zip(ends) {
            place.copy_from_slice(&i64::usize_as(base + end - first).to_ne_bytes());
        }
        let values = array.value_data().get(first..last);
        extend(&mut self.values, values.unwrap_or_default(), spare)
    }

    fn finish(mut self, rows: usize, spare: &mut Spare) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls.finish();
        match self.kind {
            Kind::Bits => {
                let bits = self.bits.finish();
                Ok(Arc::new(BooleanArray::new(bits, nulls)))
            }
            Kind::Fixed(_) => primitive(
                self.field.data_type(),
                &spare.lend(self.values),
                rows,
                nulls,
            ),
            Kind::Bytes | Kind::LargeBytes => {
                let values = spare.lend(self.values);
                let offsets = OffsetBuffer::new(scalars(&spare.lend(self.offsets), rows + 1));
                let array = LargeBinaryArray::try_new(offsets, values, nulls)?;
                Ok(Arc::new(array))
            }
        }
    }
}

fn primitive(
    data_type: &DataType,
    values: &Buffer,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    macro_rules! array {
        ($kind:ty) => {{
            let values = scalars::<<$kind as ArrowPrimitiveType>::Native>(values, rows);
            let array = PrimitiveArray::<$kind>::try_new(values, nulls)?;
            Ok(Arc::new(array.with_data_type(data_type.clone())))
        }};
    }
    downcast_primitive! {
        data_type => (array),
        other => Err(ArrowError::SchemaError(format!("{other} is not primitive"))),
    }
}

/// So many values, copied if they do not lie as they have to in memory, which no allocator that we know does.
fn scalars<T: ArrowNativeType>(values: &Buffer, count: usize) -> ScalarBuffer<T> {
    if values.as_ptr().align_offset(align_of::<T>()) == 0 {
        return ScalarBuffer::new(values.clone(), 0, count);
    }
    ScalarBuffer::new(Buffer::from_slice_ref(values.as_slice()), 0, count)
}

fn extend(column: &mut Vec<u8>, bytes: &[u8], spare: &mut Spare) -> Result<(), OutOfMemory> {
    reserve(column, bytes.len(), spare)?;
    column.extend_from_slice(bytes);
    Ok(())
}

/// Makes room for so many bytes more.
fn reserve(column: &mut Vec<u8>, more: usize, spare: &mut Spare) -> Result<(), OutOfMemory> {
    if column.capacity() == 0 {
        *column = spare.take_largest();
        column.clear();
    }
    let wanted = column.len() + more;
    if wanted <= column.capacity() {
        return Ok(());
    }
    let mut comfortable = LEAST_GROWTH.max(column.len() / 2);
    if wanted >= LARGE && !memory::is_limited() {
        comfortable = comfortable.max(PAGES.saturating_sub(wanted));
    }
    let all = column
        .try_reserve_exact(more + comfortable)
        .or_else(|_refused| {
            spare.clear();
            column.try_reserve_exact(more)
        });
    all.map_err(|_refused| OutOfMemory {
        what: WHAT,
        bytes: wanted,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Decimal128Type;
    use arrow_array::{BinaryArray, Decimal128Array, Float64Array, Int8Array, LargeBinaryArray};

    use super::*;

    fn batch(first: u16, rows: u16) -> RecordBatch {
        let rows: Vec<u16> = (first..first + rows).collect();
        let text: Vec<String> = rows
            .iter()
            .map(|row| "é".repeat(usize::from(row % 5)))
            .collect();
        let text = rows.iter().zip(&text);
        let text = text.map(|(row, text)| (!row.is_multiple_of(3)).then_some(text.as_bytes()));
        let text: Vec<Option<&[u8]>> = text.collect();
        let rows = || rows.iter().copied();
        let small = |row: u16| (!row.is_multiple_of(7)).then_some(i8::try_from(row % 100).unwrap());
        let flag = |row: u16| (!row.is_multiple_of(2)).then_some(row.is_multiple_of(5));
        let decimals: Decimal128Array = rows().map(|row| Some(row.into())).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Float64Array::from_iter_values(rows().map(f64::from))),
            Arc::new(rows().map(small).collect::<Int8Array>()),
            Arc::new(rows().map(flag).collect::<BooleanArray>()),
            Arc::new(BinaryArray::from(text.clone())),
            Arc::new(LargeBinaryArray::from(text)),
            Arc::new(decimals.with_precision_and_scale(10, 2).unwrap()),
        ];
        let fields = columns
            .iter()
            .map(|it| Field::new("c", it.data_type().clone(), true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    #[test]
    fn columns_of_all_batches_are_those_of_one_large_one() {
        let mut spare = Spare::new(64 << 20);
        // Again with memory that was used before.
        for rows in [30_000, 70, 40_000] {
            let whole = batch(0, rows);
            assert!(can_join(&whole.schema()));
            let mut columns = WholeColumns::new(&whole.schema());
            let mut first = 0;
            for length in [1, 13, 0, 29] {
                columns
                    .append(&whole.slice(first, length), &mut spare)
                    .unwrap();
                first += length;
            }
            let rest = whole.num_rows() - first;
            columns.append(&batch(43, rows - 43), &mut spare).unwrap();
            let (joined, lengths) = columns.finish(&mut spare).unwrap();
            assert_eq!(lengths, [1, 13, 0, 29, rest]);
            for (index, (joined, expected)) in
                joined.columns().iter().zip(whole.columns()).enumerate()
            {
                match expected.as_binary_opt::<i32>() {
                    Some(expected) => {
                        assert!(
                            joined.as_binary::<i64>().iter().eq(expected.iter()),
                            "{index}"
                        );
                    }
                    None => assert_eq!(joined, expected, "{index}"),
                }
            }
            assert_eq!(joined.column(5).as_primitive::<Decimal128Type>().scale(), 2);
        }
        assert!(!spare.is_empty());
    }

    #[test]
    fn nested_columns_stay_as_they_came() {
        let list = DataType::new_list(DataType::Int64, true);
        assert!(!can_join(&Schema::new(vec![Field::new("c", list, true)])));
        assert!(!can_join(&Schema::empty()));
    }
}
