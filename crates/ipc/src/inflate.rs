//! Decompression of record batches, before anybody looks at their values.
//!
//! Each buffer is `size: i64 LE` ‖ `compressed bytes`, or `-1` ‖ `bytes as they are`, or empty.
//!
//! Source: Arrow Columnar Format, "Compression"; Spark sends it from 4.1 on, if
//! `spark.sql.execution.arrow.compression.codec` says so.

use std::io::{self, Read};

use arrow_buffer::Buffer;
use arrow_ipc::{Buffer as Place, CompressionType, RecordBatch};
use bowstring_memory::{self as memory, OutOfMemory};
use byteorder::{ByteOrder, LittleEndian};

use crate::fault::Lie;
use crate::message::record_batch_metadata;
use crate::soundness::find;

/// Largest factor by which a compressed buffer may grow. LZ4 reaches 255, zstd on constant data
/// some ten thousand.
const MAX_EXPANSION: usize = 1 << 16;

/// Arrow's readers want buffers to start at multiples of this.
const ALIGNMENT: usize = 64;

/// Memory that is taken before a decoder has yielded a byte.
const FIRST_STEP: usize = 64 << 10;

/// What memory is asked for.
const WHAT: &str = "an inflated record batch";

/// A record batch's metadata and body.
pub(super) type Parts = (Vec<u8>, Buffer);

/// The same record batch without compression. `None` if it has none.
///
/// Memory grows with what the decoder yields, not with what is announced.
///
/// # Errors
///
/// The inner one: the first buffer, as its position, that does not yield what it announces. The outer one: there is no memory.
pub(crate) fn inflate(
    version: arrow_ipc::MetadataVersion,
    batch: RecordBatch<'_>,
    body: &[u8],
) -> Result<Result<Option<Parts>, (usize, Lie)>, OutOfMemory> {
    let Some(compression) = batch.compression() else {
        return Ok(Ok(None));
    };
    let codec = compression.codec();
    let mut places = Vec::new();
    let mut inflated = Vec::new();
    for (index, place) in batch.buffers().into_iter().flatten().enumerate() {
        let buffer = match find(body, index, place) {
            Ok((_, buffer)) => buffer,
            Err(lie) => return Ok(Err((index, lie))),
        };
        inflated.resize(inflated.len().next_multiple_of(ALIGNMENT), 0);
        let start = inflated.len();
        match append(&mut inflated, codec, index, buffer) {
            Ok(()) => {}
            Err(Stop::Lie(lie)) => return Ok(Err((index, lie))),
            Err(Stop::Memory(error)) => return Err(error),
        }
        let length = inflated.len().saturating_sub(start);
        // A `Vec` has at most `isize::MAX` bytes.
        places.push(Place::new(
            i64::try_from(start).unwrap_or(i64::MAX),
            i64::try_from(length).unwrap_or(i64::MAX),
        ));
    }
    inflated.resize(inflated.len().next_multiple_of(ALIGNMENT), 0);
    let nodes: Vec<_> = batch.nodes().into_iter().flatten().copied().collect();
    let metadata = record_batch_metadata(version, batch, &nodes, &places, inflated.len());
    let mut aligned = memory::allocate(WHAT, inflated.len())?;
    aligned.extend_from_slice(&inflated);
    Ok(Ok(Some((metadata, aligned.into()))))
}

/// Why a buffer is not inflated.
#[derive(Debug, PartialEq)]
enum Stop {
    Lie(Lie),
    Memory(OutOfMemory),
}

impl From<Lie> for Stop {
    fn from(lie: Lie) -> Self {
        Self::Lie(lie)
    }
}

fn append(
    target: &mut Vec<u8>,
    codec: CompressionType,
    index: usize,
    buffer: &[u8],
) -> Result<(), Stop> {
    if buffer.is_empty() {
        return Ok(());
    }
    let lie = |announced, reason: String| Lie::Compression {
        index,
        codec: codec.variant_name().unwrap_or("unknown"),
        announced,
        reason,
    };
    let Some((size, data)) = buffer.split_first_chunk::<8>() else {
        return Err(lie(0, format!("and has {} bytes in all", buffer.len())).into());
    };
    let announced = LittleEndian::read_i64(size);
    if announced == -1 {
        let refused = target.try_reserve(data.len()).err();
        if refused.is_some() {
            return Err(out_of_memory(data.len()));
        }
        target.extend_from_slice(data);
        return Ok(());
    }
    let limit = data.len().saturating_mul(MAX_EXPANSION);
    let size = usize::try_from(announced)
        .ok()
        .filter(|size| *size <= limit)
        .ok_or_else(|| lie(announced, format!("which {} cannot yield", data.len())))?;
    if size == 0 {
        return Ok(());
    }
    target.reserve(size.min(FIRST_STEP));
    // One byte more would show that there is more than announced.
    let most = u64::try_from(size).unwrap_or(u64::MAX).saturating_add(1);
    let outcome = match codec {
        CompressionType::LZ4_FRAME => lz4_flex::frame::FrameDecoder::new(data)
            .take(most)
            .read_to_end(target),
        CompressionType::ZSTD => zstd::stream::read::Decoder::with_buffer(data)
            .and_then(|decoder| decoder.take(most).read_to_end(target)),
        _ => return Err(lie(announced, "whose codec is unknown".to_owned()).into()),
    };
    match outcome {
        Ok(yielded) if yielded == size => Ok(()),
        Ok(yielded) if yielded > size => Err(lie(announced, "which yield more".to_owned()).into()),
        Ok(yielded) => Err(lie(announced, format!("which yield {yielded}")).into()),
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => Err(out_of_memory(size)),
        Err(error) => Err(lie(announced, format!("which are damaged: {error}")).into()),
    }
}

fn out_of_memory(bytes: usize) -> Stop {
    Stop::Memory(OutOfMemory { what: WHAT, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(codec: CompressionType, announced: i64, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = announced.to_le_bytes().to_vec();
        if codec == CompressionType::ZSTD {
            buffer.extend(zstd::encode_all(bytes, 1).unwrap());
        } else {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(buffer);
            io::Write::write_all(&mut encoder, bytes).unwrap();
            buffer = encoder.finish().unwrap();
        }
        buffer
    }

    const CODECS: [CompressionType; 2] = [CompressionType::ZSTD, CompressionType::LZ4_FRAME];

    #[test]
    fn yields_what_was_compressed() {
        for codec in CODECS {
            let mut target = b"before".to_vec();
            let buffer = compressed(codec, 300, &[7; 300]);
            assert_eq!(append(&mut target, codec, 0, &buffer), Ok(()));
            assert_eq!(target, [b"before".as_slice(), &[7; 300]].concat());
        }
    }

    #[test]
    fn bytes_that_did_not_shrink_are_taken_as_they_are() {
        let mut target = Vec::new();
        let buffer = [(-1_i64).to_le_bytes().as_slice(), b"as they are"].concat();
        assert_eq!(
            append(&mut target, CompressionType::ZSTD, 0, &buffer),
            Ok(())
        );
        assert_eq!(target, b"as they are");
    }

    #[test]
    fn refuses_another_size_than_announced() {
        for codec in CODECS {
            for announced in [299, 301, -2, i64::MAX] {
                let buffer = compressed(codec, announced, &[7; 300]);
                let outcome = append(&mut Vec::new(), codec, 4, &buffer);
                let Err(Stop::Lie(Lie::Compression {
                    index,
                    announced: found,
                    ..
                })) = outcome
                else {
                    panic!("{announced} bytes were taken: {outcome:?}");
                };
                assert_eq!((index, found), (4, announced));
            }
        }
    }

    #[test]
    fn memory_follows_the_bytes_and_not_the_announcement() {
        let mut target = Vec::new();
        let buffer = compressed(CompressionType::ZSTD, 1 << 20, &[7; 300]);
        assert!(append(&mut target, CompressionType::ZSTD, 0, &buffer).is_err());
        assert!(target.capacity() <= 2 * FIRST_STEP);
    }
}
