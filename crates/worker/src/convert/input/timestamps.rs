//! Arrow timestamps and intervals → `datetime64` and `timedelta64`, in the ranges that both have.

use arrow_array::types::{DurationMicrosecondType, TimestampMicrosecondType};

use crate::convert::input::column::Column;
use crate::convert::input::numpy::convert;
use crate::convert::observed::Unit;
use crate::convert::types::SparkType;

/// Largest number of microseconds that has nanoseconds in an `i64`.
const MAX_NANO_MICROS: i64 = i64::MAX / 1_000;

impl Column<'_> {
    /// Whether instants in the session's zone have a local time in `unit`.
    pub(super) fn has_local_times(&self, unit: Unit) -> bool {
        if self.spark == SparkType::NamedTimestamp {
            // What the offsets cover has nanoseconds in 64 bits.
            let offsets = self.offsets.as_ref();
            return offsets.is_some_and(|offsets| {
                self.all::<TimestampMicrosecondType>(|value| offsets.cover(value))
            });
        }
        let offset = self.east();
        self.all::<TimestampMicrosecondType>(|value| local_time(value, offset, unit).is_some())
    }

    /// Whether timestamps without a zone have nanoseconds in 64 bits.
    pub(super) fn has_nanoseconds(&self) -> bool {
        self.all::<TimestampMicrosecondType>(|value| nanoseconds(value).is_some())
    }

    /// The same of intervals.
    pub(super) fn spans_have_nanoseconds(&self) -> bool {
        self.all::<DurationMicrosecondType>(|value| nanoseconds(value).is_some())
    }
}

/// Fills in timestamps in `unit`: local times of those that have a zone.
pub(super) fn fill_instants<T: Copy + From<i64>>(
    column: &Column<'_>,
    target: &mut [T],
    unit: Unit,
) {
    let nat = i64::MIN;
    if let Some(offsets) = &column.offsets {
        let lookup = offsets.lookup();
        convert::<TimestampMicrosecondType, _>(column, target, nat.into(), |value| {
            let offset = lookup.offset(value);
            offset
                .and_then(|offset| local_time(value, offset, unit))
                .unwrap_or(nat)
                .into()
        });
        return;
    }
    let offset = column.east();
    convert::<TimestampMicrosecondType, _>(column, target, nat.into(), |value| {
        local_time(value, offset, unit).unwrap_or(nat).into()
    });
}

/// Fills in intervals in `unit`.
pub(super) fn fill_spans<T: Copy + From<i64>>(column: &Column<'_>, target: &mut [T], unit: Unit) {
    let factor = match unit {
        Unit::Micro => 1,
        Unit::Nano => 1_000,
    };
    let nat = i64::MIN;
    convert::<DurationMicrosecondType, _>(column, target, nat.into(), |value| {
        (value * factor).into()
    });
}

/// The local time of an instant, in `unit`; `None` if it does not fit.
///
/// PARITY: in nanoseconds Spark 4.0 and 4.1 need the instant to fit, later ones the local time.
fn local_time(instant: i64, offset: i64, unit: Unit) -> Option<i64> {
    let local = instant.checked_add(offset)?;
    match unit {
        // The smallest i64 is NaT.
        Unit::Micro => (local != i64::MIN).then_some(local),
        Unit::Nano => nanoseconds(instant).and(nanoseconds(local)),
    }
}

fn nanoseconds(micros: i64) -> Option<i64> {
    (-MAX_NANO_MICROS..=MAX_NANO_MICROS)
        .contains(&micros)
        .then(|| micros * 1_000)
}
