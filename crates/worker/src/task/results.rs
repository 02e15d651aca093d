//! What the user's function returned → the output of the task.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::convert::conversions::Conversions;
use crate::convert::output::batch::Output;
use crate::convert::output::values::elements;
use crate::facades::frames::Frames;
use crate::facades::verify;
use crate::task::converter::{Appended, Converter};
use crate::task::section::Structs;

/// Takes the results of one task apart.
pub(crate) struct Results<'a, 'py> {
    py: Python<'py>,
    conversions: &'a Conversions,
    /// For its knowledge of the result's labels.
    frames: Frames,
    /// The last result's labels, and where the fields are among them.
    matched: Option<(Labels<'py>, Vec<usize>)>,
    /// The first result had another schema than stock usually makes, so stock refuses every later
    /// result with the usual one and has to look at all of them.
    odd_schema: bool,
}

impl<'a, 'py> Results<'a, 'py> {
    /// Before the first group.
    pub(crate) fn new(py: Python<'py>, conversions: &'a Conversions) -> PyResult<Self> {
        let labels: Vec<String> = conversions
            .fields
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let frames = conversions.frames(py, &labels)?;
        Ok(Self {
            py,
            conversions,
            frames,
            matched: None,
            odd_schema: false,
        })
    }

    /// Appends a result to `output`. Returns whether there is enough for a batch.
    ///
    /// # Errors
    ///
    /// As [`Self::take_apart`].
    pub(crate) fn take(
        &mut self,
        result: &Bound<'py, PyAny>,
        output: &mut Structs,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        let rows = self.take_apart(result, &mut output.0, convert)?;
        Ok(output.0.end_group(rows))
    }

    /// Appends a result to `output` and returns its number of rows.
    ///
    /// # Errors
    ///
    /// What stock raises for a result that is not as declared, and a difference that was found.
    pub(crate) fn take_apart(
        &mut self,
        result: &Bound<'py, PyAny>,
        output: &mut Output,
        convert: Converter<'_>,
    ) -> PyResult<usize> {
        if self.odd_schema || !result.get_type().is(&self.conversions.classes.data_frame) {
            return self.take_whole(result, output);
        }
        let Some(positions) = self.positions(result)? else {
            return self.take_whole(result, output);
        };
        let Some((rows, arrays)) = self.frames.take_apart(result, &positions)? else {
            return self.take_whole(result, output);
        };
        let taken = convert.append(
            self.conversions,
            rows,
            output,
            |output, index| match (arrays.get(index), positions.get(index)) {
                (Some(array), Some(position)) => {
                    self.append(result, (array, *position), output, index)
                }
                _ => Ok(Appended::OfAnotherType),
            },
            |verifier, native, (alone, batch)| {
                verifier.output(&verify::Output {
                    result,
                    positions: &positions,
                    native,
                    batch: &alone.to_pyarrow(self.py, batch)?,
                })
            },
        )?;
        if !taken {
            return self.take_whole(result, output);
        }
        Ok(rows)
    }

    /// Appends the column at `position` of a result as a field; `array` is what it holds.
    fn append(
        &self,
        result: &Bound<'py, PyAny>,
        (array, position): (&Bound<'py, PyAny>, usize),
        output: &mut Output,
        index: usize,
    ) -> PyResult<Appended> {
        if output.append(index, array, &self.conversions.classes)? {
            return Ok(Appended::Natively);
        }
        let array = (self.conversions.stock).field(result, position, index)?;
        Appended::stocks(output, index, &array)
    }

    /// Has stock check and convert a whole result.
    fn take_whole(&mut self, result: &Bound<'py, PyAny>, output: &mut Output) -> PyResult<usize> {
        let stock = &self.conversions.stock;
        let (column, odd_schema) = stock.whole(result, output.started())?;
        self.odd_schema = odd_schema;
        output.take_over(&column, odd_schema)
    }

    /// Positions of the declared fields in a result, or `None` if stock has to judge its labels.
    fn positions(&mut self, result: &Bound<'py, PyAny>) -> PyResult<Option<Vec<usize>>> {
        let columns = result.getattr(intern!(self.py, "columns"))?;
        let labels = Labels::of(&columns)?;
        if let Some((last, positions)) = &self.matched
            && labels.are(last)
        {
            return Ok(Some(positions.clone()));
        }
        let positions = self.frames.positions(&columns)?;
        if let Some(positions) = &positions {
            self.matched = Some((labels, positions.clone()));
        }
        Ok(positions)
    }
}

/// The labels of a result, to compare with those of the next one.
struct Labels<'py> {
    class: Bound<'py, PyType>,
    /// Views of one Index share it.
    token: Option<Bound<'py, PyAny>>,
    /// The labels themselves where the Index is made of objects, which users overwrite.
    objects: Option<Vec<Bound<'py, PyAny>>>,
}

impl<'py> Labels<'py> {
    fn of(columns: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = columns.py();
        let data = columns.getattr_opt(intern!(py, "_data"))?;
        Ok(Self {
            class: columns.get_type(),
            token: columns.getattr_opt(intern!(py, "_id"))?,
            objects: data.as_ref().and_then(elements),
        })
    }

    /// Whether both are known to be the same.
    fn are(&self, last: &Self) -> bool {
        let same = match (&self.objects, &last.objects) {
            (Some(objects), Some(last)) => {
                objects.len() == last.len()
                    && objects.iter().zip(last).all(|(label, last)| label.is(last))
            }
            (None, None) => match (&self.token, &last.token) {
                (Some(token), Some(last)) => token.is(last),
                _ => false,
            },
            _ => false,
        };
        same && self.class.is(&last.class)
    }
}
