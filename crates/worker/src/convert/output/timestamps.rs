//! Results for timestamp, time and interval fields.

use arrow_array::builder::PrimitiveBuilder;
use arrow_array::types::{Time64NanosecondType, TimestampMicrosecondType};
use pyo3::prelude::*;
use pyo3::types::{
    PyDateAccess, PyDateTime, PyDelta, PyDeltaAccess, PyTime, PyTimeAccess, PyTzInfoAccess,
};

use crate::convert::calendar::{TimeOfDay, days_from_civil};
use crate::convert::output::temporal::{DAY, append_all, instants};
use crate::convert::output::values::{Rules, elements, objects};
use crate::convert::zone::Zone;
use crate::facades::frames::PandasClasses;

/// Appends a column of `datetime64`: instants if it has a time zone, else local times of the
/// session's zone. `false` if only stock may convert it.
pub(crate) fn append_timestamps(
    builder: &mut PrimitiveBuilder<TimestampMicrosecondType>,
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
    rules: &Rules,
) -> PyResult<bool> {
    // Stock finds the instant before it cuts digits below a microsecond, and may round to the
    // other side; so those are left to it.
    let shifted = !matches!(rules.zone, Zone::Fixed(0)) && !classes.is_aware(values)?;
    let rules = Rules {
        safe: rules.safe || shifted,
        zone: rules.zone.clone(),
    };
    let py = values.py();
    let Some((aware, values)) = instants(values, classes, &rules)? else {
        return Ok(false);
    };
    if aware {
        return Ok(append_all(builder, values, Some));
    }
    Ok(match &rules.zone {
        Zone::Fixed(offset) => append_all(builder, values, |local| to_instant(local, *offset)),
        Zone::Named(zone) => match zone.output(py)? {
            Some(offsets) => {
                let lookup = offsets.lookup();
                append_all(builder, values, |local| {
                    local.checked_sub(lookup.offset(local)?)
                })
            }
            None => false,
        },
        Zone::Stock => false,
    })
}

/// Appends a column of `datetime.time` objects without time zone. `false` if there is anything else.
pub(crate) fn append_times(
    builder: &mut PrimitiveBuilder<Time64NanosecondType>,
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
) -> bool {
    let times = elements(values).and_then(|elements| {
        objects(&elements, classes, |object| {
            let time = object.cast_exact::<PyTime>().ok()?;
            let of_day = TimeOfDay {
                hour: time.get_hour(),
                minute: time.get_minute(),
                second: time.get_second(),
                micros: time.get_microsecond(),
            };
            time.get_tzinfo().is_none().then(|| of_day.nanos())
        })
    });
    times.is_some_and(|times| append_all(builder, times, Some))
}

/// Microseconds of `datetime.datetime` objects without time zone. `None` if there is anything else.
pub(crate) fn datetimes(
    elements: &[Bound<'_, PyAny>],
    classes: &PandasClasses,
) -> Option<Vec<Option<i64>>> {
    objects(elements, classes, |object| {
        let time = object.cast_exact::<PyDateTime>().ok()?;
        if time.get_tzinfo().is_some() {
            return None;
        }
        let days = days_from_civil(time.get_year(), time.get_month(), time.get_day());
        let minutes = i64::from(time.get_hour()) * 60 + i64::from(time.get_minute());
        let seconds = minutes * 60 + i64::from(time.get_second());
        Some(i64::from(days) * DAY + seconds * 1_000_000 + i64::from(time.get_microsecond()))
    })
}

/// Microseconds of `datetime.timedelta` objects. `None` if there is anything else, or too much.
pub(crate) fn timedeltas(
    elements: &[Bound<'_, PyAny>],
    classes: &PandasClasses,
) -> Option<Vec<Option<i64>>> {
    objects(elements, classes, |object| {
        let delta = object.cast_exact::<PyDelta>().ok()?;
        let micros =
            i64::from(delta.get_seconds()) * 1_000_000 + i64::from(delta.get_microseconds());
        i64::from(delta.get_days())
            .checked_mul(DAY)?
            .checked_add(micros)
    })
}

/// The instant of a local time. `None` where the sum may not fit pandas' nanoseconds, in which
/// stock computes it.
fn to_instant(local: i64, offset: i64) -> Option<i64> {
    let instant = local.checked_sub(offset)?;
    let fits = offset == 0 || instant.checked_mul(1_000).is_some();
    fits.then_some(instant)
}

#[cfg(test)]
mod tests {
    use super::to_instant;

    #[test]
    fn instants_that_pandas_may_not_hold_are_left_to_stock() {
        assert_eq!(to_instant(7, 0), Some(7));
        assert_eq!(to_instant(i64::MAX, 0), Some(i64::MAX));
        assert_eq!(to_instant(7, -3), Some(10));
        assert_eq!(to_instant(i64::MAX / 1_000, -1_000), None);
    }
}
