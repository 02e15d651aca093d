//! A thread that encodes finished record batches and writes them to the socket.
//!
//! Output: [`marker::START_ARROW_STREAM`] once the first batch exists, then one Arrow stream, its
//! end of stream included. Nothing at all for a task without output.

use std::fs::File;
use std::io;
use std::iter;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::writer::StreamEncoder;
use arrow_schema::{ArrowError, Schema, SchemaRef};

use super::gather;
use crate::wire::marker;

/// Batches that may wait for the writer. Each is about a megabyte, see the coalescing rules.
const QUEUED_BATCHES: usize = 2;

/// The sending half, held by the main thread.
#[derive(Debug)]
pub struct WriteBehind {
    batches: Option<SyncSender<RecordBatch>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl WriteBehind {
    /// Starts the thread. It writes to `socket`, which must be in blocking mode and have nothing
    /// buffered before it, a stream with this schema, which may allow fewer nulls than the batches.
    /// The JVM gets batches of at most `rows` rows.
    ///
    /// # Errors
    ///
    /// Fails if the operating system gives no thread.
    pub fn start(socket: File, schema: SchemaRef, rows: usize) -> io::Result<Self> {
        let (batches, queue) = sync_channel(QUEUED_BATCHES);
        let thread = thread::Builder::new()
            .name("bowstring-write".to_owned())
            .spawn(move || write_all(socket, &schema, rows, &queue))?;
        Ok(Self {
            batches: Some(batches),
            thread: Some(thread),
        })
    }

    /// Queues a batch. Blocks while the queue is full; must be called without the GIL.
    ///
    /// # Errors
    ///
    /// The error that stopped the writer, most often that the JVM has closed the socket.
    pub fn write(&mut self, batch: RecordBatch) -> io::Result<()> {
        let sent = self
            .batches
            .as_ref()
            .is_some_and(|batches| batches.send(batch).is_ok());
        if sent { Ok(()) } else { self.finish() }
    }

    /// Ends the stream and waits until everything is written. Must be called without the GIL.
    ///
    /// # Errors
    ///
    /// The first error of the writer.
    pub fn finish(&mut self) -> io::Result<()> {
        self.batches = None;
        let outcome = self.thread.take().map(JoinHandle::join);
        match outcome {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(io::Error::other("bowstring's writer thread panicked")),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

fn write_all(
    mut socket: File,
    schema: &Schema,
    rows: usize,
    queue: &Receiver<RecordBatch>,
) -> io::Result<()> {
    let Ok(first) = queue.recv() else {
        return Ok(());
    };
    let mark = marker::START_ARROW_STREAM.to_be_bytes();
    // In one write with the first batch.
    let mut before = mark.as_slice();
    let mut encoder = StreamEncoder::try_new(schema).map_err(to_io)?;
    let mut next = Some(first);
    while let Some(batch) = next {
        for first in (0..batch.num_rows().max(1)).step_by(rows) {
            let length = rows.min(batch.num_rows() - first);
            let encoded = encoder.encode(&batch.slice(first, length)).map_err(to_io)?;
            let pieces = encoded.iter().map(Buffer::as_slice);
            gather::write_all(&mut socket, iter::once(before).chain(pieces))?;
            before = &[];
        }
        next = queue.recv().ok();
    }
    let end = encoder.finish().map_err(to_io)?;
    gather::write_all(&mut socket, end.iter().map(Buffer::as_slice))
}

fn to_io(error: ArrowError) -> io::Error {
    io::Error::other(error)
}
