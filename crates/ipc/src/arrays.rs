//! Arrays over the memory that a sound record batch came in.
//!
//! Nothing is looked for or measured again, and columns that nobody wants cost nothing. Only safe constructors are used: a
//! lie that [`check`](crate::check) had missed would be an error or a panic here, not a wrong access. Those refuse some of
//! what is sound: text that is not UTF-8, and null among the keys of maps.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{BinaryType, ByteArrayType, LargeBinaryType, LargeUtf8Type, Utf8Type};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, GenericByteArray, NullArray, PrimitiveArray,
    RecordBatch, RecordBatchOptions, StructArray, downcast_primitive, make_array,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer,
};
use arrow_data::{ArrayData, ArrayDataBuilder};
use arrow_schema::{ArrowError, DataType, Fields, SchemaRef};

use crate::soundness::{SoundArray, SoundBatch, Values};

impl SoundBatch {
    /// The columns at the positions `projection`, as a batch of this schema, which is that of these columns.
    ///
    /// `fields` are laid out as those that the batch was checked with.
    ///
    /// # Errors
    ///
    /// The Arrow library asks for more than soundness; or there is no such column.
    pub fn columns(
        &self,
        fields: &Fields,
        projection: &[usize],
        schema: &SchemaRef,
    ) -> Result<RecordBatch, ArrowError> {
        let mut columns = Vec::with_capacity(projection.len());
        for index in projection {
            let column = self.columns.get(*index).zip(fields.get(*index));
            let (column, field) =
                column.ok_or_else(|| ArrowError::SchemaError(format!("no column {index}")))?;
            columns.push(self.array(column, field.data_type())?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
    }

    /// One array, by its type.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a type that is laid out otherwise than the one that was checked, whichever it is, is a bug"
    )]
    fn array(&self, sound: &SoundArray, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
        let rows = sound.rows;
        let nulls = || {
            let bits = || BooleanBuffer::new(self.buffer(&sound.validity), 0, rows);
            (sound.nulls > 0).then(|| NullBuffer::new(bits()))
        };
        match (&sound.values, data_type) {
            (Values::Null, DataType::Null) => Ok(Arc::new(NullArray::new(rows))),
            (Values::Bits(bits), DataType::Boolean) => {
                let bits = BooleanBuffer::new(self.buffer(bits), 0, rows);
                Ok(Arc::new(BooleanArray::new(bits, nulls())))
            }
            (Values::Fixed(values), _) => fixed(data_type, rows, self.buffer(values), nulls()),
            (Values::Bytes { offsets, bytes }, _) => {
                let (offsets, bytes) = (self.buffer(offsets), self.buffer(bytes));
                match data_type {
                    DataType::Utf8 => text::<Utf8Type>(rows, offsets, bytes, nulls()),
                    DataType::LargeUtf8 => text::<LargeUtf8Type>(rows, offsets, bytes, nulls()),
                    DataType::Binary => text::<BinaryType>(rows, offsets, bytes, nulls()),
                    DataType::LargeBinary => text::<LargeBinaryType>(rows, offsets, bytes, nulls()),
                    _ => Err(laid_out_otherwise(data_type)),
                }
            }
            (
                Values::List { offsets, elements },
                DataType::List(child) | DataType::LargeList(child) | DataType::Map(child, _),
            ) => {
                let elements = self.array(elements, child.data_type())?;
                let list = ArrayData::builder(data_type.clone())
                    .add_buffer(self.buffer(offsets))
                    .add_child_data(elements.to_data());
                built(list.len(rows).nulls(nulls()))
            }
            (Values::FixedList(elements), DataType::FixedSizeList(child, _)) => {
                let elements = self.array(elements, child.data_type())?;
                let list = ArrayData::builder(data_type.clone()).add_child_data(elements.to_data());
                built(list.len(rows).nulls(nulls()))
            }
            (Values::Struct(children), DataType::Struct(fields)) => {
                let children = children.iter().zip(fields);
                let children = children.map(|(child, field)| self.array(child, field.data_type()));
                let children = children.collect::<Result<_, _>>()?;
                let array =
                    StructArray::try_new_with_length(fields.clone(), children, nulls(), rows)?;
                Ok(Arc::new(array))
            }
            _ => Err(laid_out_otherwise(data_type)),
        }
    }

    fn buffer(&self, range: &Range<usize>) -> Buffer {
        self.body.slice_with_length(range.start, range.len())
    }
}

/// Values that have so many bytes each.
fn fixed(
    data_type: &DataType,
    rows: usize,
    values: Buffer,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    macro_rules! primitive {
        ($kind:ty) => {{
            let values = scalars::<<$kind as ArrowPrimitiveType>::Native>(values, rows);
            let array = PrimitiveArray::<$kind>::try_new(values, nulls)?;
            Ok(Arc::new(array.with_data_type(data_type.clone())))
        }};
    }
    downcast_primitive! {
        data_type => (primitive),
        DataType::FixedSizeBinary(_) => {
            let bytes = ArrayData::builder(data_type.clone()).add_buffer(values);
            built(bytes.len(rows).nulls(nulls))
        }
        _ => Err(laid_out_otherwise(data_type)),
    }
}

/// Text or bytes.
fn text<T: ByteArrayType>(
    rows: usize,
    offsets: Buffer,
    bytes: Buffer,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    // An array without rows may have no offset at all; Java writes it so.
    let offsets = if rows == 0 {
        OffsetBuffer::new_empty()
    } else {
        OffsetBuffer::new(scalars(offsets, rows.saturating_add(1)))
    };
    let array = GenericByteArray::<T>::try_new(offsets, bytes, nulls)?;
    Ok(Arc::new(array))
}

/// The first `count` values of a buffer, copied if it does not lie in memory as they must: the JVM puts every buffer at a
/// multiple of eight bytes, and decimals are wider.
fn scalars<T: ArrowNativeType>(buffer: Buffer, count: usize) -> ScalarBuffer<T> {
    if buffer.as_ptr().cast::<T>().is_aligned() {
        return ScalarBuffer::new(buffer, 0, count);
    }
    let values = buffer.slice_with_length(0, count.saturating_mul(size_of::<T>()));
    let copy = Buffer::from_slice_ref(values.as_slice());
    ScalarBuffer::new(copy, 0, count)
}

/// As the Arrow library's own reader has it.
fn built(array: ArrayDataBuilder) -> Result<ArrayRef, ArrowError> {
    Ok(make_array(array.align_buffers(true).build()?))
}

fn laid_out_otherwise(data_type: &DataType) -> ArrowError {
    ArrowError::SchemaError(format!(
        "{data_type} is not what was checked, this is a bug"
    ))
}
#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
    use arrow_array::types::Int64Type;
    use arrow_array::{
        Array, BinaryArray, Date32Array, Decimal128Array, DurationMicrosecondArray,
        FixedSizeBinaryArray, FixedSizeListArray, Float32Array, Float64Array, Int8Array,
        Int32Array, Int64Array, LargeBinaryArray, LargeListArray, LargeStringArray, StringArray,
        Time64NanosecondArray, TimestampMicrosecondArray,
    };
    use arrow_ipc::reader::read_record_batch;
    use arrow_ipc::writer::{
        DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions,
    };
    use arrow_schema::{Field, Schema};

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
        let three = [Some([1_u8, 2, 3]), None, Some([4; 3]), Some([5; 3])];
        let fixed = FixedSizeBinaryArray::try_from_sparse_iter_with_size(three.into_iter(), 3);
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
            lists(),
            maps(),
            Arc::new(LargeListArray::from_iter_primitive::<Int64Type, _, _>([
                Some(vec![Some(1)]),
                None,
                Some(vec![]),
                Some(vec![None]),
            ])),
            Arc::new(FixedSizeListArray::from_iter_primitive::<Int64Type, _, _>(
                [
                    Some([Some(1), None]),
                    None,
                    Some([None; 2]),
                    Some([Some(3); 2]),
                ],
                2,
            )),
            Arc::new(fixed.unwrap()),
        ];
        let named = columns.into_iter().enumerate();
        RecordBatch::try_from_iter_with_nullable(
            named.map(|(index, column)| (index.to_string(), column, true)),
        )
        .unwrap()
    }

    fn lists() -> ArrayRef {
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("ä"), None]);
        lists.append_null();
        lists.append_value([None::<&str>; 0]);
        lists.append_value([Some("b")]);
        Arc::new(lists.finish())
    }

    fn maps() -> ArrayRef {
        let mut maps = MapBuilder::new(None, Int32Builder::new(), StringBuilder::new());
        for row in [Some(vec![(1, Some("a")), (2, None)]), None, Some(vec![])] {
            let valid = row.is_some();
            for (key, value) in row.unwrap_or_default() {
                maps.keys().append_value(key);
                maps.values().append_option(value);
            }
            maps.append(valid).unwrap();
        }
        maps.keys().append_value(3);
        maps.values().append_value("c");
        maps.append(true).unwrap();
        Arc::new(maps.finish())
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
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let schema = batch.schema();
        let header = MessageHeader::decode(metadata, "a record batch").unwrap();
        let message = header.record_batch().unwrap();
        let Decoded::Native(sound) = check(&schema, message, body) else {
            panic!("what was encoded is not sound");
        };
        let projected = Arc::new(schema.project(projection)?);
        let columns = sound.columns(schema.fields(), projection, &projected)?;
        assert_eq!(columns.num_rows(), batch.num_rows());
        Ok(columns.columns().to_vec())
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
    fn columns_come_as_they_are_asked_for_and_one_that_is_not_there_is_an_error() {
        let batch = of_every_type();
        let (metadata, body) = encoded(&batch);
        let turned = decoded(&metadata, &body, &batch, &[3, 2]).unwrap();
        assert_eq!(turned, batch.project(&[3, 2]).unwrap().columns());
        let beyond = batch.num_columns();
        assert!(decoded(&metadata, &body, &batch, &[16, beyond]).is_err());
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
    fn text_that_is_not_utf8_is_refused() {
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![b"ab".as_slice(), b"\xff"]));
        let (metadata, body) = encoded(&RecordBatch::try_from_iter([("b", bytes)]).unwrap());
        let text: ArrayRef = Arc::new(StringArray::from(vec!["ab", "c"]));
        let batch = RecordBatch::try_from_iter([("b", text)]).unwrap();
        let error = decoded(&metadata, &body, &batch, &[0]).unwrap_err();
        assert!(error.to_string().contains("UTF-8"), "{error}");
    }

    #[test]
    fn another_layout_than_the_one_that_was_checked_is_an_error() {
        let batch = of_every_type();
        let (metadata, body) = encoded(&batch);
        let header = MessageHeader::decode(&metadata, "a record batch").unwrap();
        let schema = batch.schema();
        let Decoded::Native(sound) = check(&schema, header.record_batch().unwrap(), &body) else {
            panic!("what was encoded is not sound");
        };
        for (index, other) in [
            (1, DataType::Int8),
            (13, DataType::Int32),
            (16, DataType::Utf8),
        ] {
            let mut fields = schema.fields().to_vec();
            fields[index] = Arc::new(Field::new("", other, true));
            let fields = Fields::from(fields);
            let projected = Arc::new(Schema::new(vec![Arc::clone(&fields[index])]));
            assert!(sound.columns(&fields, &[index], &projected).is_err());
        }
    }
}
