//! Columns of arrays, dicts and lists → growing Arrow lists, structs and maps.
//!
//! A cell is taken only if it is exactly what stock accepts without a second thought: an
//! `ndarray` or a `list` for an array, a `dict` for a map or a struct, `None` for a null, and the
//! exact Python type for what lies inside. One other cell, and the whole column goes to stock.

use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray, MapArray, StructArray};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields};
use arrow_select::concat::concat;
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert::output::flat_builder::FlatBuilder;
use crate::convert::output::leaf_builder::leaf_builder;
use crate::convert::output::values::elements;
use crate::facades::frames::PandasClasses;

/// A growing array of a nested type.
#[derive(Debug)]
pub(crate) struct NestedBuilder {
    root: Node,
    /// What was finished early because the cells after it were refused.
    head: Option<ArrayRef>,
    rows: usize,
}

/// What every nested array has: which rows are there, and how many values lie in them.
#[derive(Debug)]
struct Rows {
    validity: BooleanBufferBuilder,
    /// End of each row among the values. Not used by structs.
    ends: Vec<i32>,
}

#[derive(Debug)]
enum Node {
    Leaf(FlatBuilder),
    List {
        item: FieldRef,
        rows: Rows,
        values: Box<Self>,
    },
    Struct {
        fields: Fields,
        rows: Rows,
        columns: Vec<Self>,
    },
    Map {
        entries: FieldRef,
        fields: Fields,
        ordered: bool,
        rows: Rows,
        keys: FlatBuilder,
        values: Box<Self>,
    },
}

impl NestedBuilder {
    /// A builder of `data_type`, or `None` if it has a part without a native path.
    pub(crate) fn new(data_type: &DataType) -> Option<Self> {
        Some(Self {
            root: Node::new(data_type)?,
            head: None,
            rows: 0,
        })
    }

    /// Bytes held, apart from a few per row.
    pub(crate) fn variable_bytes(&self) -> usize {
        self.root.bytes()
    }

    /// Appends a column. `false` if only stock may convert it; then nothing was appended.
    pub(crate) fn append(
        &mut self,
        values: &Bound<'_, PyAny>,
        classes: &PandasClasses,
    ) -> PyResult<bool> {
        let Some(cells) = elements(values) else {
            return Ok(false);
        };
        for cell in &cells {
            if !self.root.push(cell, classes)? {
                self.refuse();
                return Ok(false);
            }
        }
        self.rows += cells.len();
        Ok(true)
    }

    /// Takes what was built. `None` if that is nothing.
    ///
    /// # Errors
    ///
    /// Fails if the parts do not fit together, which is a bug.
    pub(crate) fn finish(&mut self) -> Result<Option<ArrayRef>, ArrowError> {
        let rest = if self.rows > 0 {
            Some(self.root.finish(self.rows)?)
        } else {
            None
        };
        self.rows = 0;
        Ok(match (self.head.take(), rest) {
            (Some(head), Some(rest)) => Some(concat(&[&head, &rest])?),
            (head, rest) => head.or(rest),
        })
    }

    /// Drops what a refused column has left behind.
    fn refuse(&mut self) {
        let committed = if self.rows > 0 {
            self.finish()
        } else {
            Ok(self.head.take())
        };
        // Whatever is wrong with it shows when the batch is built, by its length.
        self.head = committed.unwrap_or_default();
        self.root.clear();
    }
}

impl Node {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an allow-list: what is not on it goes to stock"
    )]
    fn new(data_type: &DataType) -> Option<Self> {
        let rows = || Rows {
            validity: BooleanBufferBuilder::new(0),
            ends: Vec::new(),
        };
        Some(match data_type {
            DataType::List(item) => Self::List {
                item: Arc::clone(item),
                rows: rows(),
                values: Box::new(Self::new(item.data_type())?),
            },
            DataType::Struct(fields) if !fields.is_empty() => Self::Struct {
                columns: fields
                    .iter()
                    .map(|field| Self::new(field.data_type()))
                    .collect::<Option<_>>()?,
                fields: fields.clone(),
                rows: rows(),
            },
            DataType::Map(entries, ordered) => match entries.data_type() {
                DataType::Struct(fields) => match fields.as_ref() {
                    [key, value] => Self::Map {
                        entries: Arc::clone(entries),
                        fields: fields.clone(),
                        ordered: *ordered,
                        rows: rows(),
                        keys: leaf_builder(key.data_type())?,
                        values: Box::new(Self::new(value.data_type())?),
                    },
                    _ => return None,
                },
                _ => return None,
            },
            leaf_type => Self::Leaf(leaf_builder(leaf_type)?),
        })
    }

    /// Appends one value. `false` if only stock may convert it; what was appended is then not
    /// complete.
    fn push(&mut self, value: &Bound<'_, PyAny>, classes: &PandasClasses) -> PyResult<bool> {
        match self {
            Self::Leaf(builder) => builder.push(value, classes),
            Self::List { rows, item, values } => {
                if value.is_none() {
                    return Ok(rows.push_null());
                }
                if let Ok(list) = value.cast_exact::<PyList>() {
                    for part in list.iter() {
                        if (!item.is_nullable() && classes.is_null(&part))
                            || !values.push(&part, classes)?
                        {
                            return Ok(false);
                        }
                    }
                    return Ok(rows.push(values.len()));
                }
                Ok(is_flat_array(value)
                    && values.extend(value, item.is_nullable(), classes)?
                    && rows.push(values.len()))
            }
            Self::Struct {
                fields,
                rows,
                columns,
            } => {
                if value.is_none() {
                    columns.iter_mut().for_each(Self::push_null);
                    return Ok(rows.push_null());
                }
                let Ok(dict) = value.cast_exact::<PyDict>() else {
                    return Ok(false);
                };
                for (field, column) in fields.iter().zip(columns) {
                    let taken = match dict.get_item(field.name())? {
                        Some(part) if field.is_nullable() || !classes.is_null(&part) => {
                            column.push(&part, classes)?
                        }
                        None if field.is_nullable() => {
                            column.push_null();
                            true
                        }
                        Some(_) | None => false,
                    };
                    if !taken {
                        return Ok(false);
                    }
                }
                Ok(rows.push(0))
            }
            Self::Map {
                fields,
                rows,
                keys,
                values,
                ..
            } => {
                if value.is_none() {
                    return Ok(rows.push_null());
                }
                let Ok(dict) = value.cast_exact::<PyDict>() else {
                    return Ok(false);
                };
                let nullable = fields.get(1).is_some_and(|field| field.is_nullable());
                for (key, part) in dict.iter() {
                    if classes.is_null(&key)
                        || (!nullable && classes.is_null(&part))
                        || !keys.push(&key, classes)?
                        || !values.push(&part, classes)?
                    {
                        return Ok(false);
                    }
                }
                Ok(rows.push(keys.len()))
            }
        }
    }

    /// Appends the elements of a one-dimensional array.
    fn extend(
        &mut self,
        array: &Bound<'_, PyAny>,
        nullable: bool,
        classes: &PandasClasses,
    ) -> PyResult<bool> {
        if let Self::Leaf(builder) = self {
            // Its nulls are not known one by one, so that a field without nulls is stock's.
            return Ok(nullable && builder.extend(array, classes)?);
        }
        let Some(parts) = elements(array) else {
            // PARITY: PySpark makes an empty array of structs or maps a float64 one.
            return Ok(array.len()? == 0);
        };
        for part in &parts {
            if (!nullable && classes.is_null(part)) || !self.push(part, classes)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn push_null(&mut self) {
        match self {
            Self::Leaf(builder) => builder.append_null(),
            Self::List { rows, .. } | Self::Map { rows, .. } => {
                rows.push_null();
            }
            Self::Struct { rows, columns, .. } => {
                columns.iter_mut().for_each(Self::push_null);
                rows.push_null();
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Leaf(builder) => builder.len(),
            Self::List { rows, .. } | Self::Struct { rows, .. } | Self::Map { rows, .. } => {
                rows.validity.len()
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Leaf(builder) => builder.bytes(),
            Self::List { values, .. } => values.bytes(),
            Self::Struct { columns, .. } => columns.iter().map(Self::bytes).sum(),
            Self::Map { keys, values, .. } => keys.bytes() + values.bytes(),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Leaf(builder) => drop(builder.finish()),
            Self::List { rows, values, .. } => {
                rows.clear();
                values.clear();
            }
            Self::Struct { rows, columns, .. } => {
                rows.clear();
                columns.iter_mut().for_each(Self::clear);
            }
            Self::Map {
                rows, keys, values, ..
            } => {
                rows.clear();
                drop(keys.finish());
                values.clear();
            }
        }
    }

    /// Takes the first `length` values; any after them belong to a refused column.
    fn finish(&mut self, length: usize) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Leaf(builder) => builder.take(length),
            Self::List { item, rows, values } => {
                let (offsets, held, nulls) = rows.finish(length);
                let values = values.finish(held)?;
                Arc::new(ListArray::try_new(
                    Arc::clone(item),
                    offsets,
                    values,
                    nulls,
                )?)
            }
            Self::Struct {
                fields,
                rows,
                columns,
            } => {
                let (_, _, nulls) = rows.finish(length);
                let columns = columns.iter_mut().map(|column| column.finish(length));
                let columns = columns.collect::<Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new_with_length(
                    fields.clone(),
                    columns,
                    nulls,
                    length,
                )?)
            }
            Self::Map {
                entries,
                fields,
                ordered,
                rows,
                keys,
                values,
            } => {
                let (offsets, held, nulls) = rows.finish(length);
                let columns = vec![keys.take(held), values.finish(held)?];
                let pairs = StructArray::try_new_with_length(fields.clone(), columns, None, held)?;
                Arc::new(MapArray::try_new(
                    Arc::clone(entries),
                    offsets,
                    pairs,
                    nulls,
                    *ordered,
                )?)
            }
        })
    }
}

impl Rows {
    /// Ends a row whose values end at `end`. `false` if that is beyond 32-bit offsets.
    fn push(&mut self, end: usize) -> bool {
        let Ok(end) = i32::try_from(end) else {
            return false;
        };
        self.validity.append(true);
        self.ends.push(end);
        true
    }

    fn push_null(&mut self) -> bool {
        self.validity.append(false);
        self.ends.push(self.ends.last().copied().unwrap_or(0));
        true
    }

    fn clear(&mut self) {
        self.validity = BooleanBufferBuilder::new(0);
        self.ends.clear();
    }

    /// Offsets, number of values and nulls of the first `length` rows.
    fn finish(&mut self, length: usize) -> (OffsetBuffer<i32>, usize, Option<NullBuffer>) {
        self.validity.truncate(length);
        self.ends.truncate(length);
        let held = self.ends.last().copied().unwrap_or(0);
        let offsets: Vec<i32> = std::iter::once(0).chain(self.ends.drain(..)).collect();
        let nulls = NullBuffer::new(self.validity.finish());
        (
            OffsetBuffer::new(offsets.into()),
            usize::try_from(held).unwrap_or(0),
            Some(nulls).filter(|nulls| nulls.null_count() > 0),
        )
    }
}

/// Exactly a one-dimensional `ndarray`.
fn is_flat_array(value: &Bound<'_, PyAny>) -> bool {
    value
        .cast_exact::<PyUntypedArray>()
        .is_ok_and(|array| array.ndim() == 1)
}
