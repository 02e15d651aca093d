//! What has to hold for the decoder and the group splitter, whatever the bytes are.
//!
//! The fuzz targets call these, and `crates/socket/tests/fuzz_corpus.rs` calls them for every input that is
//! kept. A function returns if all is well and panics if not.

#![expect(dead_code, reason = "each of three programs uses its share")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "test code, in a file that clippy does not know for one"
)]

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::reader::read_record_batch;
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};
use bowstring_ipc::framing::{Framing, GroupReader, Join};
use bowstring_ipc::group::{EncodedBatch, Group, InputSchema};
use bowstring_ipc::{CONTINUATION, Decoded, MessageHeader, Source, Why, WireError, nullable};
use bowstring_socket::input::Input;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

/// Bytes that decoding may keep for each byte of an uncompressed input.
const GROWTH: usize = 16;

/// Largest input that is sent through a socket, whose buffer has to take all of it.
const SENT: usize = 96 << 10;

/// The same if it is sent in packets.
const TRICKLED: usize = 16 << 10;

/// Number of packets in which it is sent.
const PACKETS: usize = 64;

/// libFuzzer ends at every panic, even one that is caught, and the decoder catches those of the
/// Arrow library. Only a panic of this file, which is a claim that failed, shall end it at once.
pub(crate) fn let_guarded_panics_pass() {
    let end = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic
            .location()
            .is_some_and(|at| at.file().ends_with("oracles.rs"))
        {
            end(panic);
        }
    }));
}

/// `data`: an encapsulated schema message, then an encapsulated record batch and its body.
pub(crate) fn decoder(data: &[u8]) {
    let Some((schema, batch)) = split_message(data) else {
        return;
    };
    let looked_at = decode(schema, batch, |_| Vec::new());
    let native = decode(schema, batch, native_columns);
    let (looked_at, native) = match (looked_at, native) {
        (Ok(looked_at), Ok(native)) => (looked_at, native),
        (Err(first), Err(second)) => {
            assert_eq!(first.to_string(), second.to_string());
            return;
        }
        (first, second) => panic!("projection decides: {first:?}, {second:?}"),
    };
    match (&looked_at.columns, &native.columns) {
        (Decoded::Malformed(first), Decoded::Malformed(second)) => {
            assert_eq!(first.to_string(), second.to_string());
            return;
        }
        (Decoded::Native(_), Decoded::Stock(why)) => return assert_refused(&native, why),
        (Decoded::Stock(_), Decoded::Stock(_)) => return,
        (Decoded::Native(_), Decoded::Native(batches)) => follow(&native, batches, data),
        (first, second) => panic!("what is sound is refused: {first:?}, {second:?}"),
    }
    let schema_of_group = &native.schema.schema;
    if schema_of_group
        .fields()
        .iter()
        .all(|field| is_sent(field.data_type()))
    {
        whole(schema, batch, data);
    }
}

/// Follows every column, those too that the daemon leaves to pyarrow.
fn whole(schema: &[u8], batch: &[u8], data: &[u8]) {
    let group = decode(schema, batch, |schema| (0..schema.fields().len()).collect());
    let group = group.expect("what is read without columns is read with them");
    match &group.columns {
        Decoded::Native(batches) => {
            follow(&group, batches, data);
            for (encoded, batch) in group.encoded.iter().zip(batches) {
                let message = encoded.message().expect("memory");
                let theirs = read_by_arrow(&message, batch.schema(), None);
                assert_eq!(
                    &theirs.expect("what is decoded the Arrow library reads"),
                    batch
                );
            }
        }
        Decoded::Stock(why) => assert_refused(&group, why),
        Decoded::Malformed(fault) => panic!("what is sound is refused: {fault}"),
    }
}

/// A batch as the Arrow library alone reads it.
fn read_by_arrow(
    message: &[u8],
    schema: SchemaRef,
    projection: Option<&[usize]>,
) -> Result<RecordBatch, ArrowError> {
    let length = u32::from_le_bytes(message[4..8].try_into().unwrap()) as usize;
    let (metadata, body) = message[8..].split_at(length);
    let header = MessageHeader::decode(metadata, "a record batch").unwrap();
    let batch = header.record_batch().unwrap();
    let (body, none) = (Buffer::from(body), HashMap::new());
    read_record_batch(&body, batch, schema, &none, projection, &header.version())
}

/// What is sound is refused for two reasons alone, neither of them such that a reader could stumble over it; and the Arrow
/// library refuses it, too.
fn assert_refused(group: &Group, why: &Why) {
    let Why::Refused(error) = why else {
        panic!("projection decides: {why:?}");
    };
    let error = error.to_string().to_lowercase();
    let known = ["utf8", "utf-8", "non-nullable", "map key", "maparray"];
    assert!(known.iter().any(|part| error.contains(part)), "{error}");
    let InputSchema {
        schema, projection, ..
    } = &*group.schema;
    let fields: Vec<_> = schema.fields().iter().map(nullable).collect();
    let schema = SchemaRef::new(Schema::new(fields));
    let reads = |encoded: &EncodedBatch| {
        let message = encoded.message().expect("memory");
        let read = || read_by_arrow(&message, SchemaRef::clone(&schema), Some(projection));
        catch_unwind(AssertUnwindSafe(read)).is_ok_and(|read| read.is_ok())
    };
    assert!(!group.encoded.iter().all(reads), "{error}");
}

/// Everything that the main thread reads of a decoded group.
fn follow(group: &Group, batches: &[RecordBatch], data: &[u8]) {
    let uncompressed = group.bytes() <= data.len();
    for batch in batches {
        assert_eq!(batch.num_rows(), group.rows);
        // Rows without values cost nothing on the wire, and time here.
        let few = group.rows <= 1 << 16;
        for column in batch.columns() {
            assert_eq!(column.len(), group.rows);
            if few && column.data_type() != &DataType::Null {
                let nulls = (0..column.len()).filter(|row| column.is_null(*row));
                assert_eq!(nulls.count(), column.null_count());
            }
            if uncompressed {
                let memory = column.get_buffer_memory_size();
                assert!(
                    memory <= GROWTH * data.len(),
                    "{memory} bytes of {}",
                    data.len()
                );
            }
            column
                .to_data()
                .validate_full()
                .expect("every value can be read");
        }
    }
    // What goes to pyarrow says the same as what came.
    for (encoded, batch) in group.encoded.iter().zip(batches) {
        let fields = group.schema.schema.fields();
        let projection = group.schema.projection.clone();
        assert!(projection.iter().all(|index| *index < fields.len()));
        let again = Group::decode(
            &group.schema.message,
            &[&encoded.message().expect("memory")],
            GroupReader::new(
                Framing::BatchPerGroup,
                Box::new(move |_| projection.clone()),
            ),
        );
        match again.expect("a message of ours").columns {
            Decoded::Native(again) => assert_eq!(again.first(), Some(batch)),
            other => panic!("decoded once, not twice: {other:?}"),
        }
    }
}

/// `data`: a byte that chooses the framing, then a data section and what follows it.
pub(crate) fn group_splitter(data: &[u8]) {
    let Some((framing, section)) = data.split_first() else {
        return;
    };
    let framing = if framing % 2 == 0 {
        Framing::BatchPerGroup
    } else {
        Framing::StreamPerGroup
    };
    if section.len() > SENT {
        return;
    }
    let read = split(framing, send(section));
    if section.len() <= TRICKLED {
        assert_eq!(
            read,
            split(framing, trickle(section)),
            "short reads make a difference"
        );
    }
    if framing == Framing::StreamPerGroup {
        in_parts(section, &read, &split(Framing::Parts, send(section)));
        joined(section);
        if section.len() <= TRICKLED {
            in_parts(section, &read, &split(Framing::Parts, trickle(section)));
        }
    }
    assert!(read.groups <= section.len());
    assert!(!read.as_sent || read.bytes <= section.len());
    if let (Ok(rest), true) = (&read.end, read.as_sent) {
        // The groups are all that there was, and nothing behind the section is taken.
        let consumed = section.len() - rest.len();
        assert!(section.ends_with(rest));
        assert_eq!(read.reassembled, &section[..consumed]);
    }
}

/// Batches that are handed over one by one are those of the whole groups.
fn in_parts(section: &[u8], whole: &Read, parts: &Read) {
    assert_eq!(whole.end, parts.end);
    if whole.end.is_ok() {
        assert_eq!(whole, parts);
    } else {
        // Some of a group that has no end may be there.
        assert!(parts.groups == whole.groups && parts.rows >= whole.rows);
        assert!(!parts.as_sent || section.starts_with(&parts.reassembled));
    }
}

/// Columns that were put together are those of the batches, and become the same batches again.
fn joined(section: &[u8]) {
    let reader = |join| {
        let reader = GroupReader::new(Framing::StreamPerGroup, Box::new(native_columns));
        (
            reader.text_as_bytes().joining(join),
            Input::new(send(section)),
        )
    };
    let ((mut plain, mut input), (mut joining, mut again)) =
        (reader(Join::Never), reader(Join::Always));
    while let (Ok(Some(plain)), Ok(Some(group))) =
        (plain.next_group(&mut input), joining.next_group(&mut again))
    {
        assert_eq!((plain.rows, plain.batches()), (group.rows, group.batches()));
        let Decoded::Native(expected) = &plain.columns else {
            assert!(group.joined.is_empty());
            continue;
        };
        let again = group
            .taken_apart()
            .expect("what was decoded can be encoded");
        let messages = group.encoded.iter().chain(&again);
        let messages: Vec<Buffer> = messages.map(|batch| batch.message().unwrap()).collect();
        let messages: Vec<&[u8]> = messages.iter().map(Buffer::as_slice).collect();
        let (decoder, _) = reader(Join::Never);
        let decoded = Group::decode(&group.schema.message, &messages, decoder);
        match decoded.expect("messages of ours").columns {
            Decoded::Native(decoded) => assert_eq!(&decoded, expected),
            other => panic!("decoded once, not twice: {other:?}"),
        }
        assert!(group.rows == 0 || group.first_row(&[]).is_ok());
    }
}

/// What was read of a data section.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    groups: usize,
    rows: usize,
    bytes: usize,
    /// Nothing was compressed, so that the messages are those that were sent.
    as_sent: bool,
    /// The section put together again.
    reassembled: Vec<u8>,
    /// What follows the section, or the error.
    end: Result<Vec<u8>, String>,
}

fn split(framing: Framing, file: File) -> Read {
    let end_of_stream = [CONTINUATION.to_le_bytes(), [0; 4]].concat();
    let mut input = Input::new(file);
    let mut reader = GroupReader::new(framing, Box::new(native_columns));
    let mut read = Read {
        groups: 0,
        rows: 0,
        bytes: 0,
        as_sent: true,
        reassembled: Vec::new(),
        end: Ok(Vec::new()),
    };
    let streams = framing != Framing::BatchPerGroup;
    let (mut schema, mut ended) = (None, true);
    loop {
        match reader.next_group(&mut input) {
            Ok(Some(group)) => {
                read.groups += usize::from(group.ends);
                read.rows = read.rows.saturating_add(group.rows);
                read.bytes += group.bytes();
                if streams {
                    if ended {
                        read.reassembled.extend(1_i32.to_be_bytes());
                        read.reassembled.extend(&group.schema.message);
                    }
                } else if schema.is_none() {
                    read.reassembled.extend(&group.schema.message);
                }
                for batch in &group.encoded {
                    read.as_sent &= !batch.was_compressed();
                    read.reassembled
                        .extend_from_slice(&batch.message().expect("memory"));
                }
                if streams && group.ends {
                    read.reassembled.extend(&end_of_stream);
                }
                ended = group.ends;
                schema = Some(group.schema);
            }
            Ok(None) => break,
            Err(error) => {
                let text = error.to_string();
                assert!(!matches!(error, WireError::Io { .. }), "{text}");
                read.end = Err(text);
                return read;
            }
        }
    }
    if streams {
        read.reassembled.extend(0_i32.to_be_bytes());
    } else if schema.is_some() {
        read.reassembled.extend(&end_of_stream);
    } else {
        // A stream without batches: its schema is not to be had.
        read.as_sent = false;
    }
    let mut rest = Vec::new();
    while input.wait().unwrap() {
        rest.extend_from_slice(input.buffered());
        input.consume(usize::MAX / 2);
    }
    read.end = Ok(rest);
    read
}

/// A socket that has `data` and then ends.
fn send(data: &[u8]) -> File {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.write_all(data).unwrap();
    File::from(OwnedFd::from(theirs))
}

/// A socket that hands `data` out in small packets and then ends.
fn trickle(data: &[u8]) -> File {
    let pair = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    );
    let (ours, theirs) = pair.unwrap();
    let mut ours = File::from(ours);
    for packet in data.chunks(data.len().div_ceil(PACKETS).max(1)) {
        ours.write_all(packet).unwrap();
    }
    File::from(theirs)
}

/// The columns of types that have a native path, which is known without Python.
fn native_columns(schema: &Schema) -> Vec<usize> {
    let native = schema.fields().iter().enumerate();
    let native = native.filter(|(_, field)| {
        let data_type = field.data_type();
        is_sent(data_type) && !data_type.is_nested()
    });
    native.map(|(index, _)| index).collect()
}

/// Whether Spark sends this type, as a column or inside one.
fn is_sent(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(child) | DataType::Map(child, _) | DataType::LargeList(child) => {
            is_sent(child.data_type())
        }
        DataType::Struct(fields) => fields.iter().all(|field| is_sent(field.data_type())),
        DataType::Null
        | DataType::Boolean
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Binary
        | DataType::LargeBinary => true,
        other => other.is_primitive(),
    }
}

fn decode(
    schema: &[u8],
    batch: &[u8],
    project: impl Fn(&Schema) -> Vec<usize> + Send + 'static,
) -> Result<Group, WireError> {
    let reader = GroupReader::new(Framing::BatchPerGroup, Box::new(project));
    Group::decode(schema, &[batch], reader)
}

/// The first encapsulated message, which has no body, and what follows it.
fn split_message(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = data.get(4..8)?.try_into().ok().map(i32::from_le_bytes)?;
    let length = usize::try_from(length).ok()?;
    MessageHeader::decode(data.get(8..)?.get(..length)?, "a schema").ok()?;
    data.split_at_checked(8 + length)
}
