//! Cuts the data section of a grouped task into groups and decodes their Arrow data.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, UInt32Array};
use arrow_buffer::Buffer;
use arrow_ipc::reader::read_record_batch;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use arrow_select::take::take_record_batch;
use byteorder::{BigEndian, ByteOrder};
use bytes::BufMut;

use super::input::Input;
use crate::wire::{
    CONTINUATION, Fault, Found, MessageHeader, MessagePrefix, Soundness, WireError, check, inflate,
    nullable, owner,
};

/// How groups lie in the data section.
///
/// Source: `ArrowStreamPandasUDFSerializer.load_stream` (3.5.9, 4.0.5),
/// `GroupPandasUDFSerializer.load_stream` (4.1.4), `ArrowStreamGroupSerializer` (4.2.1, 4.3.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One Arrow stream for the task; each record batch is a group. Spark 3.5 and 4.0.
    BatchPerGroup,
    /// The same for a task without groups whose batches only pyarrow looks into.
    Unread,
    /// `1: i32 BE` ‖ a whole Arrow stream, per group; `0: i32 BE` at the end. Spark 4.1 on.
    StreamPerGroup,
    /// `2: i32 BE` ‖ the Arrow stream of the left side ‖ that of the right side, per key; `0: i32
    /// BE` at the end. Each side is a [`Group`]: left and right take turns.
    Cogrouped,
}

impl Framing {
    /// That of groups where it is named `batch` or `stream`, see `install.py`.
    pub fn of_groups(name: &str) -> Self {
        if name == "batch" {
            Self::BatchPerGroup
        } else {
            Self::StreamPerGroup
        }
    }
}

/// Chooses the columns to decode once the schema is known.
pub type Projection = dyn Fn(&Schema) -> Vec<usize> + Send;

/// The schema of a task's groups, in both languages that need it.
#[derive(Debug)]
pub struct InputSchema {
    /// The schema as arrow-rs understands it.
    pub schema: SchemaRef,
    /// The columns that [`Columns::Decoded`] holds, as positions in `schema`.
    pub projection: Vec<usize>,
    /// The encapsulated IPC message, for `pyarrow.ipc.read_schema`.
    pub message: Vec<u8>,
    /// All columns that the user knows of are inside the only one.
    pub in_struct: bool,
    /// `schema` with every field nullable.
    ///
    /// PARITY: Spark marks fields that have nulls all the same, where the user's schema says so,
    /// and pyarrow does not look.
    nullable: SchemaRef,
}

/// One record batch as it came, but without compression, for the columns that only stock can
/// convert.
#[derive(Debug)]
pub struct EncodedBatch {
    metadata: Vec<u8>,
    body: Buffer,
    compressed: bool,
    /// The encapsulated message as it came, of which `body` is the end.
    whole: Option<Buffer>,
}

impl EncodedBatch {
    /// As [`Self::message`], without a copy where that can be.
    pub fn into_message(self) -> Buffer {
        match self.whole {
            Some(whole) => whole,
            None => self.message().into(),
        }
    }

    /// The whole encapsulated message, for `pyarrow.ipc.read_record_batch`.
    pub fn message(&self) -> Vec<u8> {
        let mut message = encapsulate(&self.metadata, self.body.len());
        message.extend_from_slice(&self.body);
        message
    }

    /// Whether it came compressed, so that [`Self::message`] is not what was sent.
    pub fn was_compressed(&self) -> bool {
        self.compressed
    }
}

/// What became of a group's columns.
#[derive(Debug)]
pub enum Columns {
    /// The projected columns of each batch.
    Decoded(Vec<RecordBatch>),
    /// They are sound, but stock has its own way with them.
    Stock(Why),
    /// Nobody may follow them.
    Malformed(Box<Fault>),
}

/// Why stock has to convert every column of a group.
#[derive(Debug)]
pub enum Why {
    /// It is sound in a way that the Arrow library does not know, see [`Soundness::Unusual`].
    Unusual,
    /// There is a type that Spark never sends.
    UnknownLayout,
    /// The Arrow library asks for more than soundness: for text that is UTF-8, or that the keys of
    /// maps are never null.
    Refused(ArrowError),
}

/// One group of rows.
#[derive(Debug)]
pub struct Group {
    /// The schema, shared by all groups of a task.
    pub schema: Arc<InputSchema>,
    /// The projected columns of each batch.
    pub columns: Columns,
    /// Every batch as it came.
    pub encoded: Vec<EncodedBatch>,
    /// Number of rows in all batches.
    pub rows: usize,
}

impl Group {
    /// A group from whole encapsulated messages: one schema, then record batches.
    ///
    /// # Errors
    ///
    /// Any [`WireError`] that reading them from a socket would give.
    pub fn decode(
        schema: &[u8],
        batches: &[&[u8]],
        project: Box<Projection>,
    ) -> Result<Self, WireError> {
        let mut reader = GroupReader::new(Framing::BatchPerGroup, project);
        reader.learn_schema(schema.get(8..).unwrap_or_default())?;
        let schema = reader.schema().ok_or(WireError::Truncated {
            expected: "a schema",
        })?;
        let mut encoded: Vec<EncodedBatch> = Vec::with_capacity(batches.len());
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
            encoded.push(EncodedBatch {
                metadata: metadata.get(8..).unwrap_or_default().to_vec(),
                body: Buffer::from(body),
                compressed: false,
                whole: None,
            });
        }
        let (columns, rows) = reader.decode(&schema, &mut encoded)?;
        Ok(Self {
            schema,
            columns,
            encoded,
            rows,
        })
    }

    /// The first row of the columns at these positions in the schema, or in the struct that holds
    /// them all, decoded and copied.
    ///
    /// # Errors
    ///
    /// Any [`WireError`] that decoding the columns gives. A group without rows has no first one.
    pub fn first_row(&self, columns: &[usize]) -> Result<RecordBatch, WireError> {
        for EncodedBatch { metadata, body, .. } in &self.encoded {
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
        self.encoded
            .iter()
            .map(|batch| batch.metadata.len() + batch.body.len())
            .sum()
    }
}

/// Reads the groups of one task, up to and including the end of its data section.
pub struct GroupReader {
    framing: Framing,
    project: Box<Projection>,
    /// Of the left side, or the only one, and of the right side.
    schemas: [Option<Arc<InputSchema>>; 2],
    /// Index of the side that is read.
    side: usize,
    in_stream: bool,
    in_struct: bool,
    groups: u64,
}

impl std::fmt::Debug for GroupReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("GroupReader")
            .field("framing", &self.framing)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

impl GroupReader {
    /// A reader at the start of a data section.
    pub fn new(framing: Framing, project: Box<Projection>) -> Self {
        Self {
            framing,
            project,
            schemas: [None, None],
            side: 0,
            in_stream: false,
            in_struct: false,
            groups: 0,
        }
    }

    /// For kinds whose columns the JVM puts into one struct column.
    #[must_use]
    pub fn in_struct(mut self) -> Self {
        self.in_struct = true;
        self
    }

    /// The next group, or `None` at the end of the data section. Blocks on the socket.
    ///
    /// # Errors
    ///
    /// Any [`WireError`]; the stream is out of step afterwards.
    pub fn next_group(&mut self, input: &mut Input) -> Result<Option<Group>, WireError> {
        let encoded = match self.framing {
            Framing::BatchPerGroup | Framing::Unread => {
                self.next_batch_of_task(input)?.map(|batch| vec![batch])
            }
            Framing::StreamPerGroup => self.next_stream(input)?,
            Framing::Cogrouped => self.next_side(input)?,
        };
        let (Some(mut encoded), Some(schema)) = (encoded, self.schema()) else {
            return Ok(None);
        };
        let (columns, rows) = if self.framing == Framing::Unread {
            (Columns::Decoded(Vec::new()), 0)
        } else {
            self.decode(&schema, &mut encoded)?
        };
        if self.framing != Framing::Cogrouped {
            self.groups += 1;
        } else if self.side == 0 {
            self.side = 1;
        } else {
            self.side = 0;
            self.groups += 1;
        }
        Ok(Some(Group {
            schema,
            columns,
            encoded,
            rows,
        }))
    }

    fn schema(&self) -> Option<Arc<InputSchema>> {
        self.schemas.get(self.side).cloned().flatten()
    }

    fn next_batch_of_task(&mut self, input: &mut Input) -> Result<Option<EncodedBatch>, WireError> {
        if !self.in_stream {
            self.read_schema(input)?;
            self.in_stream = true;
        }
        read_batch(input)
    }

    fn next_stream(&mut self, input: &mut Input) -> Result<Option<Vec<EncodedBatch>>, WireError> {
        match BigEndian::read_i32(&input.array::<4>("the number of dataframes in a group")?) {
            0 => Ok(None),
            1 => self.read_stream(input).map(Some),
            found => Err(WireError::GroupMarker { found }),
        }
    }

    fn next_side(&mut self, input: &mut Input) -> Result<Option<Vec<EncodedBatch>>, WireError> {
        if self.side == 1 {
            return self.read_stream(input).map(Some);
        }
        match BigEndian::read_i32(&input.array::<4>("the number of dataframes in a group")?) {
            0 => Ok(None),
            2 => self.read_stream(input).map(Some),
            found => Err(WireError::GroupMarker { found }),
        }
    }

    fn read_stream(&mut self, input: &mut Input) -> Result<Vec<EncodedBatch>, WireError> {
        self.read_schema(input)?;
        let mut batches = Vec::with_capacity(1);
        while let Some(batch) = read_batch(input)? {
            batches.push(batch);
        }
        Ok(batches)
    }

    /// Reads a schema message. Within a task they repeat byte for byte, so all but the first are
    /// only compared.
    fn read_schema(&mut self, input: &mut Input) -> Result<(), WireError> {
        const EXPECTED: &str = "a schema";
        let MessagePrefix::Metadata(length) = MessagePrefix::decode(input.array(EXPECTED)?)? else {
            return Err(WireError::MessageKind {
                expected: EXPECTED,
                found: "end of stream".to_owned(),
            });
        };
        let metadata = read_metadata(input, length, EXPECTED)?;
        if let Some(known) = self.schema() {
            return if known.message.get(8..) == Some(&metadata) {
                Ok(())
            } else {
                Err(WireError::SchemaChanged { group: self.groups })
            };
        }
        self.learn_schema(&metadata)
    }

    fn learn_schema(&mut self, metadata: &[u8]) -> Result<(), WireError> {
        let schema = MessageHeader::decode(metadata, "a schema")?.schema()?;
        let schema = guarded(|| arrow_ipc::convert::try_fb_to_schema(schema))
            .map_err(|source| WireError::Schema { source })?;
        let projection = (self.project)(&schema);
        let schema = Arc::new(InputSchema {
            nullable: Arc::new(Schema::new(
                schema.fields().iter().map(nullable).collect::<Vec<_>>(),
            )),
            schema: Arc::new(schema),
            projection,
            message: encapsulate(metadata, 0),
            in_struct: self.in_struct,
        });
        if let Some(known) = self.schemas.get_mut(self.side) {
            *known = Some(schema);
        }
        Ok(())
    }

    fn decode(
        &self,
        schema: &InputSchema,
        encoded: &mut [EncodedBatch],
    ) -> Result<(Columns, usize), WireError> {
        let mut rows = 0;
        let mut decoded = Vec::with_capacity(encoded.len());
        let mut stock = None;
        for batch in encoded {
            match batch.decode(schema)? {
                Ok(Decoded::Columns(columns)) => {
                    rows += columns.num_rows();
                    decoded.push(columns);
                }
                Ok(Decoded::Stock { rows: more, why }) => {
                    rows += more;
                    stock = Some(why);
                }
                Err(Found { column, row, lie }) => {
                    let fault = Fault {
                        group: self.groups,
                        column,
                        row: row.map(|row| rows.saturating_add(row)),
                        lie,
                    };
                    return Ok((Columns::Malformed(Box::new(fault)), rows));
                }
            }
        }
        Ok((
            stock.map_or(Columns::Decoded(decoded), Columns::Stock),
            rows,
        ))
    }
}

/// What became of one batch.
enum Decoded {
    Columns(RecordBatch),
    Stock { rows: usize, why: Why },
}

impl EncodedBatch {
    /// Checks every column and decodes the projected ones. Compression is gone afterwards, unless
    /// there is something wrong with it.
    ///
    /// The outer error is of the message, the inner one of its data.
    fn decode(&mut self, schema: &InputSchema) -> Result<Result<Decoded, Found>, WireError> {
        const EXPECTED: &str = "a record batch";
        let header = MessageHeader::decode(&self.metadata, EXPECTED)?;
        match inflate(header.version(), header.record_batch()?, &self.body) {
            Ok(None) => {}
            Ok(Some((metadata, body))) => {
                *self = Self {
                    metadata,
                    body,
                    compressed: true,
                    whole: None,
                };
            }
            Err((buffer, lie)) => {
                return Ok(Err(Found {
                    column: owner(&schema.schema, buffer),
                    row: None,
                    lie,
                }));
            }
        }
        let header = MessageHeader::decode(&self.metadata, EXPECTED)?;
        let batch = header.record_batch()?;
        let rows = usize::try_from(batch.length()).unwrap_or_default();
        let stock = |why| Ok(Ok(Decoded::Stock { rows, why }));
        match check(&schema.schema, batch, &self.body) {
            Ok(Soundness::Sound) => {}
            Ok(Soundness::Unusual) => return stock(Why::Unusual),
            Ok(Soundness::UnknownLayout) => return stock(Why::UnknownLayout),
            Err(found) => return Ok(Err(*found)),
        }
        let columns = guarded(|| {
            read_record_batch(
                &self.body,
                batch,
                Arc::clone(&schema.nullable),
                &HashMap::new(),
                Some(&schema.projection),
                &header.version(),
            )
        });
        match columns {
            Ok(columns) => Ok(Ok(Decoded::Columns(columns))),
            Err(error) => stock(Why::Refused(error)),
        }
    }
}

fn read_batch(input: &mut Input) -> Result<Option<EncodedBatch>, WireError> {
    const EXPECTED: &str = "a record batch";
    let MessagePrefix::Metadata(length) = MessagePrefix::decode(input.array(EXPECTED)?)? else {
        return Ok(None);
    };
    let metadata = read_metadata(input, length, EXPECTED)?;
    let length = MessageHeader::decode(&metadata, EXPECTED)?.body_length()?;
    let head = encapsulate(&metadata, 0);
    let whole: Buffer = input
        .aligned(&head, length, "the body of a record batch")?
        .into();
    let start = whole.len().saturating_sub(length);
    Ok(Some(EncodedBatch {
        metadata,
        body: whole.slice(start),
        compressed: false,
        whole: Some(whole.slice(start.saturating_sub(head.len()))),
    }))
}

fn read_metadata(
    input: &mut Input,
    length: usize,
    expected: &'static str,
) -> Result<Vec<u8>, WireError> {
    // Limited by MAX_METADATA_BYTES, so the memory can be had before the bytes are here.
    let mut metadata = vec![0; length];
    match input.read_full(&mut metadata) {
        Ok(count) if count == length => Ok(metadata),
        Ok(_) => Err(WireError::Truncated { expected }),
        Err(source) => Err(WireError::Io { expected, source }),
    }
}

fn encapsulate(metadata: &[u8], body: usize) -> Vec<u8> {
    let mut message = Vec::with_capacity(8 + metadata.len() + body);
    message.put_u32_le(CONTINUATION);
    // The length was decoded from an i32.
    message.put_i32_le(i32::try_from(metadata.len()).unwrap_or(i32::MAX));
    message.extend_from_slice(metadata);
    message
}

/// Runs a decoder of arrow-rs, which panics on some malformed input that its checks let through.
fn guarded<T>(decode: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        let reason = panic.downcast_ref::<&str>().map(ToString::to_string);
        let reason = reason.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(ArrowError::IpcError(
            reason.unwrap_or_else(|| "the decoder gave up".to_owned()),
        ))
    })
}
