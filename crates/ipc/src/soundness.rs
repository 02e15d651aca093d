//! Whether the numbers of a record batch agree, before anything follows them.
//!
//! Arrow's readers follow offsets and lengths without looking: pyarrow reads outside its buffers
//! where they lie. What passes here can be read without that, by us and by pyarrow. It is not
//! about values: text need not be UTF-8, a decimal may have more digits than its type.
//!
//! Source: Arrow Columnar Format, "Physical memory layout", "`RecordBatch` message".

use arrow_buffer::bit_chunk_iterator::UnalignedBitChunk;
use arrow_ipc::{Buffer as Place, FieldNode, RecordBatch};
use arrow_schema::{Field, Schema};

use crate::fault::{Fault, Lie};
use crate::layout::{Layout, Width};
use crate::offsets::ValueOffsets;
use crate::{Decoded, Why};

/// Checks every column of an uncompressed batch. A fault is that of the first column that has one, as if the batch were the
/// first group.
pub fn check(schema: &Schema, batch: RecordBatch<'_>, body: &[u8]) -> Decoded<()> {
    let rows = usize::try_from(batch.length()).unwrap_or_default();
    let mut walk = Walk {
        nodes: batch.nodes().into_iter().flatten(),
        buffers: batch.buffers().into_iter().flatten().enumerate(),
        body,
        unusual: batch
            .variadicBufferCounts()
            .is_some_and(|counts| !counts.is_empty()),
    };
    for field in schema.fields() {
        match walk.field(field, Some(rows)) {
            Ok(_) => {}
            Err(Stop::Unknown) => return Decoded::Stock(Why::UnknownLayout),
            Err(Stop::Lie(fault)) => return Decoded::Malformed(fault),
        }
    }
    if walk.unusual {
        Decoded::Stock(Why::Unusual)
    } else {
        Decoded::Native(())
    }
}

/// Why a walk ends early.
enum Stop {
    /// At a type without a [`Layout`].
    Unknown,
    Lie(Box<Fault>),
}

impl Stop {
    /// Tells the enclosing column of it.
    fn inside(self, parent: &str, row: impl FnOnce(usize) -> usize) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Lie(fault) => Self::Lie(Box::new(Fault {
                column: format!("{parent}.{}", fault.column),
                row: fault.row.map(row),
                ..*fault
            })),
        }
    }
}

/// Follows the schema through the flat lists of arrays and buffers.
struct Walk<'a, N, B> {
    nodes: N,
    buffers: B,
    body: &'a [u8],
    unusual: bool,
}

pub(super) type Outcome<T> = Result<T, (Option<usize>, Lie)>;

impl<'a, N, B> Walk<'a, N, B>
where
    N: Iterator<Item = &'a FieldNode>,
    B: Iterator<Item = (usize, &'a Place)>,
{
    /// Checks the next array, which has to have `expected` rows. Returns how many it has.
    fn field(&mut self, field: &Field, expected: Option<usize>) -> Result<usize, Stop> {
        let name = field.name();
        let found = |(row, lie)| {
            Stop::Lie(Box::new(Fault {
                group: 0,
                column: name.clone(),
                row,
                lie,
            }))
        };
        let (rows, nulls) = self.node(expected).map_err(found)?;
        match Layout::of(field.data_type()) {
            Layout::Null if nulls == -1 => self.unusual = true,
            Layout::Null => check_nulls(nulls, rows, rows, || Some(0)).map_err(found)?,
            Layout::Bits => {
                self.validity(rows, nulls).map_err(found)?;
                self.values(rows, rows.div_ceil(8), |bytes| bytes.saturating_mul(8))
                    .map_err(found)?;
            }
            Layout::Fixed(width) => {
                self.validity(rows, nulls).map_err(found)?;
                self.values(rows, rows.saturating_mul(width), |bytes| {
                    bytes.checked_div(width).unwrap_or_default()
                })
                .map_err(found)?;
            }
            Layout::Bytes(width) => {
                self.validity(rows, nulls).map_err(found)?;
                let offsets = self.offsets(rows, width).map_err(found)?;
                let bytes = self.buffer("bytes").map_err(found)?.len();
                offsets.check(bytes, "bytes").map_err(found)?;
            }
            Layout::List(width, child) => {
                self.validity(rows, nulls).map_err(found)?;
                let offsets = self.offsets(rows, width).map_err(found)?;
                let elements = self
                    .field(child, None)
                    .map_err(|stop| stop.inside(name, |element| offsets.row_of(element)))?;
                offsets.check(elements, "elements").map_err(found)?;
            }
            Layout::FixedList(size, child) => {
                self.validity(rows, nulls).map_err(found)?;
                self.field(child, Some(rows.saturating_mul(size)))
                    .map_err(|stop| {
                        stop.inside(name, |element| {
                            element.checked_div(size).unwrap_or_default()
                        })
                    })?;
            }
            Layout::Struct(fields) => {
                self.validity(rows, nulls).map_err(found)?;
                for child in fields {
                    self.field(child, Some(rows))
                        .map_err(|stop| stop.inside(name, |row| row))?;
                }
            }
            Layout::Unknown => return Err(Stop::Unknown),
        }
        Ok(rows)
    }

    /// Length and null count of the next array.
    fn node(&mut self, expected: Option<usize>) -> Outcome<(usize, i64)> {
        let node = self.nodes.next();
        let node = node.ok_or((None, Lie::Missing { what: "array" }))?;
        let length = usize::try_from(node.length()).ok();
        match (length, expected) {
            (Some(length), None) => Ok((length, node.null_count())),
            (Some(length), Some(expected)) if length == expected => Ok((length, node.null_count())),
            (_, expected) => Err((
                None,
                Lie::Rows {
                    found: node.length(),
                    expected: expected.unwrap_or_default(),
                },
            )),
        }
    }

    fn buffer(&mut self, what: &'static str) -> Outcome<&'a [u8]> {
        let (index, place) = self.buffers.next().ok_or((None, Lie::Missing { what }))?;
        slice(self.body, index, place).map_err(|lie| (None, lie))
    }

    /// The validity bitmap, which may be left out where there are no nulls.
    fn validity(&mut self, rows: usize, nulls: i64) -> Outcome<()> {
        let bitmap = self.buffer("validity bitmap")?;
        let needed = rows.div_ceil(8);
        if nulls != 0 && bitmap.len() < needed {
            return Err(short("validity bitmap", bitmap, needed, |bytes| {
                bytes.saturating_mul(8)
            }));
        }
        if nulls == -1 {
            self.unusual = true;
            return Ok(());
        }
        let known = rows.min(bitmap.len().saturating_mul(8));
        let found = known.saturating_sub(UnalignedBitChunk::new(bitmap, 0, known).count_ones());
        check_nulls(nulls, found, rows, || {
            (0..known).find(|row| {
                bitmap
                    .get(row.wrapping_shr(3))
                    .is_some_and(|byte| byte & (1 << (row & 7)) == 0)
            })
        })
    }

    fn values(
        &mut self,
        rows: usize,
        needed: usize,
        covered: impl FnOnce(usize) -> usize,
    ) -> Outcome<()> {
        let values = self.buffer("values")?;
        if values.len() < needed && rows > 0 {
            return Err(short("values", values, needed, covered));
        }
        Ok(())
    }

    /// The offsets of a column, all of them present, their values unchecked.
    fn offsets(&mut self, rows: usize, width: Width) -> Outcome<ValueOffsets<'a>> {
        let bytes = self.buffer("offsets")?;
        let size = width.bytes();
        self.unusual |= !bytes.len().is_multiple_of(size);
        // An array without rows may have no offset at all; Java writes it so.
        let count = if rows == 0 && bytes.is_empty() {
            0
        } else {
            rows.saturating_add(1)
        };
        let needed = count.saturating_mul(size);
        match bytes.get(..needed) {
            Some(bytes) => Ok(ValueOffsets { bytes, width }),
            None => Err(short("offsets", bytes, needed, |bytes| {
                bytes
                    .checked_div(size)
                    .unwrap_or_default()
                    .saturating_sub(1)
            })),
        }
    }
}

fn check_nulls(
    announced: i64,
    found: usize,
    rows: usize,
    first: impl FnOnce() -> Option<usize>,
) -> Outcome<()> {
    if usize::try_from(announced) == Ok(found) {
        Ok(())
    } else if found == 0 {
        Err((None, Lie::NoNulls { announced, rows }))
    } else {
        Err((first(), Lie::NullCount { announced, found }))
    }
}

fn short(
    what: &'static str,
    buffer: &[u8],
    needed: usize,
    covered: impl FnOnce(usize) -> usize,
) -> (Option<usize>, Lie) {
    let length = buffer.len();
    let lie = Lie::Short {
        what,
        length,
        needed,
    };
    (Some(covered(length)), lie)
}

/// The bytes of a buffer.
///
/// # Errors
///
/// Fails if it does not lie in `body`.
pub(super) fn slice<'a>(body: &'a [u8], index: usize, place: &Place) -> Result<&'a [u8], Lie> {
    let (offset, length) = (place.offset(), place.length());
    usize::try_from(offset)
        .ok()
        .zip(usize::try_from(length).ok())
        .and_then(|(offset, length)| Some(offset..offset.checked_add(length)?))
        .and_then(|range| body.get(range))
        .ok_or(Lie::OutsideBody {
            index,
            offset,
            length,
            body: body.len(),
        })
}
