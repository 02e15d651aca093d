//! Groups → what the user's function is called with: a frame and, if it wants one, a key.

use std::collections::HashMap;
use std::sync::Arc;

use bowstring_ipc::group::{Group, InputSchema};
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::convert::conversions::Conversions;
use crate::convert::input::blocks::{BlockSource, StockColumn, blocks, dtype_maker, slot};
use crate::convert::input::column::Column;
use crate::convert::input::group_columns::{GroupColumns, NativeColumns, messages};
use crate::convert::input::key_columns::KeyColumns;
use crate::convert::input::numpy::Builder;
use crate::convert::observed::Dtype;
use crate::facades::frames::{Frames, FramesModule};

/// Builds the frames of one task's groups.
#[derive(Debug)]
pub(crate) struct GroupFrames {
    conversions: Arc<Conversions>,
    offsets: KeyColumns,
    columns: GroupColumns,
    /// Made for the first group's column names.
    frames: Option<Frames>,
    plans: Plans,
    /// The columns of a frame that stock has made: while they live, its blocks are shared, and
    /// pandas copies them on writing if it is told to. Stock keeps them as long.
    shared: Option<Py<PyDict>>,
    /// What stands for the columns of a frame that are not kept for ever.
    columns_of_frame: Option<Py<PyAny>>,
    /// Stock's timestamps are never views of Arrow buffers.
    own_timestamps: bool,
    /// Stock makes one batch of all batches of a group before it converts them.
    combines: bool,
}

/// Plans that are remembered. Where columns with and without nulls are of different dtypes, which pandas 2 sorts into
/// blocks, there may be as many as groups.
const MOST_PLANS: usize = 256;

/// What all frames of a task have in common whose slots are alike.
#[derive(Debug)]
struct Plan {
    /// The columns of each block: those of the frame.
    blocks: Vec<Vec<usize>>,
    /// `frames.py`'s `_Layout`.
    layout: Py<PyAny>,
}

/// The plans of a task.
#[derive(Debug, Default)]
struct Plans {
    /// What the last one was found by.
    key: Vec<BlockSource>,
    last: Option<Arc<Plan>>,
    all: HashMap<Vec<BlockSource>, Arc<Plan>>,
}

impl Plans {
    /// The plan for these slots. `make` makes it when such slots are seen for the first time.
    fn of(
        &mut self,
        slots: &[BlockSource],
        one_per_column: bool,
        make: impl FnOnce() -> PyResult<Plan>,
    ) -> PyResult<Arc<Plan>> {
        let key = || slots.iter().map(|slot| slot.in_plan(one_per_column));
        if let Some(plan) = &self.last
            && slots.len() == self.key.len()
            && key().zip(&self.key).all(|(slot, last)| slot == *last)
        {
            return Ok(Arc::clone(plan));
        }
        let key: Vec<BlockSource> = key().collect();
        let plan = if let Some(plan) = self.all.get(&key) {
            Arc::clone(plan)
        } else {
            let plan = Arc::new(make()?);
            if self.all.len() >= MOST_PLANS {
                self.all.clear();
            }
            self.all.insert(key.clone(), Arc::clone(&plan));
            plan
        };
        self.key = key;
        self.last = Some(Arc::clone(&plan));
        Ok(plan)
    }
}

/// What was made of a group.
#[derive(Debug)]
pub(crate) struct FrameOfGroup<'py> {
    /// The frame.
    pub(crate) frame: Bound<'py, PyAny>,
    /// The key, if it is wanted.
    pub(crate) key: Option<Bound<'py, PyTuple>>,
    /// By position in the group, the columns that stock has converted, or nothing if there are none; `None` if stock
    /// has made the frame as well.
    pub(crate) stock: Option<Vec<Option<StockColumn<'py>>>>,
}

impl GroupFrames {
    /// Before the first group.
    pub(crate) fn new(conversions: &Arc<Conversions>, offsets: &KeyColumns) -> Self {
        Self {
            conversions: Arc::clone(conversions),
            offsets: offsets.clone(),
            columns: GroupColumns::new(conversions),
            frames: None,
            plans: Plans::default(),
            shared: None,
            columns_of_frame: None,
            own_timestamps: false,
            combines: true,
        }
    }

    /// For columns of these names that are native, all of them, of groups that nobody reads. The frames are shared with
    /// nothing, as stock keeps no columns of theirs.
    pub(crate) fn labelled(
        conversions: &Arc<Conversions>,
        offsets: &KeyColumns,
        labels: &[String],
        py: Python<'_>,
    ) -> PyResult<Self> {
        Ok(Self {
            frames: Some(conversions.frames(py, labels)?),
            columns_of_frame: Some(py.None()),
            ..Self::new(conversions, offsets)
        })
    }

    /// The frame of columns that are native or `ready`, see [`Self::labelled`], or `None` if the user has changed an
    /// option of pandas that matters.
    pub(crate) fn of_columns<'py>(
        &mut self,
        py: Python<'py>,
        rows: usize,
        native: &NativeColumns<'_>,
        ready: &[Option<StockColumn<'py>>],
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.build(py, rows, native, ready, true)
    }

    /// For conversions that copy timestamps.
    #[must_use]
    pub(crate) fn with_own_timestamps(mut self) -> Self {
        self.own_timestamps = true;
        self
    }

    /// For kinds whose batches stock converts as they come.
    #[must_use]
    pub(crate) fn uncombined(mut self) -> Self {
        self.combines = false;
        self
    }

    /// Builds the frame of a group, and its key if it is wanted.
    ///
    /// # Errors
    ///
    /// What stock raises for a column that it cannot convert.
    pub(crate) fn frame<'py>(
        &mut self,
        py: Python<'py>,
        group: &Group,
        wants_key: bool,
    ) -> PyResult<FrameOfGroup<'py>> {
        if self.frames.is_none() {
            self.start(py, &group.schema)?;
        }
        // The key is made of its first row alone, which may look different from the whole column.
        let alone = |index| self.offsets.with_key && self.offsets.keys.contains(&index);
        let mut native = self.columns.native(py, group, alone)?;
        if !self.combines {
            // PARITY: text has as many chunks as there are batches then, and none or one without rows.
            for column in &mut native {
                *column = column.take().filter(|(column, dtype)| {
                    *dtype != Dtype::String || (group.batches() == 1 && column.rows() > 0)
                });
            }
        }
        let width = native.len();
        let all_native = native.iter().all(Option::is_some);
        let stock = if all_native {
            Vec::new()
        } else {
            self.stock_columns(py, group, &native)?
        };
        let one_chunk = self.combines || group.batches() <= 1;
        if let Some(frame) = self.build(py, group.rows, &native, &stock, one_chunk)? {
            // Not before: with other options stock refuses text that is not UTF-8 before it looks at the key.
            let key = if wants_key {
                Some(self.key(py, group, &native, &stock)?)
            } else {
                None
            };
            return Ok(FrameOfGroup {
                frame,
                key,
                stock: Some(stock),
            });
        }
        // The user has changed an option of pandas, which stock's converters and concat may heed.
        let none: Vec<Option<(Column<'_>, Dtype)>> = (0..width).map(|_| None).collect();
        let stock = self.stock_columns(py, group, &none)?;
        let key = if wants_key {
            Some(self.key(py, group, &none, &stock)?)
        } else {
            None
        };
        let columns = PyDict::new(py);
        for (index, column) in stock.iter().enumerate() {
            columns.set_item(index, column.as_ref().map(|column| &column.series))?;
        }
        let frame = (self.conversions.stock).frame(&columns, &self.offsets.values)?;
        self.shared = Some(columns.unbind());
        Ok(FrameOfGroup {
            frame,
            key,
            stock: None,
        })
    }

    /// As [`Self::frame`], for kinds that do not keep the columns of every frame until the function
    /// is done. The second is what has to live as long as stock keeps the columns: the frame is shared with them only
    /// while they live.
    ///
    /// # Errors
    ///
    /// As [`Self::frame`].
    pub(crate) fn frame_and_columns<'py>(
        &mut self,
        py: Python<'py>,
        group: &Group,
        wants_key: bool,
    ) -> PyResult<(FrameOfGroup<'py>, Bound<'py, PyAny>)> {
        if self.frames.is_none() {
            self.start(py, &group.schema)?;
        }
        self.columns_of_frame = Some(self.frames()?.columns(py)?.unbind());
        let made = self.frame(py, group, wants_key);
        let (stocks, ours) = (self.shared.take(), self.columns_of_frame.take());
        let made = made?;
        let columns = stocks.map(Py::into_any).or(ours).into_pyobject(py)?;
        Ok((made, columns))
    }

    /// The group as stock's Arrow table.
    ///
    /// # Errors
    ///
    /// What stock raises.
    pub(crate) fn table<'py>(&self, py: Python<'py>, group: &Group) -> PyResult<Bound<'py, PyAny>> {
        self.conversions.stock.table(py, messages(py, group)?)
    }

    /// Which columns are the key and which the frame.
    pub(crate) fn key_columns(&self) -> &KeyColumns {
        &self.offsets
    }

    /// Looks at the schema, once a task.
    fn start(&mut self, py: Python<'_>, schema: &InputSchema) -> PyResult<()> {
        self.columns.start(py, schema)?;
        let mut labels = Vec::with_capacity(self.offsets.values.len());
        for offset in &self.offsets.values {
            labels.push(self.columns.label(schema, *offset)?);
        }
        self.frames = Some(self.conversions.frames(py, &labels)?);
        Ok(())
    }

    fn frames(&self) -> PyResult<&Frames> {
        self.frames.as_ref().ok_or_else(no_group_yet)
    }

    /// Has stock convert every column without a native one, in order, so that the first error is
    /// stock's first error.
    fn stock_columns<'py>(
        &self,
        py: Python<'py>,
        group: &Group,
        native: &NativeColumns<'_>,
    ) -> PyResult<Vec<Option<StockColumn<'py>>>> {
        let table = self.table(py, group)?;
        let mut columns = Vec::with_capacity(native.len());
        for (index, native) in native.iter().enumerate() {
            columns.push(if native.is_some() {
                None
            } else {
                let series = self.conversions.stock.column(&table, index)?;
                let (values, dtype) = FramesModule::of(py)?.block_values(&series)?;
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
    fn build<'py>(
        &mut self,
        py: Python<'py>,
        rows: usize,
        native: &NativeColumns<'_>,
        stock: &[Option<StockColumn<'py>>],
        one_chunk: bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let slots = self.slots(native, stock, one_chunk);
        let plan = self.plan(py, &slots)?;
        let builder = self.builder(py, rows);
        let values = &self.offsets.values;
        let mut offsets = Vec::new();
        let mut arrays = Vec::with_capacity(plan.blocks.len());
        for columns in &plan.blocks {
            let slot = columns.first().and_then(|column| slots.get(*column));
            let slot = slot.ok_or_else(|| {
                PyRuntimeError::new_err("bowstring: a block has no column, this is a bug")
            })?;
            offsets.clear();
            offsets.extend(columns.iter().filter_map(|column| values.get(*column)));
            arrays.push(Self::block(&builder, slot, &offsets, native, stock)?);
        }
        let arrays = PyList::new(py, arrays)?;
        let columns = self.columns_of_frame.as_ref();
        (self.frames()?).frame(plan.layout.bind(py), &arrays, rows, columns)
    }

    fn builder<'py>(&self, py: Python<'py>, rows: usize) -> Builder<'_, 'py> {
        Builder {
            py,
            decimal: self.conversions.classes.decimal.bind(py),
            observed: &self.conversions.observed,
            rows,
        }
    }

    /// Where each column of the frame comes from.
    fn slots(
        &self,
        native: &NativeColumns<'_>,
        stock: &[Option<StockColumn<'_>>],
        one_chunk: bool,
    ) -> Vec<BlockSource> {
        let one_per_column = self.one_per_column();
        let offsets = self.offsets.values.iter();
        let slots = offsets.map(|offset| slot(*offset, native, stock, one_per_column, one_chunk));
        let slots = slots.map(|mut slot| {
            if let BlockSource::Native {
                dtype,
                zero_copy_in_stock,
            } = &mut slot
            {
                let copied = self.own_timestamps && matches!(dtype, Dtype::Datetime(_));
                *zero_copy_in_stock &= one_per_column && !copied;
            }
            slot
        });
        slots.collect()
    }

    /// Whether pandas leaves columns in blocks of their own: pandas 3.
    fn one_per_column(&self) -> bool {
        self.conversions.observed.arrow_strings
    }

    fn plan(&mut self, py: Python<'_>, slots: &[BlockSource]) -> PyResult<Arc<Plan>> {
        let one_per_column = self.one_per_column();
        let Self { frames, plans, .. } = self;
        plans.of(slots, one_per_column, || {
            let frames = frames.as_ref().ok_or_else(no_group_yet)?;
            let blocks = blocks(slots, one_per_column);
            let described: Vec<(&str, Vec<usize>)> = blocks
                .iter()
                .map(|(slot, columns)| (slot.maker(), columns.clone()))
                .collect();
            Ok(Plan {
                layout: frames.layout(py, described)?.unbind(),
                blocks: blocks.into_iter().map(|(_, columns)| columns).collect(),
            })
        })
    }

    /// The array of one block, made of the columns at `offsets`.
    fn block<'py>(
        builder: &Builder<'_, 'py>,
        slot: &BlockSource,
        offsets: &[&usize],
        native: &NativeColumns<'_>,
        stock: &[Option<StockColumn<'py>>],
    ) -> PyResult<Bound<'py, PyAny>> {
        let native = |offset: &&usize| {
            let column = native.get(**offset).and_then(Option::as_ref);
            column.map(|(column, _)| column)
        };
        let values = |offset: &&usize| {
            stock
                .get(**offset)
                .and_then(Option::as_ref)
                .map(|column| &column.values)
        };
        let (dtype, read_only) = match slot {
            BlockSource::Native {
                dtype: Dtype::String,
                ..
            } => {
                let column = offsets.first().and_then(native);
                let column = column.ok_or_else(|| {
                    PyRuntimeError::new_err("bowstring: a string column is missing")
                })?;
                return builder.string_array(column, false);
            }
            BlockSource::Native {
                dtype,
                zero_copy_in_stock,
            } => (*dtype, *zero_copy_in_stock),
            BlockSource::Stock { .. } => {
                let values = offsets.first().and_then(values);
                return values.cloned().ok_or_else(|| {
                    PyRuntimeError::new_err("bowstring: a converted column is missing")
                });
            }
        };
        if let [offset] = offsets
            && let Some(column) = native(offset)
        {
            let view = if read_only {
                builder.view(dtype, column)?
            } else {
                None
            };
            return match view {
                Some(view) => Ok(view),
                None => builder.block(dtype, &[Some(column)], read_only),
            };
        }
        let natives: Vec<Option<&Column<'_>>> = offsets.iter().map(native).collect();
        let array = builder.block(dtype, &natives, false)?;
        for (row, (offset, native)) in offsets.iter().zip(&natives).enumerate() {
            if let (None, Some(values)) = (native, values(offset)) {
                // Views of a stock column with one row are two-dimensional.
                array.set_item(row, values.call_method1("reshape", (builder.rows,))?)?;
            }
        }
        Ok(array)
    }

    /// The key: the first value of each key column, as indexing a column gives it.
    fn key<'py>(
        &self,
        py: Python<'py>,
        group: &Group,
        native: &NativeColumns<'_>,
        stock: &[Option<StockColumn<'py>>],
    ) -> PyResult<Bound<'py, PyTuple>> {
        let keys = &self.offsets.keys;
        let mut values: Vec<Option<Bound<'py, PyAny>>> = Vec::with_capacity(keys.len());
        // A frame of one row with the key alone, so that pandas makes the scalars.
        let mut blocks = Vec::with_capacity(keys.len());
        for offset in keys {
            let column = native.get(*offset).and_then(Option::as_ref);
            values.push(
                match (column, stock.get(*offset).and_then(Option::as_ref)) {
                    (Some((column, dtype)), _) => {
                        let first = column.first();
                        let builder = self.builder(py, first.rows().min(1));
                        let array = if *dtype == Dtype::String {
                            builder.string_array(&first, false)?
                        } else {
                            builder.block(*dtype, &[Some(&first)], false)?
                        };
                        blocks.push((dtype_maker(*dtype), array));
                        None
                    }
                    (None, Some(column)) => {
                        Some(column.series.getattr(intern!(py, "iloc"))?.get_item(0)?)
                    }
                    (None, None) => {
                        return Err(PyRuntimeError::new_err(format!(
                            "bowstring: key column {offset} is missing in a group of {} rows",
                            group.rows
                        )));
                    }
                },
            );
        }
        let made = if blocks.is_empty() {
            PyTuple::empty(py)
        } else {
            let blocks = PyList::new(py, blocks)?;
            self.frames()?.key(&blocks)?
        };
        if made.len() == keys.len() {
            return Ok(made);
        }
        let mut made = made.into_iter();
        let values = values
            .into_iter()
            .map(|value| value.or_else(|| made.next()));
        PyTuple::new(py, values.collect::<Vec<_>>())
    }
}

fn no_group_yet() -> PyErr {
    PyRuntimeError::new_err("bowstring: a result before the first group")
}
