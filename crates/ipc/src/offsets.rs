//! The offsets of a column whose rows differ in size.

use crate::fault::Lie;
use crate::layout::Width;
use crate::soundness::Outcome;

/// Where the values of a column's rows start and end.
pub(super) struct ValueOffsets<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) width: Width,
}

impl ValueOffsets<'_> {
    /// Checks that they do not fall, and stay between 0 and `limit`.
    pub(super) fn check(&self, limit: usize, unit: &'static str) -> Outcome<()> {
        let sound = match self.width {
            Width::Four => {
                let offsets = self.bytes.as_chunks().0.iter().copied();
                rises(offsets.map(i32::from_le_bytes), limit)
            }
            Width::Eight => {
                let offsets = self.bytes.as_chunks().0.iter().copied();
                rises(offsets.map(i64::from_le_bytes), limit)
            }
        };
        if sound {
            return Ok(());
        }
        let mut previous = 0;
        for (position, offset) in self.iter().enumerate() {
            let lie = if offset < previous {
                Lie::Backwards { offset, previous }
            } else if usize::try_from(offset).is_ok_and(|offset| offset > limit) {
                Lie::Beyond {
                    offset,
                    limit,
                    unit,
                }
            } else {
                previous = offset;
                continue;
            };
            // The offset at `position` ends the row before it.
            return Err((Some(position.saturating_sub(1)), lie));
        }
        Ok(())
    }

    fn iter(&self) -> Box<dyn Iterator<Item = i64> + '_> {
        match self.width {
            Width::Four => {
                let offsets = self.bytes.as_chunks().0.iter().copied();
                Box::new(offsets.map(|bytes| i32::from_le_bytes(bytes).into()))
            }
            Width::Eight => {
                let offsets = self.bytes.as_chunks().0.iter().copied();
                Box::new(offsets.map(i64::from_le_bytes))
            }
        }
    }

    /// The row that an element belongs to.
    pub(super) fn row_of(&self, element: usize) -> usize {
        let ends = self.iter().skip(1);
        ends.take_while(|end| usize::try_from(*end).is_ok_and(|end| end <= element))
            .count()
    }
}

/// Whether no offset is below the one before it, below 0 or above `limit`. Without an early end, and in the width that
/// they have, so that it is a loop of vector instructions.
fn rises<T>(offsets: impl Iterator<Item = T>, limit: usize) -> bool
where
    T: Copy + Default + PartialOrd,
    usize: TryFrom<T>,
{
    let mut previous = T::default();
    let mut rises = true;
    for offset in offsets {
        rises &= previous <= offset;
        previous = offset;
    }
    rises && usize::try_from(previous).is_ok_and(|last| last <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rising(offsets: &[i32]) -> Vec<u8> {
        offsets
            .iter()
            .flat_map(|offset| offset.to_le_bytes())
            .collect()
    }

    fn check_offsets(offsets: &[i32], limit: usize) -> Outcome<()> {
        let bytes = rising(offsets);
        let width = Width::Four;
        ValueOffsets {
            bytes: &bytes,
            width,
        }
        .check(limit, "bytes")
    }

    #[test]
    fn offsets_may_stay_but_not_fall() {
        assert_eq!(check_offsets(&[], 0), Ok(()));
        assert_eq!(check_offsets(&[0, 0, 3, 3, 7], 7), Ok(()));
        assert_eq!(check_offsets(&[2, 3], 7), Ok(()));
        let backwards = Lie::Backwards {
            offset: 4,
            previous: 6,
        };
        assert_eq!(
            check_offsets(&[0, 2, 6, 4, 6], 6),
            Err((Some(2), backwards))
        );
        let negative = Lie::Backwards {
            offset: -1,
            previous: 0,
        };
        assert_eq!(check_offsets(&[-1, 2], 6), Err((Some(0), negative)));
    }

    #[test]
    fn the_row_before_an_offset_beyond_its_bytes_is_named() {
        let beyond = Lie::Beyond {
            offset: 7,
            limit: 6,
            unit: "bytes",
        };
        assert_eq!(check_offsets(&[0, 7], 6), Err((Some(0), beyond.clone())));
        // That a later one is back in range makes it no better.
        assert_eq!(check_offsets(&[0, 2, 7, 6], 6), Err((Some(1), beyond)));
    }

    #[test]
    fn an_element_is_in_the_row_whose_offsets_enclose_it() {
        let bytes = rising(&[0, 2, 2, 5]);
        let offsets = ValueOffsets {
            bytes: &bytes,
            width: Width::Four,
        };
        let rows: Vec<usize> = (0..5).map(|element| offsets.row_of(element)).collect();
        assert_eq!(rows, [0, 0, 2, 2, 2]);
    }
}
