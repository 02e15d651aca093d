//! Days since 1970-01-01 ⇄ dates of the proleptic Gregorian calendar.

/// First and last day that `datetime.date` can hold: 0001-01-01 and 9999-12-31.
pub(crate) const PYTHON_DATES: std::ops::RangeInclusive<i32> = -719_162..=2_932_896;

/// Year, month and day of a day in [`PYTHON_DATES`]; `None` outside.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
pub(crate) fn civil_from_days(days: i32) -> Option<(i32, u8, u8)> {
    if !PYTHON_DATES.contains(&days) {
        return None;
    }
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i32::from(month <= 2);
    Some((year, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
}

/// The day of a date; the inverse of [`civil_from_days`].
///
/// Source: as above, `days_from_civil`.
pub(crate) fn days_from_civil(year: i32, month: u8, day: u8) -> i32 {
    let (month, day) = (i32::from(month), i32::from(day));
    let year = year - i32::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// A time of day as `datetime.time` holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeOfDay {
    /// 0 to 23.
    pub(crate) hour: u8,
    /// 0 to 59.
    pub(crate) minute: u8,
    /// 0 to 59.
    pub(crate) second: u8,
    /// 0 to 999,999.
    pub(crate) micros: u32,
}

impl TimeOfDay {
    /// So many nanoseconds after midnight. `None` if they are not whole microseconds of a day.
    pub(crate) fn new(nanos: i64) -> Option<Self> {
        let micros = (nanos % 1_000 == 0).then_some(nanos / 1_000)?;
        let seconds = micros / 1_000_000;
        let hour = u8::try_from(seconds / 3_600).ok()?;
        (nanos >= 0 && hour < 24).then_some(Self {
            hour,
            minute: u8::try_from(seconds / 60 % 60).ok()?,
            second: u8::try_from(seconds % 60).ok()?,
            micros: u32::try_from(micros % 1_000_000).ok()?,
        })
    }

    /// Nanoseconds after midnight; the inverse of [`Self::new`].
    pub(crate) fn nanos(self) -> i64 {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute);
        let seconds = minutes * 60 + i64::from(self.second);
        (seconds * 1_000_000 + i64::from(self.micros)) * 1_000
    }
}

/// Whether a zone is named by its offset, as in `+05:30`.
pub(crate) fn is_offset(zone: &str) -> bool {
    zone.starts_with(['+', '-'])
}

/// Offset of a time zone whose rules cannot change, in microseconds east of UTC; `None` for
/// every other zone.
///
/// `UTC` and `±HH:MM` are what pytz, zoneinfo and Arrow's own database agree on for all instants.
pub(crate) fn fixed_offset(zone: &str) -> Option<i64> {
    if matches!(zone, "UTC" | "Etc/UTC") {
        return Some(0);
    }
    let &[sign, h1, h2, b':', m1, m2] = zone.as_bytes() else {
        return None;
    };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let hours = digit(h1)? * 10 + digit(h2)?;
    let minutes = digit(m1)? * 10 + digit(m2)?;
    if hours > 18 || minutes > 59 {
        return None;
    }
    let offset = (hours * 60 + minutes) * 60_000_000;
    match sign {
        b'+' => Some(offset),
        b'-' => Some(-offset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_python_date_survives_the_round_trip() {
        let mut previous = None;
        for days in PYTHON_DATES {
            let (year, month, day) = civil_from_days(days).unwrap();
            assert_eq!(days_from_civil(year, month, day), days);
            assert!(Some((year, month, day)) > previous);
            previous = Some((year, month, day));
        }
        assert_eq!(previous, Some((9999, 12, 31)));
        assert_eq!(civil_from_days(*PYTHON_DATES.start()), Some((1, 1, 1)));
        assert_eq!(civil_from_days(0), Some((1970, 1, 1)));
    }

    #[test]
    fn times_are_whole_microseconds_of_one_day() {
        for nanos in [0, 1_000, 3_599_999_999_000, 86_399_999_999_000] {
            assert_eq!(TimeOfDay::new(nanos).unwrap().nanos(), nanos);
        }
        let last = TimeOfDay {
            hour: 23,
            minute: 59,
            second: 59,
            micros: 999_999,
        };
        assert_eq!(TimeOfDay::new(86_399_999_999_000), Some(last));
        for nanos in [-1_000, 1, 86_400_000_000_000, i64::MAX, i64::MIN] {
            assert_eq!(TimeOfDay::new(nanos), None, "{nanos}");
        }
    }

    #[test]
    fn only_zones_without_rules_have_an_offset() {
        assert_eq!(fixed_offset("UTC"), Some(0));
        assert_eq!(fixed_offset("+05:30"), Some(19_800_000_000));
        assert_eq!(fixed_offset("-08:00"), Some(-28_800_000_000));
        for zone in [
            "America/New_York",
            "EST",
            "GMT+5",
            "Z",
            "",
            "+5:30",
            "+0530",
            "UTC+3",
        ] {
            assert_eq!(fixed_offset(zone), None, "{zone}");
        }
    }
}
