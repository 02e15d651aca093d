//! Memory of batches that were read and let go, for those that are read next.
//!
//! A batch of some megabytes is more than the allocator keeps for itself: it would come fresh from the kernel each time,
//! page by page, which costs as much as reading it.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use arrow_buffer::{Buffer, MutableBuffer};

/// Bytes of buffers that are kept. Smaller ones the allocator has at hand, larger ones are given back at once.
const SIZES: RangeInclusive<usize> = 64 << 10..=4 << 20;

/// Bytes that are remembered in all, those that are still in use too: what is read ahead, and some batches more.
const MOST_BYTES: usize = 16 << 20;

/// How many are asked whether they are free: they become so in the order in which they were lent.
const ASKED: usize = 3;

/// Buffers that were lent, oldest first; some of them are still in use.
#[derive(Debug, Default)]
pub struct Spare {
    lent: VecDeque<Buffer>,
    bytes: usize,
}

impl Spare {
    /// Memory for `length` bytes. What is in it, if anything, means nothing.
    pub fn take(&mut self, length: usize) -> MutableBuffer {
        if !SIZES.contains(&length) {
            return MutableBuffer::with_capacity(length);
        }
        for _ in 0..self.lent.len().min(ASKED) {
            match self.pop().map(Buffer::into_mutable) {
                Some(Ok(memory)) if memory.capacity() >= length => return memory,
                Some(Err(in_use)) => self.push(in_use),
                Some(Ok(_)) | None => {}
            }
        }
        // The next batch may be somewhat larger. What nobody writes to costs no memory, and the kernel's zeros no time.
        MutableBuffer::from_len_zeroed(length + length / 8)
    }

    /// Makes a buffer of memory, to have it back when nobody else has it any more.
    pub fn lend(&mut self, memory: MutableBuffer) -> Buffer {
        let buffer = Buffer::from(memory);
        if SIZES.contains(&buffer.capacity()) {
            self.push(buffer.clone());
            while self.bytes > MOST_BYTES {
                self.pop();
            }
        }
        buffer
    }

    /// Gives back what is free, and forgets what is in use.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn push(&mut self, buffer: Buffer) {
        self.bytes += buffer.capacity();
        self.lent.push_back(buffer);
    }

    fn pop(&mut self) -> Option<Buffer> {
        let buffer = self.lent.pop_front()?;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(spare: &mut Spare, length: usize) -> MutableBuffer {
        let mut memory = spare.take(length);
        memory.resize(length, 0);
        memory.as_slice_mut().fill(7);
        memory
    }

    #[test]
    fn memory_comes_back_when_nobody_has_it() {
        let mut spare = Spare::default();
        let memory = filled(&mut spare, 100_000);
        let first = spare.lend(memory);
        let address = first.as_ptr();
        assert_ne!(spare.take(100_000).as_ptr(), address, "still in use");
        drop(first);
        assert_eq!(
            spare.take(110_000).as_ptr(),
            address,
            "the next may be larger"
        );
        assert_eq!(spare.bytes, 0);
    }

    #[test]
    fn a_part_that_is_kept_keeps_the_whole() {
        let mut spare = Spare::default();
        let memory = filled(&mut spare, 100_000);
        let part = spare.lend(memory).slice(99_999);
        let other = spare.take(100_000);
        drop(other);
        assert_eq!(part.as_slice(), [7]);
    }

    #[test]
    fn little_is_kept() {
        let mut spare = Spare::default();
        for length in [10, 1 << 20, 100 << 20] {
            let memory = spare.take(length);
            spare.lend(memory);
        }
        assert_eq!(spare.lent.len(), 1);
        for _ in 0..100 {
            let memory = MutableBuffer::with_capacity(1 << 20);
            spare.lend(memory);
        }
        assert!(spare.bytes <= MOST_BYTES);
        spare.clear();
        assert_eq!(spare.bytes, 0);
    }
}
