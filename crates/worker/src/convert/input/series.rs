//! Groups → what aggregate functions are called with: a Series for each column.

use std::collections::HashMap;
use std::sync::Arc;

use bowstring_ipc::framing::Join;
use bowstring_ipc::group::{Group, InputSchema};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::convert::conversions::Conversions;
use crate::convert::input::blocks::dtype_maker;
use crate::convert::input::column::Column;
use crate::convert::input::group_columns::{GroupColumns, NativeColumns, messages};
use crate::convert::input::numpy::Builder;
use crate::convert::observed::Dtype;
use crate::facades::frames::FramesModule;

/// Builds the Series of one task's groups.
#[derive(Debug)]
pub(crate) struct GroupSeries {
    conversions: Arc<Conversions>,
    columns: GroupColumns,
    /// The names of the columns; `None` before the first group.
    labels: Option<Vec<String>>,
    /// The last native columns with their makers, and what `frames.py` has made of that.
    makers: Vec<(usize, &'static str)>,
    layout: Option<Py<PyAny>>,
    /// Whether stock gives a column in memory that cannot be written to, and whether of several batches.
    read_only: HashMap<(usize, bool), bool>,
    /// Whether the Series of `makers` are the last group's.
    built: bool,
}

impl GroupSeries {
    /// Before the first group.
    pub(crate) fn new(conversions: &Arc<Conversions>) -> Self {
        Self {
            conversions: Arc::clone(conversions),
            columns: GroupColumns::new(conversions),
            labels: None,
            makers: Vec::new(),
            layout: None,
            read_only: HashMap::new(),
            built: false,
        }
    }

    /// Whether the batches of a group may be put together before they come here.
    pub(crate) fn join(&self) -> Join {
        if self.conversions.stock.joins_series {
            Join::Never
        } else {
            Join::Always
        }
    }

    /// The Series of a group's columns, in order.
    ///
    /// # Errors
    ///
    /// What stock raises for a column that it cannot convert.
    pub(crate) fn series<'py>(
        &mut self,
        py: Python<'py>,
        group: &Group,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.built = false;
        if self.labels.is_none() {
            self.start(py, &group.schema)?;
        }
        let native = self.columns.native(py, group, |_| false)?;
        let all: Vec<usize> = (0..native.len()).collect();
        // Of several Series pandas finds a common dtype; of no batch stock makes what it can.
        if group.batches() == 0 || self.conversions.stock.joins_series && group.batches() > 1 {
            return self.ask_stock(py, group, &all);
        }
        // Stock first, as it would raise before any function is called.
        let left: Vec<usize> = all
            .iter()
            .copied()
            .filter(|index| native.get(*index).is_some_and(Option::is_none))
            .collect();
        let stock = if left.is_empty() {
            Vec::new()
        } else {
            self.ask_stock(py, group, &left)?
        };
        let Some(built) = self.build(py, group, &native)? else {
            // The user has changed an option of pandas, which stock's converters may heed.
            return self.ask_stock(py, group, &all);
        };
        let (mut stock, mut built) = (stock.into_iter(), built.into_iter());
        native
            .iter()
            .map(|column| {
                let series = if column.is_some() {
                    built.next()
                } else {
                    stock.next()
                };
                series.ok_or_else(|| PyRuntimeError::new_err("bowstring: a Series is missing"))
            })
            .collect()
    }

    /// The same if all columns are native and none is nested; else `None`.
    ///
    /// # Errors
    ///
    /// The group is malformed.
    pub(crate) fn native_series<'py>(
        &mut self,
        py: Python<'py>,
        group: &Group,
    ) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        self.built = false;
        if self.labels.is_none() {
            self.start(py, &group.schema)?;
        }
        let native = self.columns.native(py, group, |_| true)?;
        if native.is_empty() || native.iter().any(Option::is_none) {
            return Ok(None);
        }
        self.build(py, group, &native)
    }

    /// Which columns of the last group are native; `None` if stock has made all of its Series.
    pub(crate) fn native(&self) -> Option<impl Iterator<Item = usize>> {
        let columns = self.makers.iter().map(|(index, _)| *index);
        self.built.then_some(columns)
    }

    /// Looks at the schema, once a task.
    fn start(&mut self, py: Python<'_>, schema: &InputSchema) -> PyResult<()> {
        self.columns.start(py, schema)?;
        let labels = (0..schema.schema.fields().len())
            .map(|index| self.columns.label(schema, index))
            .collect::<PyResult<_>>()?;
        self.labels = Some(labels);
        Ok(())
    }

    /// Has stock make the Series of these columns.
    fn ask_stock<'py>(
        &self,
        py: Python<'py>,
        group: &Group,
        columns: &[usize],
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let stock = &self.conversions.stock;
        stock.series(py, messages(py, group)?, columns)
    }

    /// The Series of the native columns, or `None` if the user has changed an option that matters.
    fn build<'py>(
        &mut self,
        py: Python<'py>,
        group: &Group,
        native: &NativeColumns<'_>,
    ) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        let mut makers = Vec::with_capacity(native.len());
        for (index, column) in native.iter().enumerate() {
            if let Some((column, dtype)) = column {
                makers.push((index, self.maker(py, group, index, column, *dtype)?));
            }
        }
        let layout = self.layout(py, makers)?;
        let builder = Builder {
            py,
            decimal: self.conversions.classes.decimal.bind(py),
            observed: &self.conversions.observed,
            rows: group.rows,
        };
        let arrays = PyList::empty(py);
        let columns = native.iter().flatten();
        for ((column, dtype), (_, maker)) in columns.zip(&self.makers) {
            arrays.append(if *dtype == Dtype::String {
                builder.string_array(column, true)?
            } else {
                let view = if maker.ends_with("read-only") {
                    builder.view(*dtype, column)?
                } else {
                    None
                };
                match view {
                    Some(view) => view,
                    None => builder.block(*dtype, &[Some(column)], false)?,
                }
            })?;
        }
        let made = FramesModule::of(py)?.series(&layout, arrays, group.rows)?;
        self.built = made.is_some();
        Ok(made)
    }

    /// The name of the maker in `frames.py`.
    fn maker(
        &mut self,
        py: Python<'_>,
        group: &Group,
        index: usize,
        column: &Column<'_>,
        dtype: Dtype,
    ) -> PyResult<&'static str> {
        if !column.is_zero_copy_in_stock(dtype) {
            return Ok(dtype_maker(dtype));
        }
        let chunked = group.batches() > 1;
        let key = (index, chunked);
        if !self.read_only.contains_key(&key) {
            let schema = PyBytes::new(py, &group.schema.message);
            let batches = if chunked { 2 } else { 1 };
            let read_only = (self.conversions.stock).is_read_only(schema, index, batches)?;
            self.read_only.insert(key, read_only);
        }
        Ok(if self.read_only.get(&key) != Some(&true) {
            dtype_maker(dtype)
        } else if matches!(dtype, Dtype::Datetime(_)) {
            "datetime read-only"
        } else {
            "plain read-only"
        })
    }

    fn layout<'py>(
        &mut self,
        py: Python<'py>,
        makers: Vec<(usize, &'static str)>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(layout) = &self.layout
            && self.makers == makers
        {
            return Ok(layout.bind(py).clone());
        }
        let label = |index: &usize| self.labels.as_ref().and_then(|labels| labels.get(*index));
        let described: Vec<(&str, Option<&String>)> = makers
            .iter()
            .map(|(index, maker)| (*maker, label(index)))
            .collect();
        let layout = FramesModule::of(py)?.series_layout(py, described)?;
        self.makers = makers;
        self.layout = Some(layout.clone().unbind());
        Ok(layout)
    }
}
