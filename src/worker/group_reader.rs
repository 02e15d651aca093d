//! Cuts the data section of a grouped task into groups and decodes their Arrow data.

use std::io;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use byteorder::{BigEndian, ByteOrder};

use super::group::{Columns, Decoded, EncodedBatch, Group, InputSchema, encapsulate, guarded};
use super::input::Input;
use crate::wire::{
    Fault, Found, MessageHeader, MessagePrefix, WireError, nullable, text_as_bytes, unwrap_struct,
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
    /// The same for a task without groups whose batches pyarrow reads as the fields of their only column, see
    /// [`EncodedBatch::unwrapped`].
    Unwrapped,
    /// `1: i32 BE` ‖ a whole Arrow stream, per group; `0: i32 BE` at the end. Spark 4.1 on.
    StreamPerGroup,
    /// The same, and each batch is a [`Group`] as soon as it is there. An empty one that
    /// [ends](Group::ends) follows, unless the end was there with the last batch.
    Parts,
    /// `2: i32 BE` ‖ the Arrow stream of the left side ‖ that of the right side, per key; `0: i32
    /// BE` at the end. Each side is a [`Group`]: left and right take turns.
    Cogrouped,
}

impl Framing {
    /// That of groups where it is named `batch` or `stream`, see `lines.py`, or `parts`.
    pub fn of_groups(name: &str) -> Self {
        match name {
            "batch" => Self::BatchPerGroup,
            "parts" => Self::Parts,
            _ => Self::StreamPerGroup,
        }
    }
}

/// The last eight bytes of an Arrow stream.
const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Chooses the columns to decode once the schema is known.
pub type Projection = dyn Fn(&Schema) -> Vec<usize> + Send;

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
    text_as_bytes: bool,
    groups: u64,
    /// Rows of the group that were handed over.
    rows_before: usize,
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
            text_as_bytes: false,
            groups: 0,
            rows_before: 0,
        }
    }

    /// For kinds whose columns the JVM puts into one struct column.
    #[must_use]
    pub fn in_struct(mut self) -> Self {
        self.in_struct = true;
        self
    }

    /// For frames: columns of text are decoded as bytes, of which nobody asks that they are UTF-8. pandas 3 does not
    /// either, nor of those in the struct column; with pandas 2 [`Column::dtype`](crate::frame::column::Column::dtype) does, faster.
    #[must_use]
    pub fn text_as_bytes(mut self) -> Self {
        self.text_as_bytes = true;
        self
    }

    /// The next group, or `None` at the end of the data section. Blocks on the socket.
    ///
    /// # Errors
    ///
    /// Any [`WireError`]; the stream is out of step afterwards.
    pub fn next_group(&mut self, input: &mut Input) -> Result<Option<Group>, WireError> {
        let encoded = match self.framing {
            Framing::BatchPerGroup | Framing::Unread | Framing::Unwrapped => {
                self.next_batch_of_task(input)?.map(|batch| vec![batch])
            }
            Framing::StreamPerGroup => self.next_stream(input)?,
            Framing::Parts => self.next_part(input)?,
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
        let ends = !(self.framing == Framing::Parts && self.in_stream);
        if self.framing != Framing::Cogrouped {
            self.groups += u64::from(ends);
            self.rows_before = if ends { 0 } else { self.rows_before + rows };
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
            ends,
        }))
    }

    pub(super) fn schema(&self) -> Option<Arc<InputSchema>> {
        self.schemas.get(self.side).cloned().flatten()
    }

    fn next_batch_of_task(&mut self, input: &mut Input) -> Result<Option<EncodedBatch>, WireError> {
        if !self.in_stream {
            self.read_schema(input)?;
            self.in_stream = true;
        }
        let unwraps = self.framing == Framing::Unwrapped
            && self
                .schema()
                .is_some_and(|schema| has_struct(&schema.schema));
        read_batch(input, unwraps)
    }

    fn next_stream(&mut self, input: &mut Input) -> Result<Option<Vec<EncodedBatch>>, WireError> {
        match BigEndian::read_i32(&input.array::<4>("the number of dataframes in a group")?) {
            0 => Ok(None),
            1 => self.read_stream(input).map(Some),
            found => Err(WireError::GroupMarker { found }),
        }
    }

    fn next_part(&mut self, input: &mut Input) -> Result<Option<Vec<EncodedBatch>>, WireError> {
        if !self.in_stream {
            match BigEndian::read_i32(&input.array::<4>("the number of dataframes in a group")?) {
                0 => return Ok(None),
                1 => self.read_schema(input)?,
                found => return Err(WireError::GroupMarker { found }),
            }
        }
        let batch = read_batch(input, false)?;
        self.in_stream = batch.is_some();
        let end = &END_OF_STREAM;
        if self.in_stream && input.buffered().starts_with(end) {
            input.consume(end.len());
            self.in_stream = false;
        }
        Ok(Some(batch.into_iter().collect()))
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
        while let Some(batch) = read_batch(input, false)? {
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

    pub(super) fn learn_schema(&mut self, metadata: &[u8]) -> Result<(), WireError> {
        let schema = MessageHeader::decode(metadata, "a schema")?.schema()?;
        let schema = guarded(|| arrow_ipc::convert::try_fb_to_schema(schema))
            .map_err(|source| WireError::Schema { source })?;
        let projection = (self.project)(&schema);
        let decoded = |field| {
            let field = nullable(field);
            match (self.text_as_bytes, self.in_struct, field.data_type()) {
                (false, _, _) => field,
                (true, true, DataType::Struct(fields)) => {
                    let fields = fields.iter().cloned().map(text_as_bytes).collect();
                    Arc::new(Field::clone(&field).with_data_type(DataType::Struct(fields)))
                }
                (true, _, _) => text_as_bytes(field),
            }
        };
        let decoded = schema.fields().iter().map(decoded).collect();
        let message = encapsulate(metadata, 0);
        let schema = InputSchema::new(schema, decoded, projection, message, self.in_struct);
        let schema = Arc::new(schema);
        if let Some(known) = self.schemas.get_mut(self.side) {
            *known = Some(schema);
        }
        Ok(())
    }

    pub(super) fn decode(
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
                        row: row
                            .map(|row| self.rows_before.saturating_add(rows).saturating_add(row)),
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

/// The schema at the beginning of a stream, which stays there to be read. `None` if it is not as it should be.
///
/// # Errors
///
/// Fails if the socket does.
pub fn peek_schema(input: &mut Input) -> io::Result<Option<Schema>> {
    const EXPECTED: &str = "a schema";
    let Some(prefix) = input.peek(8)?.and_then(|prefix| prefix.first_chunk()) else {
        return Ok(None);
    };
    let Ok(MessagePrefix::Metadata(length)) = MessagePrefix::decode(*prefix) else {
        return Ok(None);
    };
    let Some(metadata) = input.peek(8 + length)?.and_then(|message| message.get(8..)) else {
        return Ok(None);
    };
    let header = MessageHeader::decode(metadata, EXPECTED).and_then(|header| header.schema());
    Ok(header
        .ok()
        .and_then(|schema| guarded(|| arrow_ipc::convert::try_fb_to_schema(schema)).ok()))
}

/// Whether there is one column, and it is a struct with fields.
fn has_struct(schema: &Schema) -> bool {
    match schema.fields.first().map(|field| field.data_type()) {
        Some(DataType::Struct(fields)) => schema.fields.len() == 1 && !fields.is_empty(),
        Some(_) | None => false,
    }
}

/// `unwraps`: a batch of one struct column is wanted as its fields, if it can be.
fn read_batch(input: &mut Input, unwraps: bool) -> Result<Option<EncodedBatch>, WireError> {
    const EXPECTED: &str = "a record batch";
    let MessagePrefix::Metadata(length) = MessagePrefix::decode(input.array(EXPECTED)?)? else {
        return Ok(None);
    };
    let metadata = read_metadata(input, length, EXPECTED)?;
    let header = MessageHeader::decode(&metadata, EXPECTED)?;
    // What is none is refused before anything behind it is.
    header.record_batch()?;
    let length = header.body_length()?;
    let unwrapped = unwraps.then(|| unwrap_struct(&header)).flatten();
    let head = encapsulate(unwrapped.as_ref().unwrap_or(&metadata), 0);
    let whole = input.aligned(&head, length, "the body of a record batch")?;
    let start = whole.len().saturating_sub(length);
    let body = whole.slice(start);
    let message = whole.slice(start.saturating_sub(head.len()));
    let (whole, unwrapped) = match unwrapped {
        Some(_) => (None, Some(message)),
        None => (Some(message), None),
    };
    Ok(Some(EncodedBatch {
        metadata,
        body,
        compressed: false,
        whole,
        unwrapped,
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
