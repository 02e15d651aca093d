//! A thread that encodes finished record batches and writes them to the socket.
//!
//! Output: [`marker::START_ARROW_STREAM`] once the first batch exists, then one Arrow stream, its
//! end of stream included. Nothing at all for a task without output.

use std::fs::File;
use std::io::{self, Write};
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::writer::StreamEncoder;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use bowstring_ipc::marker;
use bowstring_memory::{self as memory, Failure};

use crate::gather;

/// Batches that may wait for the writer. Each is about a megabyte, see the coalescing rules.
const QUEUED_BATCHES: usize = 2;

/// Bytes below which messages are copied together: some of one row each have more pieces than bytes are worth it.
const COPIED_BYTES: usize = 64 << 10;

/// Bytes of copied messages that are written at once.
const WRITTEN_BYTES: usize = 256 << 10;

/// Bytes of a batch that is waited for where memory is short.
const LARGE: usize = 4 << 20;

/// A batch, and whether somebody waits until it is written.
type Queued = (RecordBatch, bool);

/// The sending half, held by the main thread.
#[derive(Debug)]
pub struct WriteBehind {
    batches: Option<SyncSender<Queued>>,
    /// Hears of each batch that was waited for.
    written: Receiver<()>,
    /// Memory is short: a large batch is waited for.
    sparing: bool,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl WriteBehind {
    /// Starts the thread. It writes to `socket`, which must be in blocking mode and have nothing
    /// buffered before it, a stream with this schema, which may allow fewer nulls than the batches.
    /// The JVM gets batches of at most `rows` rows.
    ///
    /// # Errors
    ///
    /// As [`memory::thread`].
    pub fn start(socket: File, schema: SchemaRef, rows: usize) -> io::Result<Self> {
        let (batches, queue) = sync_channel(QUEUED_BATCHES);
        let (done, written) = sync_channel(0);
        let thread = memory::thread("bowstring-write", move || {
            write_all(socket, &schema, rows, &queue, &done)
        })?;
        Ok(Self {
            batches: Some(batches),
            written,
            sparing: memory::is_limited(),
            thread: Some(thread),
        })
    }

    /// Queues a batch. Blocks while the queue is full; must be called without the GIL.
    ///
    /// # Errors
    ///
    /// The error that stopped the writer, most often that the JVM has closed the socket.
    pub fn write(&mut self, batch: RecordBatch) -> io::Result<()> {
        let waits = self.sparing && batch.get_array_memory_size() >= LARGE;
        self.send(batch, waits)
    }

    /// The same, and waits until the batch is written and let go of, for which the interpreter may be needed.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub fn write_now(&mut self, batch: RecordBatch) -> io::Result<()> {
        self.send(batch, true)
    }

    fn send(&mut self, batch: RecordBatch, waits: bool) -> io::Result<()> {
        let sent = self
            .batches
            .as_ref()
            .is_some_and(|batches| batches.send((batch, waits)).is_ok());
        if sent && (!waits || self.written.recv().is_ok()) {
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
            Some(Err(panic)) => Err(io::Error::other(Failure::of_panic(panic.as_ref()))),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

fn write_all(
    socket: File,
    schema: &Schema,
    rows: usize,
    queue: &Receiver<Queued>,
    done: &SyncSender<()>,
) -> io::Result<()> {
    let Ok(first) = queue.recv() else {
        return Ok(());
    };
    let mut output = Output {
        socket,
        little: marker::START_ARROW_STREAM.to_be_bytes().to_vec(),
    };
    let mut encoder = encode(|| StreamEncoder::try_new(schema))?;
    let mut next = Some(first);
    let mut outcome = Ok(());
    while let Some((batch, waits)) = next {
        for first in (0..batch.num_rows().max(1)).step_by(rows) {
            let length = rows.min(batch.num_rows() - first);
            // Nothing of a message is written before all of it is there.
            let encoded = encode(|| encoder.encode(&batch.slice(first, length)));
            match encoded {
                Ok(message) => output.append(&message)?,
                Err(error) => outcome = Err(error),
            }
            if outcome.is_err() {
                break;
            }
        }
        if outcome.is_ok() {
            output.flush()?;
        }
        let mut batch = Some(batch);
        if waits && outcome.is_ok() {
            outcome = let_go(batch.take());
            if outcome.is_ok() && done.send(()).is_err() {
                break;
            }
        }
        next = outcome.is_ok().then(|| queue.recv().ok()).flatten();
        // Not before, unless memory is short: free memory goes back to the kernel while the next result is made.
        outcome = outcome.and(let_go(batch));
        if outcome.is_err() {
            break;
        }
    }
    // After an error, too: what follows is then read as one, and not as the rest of the stream.
    output.append(&encode(|| encoder.finish())?)?;
    output.flush()?;
    outcome
}

/// Drops a batch, whose memory may be pyarrow's.
fn let_go(batch: Option<RecordBatch>) -> io::Result<()> {
    encode(|| {
        drop(batch);
        Ok(())
    })
}

/// Runs the encoder of arrow-rs, which panics where it has no memory.
fn encode<T>(run: impl FnOnce() -> Result<T, ArrowError>) -> io::Result<T> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(outcome) => outcome.map_err(io::Error::other),
        Err(panic) => Err(io::Error::other(Failure::of_panic(panic.as_ref()))),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::thread;

    use arrow_array::Int64Array;
    use arrow_data::ArrayData;
    use arrow_schema::{DataType, Field};

    /// Panics when it is let go, as memory of an interpreter that is gone.
    struct Lent;

    impl Drop for Lent {
        fn drop(&mut self) {
            panic!("the owner is gone");
        }
    }

    fn numbers(buffer: Buffer) -> RecordBatch {
        let rows = buffer.len() / 8;
        let data = ArrayData::builder(DataType::Int64).len(rows);
        let data = data.add_buffer(buffer).build().unwrap();
        RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(data)) as _)]).unwrap()
    }

    #[expect(unsafe_code, reason = "the only way to a buffer with an owner")]
    fn lent() -> Buffer {
        static VALUES: [i64; 3] = [1, 2, 3];
        let start = std::ptr::NonNull::from(&VALUES).cast();
        // SAFETY: the values live for ever.
        unsafe { Buffer::from_custom_allocation(start, 24, Arc::new(Lent)) }
    }

    #[test]
    fn a_panic_of_the_writing_thread_is_told_and_the_stream_has_an_end() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).map(|_| all)
        });
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        let socket = File::from(OwnedFd::from(ours));
        let mut writer = WriteBehind::start(socket, schema, usize::MAX).unwrap();
        writer.write(numbers(lent())).unwrap();
        // More than the queue takes: nobody waits for a thread that is gone.
        let error = (0..2 + QUEUED_BATCHES)
            .find_map(|_| writer.write(numbers(Buffer::from_vec(vec![4_i64]))).err());
        let error = error.unwrap_or_else(|| writer.finish().unwrap_err());
        assert_eq!(
            error.to_string(),
            "the owner is gone. This is a bug in bowstring."
        );
        let written = reader.join().unwrap().unwrap();
        let stream = written.strip_prefix(&marker::START_ARROW_STREAM.to_be_bytes());
        let stream = arrow_ipc::reader::StreamReader::try_new(stream.unwrap(), None).unwrap();
        assert_eq!(
            stream.map(|batch| batch.unwrap().num_rows()).sum::<usize>(),
            3
        );
        assert!(written.ends_with(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
    }

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
