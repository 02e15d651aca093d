//! A thread that encodes finished record batches and writes them to the socket.
//!
//! Output: [`marker::START_ARROW_STREAM`] once the first batch exists, then one Arrow stream, its
//! end of stream included. Nothing at all for a task without output.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema, SchemaRef};

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
    let start = marker::START_ARROW_STREAM.to_be_bytes().to_vec();
    let mut writer = StreamWriter::try_new(start, schema).map_err(to_io)?;
    let mut next = Some(first);
    while let Some(batch) = next {
        if batch.num_rows() <= rows {
            writer.write(&batch).map_err(to_io)?;
        } else {
            for first in (0..batch.num_rows()).step_by(rows) {
                let length = rows.min(batch.num_rows() - first);
                writer.write(&batch.slice(first, length)).map_err(to_io)?;
            }
        }
        socket.write_all(writer.get_ref())?;
        writer.get_mut().clear();
        next = queue.recv().ok();
    }
    writer.finish().map_err(to_io)?;
    socket.write_all(writer.get_ref())
}

fn to_io(error: ArrowError) -> io::Error {
    io::Error::other(error)
}
