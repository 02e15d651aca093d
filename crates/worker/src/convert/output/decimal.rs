//! Decimals of a result → unscaled integers.

use arrow_array::builder::Decimal128Builder;
use pyo3::prelude::*;

use crate::convert::output::values::elements;
use crate::facades::frames::PandasClasses;

pub(crate) fn append_decimals(
    builder: &mut Decimal128Builder,
    values: &Bound<'_, PyAny>,
    classes: &PandasClasses,
    precision: u8,
    scale: i8,
) -> PyResult<bool> {
    let Some(elements) = elements(values) else {
        return Ok(false);
    };
    let mut decimals = Vec::with_capacity(elements.len());
    for object in &elements {
        if classes.is_null(object) {
            decimals.push(None);
            continue;
        }
        let Some(value) = exact_decimal(object, classes, precision, scale)? else {
            return Ok(false);
        };
        decimals.push(Some(value));
    }
    for value in decimals {
        builder.append_option(value);
    }
    Ok(true)
}

/// The unscaled value of exactly a `decimal.Decimal`, if it fits without rounding.
pub(crate) fn exact_decimal(
    object: &Bound<'_, PyAny>,
    classes: &PandasClasses,
    precision: u8,
    scale: i8,
) -> PyResult<Option<i128>> {
    if !classes.is_decimal(object) {
        return Ok(None);
    }
    Ok(parse_decimal(object.str()?.to_str()?, precision, scale))
}

/// The unscaled value of a finite decimal's text, if it fits without rounding.
fn parse_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['E', 'e']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut shift = i32::from(scale) + exponent - i32::try_from(fraction.len()).ok()?;
    let mut value = digits_of(whole, fraction)?;
    while shift < 0 {
        if value % 10 != 0 {
            return None;
        }
        if value == 0 {
            break;
        }
        value /= 10;
        shift += 1;
    }
    for _ in 0..shift {
        if value == 0 {
            break;
        }
        value = value.checked_mul(10)?;
    }
    if value >= 10_i128.checked_pow(precision.into()).unwrap_or(i128::MAX) {
        return None;
    }
    Some(if negative { -value } else { value })
}

/// The integer of the digits of both, if it fits.
fn digits_of(whole: &str, fraction: &str) -> Option<i128> {
    let digits = whole.bytes().chain(fraction.bytes());
    if whole.len() + fraction.len() <= 18 {
        let mut value: i64 = 0;
        for byte in digits {
            let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
            value = value * 10 + digit;
        }
        return Some(value.into());
    }
    let mut value: i128 = 0;
    for byte in digits {
        let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_fit_exactly_or_not_at_all() {
        for (text, precision, scale, expected) in [
            ("1.50", 10, 2, Some(150)),
            ("-2.25", 10, 2, Some(-225)),
            ("1.500", 10, 2, Some(150)),
            ("1.505", 10, 2, None),
            ("0E-37", 10, 2, Some(0)),
            ("0E+40", 10, 2, Some(0)),
            ("1E+2", 10, 2, Some(10_000)),
            ("100000000.00", 10, 2, None),
            ("99999999.99", 10, 2, Some(9_999_999_999)),
            ("NaN", 10, 2, None),
            ("Infinity", 10, 2, None),
            ("-0.00", 10, 2, Some(0)),
            (
                "99999999999999999999999999999999999999",
                38,
                0,
                Some(99_999_999_999_999_999_999_999_999_999_999_999_999),
            ),
            ("199999999999999999999999999999999999999999", 38, 0, None),
        ] {
            assert_eq!(parse_decimal(text, precision, scale), expected, "{text}");
        }
    }
}
