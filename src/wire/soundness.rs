//! Whether the numbers of a record batch agree, before anything follows them.
//!
//! Arrow's readers follow offsets and lengths without looking: pyarrow reads outside its buffers
//! where they lie. What passes here can be read without that, by us and by pyarrow. It is not
//! about values: text need not be UTF-8, a decimal may have more digits than its type.
//!
//! Source: Arrow Columnar Format, "Physical memory layout", "`RecordBatch` message".

use arrow_buffer::bit_chunk_iterator::UnalignedBitChunk;
use arrow_ipc::{Buffer as Place, FieldNode, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};

use super::fault::Lie;

/// How a sound record batch may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// By everybody.
    Sound,
    /// By pyarrow alone. A null count is left open, which arrow-rs takes for none; or a buffer of
    /// offsets ends inside one, which arrow-rs panics about.
    Unusual,
    /// A column has a type that Spark never sends (views, unions, dictionaries, run ends, maps of
    /// something else than pairs); neither it nor what follows it was looked at.
    UnknownLayout,
}

/// A lie on its way out of the column that it is in.
#[derive(Debug)]
pub struct Found {
    /// Names of the column and of the fields in it.
    pub column: String,
    /// The row of the column.
    pub row: Option<usize>,
    /// What is wrong.
    pub lie: Lie,
}

/// Checks every column of an uncompressed batch.
///
/// # Errors
///
/// The first lie, in the order of the columns.
pub fn check(
    schema: &Schema,
    batch: RecordBatch<'_>,
    body: &[u8],
) -> Result<Soundness, Box<Found>> {
    let rows = usize::try_from(batch.length()).unwrap_or_default();
    let mut walk = Walk {
        nodes: batch.nodes().into_iter().flatten(),
        buffers: batch.buffers().into_iter().flatten().enumerate(),
        body,
        unusual: false,
    };
    for field in schema.fields() {
        match walk.field(field, Some(rows)) {
            Ok(_) => {}
            Err(Stop::Unknown) => return Ok(Soundness::UnknownLayout),
            Err(Stop::Lie(found)) => return Err(found),
        }
    }
    Ok(if walk.unusual {
        Soundness::Unusual
    } else {
        Soundness::Sound
    })
}

/// The name of the top-level column that owns a buffer.
pub fn owner(schema: &Schema, buffer: usize) -> String {
    let mut end = 0_usize;
    let owner = schema.fields().iter().find(|field| {
        end = end.saturating_add(buffers(field.data_type()));
        buffer < end
    });
    owner.map_or_else(String::new, |field| field.name().clone())
}

/// How the arrays of a type lie in a record batch.
enum Layout<'a> {
    Null,
    Bits,
    Fixed(usize),
    Bytes(Width),
    List(Width, &'a FieldRef),
    FixedList(usize, &'a FieldRef),
    Struct(&'a Fields),
    Unknown,
}

/// Size of an offset.
#[derive(Clone, Copy)]
enum Width {
    Four,
    Eight,
}

impl Layout<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an allow-list: primitive types know their width, the rest is not sent"
    )]
    fn of(data_type: &DataType) -> Layout<'_> {
        match data_type {
            DataType::Null => Layout::Null,
            DataType::Boolean => Layout::Bits,
            DataType::Utf8 | DataType::Binary => Layout::Bytes(Width::Four),
            DataType::LargeUtf8 | DataType::LargeBinary => Layout::Bytes(Width::Eight),
            DataType::List(child) => Layout::List(Width::Four, child),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => Layout::List(Width::Four, entries),
                _ => Layout::Unknown,
            },
            DataType::LargeList(child) => Layout::List(Width::Eight, child),
            DataType::FixedSizeList(child, size) => usize::try_from(*size)
                .map_or(Layout::Unknown, |size| Layout::FixedList(size, child)),
            DataType::FixedSizeBinary(width) => {
                usize::try_from(*width).map_or(Layout::Unknown, Layout::Fixed)
            }
            DataType::Struct(fields) => Layout::Struct(fields),
            other => other
                .primitive_width()
                .map_or(Layout::Unknown, Layout::Fixed),
        }
    }
}

fn buffers(data_type: &DataType) -> usize {
    match Layout::of(data_type) {
        Layout::Null | Layout::Unknown => 0,
        Layout::Bits | Layout::Fixed(_) => 2,
        Layout::Bytes(_) => 3,
        Layout::List(_, child) => buffers(child.data_type()).saturating_add(2),
        Layout::FixedList(_, child) => buffers(child.data_type()).saturating_add(1),
        Layout::Struct(fields) => fields
            .iter()
            .map(|field| buffers(field.data_type()))
            .fold(1, usize::saturating_add),
    }
}

/// Why a walk ends early.
enum Stop {
    /// At a type without a [`Layout`].
    Unknown,
    Lie(Box<Found>),
}

impl Stop {
    /// Tells the enclosing column of it.
    fn inside(self, parent: &str, row: impl FnOnce(usize) -> usize) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Lie(found) => Self::Lie(Box::new(Found {
                column: format!("{parent}.{}", found.column),
                row: found.row.map(row),
                lie: found.lie,
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

type Outcome<T> = Result<T, (Option<usize>, Lie)>;

impl<'a, N, B> Walk<'a, N, B>
where
    N: Iterator<Item = &'a FieldNode>,
    B: Iterator<Item = (usize, &'a Place)>,
{
    /// Checks the next array, which has to have `expected` rows. Returns how many it has.
    fn field(&mut self, field: &Field, expected: Option<usize>) -> Result<usize, Stop> {
        let name = field.name();
        let found = |(row, lie)| {
            Stop::Lie(Box::new(Found {
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
    fn offsets(&mut self, rows: usize, width: Width) -> Outcome<Offsets<'a>> {
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
            Some(bytes) => Ok(Offsets { bytes, width }),
            None => Err(short("offsets", bytes, needed, |bytes| {
                bytes
                    .checked_div(size)
                    .unwrap_or_default()
                    .saturating_sub(1)
            })),
        }
    }
}

impl Width {
    fn bytes(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// Where the values of a column's rows start and end.
struct Offsets<'a> {
    bytes: &'a [u8],
    width: Width,
}

impl Offsets<'_> {
    /// Checks that they do not fall, and stay between 0 and `limit`.
    fn check(&self, limit: usize, unit: &'static str) -> Outcome<()> {
        let sound = match self.width {
            Width::Four => {
                let offsets = self.bytes.as_chunks().0.iter().copied();
                rises(offsets.map(|bytes| i32::from_le_bytes(bytes).into()), limit)
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
    fn row_of(&self, element: usize) -> usize {
        let ends = self.iter().skip(1);
        ends.take_while(|end| usize::try_from(*end).is_ok_and(|end| end <= element))
            .count()
    }
}

/// Whether no offset is below the one before it, below 0 or above `limit`. Without an early end,
/// so that it is a loop of vector instructions.
fn rises(offsets: impl Iterator<Item = i64>, limit: usize) -> bool {
    let mut previous = 0;
    let mut rises = true;
    for offset in offsets {
        rises &= previous <= offset;
        previous = offset;
    }
    rises && usize::try_from(previous).is_ok_and(|last| last <= limit)
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
        Offsets {
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
        let offsets = Offsets {
            bytes: &bytes,
            width: Width::Four,
        };
        let rows: Vec<usize> = (0..5).map(|element| offsets.row_of(element)).collect();
        assert_eq!(rows, [0, 0, 2, 2, 2]);
    }

    #[test]
    fn buffers_are_counted_through_nested_types() {
        let text = Field::new("text", DataType::Utf8, true);
        let list = DataType::List(Field::new("item", DataType::Int32, true).into());
        let schema = Schema::new(vec![
            text.clone(),
            Field::new("none", DataType::Null, true),
            Field::new("list", list, true),
            Field::new("struct", DataType::Struct(vec![text].into()), true),
        ]);
        let owners: Vec<String> = (0..12).map(|buffer| owner(&schema, buffer)).collect();
        let expected = ["text"; 3]
            .iter()
            .chain(&["list"; 4])
            .chain(&["struct"; 4])
            .chain(&[""]);
        assert!(owners.iter().eq(expected));
    }
}
