//! Where the bytes of a data section come from.

use std::io;

use arrow_buffer::Buffer;

use crate::WireError;
use crate::spare::Spare;

/// A stream of bytes that is read in order, each byte once. The crate that has the socket implements it.
pub trait Source {
    /// Bytes that are here already, and are not waited for.
    fn buffered(&self) -> &[u8];

    /// Drops `count` of the [buffered](Self::buffered) bytes.
    fn consume(&mut self, count: usize);

    /// The next `length` bytes without taking them. Blocks until they are here. `None` if they are more than can be
    /// held, or than there are.
    ///
    /// # Errors
    ///
    /// Fails if what is read from does.
    fn peek(&mut self, length: usize) -> io::Result<Option<&[u8]>>;

    /// Fills `target` from its start; fewer bytes only at the end of the stream. Blocks until they are here.
    ///
    /// # Errors
    ///
    /// Fails if what is read from does.
    fn read_full(&mut self, target: &mut [u8]) -> io::Result<usize>;

    /// Takes exactly `length` bytes into memory that Arrow finds aligned, directly behind `head`. They are the last
    /// ones of the buffer; those before `head` mean nothing. Blocks until they are here.
    ///
    /// # Errors
    ///
    /// [`WireError::Truncated`] naming `expected` if the stream ends before, [`WireError::OutOfMemory`] if there is no
    /// memory for it.
    fn aligned(
        &mut self,
        head: &[u8],
        length: usize,
        expected: &'static str,
    ) -> Result<Buffer, WireError>;

    /// Takes exactly `N` bytes.
    ///
    /// # Errors
    ///
    /// [`WireError::Truncated`] naming `expected` if the stream ends before.
    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], WireError> {
        let mut bytes = [0; N];
        let count = self
            .read_full(&mut bytes)
            .map_err(|source| WireError::Io { expected, source })?;
        if count == N {
            Ok(bytes)
        } else {
            Err(WireError::Truncated { expected })
        }
    }

    /// Memory of earlier batches and columns, for later ones.
    fn spare(&mut self) -> &mut Spare;
}
