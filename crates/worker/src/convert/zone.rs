//! Offsets of time zones, fixed or by rules.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use numpy::PyArrayMethods;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::convert::calendar::fixed_offset;
use crate::facades::zones::{Table, Zones};

/// Time zone of a session, which results without one are in.
#[derive(Clone, Debug)]
pub(crate) enum Zone {
    /// Always so many microseconds east of UTC.
    Fixed(i64),
    /// A zone with rules.
    Named(Arc<NamedZone>),
    /// Only stock may convert.
    Stock,
}

impl Zone {
    /// The zone called `name`. `stock` is a `Stock` of `stock/conversion.py` for that zone.
    pub(crate) fn new(name: &str, stock: &Bound<'_, PyAny>) -> Self {
        match fixed_offset(name) {
            Some(offset) => Self::Fixed(offset),
            None => Self::Named(Arc::new(NamedZone {
                name: name.to_owned(),
                stock: stock.clone().unbind(),
                input: OnceLock::new(),
                output: OnceLock::new(),
            })),
        }
    }
}

/// What asks the Python half for a table.
type Ask = for<'py> fn(&Zones, &Bound<'py, PyAny>) -> PyResult<Option<Table<'py>>>;

/// A zone whose offsets are looked up when the first column needs them; see `zones.py`.
#[derive(Debug)]
pub(crate) struct NamedZone {
    name: String,
    stock: Py<PyAny>,
    input: OnceLock<Option<Arc<ZoneTable>>>,
    output: OnceLock<Option<Arc<ZoneTable>>>,
}

impl NamedZone {
    /// Offsets by instant. `None` if only stock may convert input columns.
    pub(crate) fn input(&self, py: Python<'_>) -> PyResult<Option<&Arc<ZoneTable>>> {
        self.once(py, &self.input, Zones::input_table)
    }

    /// Offsets by local time. `None` if only stock may convert result columns.
    pub(crate) fn output(&self, py: Python<'_>) -> PyResult<Option<&Arc<ZoneTable>>> {
        self.once(py, &self.output, Zones::output_table)
    }

    fn once<'a>(
        &self,
        py: Python<'_>,
        known: &'a OnceLock<Option<Arc<ZoneTable>>>,
        ask: Ask,
    ) -> PyResult<Option<&'a Arc<ZoneTable>>> {
        if let Some(offsets) = known.get() {
            return Ok(offsets.as_ref());
        }
        let offsets = self.look_up(py, ask)?;
        Ok(known.get_or_init(|| offsets).as_ref())
    }

    fn look_up(&self, py: Python<'_>, ask: Ask) -> PyResult<Option<Arc<ZoneTable>>> {
        let Some((starts, east, end)) = ask(Zones::of(py)?, self.stock.bind(py))? else {
            tracing::info!(
                zone = self.name,
                "timestamps of this time zone go through PySpark's own conversions: its offsets are not proven"
            );
            return Ok(None);
        };
        ZoneTable::new(starts.to_vec()?, east.to_vec()?, end)
            .map(|offsets| Some(Arc::new(offsets)))
            .ok_or_else(|| PyTypeError::new_err("bowstring: zones.py made an unordered table"))
    }
}

/// What stands in a table for times that a clock put forward has skipped.
const GAP: i64 = i64::MIN;

/// Offsets of a zone, in microseconds east of UTC, over a limited range of time.
#[derive(Debug)]
pub(crate) struct ZoneTable {
    /// Ascending, not empty.
    starts: Vec<i64>,
    /// The offset from each start on, or [`GAP`].
    east: Vec<i64>,
    end: i64,
}

impl ZoneTable {
    /// `None` if these are not a table: as many starts as offsets, ascending, and then the end.
    fn new(starts: Vec<i64>, east: Vec<i64>, end: i64) -> Option<Self> {
        let ascending = starts.is_sorted_by(|left, right| left < right);
        let ended = starts.last().is_some_and(|last| *last < end);
        (ascending && ended && starts.len() == east.len()).then_some(Self { starts, east, end })
    }

    /// Whether the table reaches this time.
    pub(crate) fn cover(&self, time: i64) -> bool {
        time < self.end && self.starts.first().is_some_and(|first| *first <= time)
    }

    /// For many times in a row.
    pub(crate) fn lookup(&self) -> Lookup<'_> {
        Lookup {
            table: self,
            last: Cell::new((0, 0, GAP)),
        }
    }
}

/// Looks up offsets; remembers the last stretch of time, because the values of a column are often
/// near each other.
#[derive(Debug)]
pub(crate) struct Lookup<'a> {
    table: &'a ZoneTable,
    /// From, until, offset.
    last: Cell<(i64, i64, i64)>,
}

impl Lookup<'_> {
    /// The offset at `time`; `None` in a gap and outside the table.
    pub(crate) fn offset(&self, time: i64) -> Option<i64> {
        let (from, until, offset) = self.last.get();
        let offset = if from <= time && time < until {
            offset
        } else {
            self.find(time)?
        };
        (offset != GAP).then_some(offset)
    }

    fn find(&self, time: i64) -> Option<i64> {
        let ZoneTable { starts, east, end } = self.table;
        let next = starts.partition_point(|start| *start <= time);
        let index = next.checked_sub(1)?;
        let (from, offset) = (*starts.get(index)?, *east.get(index)?);
        let until = *starts.get(next).unwrap_or(end);
        (time < until).then(|| {
            self.last.set((from, until, offset));
            offset
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_hold_from_their_start_to_the_next() {
        let table = ZoneTable::new(vec![-10, 0, 5, 7], vec![100, GAP, 300, 400], 20).unwrap();
        let expected = |time: i64| match time {
            -10..=-1 => Some(100),
            5..=6 => Some(300),
            7..=19 => Some(400),
            _ => None,
        };
        let lookup = table.lookup();
        for time in (-12..25).chain((-12..25).rev()).chain([19, -10, 6, 0, 20]) {
            assert_eq!(lookup.offset(time), expected(time), "{time}");
            assert_eq!(table.cover(time), (-10..20).contains(&time), "{time}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_table() {
        assert!(ZoneTable::new(vec![], vec![], 1).is_none());
        assert!(ZoneTable::new(vec![0, 0], vec![1, 2], 1).is_none());
        assert!(ZoneTable::new(vec![0], vec![1, 2], 1).is_none());
        assert!(ZoneTable::new(vec![0], vec![1], 0).is_none());
    }
}
