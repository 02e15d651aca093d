//! Scalars that aggregate functions return → values appended to Arrow builders.
//!
//! Stock makes a Series of them first. What is taken here is what pandas infers one of the plain
//! dtypes from, so that the rules for columns of that dtype apply. Results of functions of arrays: see
//! [`crate::convert::output::array_scalars`].

use arrow_array::builder::PrimitiveBuilder;
use arrow_array::types::ArrowPrimitiveType;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString, PyType};

use crate::convert::output::field_builder::{FieldBuilder, Values};
use crate::convert::output::flat_builder::FlatBuilder;
use crate::convert::output::values::{exact_double, integral, narrow, room};

/// A result by the dtype that pandas infers from it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scalar<'a> {
    /// `object`, and null.
    None,
    /// `bool`
    Bool(bool),
    /// `int64`
    Int(i64),
    /// `float64`
    Float(f64),
    /// `object` or, with pandas 3, `str`.
    Text(&'a str),
}

/// The classes of NumPy's scalars that pandas treats as Python's.
#[derive(Debug)]
pub(crate) struct Scalars<'py> {
    float: Bound<'py, PyType>,
    integers: Vec<Bound<'py, PyType>>,
    boolean: Bound<'py, PyType>,
}

impl<'py> Scalars<'py> {
    /// Looks the classes up.
    ///
    /// # Errors
    ///
    /// Fails only if NumPy does.
    pub(crate) fn new(py: Python<'py>) -> PyResult<Self> {
        let numpy = py.import("numpy")?;
        let class = |name| Ok::<_, PyErr>(numpy.getattr(name)?.cast_into::<PyType>()?);
        Ok(Self {
            float: class("float64")?,
            integers: ["int64", "int32", "int16", "int8"]
                .into_iter()
                .map(class)
                .collect::<PyResult<_>>()?,
            boolean: class("bool_")?,
        })
    }

    /// A result, or `None` if stock has to judge it.
    pub(crate) fn of<'a>(&self, result: &'a Bound<'py, PyAny>) -> PyResult<Option<Scalar<'a>>> {
        let class = result.get_type();
        Ok(if let Ok(float) = result.cast_exact::<PyFloat>() {
            Some(Scalar::Float(float.value()))
        } else if class.is(&self.float) {
            Some(Scalar::Float(result.extract()?))
        } else if result.is_none() {
            Some(Scalar::None)
        } else if let Ok(boolean) = result.cast_exact::<PyBool>() {
            Some(Scalar::Bool(boolean.is_true()))
        } else if class.is(&self.boolean) {
            Some(Scalar::Bool(result.is_truthy()?))
        } else if result.cast_exact::<PyInt>().is_ok() {
            // One that is too large gets another dtype.
            result.extract().ok().map(Scalar::Int)
        } else if self.integers.iter().any(|integer| class.is(integer)) {
            Some(Scalar::Int(result.extract()?))
        } else if let Ok(text) = result.cast_exact::<PyString>() {
            // A lone surrogate has no UTF-8.
            text.to_str().ok().map(Scalar::Text)
        } else {
            None
        })
    }

    /// All results of a column, or `None` if pandas does not infer one plain dtype from them.
    pub(crate) fn all<'a>(
        &self,
        results: &'a [Bound<'py, PyAny>],
    ) -> PyResult<Option<Vec<Scalar<'a>>>> {
        let mut scalars: Vec<Scalar<'a>> = Vec::with_capacity(results.len());
        for result in results {
            match self.of(result)? {
                Some(scalar) if scalars.first().is_none_or(|first| first.is_like(scalar)) => {
                    scalars.push(scalar);
                }
                Some(_) | None => return Ok(None),
            }
        }
        Ok(Some(scalars))
    }
}

impl Scalar<'_> {
    fn is_like(self, other: Scalar<'_>) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    /// The values of a column as pandas infers them: integers beside nulls or floats become floats. `None` if it infers no plain dtype, or a float is not the integer any more.
    pub(crate) fn of_values(column: Vec<Self>) -> Option<Vec<Self>> {
        let floating = column
            .iter()
            .any(|scalar| matches!(scalar, Scalar::None | Scalar::Float(_)));
        let convert = |scalar: Self| match scalar {
            Scalar::Int(value) if floating => {
                exact_double(value, f64::MANTISSA_DIGITS).map(Scalar::Float)
            }
            Scalar::None
            | Scalar::Bool(_)
            | Scalar::Int(_)
            | Scalar::Float(_)
            | Scalar::Text(_) => Some(scalar),
        };
        let column: Vec<Self> = column.into_iter().map(convert).collect::<Option<_>>()?;
        let mut values = column
            .iter()
            .filter(|scalar| !matches!(scalar, Scalar::None));
        let first = values.next();
        values
            .all(|scalar| first.is_some_and(|first| first.is_like(*scalar)))
            .then_some(column)
    }
}

impl FieldBuilder {
    /// Appends scalars of one variant, each so many times. `false` if only stock may convert them;
    /// then nothing was appended.
    pub(crate) fn append_scalars(&mut self, scalars: &[Scalar<'_>], times: usize) -> bool {
        match &mut self.values {
            Values::Flat(builder) => builder.append_scalars(scalars, times),
            Values::Nested(_) | Values::Stock => false,
        }
    }
}

impl FlatBuilder {
    /// As [`FieldBuilder::append_scalars`].
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an allow-list: what is not on it goes to stock"
    )]
    fn append_scalars(&mut self, scalars: &[Scalar<'_>], times: usize) -> bool {
        match self {
            Self::Boolean(builder) => append(scalars, times, boolean, |value| {
                builder.append_option(value);
            }),
            Self::Byte(builder) => integers(builder, scalars, times),
            Self::Short(builder) => integers(builder, scalars, times),
            Self::Int(builder) => integers(builder, scalars, times),
            Self::Long(builder) => integers(builder, scalars, times),
            Self::Float(builder) => append(
                scalars,
                times,
                |scalar| Some(float(scalar, f32::MANTISSA_DIGITS)?.map(narrow)),
                |value| builder.append_option(value),
            ),
            Self::Double(builder) => append(
                scalars,
                times,
                |scalar| float(scalar, f64::MANTISSA_DIGITS),
                |value| builder.append_option(value),
            ),
            Self::String(builder) => {
                let room = room(builder.values_slice().len());
                bytes(scalars, times) <= room
                    && append(scalars, times, text, |value| builder.append_option(value))
            }
            Self::LargeString(builder) => {
                append(scalars, times, text, |value| builder.append_option(value))
            }
            _ => false,
        }
    }
}

/// Appends what `convert` makes of each: a value or a null, unless one of them is for stock.
fn append<'a, T: Copy>(
    scalars: &[Scalar<'a>],
    times: usize,
    convert: impl Fn(Scalar<'a>) -> Option<Option<T>>,
    mut append: impl FnMut(Option<T>),
) -> bool {
    if scalars.iter().any(|scalar| convert(*scalar).is_none()) {
        return false;
    }
    for value in scalars.iter().filter_map(|scalar| convert(*scalar)) {
        for _ in 0..times {
            append(value);
        }
    }
    true
}

fn integers<T>(builder: &mut PrimitiveBuilder<T>, scalars: &[Scalar<'_>], times: usize) -> bool
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i64>,
{
    let fit = |value: i64| T::Native::try_from(value).ok();
    let convert = |scalar: Scalar<'_>| match scalar {
        Scalar::None => Some(None),
        Scalar::Int(value) => fit(value).map(Some),
        Scalar::Float(value) => match integral(value)? {
            Some(value) => fit(value).map(Some),
            None => Some(None),
        },
        Scalar::Bool(_) | Scalar::Text(_) => None,
    };
    append(scalars, times, convert, |value| {
        builder.append_option(value);
    })
}

#[expect(
    clippy::option_option,
    reason = "the outer None leaves the result to stock, the inner one is null; so for all here"
)]
fn boolean(scalar: Scalar<'_>) -> Option<Option<bool>> {
    match scalar {
        Scalar::None => Some(None),
        Scalar::Bool(value) => Some(Some(value)),
        Scalar::Int(_) | Scalar::Float(_) | Scalar::Text(_) => None,
    }
}

#[expect(clippy::option_option, reason = "as above")]
fn float(scalar: Scalar<'_>, mantissa: u32) -> Option<Option<f64>> {
    match scalar {
        Scalar::None => Some(None),
        // PARITY: NaN in a float64 column is null.
        Scalar::Float(value) => Some((!value.is_nan()).then_some(value)),
        Scalar::Int(value) => exact_double(value, mantissa).map(Some),
        Scalar::Bool(_) | Scalar::Text(_) => None,
    }
}

#[expect(clippy::option_option, reason = "as above")]
fn text(scalar: Scalar<'_>) -> Option<Option<&str>> {
    match scalar {
        Scalar::None => Some(None),
        Scalar::Text(value) => Some(Some(value)),
        Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) => None,
    }
}

pub(crate) fn bytes(scalars: &[Scalar<'_>], times: usize) -> usize {
    let lengths = scalars.iter().map(|scalar| match scalar {
        Scalar::Text(value) => value.len(),
        Scalar::None | Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) => 0,
    });
    lengths.sum::<usize>().saturating_mul(times)
}

#[cfg(test)]
mod tests {
    use super::{FieldBuilder, Scalar};
    use crate::convert::types::TYPES;

    #[test]
    fn scalars_become_the_types_that_the_table_says() {
        for row in &TYPES {
            for data_type in row.arrow {
                let taken = FieldBuilder::new(data_type).append_scalars(&[Scalar::None], 1);
                assert_eq!(taken, row.is_of_scalars(), "{data_type}");
            }
        }
    }

    #[test]
    fn a_column_of_values_has_one_dtype_or_is_for_stock() {
        let dtype = |column: Vec<Scalar<'_>>| Some(format!("{:?}", Scalar::of_values(column)?));
        for (column, expected) in [
            (vec![Scalar::Int(1)], Some("[Int(1)]")),
            (
                vec![Scalar::Int(1), Scalar::None],
                Some("[Float(1.0), None]"),
            ),
            (
                vec![Scalar::Float(0.5), Scalar::Int(1)],
                Some("[Float(0.5), Float(1.0)]"),
            ),
            (
                vec![Scalar::None, Scalar::Text("a")],
                Some("[None, Text(\"a\")]"),
            ),
            (vec![Scalar::None], Some("[None]")),
            (vec![Scalar::Int((1 << 53) + 1), Scalar::None], None),
            (vec![Scalar::Bool(true), Scalar::Int(1)], None),
            (vec![Scalar::Text("a"), Scalar::Float(0.5)], None),
        ] {
            assert_eq!(dtype(column).as_deref(), expected);
        }
    }
}
