//! What a record batch costs between the socket and its arrays: `make bench-micro`.
//!
//! `header` is a look at the metadata, `check_columns` the soundness of every column, `arrays` the arrays of a sound batch, `group` both
//! and all that is around them, with a copy of the bytes in the place of the socket. Times are of a whole batch. A name
//! says the columns and their rows: with ten, what does not grow with rows shows.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark's own data, with nobody to answer to"
)]

use std::sync::Arc;

use arrow_array::types::Int64Type;
use arrow_array::{
    ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
};
use arrow_buffer::Buffer;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use bowstring_ipc::{Decoded, MessageHeader, SoundBatch, check};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// Columns and rows.
type Case = (&'static str, usize);

const ALL: [Case; 7] = [
    ("numbers", 10),
    ("numbers", 10_000),
    ("nulls", 10_000),
    ("text", 10),
    ("text", 10_000),
    ("struct", 10_000),
    ("lists", 10_000),
];

#[divan::bench(args = ALL.map(name))]
fn header(bencher: Bencher<'_, '_>, case: &str) {
    let sent = Sent::new(case);
    bencher.bench_local(|| sent.header().body_length().unwrap());
}

#[divan::bench(args = ALL.map(name))]
fn check_columns(bencher: Bencher<'_, '_>, case: &str) {
    let sent = Sent::new(case);
    let header = sent.header();
    bencher.bench_local(|| sent.sound(&header));
}

#[divan::bench(args = ALL.map(name))]
fn arrays(bencher: Bencher<'_, '_>, case: &str) {
    let sent = Sent::new(case);
    let sound = sent.sound(&sent.header());
    let schema = Arc::new(sent.schema.clone());
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    bencher.bench_local(|| {
        let columns = sound.columns(schema.fields(), black_box(&all), &schema);
        columns.unwrap()
    });
}

#[divan::bench(args = ALL.map(name))]
fn group(bencher: Bencher<'_, '_>, case: &str) {
    let sent = Sent::new(case);
    bencher.bench_local(|| {
        let all = |schema: &Schema| (0..schema.fields().len()).collect();
        let reader = GroupReader::new(Framing::BatchPerGroup, Box::new(all)).text_as_bytes();
        let group = Group::decode(&sent.first, &[&sent.second], reader).unwrap();
        assert!(matches!(group.columns, Decoded::Native(_)));
        group
    });
}

/// As it is shown, and read again by [`Sent::new`].
fn name((columns, rows): Case) -> String {
    format!("{columns}/{rows}")
}

/// One batch as it is sent.
struct Sent {
    schema: Schema,
    /// The message of the schema and that of the batch.
    first: Vec<u8>,
    second: Vec<u8>,
    metadata: Vec<u8>,
    body: Buffer,
}

impl Sent {
    fn new(case: &str) -> Self {
        let (columns, rows) = case.split_once('/').unwrap();
        let batch = batch(columns, rows.parse().unwrap());
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let mut first = writer.into_inner().unwrap();
        let mut second = first.split_off(8 + metadata_length(&first));
        // The end of the stream is no message.
        second.truncate(second.len() - 8);
        let (metadata, body) = second.split_at(8 + metadata_length(&second));
        Self {
            schema: batch.schema().as_ref().clone(),
            metadata: metadata[8..].to_vec(),
            body: Buffer::from(body),
            first,
            second,
        }
    }

    fn header(&self) -> MessageHeader<'_> {
        MessageHeader::decode(&self.metadata, "a record batch").unwrap()
    }

    fn sound(&self, header: &MessageHeader<'_>) -> SoundBatch {
        let found = check(&self.schema, header.record_batch().unwrap(), &self.body);
        let sound = match found {
            Decoded::Native(sound) => Some(sound),
            Decoded::Stock(_) | Decoded::Malformed(_) => None,
        };
        sound.unwrap()
    }
}

fn metadata_length(message: &[u8]) -> usize {
    let length: [u8; 4] = message[4..8].try_into().unwrap();
    usize::try_from(u32::from_le_bytes(length)).unwrap()
}

/// A long and four doubles, four columns of text, a struct of a long and text, or two of lists.
fn batch(columns: &str, rows: i32) -> RecordBatch {
    let every = |part: i32, row: i32| (row % part != 0).then(|| f64::from(row));
    let keys = || Arc::new(Int64Array::from_iter_values((0..rows).map(i64::from))) as ArrayRef;
    let text = || {
        Arc::new(StringArray::from_iter_values(
            (0..rows).map(|row| format!("text {row}")),
        ))
    };
    let arrays: Vec<ArrayRef> = match columns {
        "numbers" => {
            let values = || Float64Array::from_iter_values((0..rows).map(f64::from));
            let values = (0..4).map(|_| Arc::new(values()) as ArrayRef);
            std::iter::once(keys()).chain(values).collect()
        }
        "nulls" => {
            let values = || {
                (0..rows)
                    .map(|row| every(10, row))
                    .collect::<Float64Array>()
            };
            let values = (0..4).map(|_| Arc::new(values()) as ArrayRef);
            std::iter::once(keys()).chain(values).collect()
        }
        "text" => (0..4).map(|_| text() as ArrayRef).collect(),
        "struct" => {
            let fields = [("number", keys()), ("text", text() as ArrayRef)];
            let fields = fields.map(|(name, array)| (field(name, &array), array));
            vec![Arc::new(StructArray::from(fields.to_vec()))]
        }
        _ => {
            let lists = || (0..rows).map(|row| Some([Some(i64::from(row)), None]));
            let lists = || ListArray::from_iter_primitive::<Int64Type, _, _>(lists());
            (0..2).map(|_| Arc::new(lists()) as ArrayRef).collect()
        }
    };
    let fields = arrays.iter().enumerate();
    let fields: Vec<_> = fields
        .map(|(index, array)| field(&index.to_string(), array))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn field(name: &str, array: &ArrayRef) -> Arc<Field> {
    let data_type: DataType = array.data_type().clone();
    Arc::new(Field::new(name, data_type, true))
}
