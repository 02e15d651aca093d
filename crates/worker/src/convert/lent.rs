//! Memory of ours that pyarrow looks at, without a copy.

use arrow_buffer::Buffer;
use pyo3::prelude::*;

/// Keeps memory for pyarrow.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
struct Held {
    #[expect(dead_code, reason = "it is only kept")]
    buffer: Buffer,
}

/// Memory as a `pyarrow.Buffer`, without a copy; `foreign_buffer` is pyarrow's function.
///
/// # Errors
///
/// Fails if Python has no memory.
pub(crate) fn lend<'py>(
    foreign_buffer: &Bound<'py, PyAny>,
    buffer: Buffer,
) -> PyResult<Bound<'py, PyAny>> {
    let (address, length) = (buffer.as_ptr() as usize, buffer.len());
    let held = Bound::new(foreign_buffer.py(), Held { buffer })?;
    foreign_buffer.call1((address, length, held))
}
