//! Arrays over the memory that a sound record batch came in.
//!
//! For columns without lists, which are nearly all. For them arrow-ipc does much twice: it looks at every offset again, one
//! after another, as [`check`](crate::check) has done all at once, and makes a schema for each batch, however small. Only
//! safe constructors are used: a lie that `check` had missed would be an error or a panic here, not a wrong access.

use std::sync::Arc;

use arrow_array::types::{BinaryType, ByteArrayType, LargeBinaryType, LargeUtf8Type, Utf8Type};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, GenericByteArray, NullArray, PrimitiveArray,
    StructArray, downcast_primitive,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer,
};
use arrow_ipc::{Buffer as Place, FieldNode, RecordBatch};
use arrow_schema::{DataType, Field, Fields};

use crate::layout::{Layout, buffers};

/// Whether [`plain_columns`] knows all these fields.
pub(crate) fn is_plain(fields: &Fields) -> bool {
    fields
        .iter()
        .all(|field| match Layout::of(field.data_type()) {
            Layout::Struct(fields) => is_plain(fields),
            Layout::Null | Layout::Bits | Layout::Bytes(_) => true,
            Layout::Fixed(_) => field.data_type().is_primitive(),
            Layout::List(..) | Layout::FixedList(..) | Layout::Unknown => false,
        })
}

/// The columns of a batch at the positions `projection`, which rise. `None` if text is not UTF-8, which arrow-ipc has an
/// error for.
///
/// `fields` are [plain](is_plain), and [`check`](crate::check) has found the batch sound.
pub fn plain_columns(
    fields: &Fields,
    projection: &[usize],
    batch: RecordBatch<'_>,
    body: &Buffer,
) -> Option<Vec<ArrayRef>> {
    let mut walk = Walk {
        nodes: batch.nodes()?.into_iter(),
        places: batch.buffers()?.into_iter(),
        body,
    };
    let mut wanted = projection.iter().copied().peekable();
    let mut columns = Vec::with_capacity(projection.len());
    for (position, field) in fields.iter().enumerate() {
        if wanted.next_if_eq(&position).is_some() {
            columns.push(walk.array(field)?);
        } else {
            walk.skip(field.data_type())?;
        }
    }
    wanted.next().is_none().then_some(columns)
}

/// Follows the fields through the flat lists of arrays and buffers.
struct Walk<'a, N, P> {
    nodes: N,
    places: P,
    body: &'a Buffer,
}

impl<'a, N, P> Walk<'a, N, P>
where
    N: Iterator<Item = &'a FieldNode>,
    P: Iterator<Item = &'a Place>,
{
    fn array(&mut self, field: &Field) -> Option<ArrayRef> {
        let node = self.nodes.next()?;
        let rows = usize::try_from(node.length()).ok()?;
        if field.data_type() == &DataType::Null {
            return Some(Arc::new(NullArray::new(rows)));
        }
        let validity = self.buffer()?;
        let nulls =
            (node.null_count() > 0).then(|| NullBuffer::new(BooleanBuffer::new(validity, 0, rows)));
        macro_rules! primitive {
            ($kind:ty) => {
                self.primitive::<$kind>(field.data_type(), rows, nulls)
            };
        }
        downcast_primitive! {
            field.data_type() => (primitive),
            DataType::Boolean => {
                let values = BooleanBuffer::new(self.buffer()?, 0, rows);
                Some(Arc::new(BooleanArray::new(values, nulls)))
            }
            DataType::Utf8 => self.bytes::<Utf8Type>(rows, nulls),
            DataType::LargeUtf8 => self.bytes::<LargeUtf8Type>(rows, nulls),
            DataType::Binary => self.bytes::<BinaryType>(rows, nulls),
            DataType::LargeBinary => self.bytes::<LargeBinaryType>(rows, nulls),
            DataType::Struct(fields) => {
                let children = fields.iter().map(|field| self.array(field)).collect::<Option<_>>()?;
                let array = StructArray::try_new_with_length(fields.clone(), children, nulls, rows);
                Some(Arc::new(array.ok()?))
            }
            _ => None,
        }
    }

    fn primitive<T: ArrowPrimitiveType>(
        &mut self,
        data_type: &DataType,
        rows: usize,
        nulls: Option<NullBuffer>,
    ) -> Option<ArrayRef> {
        let values = scalars::<T::Native>(self.buffer()?, rows)?;
        let array = PrimitiveArray::<T>::try_new(values, nulls).ok()?;
        Some(Arc::new(array.with_data_type(data_type.clone())))
    }

    fn bytes<T: ByteArrayType>(
        &mut self,
        rows: usize,
        nulls: Option<NullBuffer>,
    ) -> Option<ArrayRef> {
        let (offsets, bytes) = (self.buffer()?, self.buffer()?);
        // An array without rows may have no offset at all; Java writes it so.
        let offsets = if rows == 0 {
            OffsetBuffer::new_empty()
        } else {
            OffsetBuffer::new(scalars(offsets, rows.checked_add(1)?)?)
        };
        let array = GenericByteArray::<T>::try_new(offsets, bytes, nulls);
        Some(Arc::new(array.ok()?))
    }

    fn buffer(&mut self) -> Option<Buffer> {
        let place = self.places.next()?;
        let offset = usize::try_from(place.offset()).ok()?;
        let length = usize::try_from(place.length()).ok()?;
        Some(self.body.slice_with_length(offset, length))
    }

    fn skip(&mut self, data_type: &DataType) -> Option<()> {
        for _ in 0..buffers(data_type) {
            self.places.next()?;
        }
        self.skip_nodes(data_type)
    }

    fn skip_nodes(&mut self, data_type: &DataType) -> Option<()> {
        self.nodes.next()?;
        if let DataType::Struct(fields) = data_type {
            fields
                .iter()
                .try_for_each(|field| self.skip_nodes(field.data_type()))?;
        }
        Some(())
    }
}

/// The first `count` values of a buffer, copied if it does not lie in memory as they must: the JVM puts every buffer at a
/// multiple of eight bytes, and decimals are wider.
fn scalars<T: ArrowNativeType>(buffer: Buffer, count: usize) -> Option<ScalarBuffer<T>> {
    if buffer.as_ptr().cast::<T>().is_aligned() {
        return Some(ScalarBuffer::new(buffer, 0, count));
    }
    let values = buffer.slice_with_length(0, count.checked_mul(size_of::<T>())?);
    let copy = Buffer::from_slice_ref(values.as_slice());
    Some(ScalarBuffer::new(copy, 0, count))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow_array::types::Int64Type;
    use arrow_array::{
        Array, BinaryArray, Date32Array, Decimal128Array, DurationMicrosecondArray, Float32Array,
        Float64Array, Int8Array, Int32Array, Int64Array, LargeBinaryArray, LargeStringArray,
        ListArray, RecordBatch, StringArray, Time64NanosecondArray, TimestampMicrosecondArray,
    };
    use arrow_ipc::reader::read_record_batch;
    use arrow_ipc::writer::{
        DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions,
    };

    use super::*;
    use crate::{Decoded, MessageHeader, check};

    fn of_every_type() -> RecordBatch {
        let bytes = vec![Some(b"a".as_slice()), None, Some(b"\xff\xfe"), Some(b"")];
        let text = vec![Some("ä"), None, Some("bcd"), Some("")];
        let utc = TimestampMicrosecondArray::from(vec![Some(1), None, Some(-3), Some(4)]);
        let inner: ArrayRef = Arc::new(StringArray::from(text.clone()));
        let fields = vec![
            Field::new("text", DataType::Utf8, true),
            Field::new("none", DataType::Null, true),
        ];
        let children = vec![inner, Arc::new(NullArray::new(4)) as ArrayRef];
        let valid = NullBuffer::from(vec![true, false, true, true]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(NullArray::new(4)),
            Arc::new(BooleanArray::from(vec![
                Some(true),
                None,
                Some(false),
                Some(true),
            ])),
            Arc::new(Int8Array::from(vec![Some(1), None, Some(-3), Some(4)])),
            Arc::new(Int32Array::from(vec![1, 2, 3, 4])),
            Arc::new(Int64Array::from(vec![Some(1), None, None, Some(4)])),
            Arc::new(Float32Array::from(vec![1.5, f32::NAN, 3.0, -0.0])),
            Arc::new(Float64Array::from(vec![None, Some(2.5), None, None])),
            Arc::new(Date32Array::from(vec![1, 2, 3, 4])),
            Arc::new(utc.clone()),
            Arc::new(utc.with_timezone("Europe/Berlin")),
            Arc::new(Time64NanosecondArray::from(vec![1, 2, 3, 4])),
            Arc::new(DurationMicrosecondArray::from(vec![
                Some(1),
                None,
                Some(3),
                Some(4),
            ])),
            Arc::new(StringArray::from(text.clone())),
            Arc::new(LargeStringArray::from(text)),
            Arc::new(BinaryArray::from(bytes.clone())),
            Arc::new(LargeBinaryArray::from(bytes)),
            Arc::new(StructArray::new(fields.into(), children, Some(valid))),
        ];
        let named = columns.into_iter().enumerate();
        RecordBatch::try_from_iter_with_nullable(
            named.map(|(index, column)| (index.to_string(), column, true)),
        )
        .unwrap()
    }

    fn encoded(batch: &RecordBatch) -> (Vec<u8>, Buffer) {
        let (_, data) = IpcDataGenerator::default()
            .encode(
                batch,
                &mut DictionaryTracker::new(false),
                &IpcWriteOptions::default(),
                &mut IpcWriteContext::default(),
            )
            .unwrap();
        (data.ipc_message, Buffer::from(data.arrow_data))
    }

    /// What is made of a message, after a look at it as the reader has it.
    fn decoded(
        metadata: &[u8],
        body: &Buffer,
        batch: &RecordBatch,
        projection: &[usize],
    ) -> Option<Vec<ArrayRef>> {
        let schema = batch.schema();
        let header = MessageHeader::decode(metadata, "a record batch").unwrap();
        let message = header.record_batch().unwrap();
        assert!(matches!(check(&schema, message, body), Decoded::Native(())));
        assert!(is_plain(schema.fields()));
        plain_columns(schema.fields(), projection, message, body)
    }

    fn read_by_arrow(metadata: &[u8], body: &Buffer, batch: &RecordBatch) -> RecordBatch {
        let header = MessageHeader::decode(metadata, "a record batch").unwrap();
        let message = header.record_batch().unwrap();
        let none = HashMap::new();
        let version = header.version();
        read_record_batch(body, message, batch.schema(), &none, None, &version).unwrap()
    }

    #[test]
    fn columns_are_those_of_arrow_ipc() {
        let whole = of_every_type();
        let all: Vec<usize> = (0..whole.num_columns()).collect();
        let odd: Vec<usize> = all.iter().copied().filter(|index| index % 2 == 1).collect();
        for batch in [whole.clone(), whole.slice(1, 3), whole.slice(2, 0)] {
            let (metadata, body) = encoded(&batch);
            let expected = read_by_arrow(&metadata, &body, &batch);
            for projection in [&all, &odd, &vec![], &vec![16]] {
                let columns = decoded(&metadata, &body, &batch, projection).unwrap();
                let expected = expected.project(projection).unwrap();
                assert_eq!(columns, expected.columns());
                for (ours, theirs) in columns.iter().zip(expected.columns()) {
                    assert_eq!(ours.data_type(), theirs.data_type());
                    assert_eq!(ours.null_count(), theirs.null_count());
                    // Nothing is copied.
                    if let (Some(ours), Some(theirs)) = (
                        ours.to_data().buffers().last(),
                        theirs.to_data().buffers().last(),
                    ) {
                        assert!(batch.num_rows() == 0 || ours.as_ptr() == theirs.as_ptr());
                    }
                }
            }
        }
    }

    #[test]
    fn columns_that_are_not_there_are_left_to_arrow_ipc() {
        let batch = of_every_type();
        let (metadata, body) = encoded(&batch);
        for projection in [[3, 2], [2, 2], [16, 17]] {
            assert!(decoded(&metadata, &body, &batch, &projection).is_none());
        }
    }

    #[test]
    fn values_that_do_not_lie_as_they_must_are_copied() {
        let numbers: ArrayRef = Arc::new(Decimal128Array::from(vec![Some(1), None, Some(3)]));
        let batch = RecordBatch::try_from_iter([("d", numbers)]).unwrap();
        let (metadata, body) = encoded(&batch);
        let aligned = decoded(&metadata, &body, &batch, &[0]).unwrap();
        assert_eq!(aligned, batch.columns());
        // As the JVM sends it, which puts every buffer at a multiple of eight bytes.
        let mut shifted = vec![0; 8];
        shifted.extend_from_slice(&body);
        let shifted = Buffer::from(shifted).slice(8);
        assert_eq!(
            decoded(&metadata, &shifted, &batch, &[0]).unwrap(),
            batch.columns()
        );
    }

    #[test]
    fn text_that_is_none_is_left_to_arrow_ipc() {
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![b"ab".as_slice(), b"\xff"]));
        let (metadata, body) = encoded(&RecordBatch::try_from_iter([("b", bytes)]).unwrap());
        let text: ArrayRef = Arc::new(StringArray::from(vec!["ab", "c"]));
        let batch = RecordBatch::try_from_iter([("b", text)]).unwrap();
        assert!(decoded(&metadata, &body, &batch, &[0]).is_none());
    }

    #[test]
    fn lists_are_not_plain() {
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1)])]);
        let field = Field::new("list", list.data_type().clone(), true);
        let inner = DataType::Struct(vec![field].into());
        assert!(!is_plain(&vec![Field::new("struct", inner, true)].into()));
        let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        assert!(!is_plain(&vec![Field::new("d", dictionary, true)].into()));
    }
}
