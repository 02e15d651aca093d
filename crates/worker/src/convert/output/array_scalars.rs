//! Scalars that functions of arrays return → values appended to Arrow builders.
//!
//! Stock has pyarrow make an array of them, of the type that it infers, and casts that to the declared type. What is
//! taken here is what can only become the value that it is.

use std::iter::repeat_n;

use arrow_array::ArrayRef;
use arrow_schema::{ArrowError, Fields};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::convert::limits::{MAX_BYTES, MAX_ROWS};
use crate::convert::observed::Dtype;
use crate::convert::output::batch::bytes_of;
use crate::convert::output::field_builder::{FieldBuilder, Values};
use crate::convert::output::flat_builder::FlatBuilder;
use crate::convert::output::scalars::{Scalar, Scalars, bytes};
use crate::convert::output::values::{narrow, room};
use crate::convert::types::{Pandas, TYPES};

/// Knows scalars by their class: Python's, NumPy's and pyarrow's.
#[derive(Debug)]
pub(crate) struct ArrayScalars<'py> {
    scalars: Scalars<'py>,
    arrow: Vec<Bound<'py, PyType>>,
}

impl<'py> ArrayScalars<'py> {
    /// Looks the classes up.
    ///
    /// # Errors
    ///
    /// Fails only if NumPy or pyarrow does.
    pub(crate) fn new(py: Python<'py>) -> PyResult<Self> {
        let pyarrow = py.import("pyarrow")?;
        let class = |name: &&str| Ok::<_, PyErr>(pyarrow.getattr(*name)?.cast_into::<PyType>()?);
        let arrow = TYPES.iter().flat_map(|row| row.arrow_scalars);
        Ok(Self {
            scalars: Scalars::new(py)?,
            arrow: arrow.map(class).collect::<PyResult<_>>()?,
        })
    }

    /// What these results of one function are, as Python's or NumPy's scalars; `None` if only stock may say what becomes
    /// of them. They cannot change later.
    pub(crate) fn values(
        &self,
        results: &[Bound<'py, PyAny>],
    ) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        let mut values = Vec::with_capacity(results.len());
        // pyarrow finds a type that all have in common; here they have one class, but for None beside Python's and
        // NumPy's.
        let mut only: Option<Bound<'py, PyType>> = None;
        let mut nulls = false;
        for result in results {
            if result.is_none() {
                nulls = true;
                values.push(result.clone());
                continue;
            }
            let class = result.get_type();
            if only.as_ref().is_some_and(|only| !only.is(&class)) {
                return Ok(None);
            }
            if self.is_arrow(&class) {
                // Text that is no UTF-8 has no value, and goes through an array as it is.
                let Ok(value) = result.call_method0(intern!(result.py(), "as_py")) else {
                    return Ok(None);
                };
                values.push(value);
            } else if self.scalars.of(result)?.is_some() {
                values.push(result.clone());
            } else {
                return Ok(None);
            }
            only = Some(class);
        }
        if nulls && only.is_some_and(|only| self.is_arrow(&only)) {
            return Ok(None);
        }
        Ok(Some(values))
    }

    fn is_arrow(&self, class: &Bound<'py, PyType>) -> bool {
        self.arrow.iter().any(|arrow| class.is(arrow))
    }

    /// Those [values](Self::values) for a builder.
    pub(crate) fn scalars<'a>(
        &self,
        values: &'a [Bound<'py, PyAny>],
    ) -> PyResult<Option<Vec<Scalar<'a>>>> {
        values.iter().map(|value| self.scalars.of(value)).collect()
    }
}

/// The columns of a task's results that wait to be written.
#[derive(Debug)]
pub(crate) struct ScalarColumns {
    builders: Vec<FieldBuilder>,
    rows: usize,
}

impl ScalarColumns {
    /// For results of these declared types; `None` if one of them has no native path, or is among `unproven`.
    pub(crate) fn new(fields: &Fields, unproven: &[String]) -> Option<Self> {
        let builder = |data_type| {
            let builder = FieldBuilder::new(data_type);
            let row = builder.spark()?.row();
            let is_proven = !unproven.iter().any(|name| name == row.name);
            (is_proven && row.is_of_scalars()).then_some(builder)
        };
        let builders = fields.iter().map(|field| builder(field.data_type()));
        Some(Self {
            builders: builders.collect::<Option<_>>()?,
            rows: 0,
        })
    }

    /// Appends `rows` rows: for each column its scalars, or one that stands for all rows. `false` if only stock may
    /// convert one of them; then nothing was appended.
    pub(crate) fn append(&mut self, columns: &[Vec<Scalar<'_>>], rows: usize) -> bool {
        let times = |scalars: &[Scalar<'_>]| match scalars {
            [_] => Some(rows),
            several => (several.len() == rows).then_some(1),
        };
        if rows == 0 || columns.len() != self.builders.len() {
            return false;
        }
        let takes = |(builder, scalars): (&mut FieldBuilder, &Vec<Scalar<'_>>)| {
            times(scalars).is_some_and(|times| takes(builder, scalars, times))
        };
        if !self.builders.iter_mut().zip(columns).all(takes) {
            return false;
        }
        for (builder, scalars) in self.builders.iter_mut().zip(columns) {
            append(builder, scalars, times(scalars).unwrap_or_default());
        }
        self.rows += rows;
        true
    }

    /// Rows that wait.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether there is enough for a batch.
    pub(crate) fn is_due(&self) -> bool {
        let bytes: usize = self.builders.iter().map(FieldBuilder::variable_bytes).sum();
        self.rows >= MAX_ROWS || bytes >= MAX_BYTES
    }

    /// Takes what waits, text as bytes. Without rows there are no columns.
    ///
    /// # Errors
    ///
    /// Fails if an array cannot be finished, which is a bug.
    pub(crate) fn take(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.rows = 0;
        let finished = self.builders.iter_mut().map(FieldBuilder::finish);
        Ok(finished
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .map(|array| bytes_of(&array))
            .collect())
    }
}

/// Whether `builder` appends, so many times, what pyarrow would make of each.
fn takes(builder: &mut FieldBuilder, scalars: &[Scalar<'_>], times: usize) -> bool {
    let pandas = builder.spark().map(|spark| spark.row().pandas);
    let known = |scalar: &Scalar<'_>| match (pandas, *scalar) {
        (_, Scalar::None)
        | (Some(Pandas::Booleans), Scalar::Bool(_))
        | (Some(Pandas::Integers(_)), Scalar::Int(_))
        | (Some(Pandas::Floats(Dtype::Float64)), Scalar::Float(_))
        | (Some(Pandas::Text), Scalar::Text(_)) => true,
        // A NaN of 32 bits may not come through 64 as it was.
        (Some(Pandas::Floats(_)), Scalar::Float(value)) => !value.is_nan(),
        (_, Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) | Scalar::Text(_)) => false,
    };
    scalars.iter().all(known)
        && bytes(scalars, times) <= room(builder.variable_bytes())
        && builder.append_scalars(scalars, 0)
}

/// Appends scalars that [`takes`] has let through.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is no float has one meaning"
)]
fn append(builder: &mut FieldBuilder, scalars: &[Scalar<'_>], times: usize) {
    // NaN is a value to pyarrow, where pandas has a null.
    let value = |scalar: &Scalar<'_>| match scalar {
        Scalar::Float(value) => Some(*value),
        _ => None,
    };
    let repeated = scalars
        .iter()
        .flat_map(|scalar| repeat_n(value(scalar), times));
    match &mut builder.values {
        Values::Flat(FlatBuilder::Double(builder)) => {
            repeated.for_each(|value| builder.append_option(value));
        }
        Values::Flat(FlatBuilder::Float(builder)) => {
            repeated.for_each(|value| builder.append_option(value.map(narrow)));
        }
        _ => {
            builder.append_scalars(scalars, times);
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int8Type, Int64Type};
    use arrow_array::{Array, Int64Array};
    use arrow_schema::{DataType, Field, Fields};

    use super::ScalarColumns;
    use crate::convert::output::scalars::Scalar;

    fn columns(types: &[DataType]) -> ScalarColumns {
        let fields = types.iter().map(|each| Field::new("", each.clone(), true));
        ScalarColumns::new(&fields.collect::<Fields>(), &[]).unwrap()
    }

    #[test]
    fn appends_one_for_all_rows_beside_one_for_each() {
        let mut columns = columns(&[DataType::Int64, DataType::Int64]);
        let each = vec![Scalar::Int(1), Scalar::None, Scalar::Int(3)];
        assert!(columns.append(&[vec![Scalar::Int(7)], each], 3));
        assert_eq!(columns.rows(), 3);
        let taken = columns.take().unwrap();
        let whole = Int64Array::from(vec![7, 7, 7]);
        assert_eq!(taken[0].as_primitive::<Int64Type>(), &whole);
        let each = Int64Array::from(vec![Some(1), None, Some(3)]);
        assert_eq!(taken[1].as_primitive::<Int64Type>(), &each);
        assert_eq!(columns.rows(), 0);
    }

    #[test]
    fn appends_nothing_where_one_column_is_for_stock() {
        let mut columns = columns(&[DataType::Int64, DataType::Int8]);
        for other in [
            Scalar::Int(128),
            Scalar::Bool(true),
            Scalar::Float(1.0),
            Scalar::Text("1"),
        ] {
            assert!(!columns.append(&[vec![Scalar::Int(1)], vec![other]], 1));
        }
        assert!(columns.append(&[vec![Scalar::Int(1)], vec![Scalar::Int(127)]], 1));
        let taken = columns.take().unwrap();
        assert_eq!(taken[0].len(), 1);
        assert_eq!(taken[1].as_primitive::<Int8Type>().value(0), 127);
    }

    #[test]
    fn a_nan_is_a_value_and_one_of_32_bits_for_stock() {
        let nan = vec![Scalar::Float(f64::NAN)];
        assert!(!columns(&[DataType::Float32]).append(std::slice::from_ref(&nan), 2));
        let mut columns = columns(&[DataType::Float64]);
        assert!(columns.append(&[nan], 2));
        let taken = columns.take().unwrap();
        assert_eq!((taken[0].len(), taken[0].null_count()), (2, 0));
    }

    #[test]
    fn results_of_uneven_length_are_for_stock() {
        let mut columns = columns(&[DataType::Float64]);
        assert!(!columns.append(&[vec![Scalar::Float(1.0), Scalar::Float(2.0)]], 3));
        assert!(!columns.append(&[vec![]], 0));
    }

    #[test]
    fn types_without_a_native_path_are_for_stock() {
        let fields = |data_type| Fields::from(vec![Field::new("", data_type, true)]);
        assert!(ScalarColumns::new(&fields(DataType::Date32), &[]).is_none());
        assert!(ScalarColumns::new(&fields(DataType::Int8), &["byte".to_owned()]).is_none());
        assert!(ScalarColumns::new(&fields(DataType::Int8), &["int".to_owned()]).is_some());
    }
}
