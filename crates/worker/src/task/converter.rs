//! The conversions that kinds ask for. Here, and not in a kind, it is known that the user may want them to be compared
//! with stock's: `BOWSTRING_NATIVE=verify`.

use std::sync::Arc;

use arrow_array::RecordBatch;
use bowstring_ipc::group::Group;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::convert::conversions::Conversions;
use crate::convert::input::frame::{FrameOfGroup, GroupFrames};
use crate::convert::input::group_columns::messages;
use crate::convert::input::series::GroupSeries;
use crate::convert::input::table::{GroupTables, WholeGroups, table_of};
use crate::convert::output::batch::Output;
use crate::errors::internal;
use crate::facades::verify::{Input, Verifier};
use crate::task::verifier;

/// The conversions of one task.
#[derive(Clone, Debug)]
pub(crate) struct Converters(Option<Arc<Verifier>>);

/// The conversions for one group, or one batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Converter<'a>(Option<&'a Verifier>);

/// A frame that is shared with its columns only while they live.
#[derive(Debug)]
pub(crate) struct FrameOfColumns<'py> {
    /// The frame.
    pub(crate) frame: Bound<'py, PyAny>,
    /// The key, if it is wanted.
    pub(crate) key: Option<Bound<'py, PyTuple>>,
    /// What has to live as long as stock keeps the columns.
    pub(crate) columns: Bound<'py, PyAny>,
}

impl Converters {
    /// For the task of this `Stock`.
    pub(crate) fn of(stock: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(verifier::start(stock)?.map(Arc::new)))
    }

    /// Those for the next group.
    pub(crate) fn next(&self, py: Python<'_>) -> PyResult<Converter<'_>> {
        match &self.0 {
            Some(verifier) if verifier.takes_next(py)? => Ok(Converter(Some(verifier))),
            Some(_) | None => Ok(Converter::UNSEEN),
        }
    }
}

impl Converter<'_> {
    /// For what nobody looks at.
    pub(crate) const UNSEEN: Self = Self(None);

    /// As [`GroupFrames::frame`].
    ///
    /// # Errors
    ///
    /// As there, and a difference that was found.
    pub(crate) fn frame<'py>(
        self,
        py: Python<'py>,
        frames: &mut GroupFrames,
        group: &Group,
        wants_key: bool,
    ) -> PyResult<(Bound<'py, PyAny>, Option<Bound<'py, PyTuple>>)> {
        let made = frames.frame(py, group, wants_key)?;
        self.see_frame(py, frames, group, &made)?;
        Ok((made.frame, made.key))
    }

    /// As [`GroupFrames::frame_and_columns`].
    ///
    /// # Errors
    ///
    /// As there, and a difference that was found.
    pub(crate) fn frame_and_columns<'py>(
        self,
        py: Python<'py>,
        frames: &mut GroupFrames,
        group: &Group,
        wants_key: bool,
    ) -> PyResult<FrameOfColumns<'py>> {
        let (made, columns) = frames.frame_and_columns(py, group, wants_key)?;
        self.see_frame(py, frames, group, &made)?;
        Ok(FrameOfColumns {
            frame: made.frame,
            key: made.key,
            columns,
        })
    }

    fn see_frame<'py>(
        self,
        py: Python<'py>,
        frames: &GroupFrames,
        group: &Group,
        made: &FrameOfGroup<'py>,
    ) -> PyResult<()> {
        let (Some(verifier), Some(stock)) = (self.0, &made.stock) else {
            return Ok(());
        };
        let series = |index| stock.get(index).and_then(Option::as_ref);
        let width = group.schema.schema.fields().len();
        verifier.input(Input {
            table: frames.table(py, group)?,
            converted: (0..width)
                .map(|index| series(index).map(|column| &column.series))
                .collect(),
            values: &frames.key_columns().values,
            keys: &frames.key_columns().keys,
            frame: &made.frame,
            key: made.key.as_ref(),
        })
    }

    /// The batches of a group as [`GroupTables::batches`] makes them.
    ///
    /// # Errors
    ///
    /// As there, and a difference that was found.
    pub(crate) fn batches<'py>(
        self,
        py: Python<'py>,
        tables: &mut GroupTables,
        group: &Group,
    ) -> PyResult<Bound<'py, PyAny>> {
        let batches = tables.batches(py, group)?;
        if let Some(verifier) = self.0 {
            let stocks = tables.stocks(py, group)?;
            verifier.table(&tables.table(&batches)?, &stocks)?;
        }
        Ok(batches)
    }

    /// The table of a group.
    ///
    /// # Errors
    ///
    /// As [`Self::batches`].
    pub(crate) fn table<'py>(
        self,
        py: Python<'py>,
        tables: &mut GroupTables,
        group: &Group,
    ) -> PyResult<Bound<'py, PyAny>> {
        let batches = self.batches(py, tables, group)?;
        tables.table(&batches)
    }

    /// As [`GroupSeries::series`].
    ///
    /// # Errors
    ///
    /// As there, and a difference that was found.
    pub(crate) fn series<'py>(
        self,
        py: Python<'py>,
        frames: &mut GroupSeries,
        group: &Group,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let series = frames.series(py, group)?;
        self.see_series(py, frames, group, &series)?;
        Ok(series)
    }

    /// As [`GroupSeries::native_series`].
    ///
    /// # Errors
    ///
    /// As there, and a difference that was found.
    pub(crate) fn native_series<'py>(
        self,
        py: Python<'py>,
        frames: &mut GroupSeries,
        group: &Group,
    ) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        let series = frames.native_series(py, group)?;
        if let Some(series) = &series {
            self.see_series(py, frames, group, series)?;
        }
        Ok(series)
    }

    fn see_series<'py>(
        self,
        py: Python<'py>,
        frames: &GroupSeries,
        group: &Group,
        series: &[Bound<'py, PyAny>],
    ) -> PyResult<()> {
        let (Some(verifier), Some(native)) = (self.0, frames.native()) else {
            return Ok(());
        };
        let native: Vec<usize> = native.collect();
        let ours: Vec<_> = (native.iter())
            .filter_map(|index| series.get(*index).cloned())
            .collect();
        verifier.series(messages(py, group)?, native, &ours)
    }

    /// The batches of a group as [`WholeGroups::batches`] makes them.
    ///
    /// # Errors
    ///
    /// As there, and a difference that was found.
    pub(crate) fn whole_batches<'py>(
        self,
        py: Python<'py>,
        groups: &WholeGroups,
        group: &Group,
    ) -> PyResult<Bound<'py, PyAny>> {
        let batches = groups.batches(py, group)?;
        if let Some(verifier) = self.0 {
            let stocks = groups.stocks(py, group)?;
            if stocks.len()? > 0 {
                verifier.table(&table_of(&batches)?, &table_of(&stocks)?)?;
            }
        }
        Ok(batches)
    }

    /// Shows batches that were made natively of a result, and what stock makes, if anybody is to see them.
    ///
    /// # Errors
    ///
    /// Those of `ours` and `stocks`, and a difference that was found.
    pub(crate) fn see_batches<'py>(
        self,
        ours: impl FnOnce() -> PyResult<Bound<'py, PyList>>,
        stocks: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        match self.0 {
            Some(verifier) => verifier.batches(&ours()?, &stocks()?),
            None => Ok(()),
        }
    }

    /// The same for a batch with a column for each field, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Self::see_batches`], but for what `stocks` fails with, which is a difference.
    pub(crate) fn see_flat<'py>(
        self,
        ours: impl FnOnce() -> PyResult<Option<Bound<'py, PyAny>>>,
        stocks: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let Some(verifier) = self.0 else {
            return Ok(());
        };
        match ours()? {
            Some(ours) => verifier.flat(&ours, stocks()),
            None => Ok(()),
        }
    }

    /// The same for a batch with a struct column, and the function of stock's that makes that of the arguments.
    ///
    /// # Errors
    ///
    /// As [`Self::see_batches`].
    pub(crate) fn see_whole<'py>(
        self,
        ours: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
        stocks: impl FnOnce() -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)>,
    ) -> PyResult<()> {
        let Some(verifier) = self.0 else {
            return Ok(());
        };
        let (convert, arguments) = stocks()?;
        verifier.whole(&convert, arguments, &ours()?)
    }

    /// Appends a result of so many rows to `output`, which gets its fields from `append`. `false` if stock makes a column of
    /// another type than the declared one. What is to be compared goes to an output of its own first, which `see` gets with
    /// the fields that were converted natively.
    ///
    /// # Errors
    ///
    /// Those of `append` and `see`.
    pub(crate) fn append(
        self,
        conversions: &Conversions,
        rows: usize,
        output: &mut Output,
        append: impl Fn(&mut Output, usize) -> PyResult<Appended>,
        see: impl FnOnce(&Verifier, &[usize], (&Output, &RecordBatch)) -> PyResult<()>,
    ) -> PyResult<bool> {
        let append_all = |output: &mut Output, mut native: Option<&mut Vec<usize>>| {
            for index in 0..conversions.fields.len() {
                match (append(output, index)?, &mut native) {
                    (Appended::Natively, Some(native)) => native.push(index),
                    (Appended::Natively, None) | (Appended::ByStock, _) => {}
                    (Appended::OfAnotherType, _) => return Ok(false),
                }
            }
            PyResult::Ok(true)
        };
        let Some(verifier) = self.0 else {
            return append_all(output, None);
        };
        let (mut alone, mut native) = (conversions.output(), Vec::new());
        if !append_all(&mut alone, Some(&mut native))? {
            return Ok(false);
        }
        alone.end_group(rows);
        let batch = alone.take().map_err(|error| internal(&error))?;
        see(verifier, &native, (&alone, &batch))?;
        output.append_batch(&batch)?;
        Ok(true)
    }
}

/// What has become of a field of a result.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Appended {
    /// It was converted here.
    Natively,
    /// Stock has converted it.
    ByStock,
    /// Stock makes a column of another type than the declared one.
    OfAnotherType,
}

impl Appended {
    /// Appends the array that stock makes of a field.
    pub(crate) fn stocks(
        output: &mut Output,
        index: usize,
        array: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        Ok(if output.append_stock(index, array)? {
            Self::ByStock
        } else {
            Self::OfAnotherType
        })
    }
}
