//! Memory of batches and columns that were read and let go, for those that are read next.
//!
//! A buffer of some megabytes is more than the allocator keeps for itself: it would come fresh from the kernel each time,
//! page by page, which costs as much as reading it. All of it is given back when the worker has nothing to do.

use std::collections::VecDeque;

use arrow_buffer::Buffer;
use bowstring_memory::{self as memory, OutOfMemory};

/// Bytes from which on a buffer is kept. Smaller ones the allocator has at hand.
const LARGE: usize = 64 << 10;

/// What is remembered at most where address space is limited: others need it, and it may be all that there is.
const LIMITED_BYTES: usize = 16 << 20;

/// How many are asked whether they are free.
const ASKED: usize = 64;

/// What a buffer of a batch may have in excess: a larger one may be wanted for a column.
const TIMES_TOO_LARGE: usize = 8;

/// Buffers that were lent, oldest first; some of them are still in use.
#[derive(Debug)]
pub struct Spare {
    lent: VecDeque<Buffer>,
    bytes: usize,
    /// Bytes that are remembered in all, those that are still in use too.
    most_bytes: usize,
}

impl Spare {
    /// Remembers at most so many bytes.
    pub fn new(most_bytes: usize) -> Self {
        Self {
            lent: VecDeque::new(),
            bytes: 0,
            most_bytes,
        }
    }

    /// Memory with room for `length` bytes. What is in it, if anything, means nothing.
    ///
    /// # Errors
    ///
    /// There is no such memory.
    pub fn take(&mut self, length: usize) -> Result<Vec<u8>, OutOfMemory> {
        if length >= LARGE {
            let fits = length..length.saturating_mul(TIMES_TOO_LARGE);
            if let Some(memory) = self.free(|capacity| fits.contains(&capacity)) {
                return Ok(memory);
            }
        }
        let mut memory = Vec::new();
        match memory.try_reserve_exact(length) {
            Ok(()) => Ok(memory),
            Err(_refused) => Err(OutOfMemory {
                what: "a record batch",
                bytes: length,
            }),
        }
    }

    /// Memory for what may become large: the largest that is free, or none yet.
    pub fn take_largest(&mut self) -> Vec<u8> {
        self.free(|_| true).unwrap_or_default()
    }

    /// The largest free one that fits.
    fn free(&mut self, fits: impl Fn(usize) -> bool) -> Option<Vec<u8>> {
        let mut largest: Option<Vec<u8>> = None;
        for _ in 0..self.lent.len().min(ASKED) {
            let buffer = self.pop()?;
            let least = largest.as_ref().map_or(0, Vec::capacity);
            if !fits(buffer.capacity()) || buffer.capacity() <= least {
                self.push(buffer);
                continue;
            }
            match buffer.into_vec::<u8>() {
                Ok(memory) => {
                    if let Some(other) = largest.replace(memory) {
                        self.push(Buffer::from_vec(other));
                    }
                }
                Err(in_use) => self.push(in_use),
            }
        }
        largest
    }

    /// Makes a buffer of memory, to have it back when nobody else has it any more.
    pub fn lend(&mut self, memory: Vec<u8>) -> Buffer {
        let large = memory.len() >= LARGE;
        if memory.len() >= memory::LARGE {
            memory::expect_large_blocks();
        }
        let most_bytes = if large && memory::is_limited() {
            self.most_bytes.min(LIMITED_BYTES)
        } else {
            self.most_bytes
        };
        let keeps = large && memory.len() <= most_bytes;
        let buffer = Buffer::from_vec(memory);
        if keeps {
            self.push(buffer.clone());
            while self.bytes > most_bytes {
                self.pop();
            }
        }
        buffer
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.lent.is_empty()
    }

    /// Gives back what is free, and forgets what is in use.
    pub fn clear(&mut self) {
        self.lent.clear();
        self.bytes = 0;
    }

    /// What a buffer has room for but nobody has written to costs nothing.
    fn push(&mut self, buffer: Buffer) {
        self.bytes += buffer.len();
        self.lent.push_back(buffer);
    }

    fn pop(&mut self) -> Option<Buffer> {
        let buffer = self.lent.pop_front()?;
        self.bytes -= buffer.len();
        Some(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(spare: &mut Spare, length: usize) -> Vec<u8> {
        let mut memory = spare.take(length).unwrap();
        memory.clear();
        memory.resize(length, 7);
        memory
    }

    #[test]
    fn memory_comes_back_when_nobody_has_it() {
        let mut spare = Spare::new(16 << 20);
        let memory = filled(&mut spare, 100_000);
        let first = spare.lend(memory);
        let address = first.as_ptr();
        let other = spare.take(90_000).unwrap();
        assert_ne!(other.as_ptr(), address, "in use");
        drop(first);
        let again = spare.take(90_000).unwrap();
        assert_eq!(again.as_ptr(), address);
        assert_eq!(spare.bytes, 0);
    }

    #[test]
    fn a_part_that_is_kept_keeps_the_whole() {
        let mut spare = Spare::new(16 << 20);
        let memory = filled(&mut spare, 100_000);
        let part = spare.lend(memory).slice(99_999);
        let other = spare.take(100_000).unwrap();
        drop(other);
        assert_eq!(part.as_slice(), [7]);
    }

    #[test]
    fn a_column_gets_the_largest_and_a_batch_what_is_not_much_too_large() {
        let mut spare = Spare::new(64 << 20);
        for length in [1 << 20, 16 << 20, 2 << 20] {
            let memory = filled(&mut spare, length);
            spare.lend(memory);
        }
        assert_eq!(spare.take(100 << 10).unwrap().capacity(), 100 << 10);
        assert_eq!(spare.take_largest().capacity(), 16 << 20);
        assert!((1 << 20..=2 << 20).contains(&spare.take(1 << 20).unwrap().capacity()));
        assert_eq!(spare.lent.len(), 1);
    }

    #[test]
    fn no_more_is_kept_than_was_allowed() {
        let mut spare = Spare::new(16 << 20);
        for length in [10, 17 << 20] {
            let memory = filled(&mut spare, length);
            spare.lend(memory);
        }
        assert_eq!(spare.bytes, 0);
        for _ in 0..100 {
            spare.lend(vec![0; 1 << 20]);
        }
        assert!(spare.bytes <= 16 << 20);
        spare.clear();
        assert_eq!(spare.bytes, 0);
    }
}
