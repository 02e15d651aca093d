//! Groups → what the user's function is called with: a frame and, if it wants one, a key.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use super::conversions::Conversions;
use super::task;
use super::verifier::{Input, Verifier};
use crate::frame::kind::{Dtype, InputKind, Unit};
use crate::frame::to_pandas::{Builder, Column};
use crate::frame::zone::Zone;
use crate::wire::Fault;
use crate::worker::group_reader::{Columns, EncodedBatch, Group, InputSchema};

/// Which columns of the Arrow data are the key, and which the frame.
///
/// Source: `extract_key_value_indexes` in `pyspark/worker.py`, Spark 3.5.9 to 4.3.0.
#[derive(Debug)]
pub struct Offsets {
    /// Columns of the key, in order.
    pub keys: Vec<usize>,
    /// Columns of the frame, in order.
    pub values: Vec<usize>,
    /// Whether the function takes the key.
    pub with_key: bool,
}

impl Offsets {
    /// Those of a `GroupedMap` of `kinds.py`.
    ///
    /// # Errors
    ///
    /// Fails if it is not what its file says.
    pub fn of(task: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            keys: task.getattr("key_offsets")?.extract()?,
            values: task.getattr("value_offsets")?.extract()?,
            with_key: task.getattr("with_key")?.extract()?,
        })
    }
}

/// Builds the frames of one task's groups.
#[expect(
    missing_debug_implementations,
    reason = "the token of the interpreter has none"
)]
pub struct GroupFrames<'a, 'py> {
    py: Python<'py>,
    conversions: &'a Conversions,
    offsets: &'a Offsets,
    decimal: Bound<'py, PyAny>,
    /// `frames.py`'s `Frames`, made for the first group's column names.
    frames: Option<Bound<'py, PyAny>>,
    kinds: Vec<Option<InputKind>>,
    /// Position among the decoded columns, by position in the schema.
    decoded: HashMap<usize, usize>,
    layouts: HashMap<Vec<Slot>, Bound<'py, PyAny>>,
    /// The columns of a frame that stock has made: while they live, its blocks are shared, and
    /// pandas copies them on writing if it is told to. Stock keeps them as long.
    shared: Option<Bound<'py, PyDict>>,
    /// Stock makes one batch of all batches of a group before it converts them.
    combines: bool,
}

/// Where a column of the frame comes from, and which block it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Slot {
    Native {
        dtype: Dtype,
        zero_copy_in_stock: bool,
    },
    Stock {
        dtype: String,
    },
}

/// A column that stock has converted.
struct StockColumn<'py> {
    series: Bound<'py, PyAny>,
    values: Bound<'py, PyAny>,
    dtype: String,
}

/// The native columns of a group by position in the schema; `None` for those left to stock.
type NativeColumns<'g> = [Option<(Column<'g>, Dtype)>];

impl<'a, 'py> GroupFrames<'a, 'py> {
    /// Before the first group.
    pub fn new(py: Python<'py>, conversions: &'a Conversions, offsets: &'a Offsets) -> Self {
        Self {
            py,
            conversions,
            offsets,
            decimal: conversions.names.decimal.bind(py).clone().into_any(),
            frames: None,
            kinds: Vec::new(),
            decoded: HashMap::new(),
            layouts: HashMap::new(),
            shared: None,
            combines: true,
        }
    }

    /// For kinds whose batches stock converts as they come.
    #[must_use]
    pub fn uncombined(mut self) -> Self {
        self.combines = false;
        self
    }

    /// Builds the frame of a group, and its key if it is wanted; a verifier looks at both.
    ///
    /// # Errors
    ///
    /// What stock raises for a column that it cannot convert, and a difference that was found.
    pub fn frame(
        &mut self,
        group: &Group,
        wants_key: bool,
        verifier: Option<&Verifier<'py>>,
    ) -> PyResult<(Bound<'py, PyAny>, Option<Bound<'py, PyTuple>>)> {
        if self.frames.is_none() {
            self.start(&group.schema)?;
        }
        let width = self.kinds.len();
        let native: Vec<Option<(Column<'_>, Dtype)>> = match &group.columns {
            Columns::Decoded(batches) => (0..width)
                .map(|index| self.native_column(batches, index))
                .collect::<PyResult<_>>()?,
            Columns::Stock(why) => {
                tracing::debug!(?why, "PySpark converts every column of a group");
                (0..width).map(|_| None).collect()
            }
            Columns::Malformed(fault) => return Err(self.malformed(group, fault)?),
        };
        let all_native = native.iter().all(Option::is_some);
        let stock = if all_native {
            Vec::new()
        } else {
            self.stock_columns(group, &native)?
        };
        let key = if wants_key {
            Some(self.key(group, &native, &stock)?)
        } else {
            None
        };
        if let Some(frame) = self.build(group, &native, &stock)? {
            if let Some(verifier) = verifier {
                let series = |index| stock.get(index).and_then(Option::as_ref);
                verifier.input(Input {
                    table: self.ask_stock("table", group)?,
                    converted: (0..width)
                        .map(|index| series(index).map(|column| &column.series))
                        .collect(),
                    offsets: self.offsets,
                    frame: &frame,
                    key: key.as_ref(),
                })?;
            }
            return Ok((frame, key));
        }
        // The user has changed an option of pandas, which stock's converters and concat may heed.
        let none: Vec<Option<(Column<'_>, Dtype)>> = (0..width).map(|_| None).collect();
        let stock = self.stock_columns(group, &none)?;
        let key = if wants_key {
            Some(self.key(group, &none, &stock)?)
        } else {
            None
        };
        let columns = PyDict::new(self.py);
        for (index, column) in stock.iter().enumerate() {
            columns.set_item(index, column.as_ref().map(|column| &column.series))?;
        }
        let frame = self
            .stock()
            .call_method1("frame", (&columns, self.offsets.values.clone()))?;
        self.shared = Some(columns);
        Ok((frame, key))
    }

    fn stock(&self) -> &'a Bound<'py, PyAny> {
        self.conversions.stock.bind(self.py)
    }

    /// Looks at the schema, once a task.
    fn start(&mut self, schema: &InputSchema) -> PyResult<()> {
        self.kinds = self.conversions.kinds(&schema.schema);
        let projection = schema.projection.iter().enumerate();
        self.decoded = projection
            .map(|(position, index)| (*index, position))
            .collect();
        let mut labels = Vec::with_capacity(self.offsets.values.len());
        for offset in &self.offsets.values {
            let field = schema.schema.fields().get(*offset).ok_or_else(|| {
                let width = self.kinds.len();
                PyRuntimeError::new_err(format!(
                    "bowstring: the task names column {offset}, its data have {width}"
                ))
            })?;
            labels.push(field.name().clone());
        }
        let is_text = |kind: &Option<InputKind>| {
            matches!(kind, Some(InputKind::String | InputKind::LargeString))
        };
        if self.kinds.iter().any(is_text) {
            self.stock().call_method0("meet_text")?;
        }
        self.frames = Some(self.conversions.frames(self.py, &labels)?);
        Ok(())
    }

    fn frames(&self) -> PyResult<&Bound<'py, PyAny>> {
        self.frames
            .as_ref()
            .ok_or_else(|| PyRuntimeError::new_err("bowstring: a result before the first group"))
    }

    fn native_column<'g>(
        &self,
        batches: &'g [RecordBatch],
        index: usize,
    ) -> PyResult<Option<(Column<'g>, Dtype)>> {
        let kind = self.kinds.get(index).copied().flatten();
        let (Some(kind), Some(position)) = (kind, self.decoded.get(&index)) else {
            return Ok(None);
        };
        // The key is made of its first row alone, which may look different from the whole column.
        if kind.is_nested() && self.offsets.with_key && self.offsets.keys.contains(&index) {
            return Ok(None);
        }
        let mut column = Column::new(kind, batches, *position);
        if let (InputKind::NamedTimestamp, Zone::Named(zone)) = (kind, &self.conversions.zone) {
            match zone.input(self.py)? {
                Some(offsets) => column = column.in_zone(offsets),
                None => return Ok(None),
            }
        }
        let dtype = column.dtype(&self.conversions.traits);
        Ok(dtype.map(|dtype| (column, dtype)))
    }

    /// Calls a method of `Stock` that takes a group's messages.
    fn ask_stock(&self, method: &str, group: &Group) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let schema = PyBytes::new(py, &group.schema.message);
        let messages = group.encoded.iter().map(EncodedBatch::message);
        let messages = PyList::new(py, messages.map(|message| PyBytes::new(py, &message)))?;
        self.stock().call_method1(method, (schema, messages))
    }

    /// The error for a group that nobody may follow: stock's, where its reader notices something.
    /// Where it does not, it would go on to read outside of its buffers, so the error is ours.
    fn malformed(&self, group: &Group, fault: &Fault) -> PyResult<PyErr> {
        self.ask_stock("batches", group)?;
        Ok(task::malformed(fault))
    }

    /// Has stock convert every column without a native one, in order, so that the first error is
    /// stock's first error.
    fn stock_columns(
        &self,
        group: &Group,
        native: &NativeColumns<'_>,
    ) -> PyResult<Vec<Option<StockColumn<'py>>>> {
        let table = self.ask_stock("table", group)?;
        let mut columns = Vec::with_capacity(native.len());
        for (index, native) in native.iter().enumerate() {
            columns.push(if native.is_some() {
                None
            } else {
                let series = self.stock().call_method1("column", (&table, index))?;
                let (values, dtype) = self
                    .conversions
                    .block_values
                    .bind(self.py)
                    .call1((&series,))?
                    .extract()?;
                Some(StockColumn {
                    series,
                    values,
                    dtype,
                })
            });
        }
        Ok(columns)
    }

    /// The frame, or `None` if the user has changed an option of pandas that matters.
    fn build(
        &mut self,
        group: &Group,
        native: &NativeColumns<'_>,
        stock: &[Option<StockColumn<'py>>],
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        // pandas 3.
        let one_per_column = self.conversions.traits.arrow_strings;
        let one_chunk = self.combines || group.encoded.len() <= 1;
        let slots: Vec<Slot> = self
            .offsets
            .values
            .iter()
            .map(|offset| slot(*offset, native, stock, one_per_column, one_chunk))
            .collect();
        let blocks = blocks(&slots, one_per_column);
        if !self.layouts.contains_key(&slots) {
            let described: Vec<(&str, Vec<usize>)> = blocks
                .iter()
                .map(|(slot, columns)| (slot.maker(), columns.clone()))
                .collect();
            let layout = self.frames()?.call_method1("layout", (described,))?;
            self.layouts.insert(slots.clone(), layout);
        }
        let builder = Builder {
            py: self.py,
            decimal: &self.decimal,
            traits: &self.conversions.traits,
            rows: group.rows,
        };
        let arrays = PyList::empty(self.py);
        for (slot, columns) in &blocks {
            let offsets = columns
                .iter()
                .filter_map(|column| self.offsets.values.get(*column).copied());
            arrays.append(Self::block(
                &builder,
                slot,
                &offsets.collect::<Vec<_>>(),
                native,
                stock,
            )?)?;
        }
        let layout = self.layouts.get(&slots);
        let frame = self
            .frames()?
            .call_method1("frame", (layout, arrays, group.rows))?;
        Ok((!frame.is_none()).then_some(frame))
    }

    /// The array of one block, made of the columns at `offsets`.
    fn block(
        builder: &Builder<'_, 'py>,
        slot: &Slot,
        offsets: &[usize],
        native: &NativeColumns<'_>,
        stock: &[Option<StockColumn<'py>>],
    ) -> PyResult<Bound<'py, PyAny>> {
        let natives: Vec<Option<&Column<'_>>> = offsets
            .iter()
            .map(|offset| {
                native
                    .get(*offset)
                    .and_then(Option::as_ref)
                    .map(|(column, _)| column)
            })
            .collect();
        let values = |offset: &usize| {
            stock
                .get(*offset)
                .and_then(Option::as_ref)
                .map(|column| &column.values)
        };
        let dtype = match slot {
            Slot::Native {
                dtype: Dtype::String,
                ..
            } => {
                let column = natives.first().copied().flatten();
                let column = column.ok_or_else(|| {
                    PyRuntimeError::new_err("bowstring: a string column is missing")
                })?;
                return builder.string_array(column);
            }
            Slot::Native { dtype, .. } => *dtype,
            Slot::Stock { .. } => {
                let values = offsets.first().and_then(values);
                return values.cloned().ok_or_else(|| {
                    PyRuntimeError::new_err("bowstring: a converted column is missing")
                });
            }
        };
        let array = builder.block(dtype, &natives)?;
        for (row, (offset, native)) in offsets.iter().zip(&natives).enumerate() {
            if let (None, Some(values)) = (native, values(offset)) {
                // Views of a stock column with one row are two-dimensional.
                array.set_item(row, values.call_method1("reshape", (builder.rows,))?)?;
            }
        }
        Ok(array)
    }

    /// The key: the first value of each key column, as indexing a column gives it.
    fn key(
        &self,
        group: &Group,
        native: &NativeColumns<'_>,
        stock: &[Option<StockColumn<'py>>],
    ) -> PyResult<Bound<'py, PyTuple>> {
        let mut values = Vec::with_capacity(self.offsets.keys.len());
        for offset in &self.offsets.keys {
            let column = native.get(*offset).and_then(Option::as_ref);
            values.push(
                match (column, stock.get(*offset).and_then(Option::as_ref)) {
                    (Some((column, dtype)), _) => {
                        // A frame of one row with the key alone, so that pandas makes the scalar.
                        let first = column.first();
                        let builder = Builder {
                            py: self.py,
                            decimal: &self.decimal,
                            traits: &self.conversions.traits,
                            rows: first.rows().min(1),
                        };
                        let array = if *dtype == Dtype::String {
                            builder.string_array(&first)?
                        } else {
                            builder.block(*dtype, &[Some(&first)])?
                        };
                        self.frames()?
                            .call_method1("scalar", (dtype_maker(*dtype), array))?
                    }
                    (None, Some(column)) => column.series.getattr("iloc")?.get_item(0)?,
                    (None, None) => {
                        return Err(PyRuntimeError::new_err(format!(
                            "bowstring: key column {offset} is missing in a group of {} rows",
                            group.rows
                        )));
                    }
                },
            );
        }
        PyTuple::new(self.py, values)
    }
}

impl Slot {
    /// The name of the maker in `frames.py`.
    fn maker(&self) -> &'static str {
        match self {
            Self::Native {
                dtype,
                zero_copy_in_stock: false,
            } => dtype_maker(*dtype),
            Self::Native {
                dtype: Dtype::Datetime(_),
                zero_copy_in_stock: true,
            } => "datetime read-only",
            Self::Native { .. } => "plain read-only",
            Self::Stock { .. } => "stock",
        }
    }

    /// What pandas sorts blocks by when it consolidates them: extension arrays, which stay alone,
    /// come first; then the dtype's name decides.
    ///
    /// Source: `Block._consolidate_key`, pandas 2.2 and 2.3.
    fn consolidation_key(&self) -> (bool, &str) {
        match self {
            Self::Native { dtype, .. } => (true, dtype_name(*dtype)),
            Self::Stock { dtype } => (false, dtype),
        }
    }
}

/// The name that pandas gives to the dtype of a block.
fn dtype_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::Bool => "bool",
        Dtype::Int8 => "int8",
        Dtype::Int16 => "int16",
        Dtype::Int32 => "int32",
        Dtype::Int64 => "int64",
        Dtype::Float32 => "float32",
        Dtype::Float64 => "float64",
        Dtype::Object => "object",
        Dtype::Datetime(Unit::Micro) => "datetime64[us]",
        Dtype::Datetime(Unit::Nano) => "datetime64[ns]",
        Dtype::Timedelta(Unit::Micro) => "timedelta64[us]",
        Dtype::Timedelta(Unit::Nano) => "timedelta64[ns]",
        Dtype::String => "str",
    }
}

fn dtype_maker(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::Datetime(_) => "datetime",
        Dtype::Timedelta(_) => "timedelta",
        Dtype::String => "string",
        Dtype::Bool
        | Dtype::Int8
        | Dtype::Int16
        | Dtype::Int32
        | Dtype::Int64
        | Dtype::Float32
        | Dtype::Float64
        | Dtype::Object => "plain",
    }
}

/// Where the column at `offset` comes from. A column of stock's whose dtype has native blocks
/// joins them if stock's frame does that; otherwise its array is used as it is, be it read-only.
fn slot(
    offset: usize,
    native: &NativeColumns<'_>,
    stock: &[Option<StockColumn<'_>>],
    one_per_column: bool,
    one_chunk: bool,
) -> Slot {
    if let Some((column, dtype)) = native.get(offset).and_then(Option::as_ref) {
        return Slot::Native {
            dtype: *dtype,
            zero_copy_in_stock: one_chunk && column.is_zero_copy_in_stock(*dtype),
        };
    }
    let dtype = stock
        .get(offset)
        .and_then(Option::as_ref)
        .map_or("", |column| &column.dtype);
    let joined = match dtype {
        _ if one_per_column => None,
        "object" => Some(Dtype::Object),
        "bool" => Some(Dtype::Bool),
        "int8" => Some(Dtype::Int8),
        "int16" => Some(Dtype::Int16),
        "int32" => Some(Dtype::Int32),
        "int64" => Some(Dtype::Int64),
        "float32" => Some(Dtype::Float32),
        "float64" => Some(Dtype::Float64),
        "datetime64[ns]" => Some(Dtype::Datetime(Unit::Nano)),
        "datetime64[us]" => Some(Dtype::Datetime(Unit::Micro)),
        "timedelta64[ns]" => Some(Dtype::Timedelta(Unit::Nano)),
        "timedelta64[us]" => Some(Dtype::Timedelta(Unit::Micro)),
        _ => None,
    };
    match joined {
        Some(dtype) => Slot::Native {
            dtype,
            zero_copy_in_stock: false,
        },
        None => Slot::Stock {
            dtype: dtype.to_owned(),
        },
    }
}

/// The blocks of a frame and their columns: one per dtype with pandas 2, which consolidates; one
/// per column with pandas 3, which does not.
fn blocks(slots: &[Slot], one_per_column: bool) -> Vec<(Slot, Vec<usize>)> {
    let mut blocks: Vec<(Slot, Vec<usize>)> = Vec::new();
    for (column, slot) in slots.iter().enumerate() {
        let slot = match slot {
            Slot::Native { dtype, .. } if !one_per_column => Slot::Native {
                dtype: *dtype,
                zero_copy_in_stock: false,
            },
            Slot::Native { .. } | Slot::Stock { .. } => slot.clone(),
        };
        let shared = matches!(slot, Slot::Native { .. }) && !one_per_column;
        match blocks
            .iter_mut()
            .find(|(known, _)| shared && *known == slot)
        {
            Some((_, columns)) => columns.push(column),
            None => blocks.push((slot, vec![column])),
        }
    }
    // PARITY: pandas 2 leaves blocks in the order of their first columns, unless it has to bring
    // together columns of one dtype that do not lie side by side: then it sorts them.
    let scattered = |columns: &[usize]| columns.windows(2).any(|pair| pair[0] + 1 != pair[1]);
    if blocks.iter().any(|(_, columns)| scattered(columns)) {
        blocks.sort_by(|(left, _), (right, _)| {
            left.consolidation_key().cmp(&right.consolidation_key())
        });
    }
    blocks
}
