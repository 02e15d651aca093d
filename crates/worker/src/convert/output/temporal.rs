//! Dates, times and intervals of a result → days and microseconds.

use arrow_array::builder::PrimitiveBuilder;
use arrow_array::types::{ArrowPrimitiveType, Date32Type};
use numpy::datetime::{Datetime, Timedelta, units};
use pyo3::prelude::*;
use pyo3::types::{PyDate, PyDateAccess};

use crate::convert::calendar::days_from_civil;
use crate::convert::output::timestamps::{datetimes, timedeltas};
use crate::convert::output::values::{Rules, column, elements, objects};
use crate::convert::zone::Zone;
use crate::facades::frames::PandasClasses;

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;

pub(crate) fn append_dates(
    builder: &mut PrimitiveBuilder<Date32Type>,
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
) -> PyResult<bool> {
    if let Some(elements) = elements(values) {
        let dates = objects(&elements, classes, |object| exact_date(object));
        return Ok(dates.is_some_and(|dates| {
            for date in dates {
                builder.append_option(date);
            }
            true
        }));
    }
    // Stock floors from nanoseconds; with digits below a microsecond it has to do that itself.
    let whole_micros = Rules {
        safe: true,
        zone: Zone::Stock,
    };
    let Some((false, micros)) = instants(values, classes, &whole_micros)? else {
        return Ok(false);
    };
    let days: Option<Vec<Option<i32>>> = micros
        .into_iter()
        .map(|value| {
            value
                .map(|value| i32::try_from(value.div_euclid(DAY)).ok())
                .map_or(Some(None), |day| day.map(Some))
        })
        .collect();
    Ok(days.is_some_and(|days| {
        for day in days {
            builder.append_option(day);
        }
        true
    }))
}

pub(crate) fn exact_date(object: &Bound<'_, PyAny>) -> Option<i32> {
    let date = object.cast_exact::<PyDate>().ok()?;
    Some(days_from_civil(
        date.get_year(),
        date.get_month(),
        date.get_day(),
    ))
}

/// Microseconds of a datetime column and whether they are instants (tz-aware) instead of local
/// times. `NaT` is `None`.
pub(crate) fn instants(
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
    rules: &Rules,
) -> PyResult<Option<(bool, Vec<Option<i64>>)>> {
    if let Some(elements) = elements(values) {
        // PARITY: a naive `datetime` object is UTC.
        return Ok(datetimes(&elements, classes).map(|micros| (true, micros)));
    }
    let aware = classes.is_aware(values)?;
    let values = classes.unwrap_temporal(values)?;
    macro_rules! try_units {
        ($($unit:ty => $ratio:expr),*) => {$(
            if let Some(array) = column::<Datetime<$unit>>(&values) {
                let micros = array.as_array().iter().map(|value| rules.micros(i64::from(*value), $ratio)).collect::<Option<Vec<_>>>();
                return Ok(micros.map(|micros| (aware, micros)));
            }
        )*};
    }
    try_units!(
        units::Nanoseconds => Ratio::Divide(1_000), units::Microseconds => Ratio::Multiply(1),
        units::Milliseconds => Ratio::Multiply(1_000), units::Seconds => Ratio::Multiply(1_000_000)
    );
    Ok(None)
}

pub(crate) fn intervals(
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
    rules: &Rules,
) -> PyResult<Option<Vec<Option<i64>>>> {
    if let Some(elements) = elements(values) {
        return Ok(timedeltas(&elements, classes));
    }
    let values = classes.unwrap_temporal(values)?;
    macro_rules! try_units {
        ($($unit:ty => $ratio:expr),*) => {$(
            if let Some(array) = column::<Timedelta<$unit>>(&values) {
                return Ok(array.as_array().iter().map(|value| rules.micros(i64::from(*value), $ratio)).collect());
            }
        )*};
    }
    try_units!(
        units::Nanoseconds => Ratio::Divide(1_000), units::Microseconds => Ratio::Multiply(1),
        units::Milliseconds => Ratio::Multiply(1_000), units::Seconds => Ratio::Multiply(1_000_000)
    );
    Ok(None)
}

pub(crate) fn append_all<T>(
    builder: &mut PrimitiveBuilder<T>,
    values: Vec<Option<i64>>,
    convert: impl Fn(i64) -> Option<i64>,
) -> bool
where
    T: ArrowPrimitiveType<Native = i64>,
{
    let converted: Option<Vec<Option<i64>>> = values
        .into_iter()
        .map(|value| {
            value
                .map(&convert)
                .map_or(Some(None), |value| value.map(Some))
        })
        .collect();
    converted.is_some_and(|values| {
        for value in values {
            builder.append_option(value);
        }
        true
    })
}

/// How a unit becomes microseconds.
#[derive(Clone, Copy)]
enum Ratio {
    Multiply(i64),
    Divide(i64),
}

impl Rules {
    /// `Some(None)` for `NaT`; `None` if stock would lose digits, overflow or raise.
    #[expect(
        clippy::option_option,
        reason = "the outer None leaves the column to stock, the inner one is null"
    )]
    fn micros(&self, value: i64, ratio: Ratio) -> Option<Option<i64>> {
        if value == i64::MIN {
            return Some(None);
        }
        match ratio {
            Ratio::Multiply(factor) => value.checked_mul(factor).map(Some),
            // PARITY: with the safe check on, stock raises for lost digits; off, it truncates
            // toward zero.
            Ratio::Divide(divisor) if self.safe && value % divisor != 0 => None,
            Ratio::Divide(divisor) => Some(Some(value / divisor)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_digits_are_left_to_stock_when_checked() {
        let safe = Rules {
            safe: true,
            zone: Zone::Stock,
        };
        let lossy = Rules {
            safe: false,
            zone: Zone::Stock,
        };
        assert_eq!(safe.micros(1_500, Ratio::Divide(1_000)), None);
        assert_eq!(lossy.micros(-1_500, Ratio::Divide(1_000)), Some(Some(-1)));
        assert_eq!(lossy.micros(i64::MAX, Ratio::Multiply(1_000)), None);
        assert_eq!(lossy.micros(i64::MIN, Ratio::Multiply(1)), Some(None));
    }
}
