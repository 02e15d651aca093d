//! Cuts the data section of a grouped task into groups and decodes their Arrow data.

use std::io;
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use bowstring_memory::Failure;
use byteorder::{BigEndian, ByteOrder};

use crate::group::{
    Batch, EncodedBatch, Group, InputSchema, Look, collect, encapsulate, encode, guarded,
};
use crate::whole_columns::WholeColumns;
use crate::words::{UnknownWord, choose};
use crate::{
    Decoded, MessageHeader, MessagePrefix, Source, WireError, nullable, text_as_bytes,
    unwrap_struct,
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

impl FromStr for Framing {
    type Err = UnknownWord;

    /// That of groups as `lines.py` names it.
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let known = [
            ("batch", Self::BatchPerGroup),
            ("stream", Self::StreamPerGroup),
        ];
        choose("framing of groups", word, &known)
    }
}

/// Whether a reader puts the columns of a group's batches together, see [`WholeColumns`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Batches stay as they came.
    Never,
    /// Unless there is text: who converts it looks at the batches.
    UnlessText,
    /// Where all columns are wanted and can be put together.
    Always,
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
    join: Join,
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
            join: Join::Never,
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
    /// either, nor of those in the struct column; with pandas 2 the conversion to pandas does, faster.
    #[must_use]
    pub fn text_as_bytes(mut self) -> Self {
        self.text_as_bytes = true;
        self
    }

    /// Puts the columns of a group of several batches together, for whoever would do it afterwards. The columns of
    /// text have to be decoded [as bytes](Self::text_as_bytes).
    #[must_use]
    pub fn joining(mut self, join: Join) -> Self {
        self.join = join;
        self
    }

    /// The next group, or `None` at the end of the data section. Blocks on the socket.
    ///
    /// # Errors
    ///
    /// Any [`WireError`]; the stream is out of step afterwards.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all others say it, or it means nothing to them"
    )]
    pub fn next_group(&mut self, input: &mut impl Source) -> Result<Option<Group>, WireError> {
        let group = self.groups;
        self.read_group(input).map_err(|error| match error {
            WireError::OutOfMemory(source) => WireError::GroupOutOfMemory { group, source },
            error => error,
        })
    }

    fn read_group(&mut self, input: &mut impl Source) -> Result<Option<Group>, WireError> {
        let arrived = match self.framing {
            Framing::BatchPerGroup | Framing::Unread | Framing::Unwrapped => {
                let batch = self.next_batch_of_task(input)?;
                batch.map(|batch| Arrived::of(vec![batch]))
            }
            Framing::StreamPerGroup => self.next_stream(input)?,
            Framing::Parts => self.next_part(input)?.map(Arrived::of),
            Framing::Cogrouped => self.next_side(input)?,
        };
        let (Some(Arrived { batches, whole }), Some(schema)) = (arrived, self.schema()) else {
            return Ok(None);
        };
        let mut joined = Vec::new();
        let (encoded, columns, rows) = if let Some(whole) = whole {
            let (batch, lengths) = finish(whole, input)?;
            joined = lengths;
            let rows = batch.num_rows();
            (Vec::new(), Decoded::Native(vec![batch]), rows)
        } else {
            collect(batches, self.groups, self.rows_before)
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
            joined,
            rows,
            ends,
        }))
    }

    pub(super) fn schema(&self) -> Option<Arc<InputSchema>> {
        self.schemas.get(self.side).cloned().flatten()
    }

    fn next_batch_of_task(&mut self, input: &mut impl Source) -> Result<Option<Batch>, WireError> {
        if !self.in_stream {
            self.read_schema(input)?;
            self.in_stream = true;
        }
        let schema = self.schema();
        let unwraps = self.framing == Framing::Unwrapped
            && (schema.as_ref()).is_some_and(|schema| has_struct(&schema.schema));
        let schema = schema.filter(|_| self.framing != Framing::Unread);
        read_batch(input, unwraps, schema.as_deref())
    }

    fn next_stream(&mut self, input: &mut impl Source) -> Result<Option<Arrived>, WireError> {
        match BigEndian::read_i32(&input.array::<4>("the number of dataframes in a group")?) {
            0 => Ok(None),
            1 => self.read_stream(input).map(Some),
            found => Err(WireError::GroupMarker { found }),
        }
    }

    fn next_part(&mut self, input: &mut impl Source) -> Result<Option<Vec<Batch>>, WireError> {
        if !self.in_stream {
            match BigEndian::read_i32(&input.array::<4>("the number of dataframes in a group")?) {
                0 => return Ok(None),
                1 => self.read_schema(input)?,
                found => return Err(WireError::GroupMarker { found }),
            }
        }
        let batch = read_batch(input, false, self.schema().as_deref())?;
        self.in_stream = batch.is_some();
        let end = &END_OF_STREAM;
        if self.in_stream && input.buffered().starts_with(end) {
            input.consume(end.len());
            self.in_stream = false;
        }
        Ok(Some(batch.into_iter().collect()))
    }

    fn next_side(&mut self, input: &mut impl Source) -> Result<Option<Arrived>, WireError> {
        if self.side == 1 {
            return self.read_stream(input).map(Some);
        }
        match BigEndian::read_i32(&input.array::<4>("the number of dataframes in a group")?) {
            0 => Ok(None),
            2 => self.read_stream(input).map(Some),
            found => Err(WireError::GroupMarker { found }),
        }
    }

    fn read_stream(&mut self, input: &mut impl Source) -> Result<Arrived, WireError> {
        self.read_schema(input)?;
        let mut arrived = Arrived::of(Vec::with_capacity(1));
        let schema = self.schema();
        let mut joins = schema.as_ref().is_some_and(|schema| self.joins(schema));
        // Nobody looks at what follows a fault.
        let mut looked_at = schema.as_deref();
        while let Some(batch) = read_batch(input, false, looked_at)? {
            looked_at = looked_at.filter(|_| !batch.is_malformed());
            arrived.batches.push(batch);
            // A group of one batch is in one piece already.
            let several = arrived.whole.is_some() || arrived.batches.len() > 1;
            if let (Some(schema), true) = (&schema, joins && several) {
                joins = arrived.join(schema, input)?;
            }
        }
        Ok(arrived)
    }

    fn joins(&self, schema: &InputSchema) -> bool {
        match self.join {
            Join::Never => false,
            Join::UnlessText => schema.joins && !schema.has_text,
            Join::Always => schema.joins,
        }
    }

    /// Reads a schema message. Within a task they repeat byte for byte, so all but the first are
    /// only compared.
    fn read_schema(&mut self, input: &mut impl Source) -> Result<(), WireError> {
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
}

/// What has come of a group.
struct Arrived {
    /// The batches; those that are not yet in `whole`.
    batches: Vec<Batch>,
    whole: Option<WholeColumns>,
}

impl Arrived {
    fn of(batches: Vec<Batch>) -> Self {
        Self {
            batches,
            whole: None,
        }
    }

    /// Puts the batches together with those before. `false` if one of them cannot be; then all are as they came.
    fn join(&mut self, schema: &InputSchema, input: &mut impl Source) -> Result<bool, WireError> {
        let mut batches = std::mem::take(&mut self.batches).into_iter();
        while let Some(batch) = batches.next() {
            if let Some(columns) = batch.columns() {
                let whole = self
                    .whole
                    .get_or_insert_with(|| WholeColumns::new(&columns.schema()));
                if whole.has_room(columns) {
                    whole.append(columns, input.spare())?;
                    continue;
                }
            }
            if let Some(whole) = self.whole.take() {
                let (columns, lengths) = finish(whole, input)?;
                for encoded in encode(schema, &columns, &lengths).map_err(bug)? {
                    self.batches.push(Batch::look_at(encoded, schema)?);
                }
            }
            self.batches.push(batch);
            self.batches.extend(batches);
            return Ok(false);
        }
        Ok(true)
    }
}

fn finish(
    whole: WholeColumns,
    input: &mut impl Source,
) -> Result<(RecordBatch, Vec<usize>), WireError> {
    whole.finish(input.spare()).map_err(bug)
}

/// Columns that were put together wrongly.
#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by value")]
fn bug(error: ArrowError) -> WireError {
    WireError::Panicked(Failure::Bug(error.to_string()))
}

/// The schema at the beginning of a stream, which stays there to be read. `None` if it is not as it should be.
///
/// # Errors
///
/// Fails if the socket does.
pub fn peek_schema(input: &mut impl Source) -> io::Result<Option<Schema>> {
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

/// `unwraps`: a batch of one struct column is wanted as its fields, if it can be; `schema`: if the batch is to be looked at,
/// which has to be here, where its header is.
fn read_batch(
    input: &mut impl Source,
    unwraps: bool,
    schema: Option<&InputSchema>,
) -> Result<Option<Batch>, WireError> {
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
    let found = schema.map(|schema| Look::at(schema, &header, &body));
    let found = found.transpose()?;
    let encoded = EncodedBatch {
        metadata,
        body,
        compressed: false,
        whole,
        unwrapped,
    };
    Ok(Some(Batch::new(encoded, found)))
}

fn read_metadata(
    input: &mut impl Source,
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
