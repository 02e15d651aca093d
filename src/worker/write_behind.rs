//! A thread that encodes finished record batches and writes them to the socket.
//!
//! Output: [`marker::START_ARROW_STREAM`] once the first batch exists, then one Arrow stream, its
//! end of stream included. Nothing at all for a task without output.

use std::fs::File;
use std::io::{self, Write};
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

/// Bytes below which messages are copied together: some of one row each have more pieces than bytes are worth it.
const COPIED_BYTES: usize = 64 << 10;

/// Bytes of copied messages that are written at once.
const WRITTEN_BYTES: usize = 256 << 10;

/// What the writer gets.
#[derive(Debug)]
enum Item {
    Batch(RecordBatch),
    /// Everything before is written when this is dropped.
    Settled(SyncSender<()>),
}

/// The sending half, held by the main thread.
#[derive(Debug)]
pub struct WriteBehind {
    batches: Option<SyncSender<Item>>,
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
            .is_some_and(|batches| batches.send(Item::Batch(batch)).is_ok());
        if sent { Ok(()) } else { self.finish() }
    }

    /// Waits until all batches are written and let go of. Must be called without the GIL, which letting go may need.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub fn settle(&mut self) -> io::Result<()> {
        let (settled, wait) = sync_channel(1);
        let batches = self.batches.as_ref();
        let sent = batches.is_some_and(|batches| batches.send(Item::Settled(settled)).is_ok());
        if sent && wait.recv().is_ok() {
            Ok(())
        } else {
            self.finish()
        }
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

fn write_all(socket: File, schema: &Schema, rows: usize, queue: &Receiver<Item>) -> io::Result<()> {
    let Ok(Item::Batch(first)) = queue.recv() else {
        return Ok(());
    };
    let mut output = Output {
        socket,
        little: marker::START_ARROW_STREAM.to_be_bytes().to_vec(),
    };
    let mut encoder = StreamEncoder::try_new(schema).map_err(to_io)?;
    let mut next = Some(first);
    while let Some(batch) = next {
        for first in (0..batch.num_rows().max(1)).step_by(rows) {
            let length = rows.min(batch.num_rows() - first);
            output.append(&encoder.encode(&batch.slice(first, length)).map_err(to_io)?)?;
        }
        output.flush()?;
        drop(batch);
        next = next_batch(queue);
    }
    output.append(&encoder.finish().map_err(to_io)?)?;
    output.flush()
}

/// `None` when there will be no more.
fn next_batch(queue: &Receiver<Item>) -> Option<RecordBatch> {
    loop {
        match queue.recv() {
            Ok(Item::Batch(batch)) => return Some(batch),
            // Nobody waits any more if it cannot be sent.
            Ok(Item::Settled(settled)) => drop(settled.send(())),
            Err(_) => return None,
        }
    }
}

/// The socket, and small messages on their way to it.
struct Output {
    socket: File,
    little: Vec<u8>,
}

impl Output {
    /// Takes a message. A large one is written from where it lies.
    fn append(&mut self, message: &[Buffer]) -> io::Result<()> {
        let length: usize = message.iter().map(Buffer::len).sum();
        if length < COPIED_BYTES {
            for piece in message {
                self.little.extend_from_slice(piece);
            }
            if self.little.len() >= WRITTEN_BYTES {
                self.flush()?;
            }
            return Ok(());
        }
        let pieces = message.iter().map(Buffer::as_slice);
        gather::write_all(
            &mut self.socket,
            iter::once(self.little.as_slice()).chain(pieces),
        )?;
        self.little.clear();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.write_all(&self.little)?;
        self.little.clear();
        Ok(())
    }
}

fn to_io(error: ArrowError) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn small_and_large_messages_keep_their_order() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).map(|_| all)
        });
        let mut output = Output {
            socket: File::from(OwnedFd::from(ours)),
            little: b"mark".to_vec(),
        };
        let sizes = [3, COPIED_BYTES, COPIED_BYTES - 1, 0, 2 * WRITTEN_BYTES, 1];
        let sizes = sizes.into_iter().chain([COPIED_BYTES - 1; 9]);
        let mut expected = b"mark".to_vec();
        for (index, size) in sizes.enumerate() {
            let body = vec![u8::try_from(index).unwrap(); size];
            expected.extend_from_slice(&body);
            let (head, tail) = body.split_at(size / 3);
            output
                .append(&[Buffer::from(head), Buffer::from(tail)])
                .unwrap();
            assert!(output.little.len() < WRITTEN_BYTES);
        }
        output.flush().unwrap();
        drop(output);
        assert_eq!(reader.join().unwrap().unwrap(), expected);
    }
}
