//! One group of rows as it came, and what could be decoded of it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_buffer::{ArrowNativeType, Buffer, OffsetBuffer};
use arrow_ipc::reader::read_record_batch;
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use arrow_select::take::take_record_batch;
use bowstring_memory::{self as memory, OutOfMemory};
use bytes::BufMut;

use crate::framing::GroupReader;
use crate::inflate::Parts;
use crate::whole_columns::can_join;
use crate::{
    CONTINUATION, Decoded, Fault, MessageHeader, MessagePrefix, SoundBatch, Why, WireError, check,
    inflate, owner,
};

/// The schema of a task's groups, in both languages that need it.
#[derive(Debug)]
pub struct InputSchema {
    /// The schema as arrow-rs understands it.
    pub schema: SchemaRef,
    /// The columns that [`Group::columns`] holds, as positions in `schema`.
    pub projection: Vec<usize>,
    /// The encapsulated IPC message, for `pyarrow.ipc.read_schema`.
    pub message: Vec<u8>,
    /// All columns that the user knows of are inside the only one.
    pub in_struct: bool,
    /// `schema` as it is decoded: every field nullable, and text as bytes where that was asked for.
    ///
    /// PARITY: Spark marks fields that have nulls all the same, where the user's schema says so,
    /// and pyarrow does not look.
    pub(super) decoded: SchemaRef,
    /// The projected fields of `decoded`; nothing if one of them is not there.
    projected: Option<SchemaRef>,
    /// Whether all columns are wanted and those of several batches can be put together.
    pub(super) joins: bool,
    /// Whether there is a column of text.
    pub(super) has_text: bool,
}

impl InputSchema {
    /// Looks once at what every batch of a task has.
    pub(super) fn new(
        schema: Schema,
        decoded: Vec<FieldRef>,
        projection: Vec<usize>,
        message: Vec<u8>,
        in_struct: bool,
    ) -> Self {
        let decoded = Arc::new(Schema::new(decoded));
        let is_text =
            |field: &FieldRef| matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8);
        Self {
            message,
            in_struct,
            projected: decoded.project(&projection).ok().map(Arc::new),
            joins: projection.len() == decoded.fields().len() && can_join(&decoded),
            has_text: schema.fields().iter().any(is_text),
            schema: Arc::new(schema),
            projection,
            decoded,
        }
    }

    /// The projected columns of a sound batch.
    fn columns(&self, batch: &SoundBatch) -> Result<RecordBatch, ArrowError> {
        let projected = self.projected.as_ref();
        let projected =
            projected.ok_or_else(|| ArrowError::SchemaError("no such column".to_owned()))?;
        batch.columns(self.decoded.fields(), &self.projection, projected)
    }
}

/// One record batch as it came, but without compression, for the columns that only stock can
/// convert.
#[derive(Debug)]
pub struct EncodedBatch {
    pub(super) metadata: Vec<u8>,
    pub(super) body: Buffer,
    pub(super) compressed: bool,
    /// The encapsulated message as it came, of which `body` is the end.
    pub(super) whole: Option<Buffer>,
    /// The message of a batch that has the fields of the only column as columns, if that was asked for and can be; it
    /// ends with `body`, too.
    pub(super) unwrapped: Option<Buffer>,
}

impl EncodedBatch {
    /// As [`Self::message_parts`], without a copy where that can be.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn into_message(self) -> Result<Buffer, OutOfMemory> {
        match self.whole {
            Some(whole) => Ok(whole),
            None => self.message(),
        }
    }

    /// The message as it came, unless that was compressed or is not one piece of memory.
    pub fn whole(&self) -> Option<&Buffer> {
        self.whole.as_ref()
    }

    /// The message of a batch that has the fields of the only column, a struct, as columns; `None` if it must not be read
    /// so.
    pub fn unwrapped(&self) -> Option<&Buffer> {
        self.unwrapped.as_ref()
    }

    /// The whole encapsulated message, for `pyarrow.ipc.read_record_batch`.
    ///
    /// # Errors
    ///
    /// There is no memory for a copy.
    pub fn message(&self) -> Result<Buffer, OutOfMemory> {
        let (head, body) = self.message_parts();
        let mut message = memory::allocate("a record batch", head.len() + body.len())?;
        message.extend_from_slice(&head);
        message.extend_from_slice(body);
        Ok(message.into())
    }

    /// The same in two pieces, for whoever copies it.
    pub fn message_parts(&self) -> (Vec<u8>, &[u8]) {
        (encapsulate(&self.metadata, 0), &self.body)
    }

    /// Whether it came compressed, so that [`Self::message_parts`] is not what was sent.
    pub fn was_compressed(&self) -> bool {
        self.compressed
    }
}

/// A batch, and what was found in it.
pub(super) struct Batch {
    pub(super) encoded: EncodedBatch,
    /// Nothing where nobody has looked.
    found: Option<Look>,
}

/// What a look at a batch finds.
pub(super) struct Look {
    rows: usize,
    columns: Decoded<RecordBatch>,
    /// Metadata and body without compression, if there was some.
    inflated: Option<Parts>,
}

impl Look {
    /// Checks every column and decodes the projected ones. `header` and `body` are those of one message.
    pub(super) fn at(
        schema: &InputSchema,
        header: &MessageHeader<'_>,
        body: &Buffer,
    ) -> Result<Self, WireError> {
        let batch = header.record_batch()?;
        let rows = usize::try_from(batch.length()).unwrap_or_default();
        let (columns, inflated) = match inflate(header.version(), batch, body)? {
            Ok(None) => (follow(schema, header, body)?, None),
            Ok(Some((metadata, body))) => {
                let header = MessageHeader::decode(&metadata, "a record batch")?;
                let columns = follow(schema, &header, &body)?;
                (columns, Some((metadata, body)))
            }
            Err((buffer, lie)) => {
                let fault = Fault {
                    group: 0,
                    column: owner(&schema.schema, buffer),
                    row: None,
                    lie,
                };
                (Decoded::Malformed(Box::new(fault)), None)
            }
        };
        Ok(Self {
            rows,
            columns,
            inflated,
        })
    }
}

impl Batch {
    /// Compression is gone afterwards, unless there is something wrong with it.
    pub(super) fn new(encoded: EncodedBatch, mut found: Option<Look>) -> Self {
        let inflated = found.as_mut().and_then(|look| look.inflated.take());
        let encoded = match inflated {
            Some((metadata, body)) => EncodedBatch {
                metadata,
                body,
                compressed: true,
                whole: None,
                unwrapped: None,
            },
            None => encoded,
        };
        Self { encoded, found }
    }

    /// Looks at a batch of which nobody has seen the header.
    pub(super) fn look_at(encoded: EncodedBatch, schema: &InputSchema) -> Result<Self, WireError> {
        let header = MessageHeader::decode(&encoded.metadata, "a record batch")?;
        let found = Look::at(schema, &header, &encoded.body)?;
        Ok(Self::new(encoded, Some(found)))
    }

    /// Its projected columns, if they are here.
    pub(super) fn columns(&self) -> Option<&RecordBatch> {
        match &self.found.as_ref()?.columns {
            Decoded::Native(columns) => Some(columns),
            Decoded::Stock(_) | Decoded::Malformed(_) => None,
        }
    }

    /// Whether what follows it in its group need not be looked at.
    pub(super) fn is_malformed(&self) -> bool {
        let found = self.found.as_ref();
        found.is_some_and(|look| matches!(look.columns, Decoded::Malformed(_)))
    }
}

/// The batches of a group as they came, its columns, and how many rows it has until a fault; `rows` were before in the same
/// group.
pub(super) fn collect(
    batches: Vec<Batch>,
    group: u64,
    rows_before: usize,
) -> (Vec<EncodedBatch>, Decoded<Vec<RecordBatch>>, usize) {
    let mut encoded = Vec::with_capacity(batches.len());
    let mut all = Decoded::Native(Vec::with_capacity(batches.len()));
    let mut rows = 0;
    for batch in batches {
        encoded.push(batch.encoded);
        let Some(found) = batch.found else {
            continue;
        };
        match (found.columns, &mut all) {
            (_, Decoded::Malformed(_)) => continue,
            (Decoded::Malformed(fault), _) => {
                let fault = fault.in_group(group, rows_before.saturating_add(rows));
                all = Decoded::Malformed(Box::new(fault));
                continue;
            }
            (Decoded::Native(columns), Decoded::Native(all)) => all.push(columns),
            (Decoded::Native(_), Decoded::Stock(_)) => {}
            (Decoded::Stock(why), _) => all = Decoded::Stock(why),
        }
        rows += found.rows;
    }
    (encoded, all, rows)
}

/// Checks and decodes a batch without compression.
fn follow(
    schema: &InputSchema,
    header: &MessageHeader<'_>,
    body: &Buffer,
) -> Result<Decoded<RecordBatch>, WireError> {
    let sound = match check(&schema.schema, header.record_batch()?, body) {
        Decoded::Native(sound) => sound,
        Decoded::Stock(why) => return Ok(Decoded::Stock(why)),
        Decoded::Malformed(fault) => return Ok(Decoded::Malformed(fault)),
    };
    Ok(match guarded(|| schema.columns(&sound)) {
        Ok(columns) => Decoded::Native(columns),
        Err(error) => Decoded::Stock(Why::Refused(error)),
    })
}

/// One group of rows.
#[derive(Debug)]
pub struct Group {
    /// The schema, shared by all groups of a task.
    pub schema: Arc<InputSchema>,
    /// The projected columns of each batch.
    pub columns: Decoded<Vec<RecordBatch>>,
    /// Every batch as it came, unless their columns were put together.
    pub encoded: Vec<EncodedBatch>,
    /// The rows of each batch whose columns were put together, so that there is one in `columns`.
    pub joined: Vec<usize>,
    /// Number of rows in all batches.
    pub rows: usize,
    /// Nothing more of it comes, as is always so but for [`Parts`](crate::framing::Framing::Parts).
    pub ends: bool,
}

impl Group {
    /// A group from whole encapsulated messages, one schema, then record batches, as a new `reader`
    /// has it.
    ///
    /// # Errors
    ///
    /// Any [`WireError`] that reading them from a socket would give.
    pub fn decode(
        schema: &[u8],
        batches: &[&[u8]],
        mut reader: GroupReader,
    ) -> Result<Self, WireError> {
        reader.learn_schema(schema.get(8..).unwrap_or_default())?;
        let schema = reader.schema().ok_or(WireError::Truncated {
            expected: "a schema",
        })?;
        let mut found: Vec<Batch> = Vec::with_capacity(batches.len());
        for message in batches {
            let prefix = message.first_chunk::<8>().ok_or(WireError::Truncated {
                expected: "a record batch",
            })?;
            let MessagePrefix::Metadata(length) = MessagePrefix::decode(*prefix)? else {
                continue;
            };
            let (metadata, body) =
                message
                    .split_at_checked(8 + length)
                    .ok_or(WireError::Truncated {
                        expected: "a record batch",
                    })?;
            let encoded = EncodedBatch {
                metadata: metadata.get(8..).unwrap_or_default().to_vec(),
                body: Buffer::from(body),
                compressed: false,
                whole: None,
                unwrapped: None,
            };
            found.push(if found.iter().any(Batch::is_malformed) {
                Batch::new(encoded, None)
            } else {
                Batch::look_at(encoded, &schema)?
            });
        }
        let (encoded, columns, rows) = collect(found, 0, 0);
        Ok(Self {
            schema,
            columns,
            encoded,
            joined: Vec::new(),
            rows,
            ends: true,
        })
    }

    /// How many batches have come.
    pub fn batches(&self) -> usize {
        self.encoded.len().max(self.joined.len())
    }

    /// The batches whose columns were put together, as they came; none if all are in [`Self::encoded`]. Only groups with
    /// something unusual in them need that.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be encoded, which is a bug.
    pub fn taken_apart(&self) -> Result<Vec<EncodedBatch>, ArrowError> {
        match (&self.columns, self.joined.is_empty()) {
            (Decoded::Native(columns), false) => {
                let whole = columns.first();
                let encoded = whole.map(|whole| encode(&self.schema, whole, &self.joined));
                encoded.unwrap_or_else(|| Ok(Vec::new()))
            }
            (Decoded::Native(_) | Decoded::Stock(_) | Decoded::Malformed(_), _) => Ok(Vec::new()),
        }
    }

    /// The first row of the columns at these positions in the schema, or in the struct that holds
    /// them all, decoded and copied.
    ///
    /// # Errors
    ///
    /// Any [`WireError`] that decoding the columns gives. A group without rows has no first one.
    pub fn first_row(&self, columns: &[usize]) -> Result<RecordBatch, WireError> {
        let first = match (&self.columns, self.rows) {
            (Decoded::Native(whole), 1..) if !self.joined.is_empty() => {
                let whole = whole.first().map(|whole| encode(&self.schema, whole, &[1]));
                whole.and_then(Result::ok)
            }
            _ => None,
        };
        for EncodedBatch { metadata, body, .. } in self.encoded.iter().chain(first.iter().flatten())
        {
            let header = MessageHeader::decode(metadata, "a record batch")?;
            let batch = header.record_batch()?;
            if batch.length() < 1 {
                continue;
            }
            return guarded(|| {
                let (schema, none) = (Arc::clone(&self.schema.schema), HashMap::new());
                let version = header.version();
                let read = |columns| {
                    let decoded =
                        read_record_batch(body, batch, schema, &none, Some(columns), &version)?;
                    take_record_batch(&decoded, &UInt32Array::from(vec![0]))
                };
                if !self.schema.in_struct {
                    return read(columns);
                }
                let whole = read(&[0])?;
                let whole = whole
                    .columns()
                    .first()
                    .and_then(|column| column.as_struct_opt());
                let whole = whole.ok_or_else(|| ArrowError::SchemaError("no struct".to_owned()))?;
                RecordBatch::from(whole).project(columns)
            })
            .map_err(|source| WireError::Metadata {
                expected: "the first row of a group",
                reason: source.to_string(),
            });
        }
        Err(WireError::Truncated {
            expected: "the first row of a group",
        })
    }

    /// Memory that the group keeps, in bytes.
    pub fn bytes(&self) -> usize {
        let encoded = self.encoded.iter();
        let encoded: usize = encoded.map(|it| it.metadata.len() + it.body.len()).sum();
        match &self.columns {
            Decoded::Native(columns) if !self.joined.is_empty() => {
                // Not what their memory has room for, which may be much more.
                let arrays = columns.iter().flat_map(RecordBatch::columns);
                let bytes = arrays.map(|array| array.to_data().get_slice_memory_size());
                encoded + bytes.map(Result::unwrap_or_default).sum::<usize>()
            }
            Decoded::Native(_) | Decoded::Stock(_) | Decoded::Malformed(_) => encoded,
        }
    }
}

/// Columns that were [put together](crate::whole_columns) as batches of so many rows each, as they came.
pub(super) fn encode(
    schema: &InputSchema,
    columns: &RecordBatch,
    lengths: &[usize],
) -> Result<Vec<EncodedBatch>, ArrowError> {
    let mut first = 0;
    let mut encoded = Vec::with_capacity(lengths.len());
    for length in lengths {
        encoded.push(encode_one(schema, &columns.slice(first, *length))?);
        first += length;
    }
    Ok(encoded)
}

fn encode_one(schema: &InputSchema, columns: &RecordBatch) -> Result<EncodedBatch, ArrowError> {
    let sent = schema.schema.fields().iter().zip(columns.columns());
    let arrays =
        sent.map(
            |(field, array)| match (field.data_type(), array.as_binary_opt::<i64>()) {
                (DataType::Utf8 | DataType::Binary, Some(bytes)) => {
                    let lengths = bytes.offsets().lengths();
                    let range = bytes.value_offsets();
                    let range = range.first().zip(range.last());
                    let (first, last) =
                        range.map_or((0, 0), |(first, last)| (first.as_usize(), last.as_usize()));
                    let values = bytes.values().slice_with_length(first, last - first);
                    let narrow = BinaryArray::try_new(
                        OffsetBuffer::from_lengths(lengths),
                        values,
                        bytes.nulls().cloned(),
                    );
                    narrow.map(|array| Arc::new(array) as ArrayRef)
                }
                _ => Ok(Arc::clone(array)),
            },
        );
    let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
    let fields = columns.schema();
    let fields = fields.fields().iter().zip(&arrays);
    let fields =
        fields.map(|(field, array)| Field::clone(field).with_data_type(array.data_type().clone()));
    let options = RecordBatchOptions::new().with_row_count(Some(columns.num_rows()));
    let batch = RecordBatch::try_new_with_options(
        Arc::new(Schema::new(fields.collect::<Vec<_>>())),
        arrays,
        &options,
    )?;
    let (_, encoded) = IpcDataGenerator::default().encode(
        &batch,
        &mut DictionaryTracker::new(false),
        &IpcWriteOptions::default(),
        &mut IpcWriteContext::default(),
    )?;
    let mut metadata = encoded.ipc_message;
    metadata.resize(metadata.len().next_multiple_of(8), 0);
    Ok(EncodedBatch {
        metadata,
        body: Buffer::from_vec(encoded.arrow_data),
        compressed: false,
        whole: None,
        unwrapped: None,
    })
}

/// Runs a decoder of arrow-rs, which panics on some malformed input that its checks let through.
pub(super) fn guarded<T>(decode: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        let reason = panic.downcast_ref::<&str>().map(ToString::to_string);
        let reason = reason.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(ArrowError::IpcError(
            reason.unwrap_or_else(|| "the decoder gave up".to_owned()),
        ))
    })
}

pub(super) fn encapsulate(metadata: &[u8], body: usize) -> Vec<u8> {
    let mut message = Vec::with_capacity(8 + metadata.len() + body);
    message.put_u32_le(CONTINUATION);
    // The length was decoded from an i32.
    message.put_i32_le(i32::try_from(metadata.len()).unwrap_or(i32::MAX));
    message.extend_from_slice(metadata);
    message
}
