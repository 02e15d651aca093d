//! Whether the numbers of a record batch agree, before anything follows them.
//!
//! Arrow's readers follow offsets and lengths without looking: pyarrow reads outside its buffers
//! where they lie. What passes here can be read without that, by us and by pyarrow. It is not
//! about values: text need not be UTF-8, a decimal may have more digits than its type.
//!
//! The buffers of a message are walked here and nowhere else: what was found is a [`SoundBatch`], and arrays are made of
//! nothing else.
//!
//! Source: Arrow Columnar Format, "Physical memory layout", "`RecordBatch` message".

use std::ops::Range;

use arrow_buffer::Buffer;
use arrow_buffer::bit_chunk_iterator::UnalignedBitChunk;
use arrow_ipc::{Buffer as Place, FieldNode, RecordBatch};
use arrow_schema::{Field, Schema};

use crate::fault::{Fault, Lie};
use crate::layout::{Layout, Width};
use crate::offsets::ValueOffsets;
use crate::{Decoded, Why};

/// An uncompressed record batch whose numbers agree, and where in its body everything lies.
#[derive(Debug)]
pub struct SoundBatch {
    pub(super) rows: usize,
    pub(super) body: Buffer,
    /// One for each field of the schema that it was checked with.
    pub(super) columns: Vec<SoundArray>,
}

/// An array of a sound batch. Ranges are of bytes in the body.
#[derive(Debug)]
pub(super) struct SoundArray {
    pub(super) rows: usize,
    /// How many of them are null.
    pub(super) nulls: usize,
    /// A bit for each row if some are null, otherwise anything; of nulls alone nothing.
    pub(super) validity: Range<usize>,
    pub(super) values: Values,
}

/// What a sound array has beside its nulls: see [`Layout`].
#[derive(Debug)]
pub(super) enum Values {
    Null,
    Bits(Range<usize>),
    Fixed(Range<usize>),
    /// As many offsets as rows and one more; or none if there are no rows.
    Bytes {
        offsets: Range<usize>,
        bytes: Range<usize>,
    },
    /// The same.
    List {
        offsets: Range<usize>,
        elements: Box<SoundArray>,
    },
    FixedList(Box<SoundArray>),
    Struct(Vec<SoundArray>),
}

/// Checks every column of an uncompressed batch. A fault is that of the first column that has one, as if the batch were the
/// first group.
pub fn check(schema: &Schema, batch: RecordBatch<'_>, body: &Buffer) -> Decoded<SoundBatch> {
    let rows = usize::try_from(batch.length()).unwrap_or_default();
    let mut walk = Walk {
        nodes: batch.nodes().into_iter().flatten(),
        buffers: batch.buffers().into_iter().flatten().enumerate(),
        body,
        unusual: batch.nodes().is_none()
            || batch.buffers().is_none()
            || batch
                .variadicBufferCounts()
                .is_some_and(|counts| !counts.is_empty()),
    };
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        match walk.field(field, Some(rows)) {
            Ok(column) => columns.push(column),
            Err(Stop::Unknown) => return Decoded::Stock(Why::UnknownLayout),
            Err(Stop::Lie(fault)) => return Decoded::Malformed(fault),
        }
    }
    if walk.unusual {
        return Decoded::Stock(Why::Unusual);
    }
    Decoded::Native(SoundBatch {
        rows,
        body: body.clone(),
        columns,
    })
}

/// Why a walk ends early.
enum Stop {
    /// At a type without a [`Layout`].
    Unknown,
    Lie(Box<Fault>),
}

impl Stop {
    /// At a lie about this field.
    fn at(field: &Field, (row, lie): (Option<usize>, Lie)) -> Self {
        Self::Lie(Box::new(Fault {
            group: 0,
            column: field.name().clone(),
            row,
            lie,
        }))
    }

    /// Tells the enclosing column of it.
    fn inside(self, parent: &Field, row: impl FnOnce(usize) -> usize) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Lie(fault) => Self::Lie(Box::new(Fault {
                column: format!("{}.{}", parent.name(), fault.column),
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
    /// Checks the next array, which has to have `expected` rows if that is known.
    fn field(&mut self, field: &Field, expected: Option<usize>) -> Result<SoundArray, Stop> {
        let found = |found| Stop::at(field, found);
        let (rows, nulls) = self.node(expected).map_err(found)?;
        let layout = Layout::of(field.data_type());
        let validity = match layout {
            Layout::Null if nulls == -1 => {
                self.unusual = true;
                0..0
            }
            Layout::Null => check_nulls(nulls, rows, rows, || Some(0))
                .map(|()| 0..0)
                .map_err(found)?,
            Layout::Unknown => return Err(Stop::Unknown),
            Layout::Bits
            | Layout::Fixed(_)
            | Layout::Bytes(_)
            | Layout::List(..)
            | Layout::FixedList(..)
            | Layout::Struct(_) => self.validity(rows, nulls).map_err(found)?,
        };
        Ok(SoundArray {
            rows,
            // An open count is none that anybody relies on: such a batch is unusual.
            nulls: usize::try_from(nulls).unwrap_or_default(),
            validity,
            values: self.beside_nulls(field, &layout, rows)?,
        })
    }

    /// Checks what the array of a field has beside its nulls.
    fn beside_nulls(
        &mut self,
        field: &Field,
        layout: &Layout<'_>,
        rows: usize,
    ) -> Result<Values, Stop> {
        let found = |found| Stop::at(field, found);
        Ok(match *layout {
            Layout::Null => Values::Null,
            Layout::Unknown => return Err(Stop::Unknown),
            Layout::Bits => Values::Bits(
                self.values(rows, rows.div_ceil(8), |bytes| bytes.saturating_mul(8))
                    .map_err(found)?,
            ),
            Layout::Fixed(width) => Values::Fixed(
                self.values(rows, rows.saturating_mul(width), |bytes| {
                    bytes.checked_div(width).unwrap_or_default()
                })
                .map_err(found)?,
            ),
            Layout::Bytes(width) => {
                let (range, offsets) = self.offsets(rows, width).map_err(found)?;
                let (bytes, _) = self.buffer("bytes").map_err(found)?;
                offsets.check(bytes.len(), "bytes").map_err(found)?;
                Values::Bytes {
                    offsets: range,
                    bytes,
                }
            }
            Layout::List(width, child) => {
                let (range, offsets) = self.offsets(rows, width).map_err(found)?;
                let elements = self.field(child, None);
                let elements = elements
                    .map_err(|stop| stop.inside(field, |element| offsets.row_of(element)))?;
                offsets.check(elements.rows, "elements").map_err(found)?;
                Values::List {
                    offsets: range,
                    elements: Box::new(elements),
                }
            }
            Layout::FixedList(size, child) => {
                let elements = self.field(child, Some(rows.saturating_mul(size)));
                let row = |element: usize| element.checked_div(size).unwrap_or_default();
                Values::FixedList(Box::new(elements.map_err(|stop| stop.inside(field, row))?))
            }
            Layout::Struct(fields) => {
                let mut children = Vec::with_capacity(fields.len());
                for child in fields {
                    let child = self.field(child, Some(rows));
                    children.push(child.map_err(|stop| stop.inside(field, |row| row))?);
                }
                Values::Struct(children)
            }
        })
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

    /// The next buffer: where it lies, and its bytes.
    fn buffer(&mut self, what: &'static str) -> Outcome<(Range<usize>, &'a [u8])> {
        let (index, place) = self.buffers.next().ok_or((None, Lie::Missing { what }))?;
        find(self.body, index, place).map_err(|lie| (None, lie))
    }

    /// The validity bitmap, which may be left out where there are no nulls.
    fn validity(&mut self, rows: usize, nulls: i64) -> Outcome<Range<usize>> {
        let (range, bitmap) = self.buffer("validity bitmap")?;
        let needed = rows.div_ceil(8);
        if nulls != 0 && bitmap.len() < needed {
            return Err(short("validity bitmap", bitmap, needed, |bytes| {
                bytes.saturating_mul(8)
            }));
        }
        if nulls == -1 {
            self.unusual = true;
            return Ok(range);
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
        .map(|()| range)
    }

    fn values(
        &mut self,
        rows: usize,
        needed: usize,
        covered: impl FnOnce(usize) -> usize,
    ) -> Outcome<Range<usize>> {
        let (range, values) = self.buffer("values")?;
        if values.len() < needed && rows > 0 {
            return Err(short("values", values, needed, covered));
        }
        Ok(range)
    }

    /// The offsets of a column, all of them present, their values unchecked.
    fn offsets(&mut self, rows: usize, width: Width) -> Outcome<(Range<usize>, ValueOffsets<'a>)> {
        let (range, bytes) = self.buffer("offsets")?;
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
            Some(bytes) => Ok((range, ValueOffsets { bytes, width })),
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

/// Where a buffer lies, and its bytes.
///
/// # Errors
///
/// Fails if it does not lie in `body`.
pub(super) fn find<'a>(
    body: &'a [u8],
    index: usize,
    place: &Place,
) -> Result<(Range<usize>, &'a [u8]), Lie> {
    let (offset, length) = (place.offset(), place.length());
    usize::try_from(offset)
        .ok()
        .zip(usize::try_from(length).ok())
        .and_then(|(offset, length)| Some(offset..offset.checked_add(length)?))
        .and_then(|range| Some((range.clone(), body.get(range)?)))
        .ok_or(Lie::OutsideBody {
            index,
            offset,
            length,
            body: body.len(),
        })
}
