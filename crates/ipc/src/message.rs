//! Arrow's encapsulated IPC messages: `0xFFFFFFFF: u32 LE` ‖ `len: i32 LE` ‖ `metadata` ‖ `body`.
//!
//! Source: Arrow Columnar Format, "Encapsulated message format".

use arrow_ipc::{
    Buffer as Place, FieldNode, Message, MessageArgs, MessageHeader as Kind, MetadataVersion,
    RecordBatch, RecordBatchArgs, root_as_message,
};
use byteorder::{ByteOrder, LittleEndian};
use flatbuffers::FlatBufferBuilder;

use crate::{MAX_METADATA_BYTES, MAX_ROWS, WireError};

/// What every message of an IPC stream starts with.
pub const CONTINUATION: u32 = 0xFFFF_FFFF;

/// The eight bytes before a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessagePrefix {
    /// The stream is over.
    EndOfStream,
    /// Metadata of this many bytes follow.
    Metadata(usize),
}

impl MessagePrefix {
    /// Decodes the eight bytes.
    ///
    /// # Errors
    ///
    /// Fails on a missing continuation marker and on a length beyond [`MAX_METADATA_BYTES`].
    pub(crate) fn decode(bytes: [u8; 8]) -> Result<Self, WireError> {
        let (first, second) = bytes.split_at(4);
        let (continuation, length) = (
            LittleEndian::read_u32(first),
            LittleEndian::read_i32(second),
        );
        if continuation != CONTINUATION {
            return Err(WireError::Metadata {
                expected: "an Arrow stream",
                reason: format!(
                    "it starts with 0x{continuation:08x}, not with 0x{CONTINUATION:08x}"
                ),
            });
        }
        match usize::try_from(length) {
            Ok(0) => Ok(Self::EndOfStream),
            Ok(length) if length <= MAX_METADATA_BYTES => Ok(Self::Metadata(length)),
            Ok(_) | Err(_) => Err(WireError::Length {
                what: "Arrow IPC metadata",
                length: length.into(),
                limit: i64::try_from(MAX_METADATA_BYTES).unwrap_or(i64::MAX),
            }),
        }
    }
}

/// Length of a message's body, in bytes.
pub(crate) type BodyLength = usize;

/// Checked access to the metadata of one message.
#[derive(Clone, Copy, Debug)]
pub struct MessageHeader<'a> {
    message: Message<'a>,
}

impl<'a> MessageHeader<'a> {
    /// Verifies the flatbuffer.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not a well-formed message.
    pub fn decode(metadata: &'a [u8], expected: &'static str) -> Result<Self, WireError> {
        let message = root_as_message(metadata).map_err(|error| WireError::Metadata {
            expected,
            reason: error.to_string(),
        })?;
        Ok(Self { message })
    }

    /// The length of the body that follows the metadata.
    ///
    /// # Errors
    ///
    /// Fails on a negative length.
    pub fn body_length(&self) -> Result<BodyLength, WireError> {
        let length = self.message.bodyLength();
        usize::try_from(length)
            .ok()
            .filter(|_| length < (1 << 40))
            .ok_or(WireError::Length {
                what: "an Arrow IPC body",
                length,
                limit: 1 << 40,
            })
    }

    /// The schema in this message.
    ///
    /// # Errors
    ///
    /// Fails if this is another kind of message.
    pub fn schema(&self) -> Result<arrow_ipc::Schema<'a>, WireError> {
        self.message
            .header_as_schema()
            .ok_or_else(|| WireError::MessageKind {
                expected: "a schema",
                found: self.kind(),
            })
    }

    /// The record batch in this message, its numbers still unchecked against the body.
    ///
    /// # Errors
    ///
    /// Fails if this is another kind of message, or has an absurd number of rows.
    pub fn record_batch(&self) -> Result<RecordBatch<'a>, WireError> {
        let batch =
            self.message
                .header_as_record_batch()
                .ok_or_else(|| WireError::MessageKind {
                    expected: "a record batch",
                    found: self.kind(),
                })?;
        let rows = batch.length();
        if (0..=MAX_ROWS).contains(&rows) {
            Ok(batch)
        } else {
            Err(WireError::Length {
                what: "a record batch (rows)",
                length: rows,
                limit: MAX_ROWS,
            })
        }
    }

    /// The metadata version of this message, which the decoder of its body needs.
    pub fn version(&self) -> MetadataVersion {
        self.message.version()
    }

    fn kind(&self) -> String {
        let kind: Kind = self.message.header_type();
        kind.variant_name().unwrap_or("unknown").to_owned()
    }
}

/// The metadata of a record batch without compression, with other arrays and buffers than `batch`.
pub(super) fn record_batch_metadata(
    version: MetadataVersion,
    batch: RecordBatch<'_>,
    nodes: &[FieldNode],
    places: &[Place],
    body: BodyLength,
) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let variadic: Option<Vec<i64>> = batch
        .variadicBufferCounts()
        .map(|counts| counts.iter().collect());
    let args = RecordBatchArgs {
        length: batch.length(),
        nodes: Some(builder.create_vector(nodes)),
        buffers: Some(builder.create_vector(places)),
        compression: None,
        variadicBufferCounts: variadic.map(|counts| builder.create_vector(&counts)),
    };
    let header = RecordBatch::create(&mut builder, &args);
    let message = Message::create(
        &mut builder,
        &MessageArgs {
            version,
            header_type: Kind::RecordBatch,
            header: Some(header.as_union_value()),
            bodyLength: i64::try_from(body).unwrap_or(i64::MAX),
            custom_metadata: None,
        },
    );
    builder.finish(message, None);
    builder.finished_data().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_of_stream_is_a_zero_length() {
        let bytes = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        assert_eq!(
            MessagePrefix::decode(bytes).unwrap(),
            MessagePrefix::EndOfStream
        );
    }

    #[test]
    fn refuses_negative_and_absurd_metadata_lengths() {
        for length in [-1_i32, i32::MAX] {
            let mut bytes = [0xff; 8];
            bytes[4..].copy_from_slice(&length.to_le_bytes());
            assert!(matches!(
                MessagePrefix::decode(bytes),
                Err(WireError::Length { .. })
            ));
        }
    }

    #[test]
    fn refuses_a_stream_without_continuation_marker() {
        assert!(matches!(
            MessagePrefix::decode([0; 8]),
            Err(WireError::Metadata { .. })
        ));
    }

    #[test]
    fn refuses_metadata_that_are_noise() {
        for length in 0..64_u8 {
            let noise: Vec<u8> = (0..length)
                .map(|i: u8| i.wrapping_mul(37).wrapping_add(11))
                .collect();
            assert!(MessageHeader::decode(&noise, "a schema").is_err());
        }
    }
}
