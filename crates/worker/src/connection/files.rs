//! The two file objects that `pyspark.worker.main` works with.
//!
//! They do what the buffered files of `pyspark/daemon.py` do for everything that PySpark and
//! pyarrow ask of them: `read`, `write`, `flush`, `closed`, `close`.

#![expect(clippy::unused_self, reason = "methods that Python's files have")]

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_buffer::Buffer;
use arrow_schema::Schema;
use bowstring_ipc::framing::peek_schema;
use bowstring_ipc::{CONTINUATION, Source};
use bowstring_memory::OutOfMemory;
use bowstring_socket::gather;
use bowstring_socket::input::Input;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::errors;

/// Reads up to this many bytes go straight into a `bytes` object; larger ones grow with what
/// arrives, so that a wrong length cannot ask for the memory of the machine.
const DIRECT_READ: usize = 16 << 20;

/// Output collected before it is written, in bytes.
const OUTPUT_BUFFER: usize = 64 << 10;

/// The input of a connection, which a reading thread may borrow for the length of a data section.
#[derive(Clone, Debug)]
pub struct SharedInput {
    input: Arc<Mutex<Option<Input>>>,
    /// Whether a task has it that may end before its data do.
    lent: Arc<AtomicBool>,
}

impl SharedInput {
    /// Shares `input`.
    pub fn new(input: Input) -> Self {
        Self {
            input: Arc::new(Mutex::new(Some(input))),
            lent: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Input>> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the input away; until [`Self::put_back`] every read fails.
    pub fn take(&self) -> Option<Input> {
        self.lock().take()
    }

    /// As [`Self::take`], for a task that may never give it back: whoever reads meanwhile reads what
    /// stock's workers find where such a task has stopped, the mark before the next Arrow message.
    pub fn lend(&self) -> Option<Input> {
        let input = self.take();
        self.lent.store(input.is_some(), Ordering::Relaxed);
        input
    }

    /// Ends a [`Self::take`] or a [`Self::lend`].
    pub fn put_back(&self, input: Input) {
        self.lent.store(false, Ordering::Relaxed);
        *self.lock() = Some(input);
    }

    /// Runs `peek` at once; `None` too if another thread is reading, for which the GIL must be free.
    fn at_hand<T>(&self, peek: impl FnOnce(&mut Input) -> Option<T>) -> Option<T> {
        self.input.try_lock().ok()?.as_mut().and_then(peek)
    }

    /// Runs `read` without the GIL.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        read: impl FnOnce(&mut Input) -> io::Result<T> + Send,
    ) -> PyResult<T> {
        py.detach(|| match self.lock().as_mut() {
            Some(input) => read(input).map_err(PyErr::from),
            None => Err(PyRuntimeError::new_err(
                "bowstring: the connection's input is in use by its reading thread",
            )),
        })
    }

    /// Keeps a copy of what is read from now on, until [`Self::forget`].
    pub fn keep(&self) {
        if let Some(input) = self.lock().as_mut() {
            input.keep();
        }
    }

    /// Drops the copy.
    pub fn forget(&self) {
        if let Some(input) = self.lock().as_mut() {
            input.forget();
        }
    }

    /// All that was read since [`Self::keep`]; `None` without, or while the input is taken away.
    pub fn since_kept(&self) -> Option<Vec<u8>> {
        self.lock().as_ref().and_then(Input::since_kept)
    }

    /// The schema at the beginning of an Arrow stream, which stays there to be read. `None` if it is not at hand, or none.
    ///
    /// # Errors
    ///
    /// Fails if the socket does.
    pub fn peek_schema(&self, py: Python<'_>) -> PyResult<Option<Schema>> {
        self.with(py, peek_schema)
    }

    /// Waits for the next task. `false` at the end of the stream.
    ///
    /// # Errors
    ///
    /// Fails if the socket does.
    pub fn wait(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, Input::wait_for_task)
    }
}

/// `infile`.
#[derive(Debug)]
#[pyclass(frozen, module = "bowstring")]
pub struct InputFile {
    /// Where the bytes come from.
    pub input: SharedInput,
}

#[pymethods]
impl InputFile {
    /// Exactly `size` bytes, fewer only at the end of the stream; all there are if negative.
    #[pyo3(signature = (size = -1))]
    fn read<'py>(&self, py: Python<'py>, size: isize) -> PyResult<Bound<'py, PyBytes>> {
        let limit = usize::try_from(size).unwrap_or(usize::MAX);
        if self.input.lent.load(Ordering::Relaxed) {
            let mark = CONTINUATION.to_le_bytes();
            return Ok(PyBytes::new(py, mark.get(..limit).unwrap_or(&mark)));
        }
        if limit <= DIRECT_READ {
            let here = self.input.at_hand(|input| {
                let bytes = PyBytes::new(py, input.buffered().get(..limit)?);
                input.consume(limit);
                Some(bytes)
            });
            if let Some(bytes) = here {
                return Ok(bytes);
            }
            let mut filled = 0;
            let bytes = PyBytes::new_with(py, limit, |target| {
                filled = self.input.with(py, |input| input.read_full(target))?;
                Ok(())
            })?;
            return if filled == limit {
                Ok(bytes)
            } else {
                Ok(PyBytes::new(
                    py,
                    bytes.as_bytes().get(..filled).unwrap_or_default(),
                ))
            };
        }
        let mut bytes = Vec::new();
        while bytes.len() < limit {
            let filled = bytes.len();
            let step = (limit - filled).min(DIRECT_READ);
            let what = "bytes of the task";
            if bytes.try_reserve(step).is_err() {
                let bytes = filled + step;
                return Err(errors::out_of_memory(OutOfMemory { what, bytes }));
            }
            bytes.resize(filled + step, 0);
            let count = self.input.with(py, |input| {
                input.read_full(bytes.get_mut(filled..).unwrap_or_default())
            })?;
            if count < step {
                bytes.truncate(filled + count);
                break;
            }
        }
        PyBytes::new_with(py, bytes.len(), |target| {
            target.copy_from_slice(&bytes);
            Ok(())
        })
    }

    #[getter]
    fn closed(&self) -> bool {
        false
    }

    fn readable(&self) -> bool {
        true
    }

    fn close(&self) {}
}

/// `outfile`.
#[derive(Debug)]
#[pyclass(frozen, module = "bowstring")]
pub struct OutputFile {
    output: Mutex<Output>,
}

#[derive(Debug)]
struct Output {
    socket: File,
    buffer: Vec<u8>,
}

impl OutputFile {
    /// Writes to `socket`, which must be in blocking mode.
    pub fn new(socket: File) -> Self {
        Self {
            output: Mutex::new(Output {
                socket,
                buffer: Vec::with_capacity(OUTPUT_BUFFER),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Without waiting: `None` if another thread is writing, for which the interpreter must be free.
    fn at_hand(&self) -> Option<MutexGuard<'_, Output>> {
        self.output.try_lock().ok()
    }

    /// Another handle on the socket, with nothing buffered before what is written to it.
    ///
    /// # Errors
    ///
    /// Fails if the socket cannot be written or duplicated.
    pub fn direct(&self, py: Python<'_>) -> PyResult<File> {
        let file = py.detach(|| {
            let mut output = self.lock();
            output.flush()?;
            output.socket.try_clone()
        });
        Ok(file?)
    }
}

#[pymethods]
impl OutputFile {
    /// Takes `bytes`, `pyarrow.Buffer` and anything else with contiguous bytes; refuses what stock's file does.
    fn write(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        if let Ok(bytes) = data.cast::<PyBytes>() {
            return self.write_slice(py, bytes.as_bytes());
        }
        drop(contiguous(data)?);
        // Copied, because others may change it while the interpreter is free.
        let bytes = py.get_type::<PyBytes>().call1((data,))?;
        self.write_slice(py, bytes.cast::<PyBytes>()?.as_bytes())
    }

    /// Writes the pieces, `bytes` and `pyarrow.Buffer`, one after another. Large ones are not copied.
    fn write_all(&self, py: Python<'_>, pieces: &Bound<'_, PyList>) -> PyResult<()> {
        let buffers: Vec<_> = pieces
            .iter()
            .map(|piece| contiguous(&piece))
            .collect::<PyResult<_>>()?;
        let slices: Vec<_> = buffers.iter().map(bytes_of).collect();
        self.write_slices(py, &slices)
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    ///
    /// Fails if the socket does.
    pub fn flush(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.lock().flush()).map_err(PyErr::from)
    }

    #[getter]
    fn closed(&self) -> bool {
        false
    }

    fn writable(&self) -> bool {
        true
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.flush(py)
    }
}

impl OutputFile {
    /// Writes the pieces one after another. Large ones are not copied.
    ///
    /// # Errors
    ///
    /// Fails if the socket does.
    pub fn write_pieces(&self, py: Python<'_>, pieces: &[Buffer]) -> PyResult<()> {
        let slices: Vec<_> = pieces.iter().map(Buffer::as_slice).collect();
        self.write_slices(py, &slices)
    }

    fn write_slices(&self, py: Python<'_>, slices: &[&[u8]]) -> PyResult<()> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        if let Some(mut output) = self.at_hand()
            && output.buffer.len() + length <= OUTPUT_BUFFER
        {
            for slice in slices {
                output.buffer.extend_from_slice(slice);
            }
            return Ok(());
        }
        py.detach(|| self.lock().flush_with(slices))?;
        Ok(())
    }

    fn write_slice(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<usize> {
        if let Some(mut output) = self.at_hand()
            && output.buffer.len() + bytes.len() <= OUTPUT_BUFFER
        {
            output.buffer.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        py.detach(|| {
            let mut output = self.lock();
            output.flush()?;
            output.socket.write_all(bytes)
        })?;
        Ok(bytes.len())
    }
}

/// The memory of an object whose bytes lie one after another.
///
/// # Errors
///
/// Those of Python's own files, for what has no bytes or has gaps between them.
fn contiguous(data: &Bound<'_, PyAny>) -> PyResult<PyUntypedBuffer> {
    if let Ok(buffer) = PyUntypedBuffer::get(data)
        && buffer.is_c_contiguous()
        && buffer.len_bytes() > 0
    {
        return Ok(buffer);
    }
    let file = data.py().import("io")?.call_method0("BytesIO")?;
    file.call_method1("write", (data,))?;
    PyUntypedBuffer::get(data)
}

/// The bytes of [`contiguous`] memory that Python says nobody changes.
#[expect(unsafe_code, reason = "memory of a foreign object")]
fn bytes_of(buffer: &PyUntypedBuffer) -> &[u8] {
    if buffer.len_bytes() == 0 {
        return &[];
    }
    // SAFETY: the exporter keeps these bytes where they are until the buffer is released, which the borrow outlives;
    // those written here are `bytes` and buffers of Arrow arrays, which do not change.
    unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast(), buffer.len_bytes()) }
}

impl Output {
    /// Writes what is buffered and `slices`.
    fn flush_with(&mut self, slices: &[&[u8]]) -> io::Result<()> {
        let buffered = std::mem::take(&mut self.buffer);
        let pieces = std::iter::once(buffered.as_slice()).chain(slices.iter().copied());
        gather::write_all(&mut self.socket, pieces)?;
        self.buffer = buffered;
        self.buffer.clear();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Taken out first: after a failed write the stream is out of step and must not be
        // continued with the same bytes.
        let mut bytes = std::mem::take(&mut self.buffer);
        let outcome = self.socket.write_all(&bytes);
        bytes.clear();
        self.buffer = bytes;
        outcome
    }
}
