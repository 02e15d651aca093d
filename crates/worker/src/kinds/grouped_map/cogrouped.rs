//! `COGROUPED_MAP`: `cogroup(…).applyInPandas`. Eval type 206.
//!
//! As [`crate::kinds::grouped_map`], with two frames for each key.

use std::sync::Arc;

use bowstring_ipc::framing::{Framing, Join};
use bowstring_ipc::group::Group;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::conversions::Conversions;
use crate::convert::input::frame::GroupFrames;
use crate::convert::input::key_columns::KeyColumns;
use crate::facades::grouped_map::CogroupedMapTask;
use crate::facades::record::SelfTest;
use crate::task::converter::Converter;
use crate::task::driver::Section;
use crate::task::kind::Kind;
use crate::task::results::Results;
use crate::task::section::Structs;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct CogroupedMap {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    left: KeyColumns,
    right: KeyColumns,
    /// The Spark line makes one batch of each side before it converts it.
    conversions: Arc<Conversions>,
}

#[pymethods]
impl CogroupedMap {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
    fn new(py: Python<'_>, task: CogroupedMapTask, proven: SelfTest) -> PyResult<Self> {
        let stock = task.left.stock.extract(py)?;
        Ok(Self {
            conversions: Conversions::new(py, stock, &proven)?.into(),
            function: task.function,
            left: task.left.into(),
            right: task.right.into(),
        })
    }

    /// Runs the task: reads both sides of every key, calls the function, writes the results.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = self
            .conversions
            .reader(Framing::Cogrouped)
            // Of text pandas 3 has a chunk for each batch.
            .joining(Join::UnlessText);
        let kind = FramesOfSides {
            py,
            task: self,
            function: self.function.bind(py),
            left: GroupFrames::new(&self.conversions, &self.left).uncombined(),
            right: GroupFrames::new(&self.conversions, &self.right).uncombined(),
            results: Results::new(py, &self.conversions)?,
        };
        let keys = [&*self.left.keys, &*self.right.keys];
        let output = Structs(self.conversions.output().borrowing());
        Section::new(infile, outfile, reader, self.conversions.stock.object(py))?
            .run_cogroups(keys, kind, output)
    }
}

/// Both sides of a key → two frames, and the key if the function takes it; one frame → rows.
struct FramesOfSides<'a, 'py> {
    py: Python<'py>,
    task: &'a CogroupedMap,
    function: &'a Bound<'py, PyAny>,
    left: GroupFrames,
    right: GroupFrames,
    results: Results<'a, 'py>,
}

impl<'py> Kind<'py> for FramesOfSides<'_, 'py> {
    type Input<'g> = [&'g Group; 2];
    /// The key, the left frame and the right one.
    type Arguments = (
        Option<Bound<'py, PyTuple>>,
        Bound<'py, PyAny>,
        Bound<'py, PyAny>,
    );
    type Returned = Bound<'py, PyAny>;
    type Output = Structs;

    fn arguments(
        &mut self,
        [left, right]: [&Group; 2],
        convert: Converter<'_>,
    ) -> PyResult<Self::Arguments> {
        let columns = &self.task.left;
        // PARITY: stock asks whether the left frame is empty, and one without columns is, too.
        let left_has_key = left.rows > 0 && !columns.values.is_empty();
        let (of_left, of_right) = (
            columns.with_key && left_has_key,
            columns.with_key && !left_has_key,
        );
        let (left, left_key) = convert.frame(self.py, &mut self.left, left, of_left)?;
        let (right, right_key) = convert.frame(self.py, &mut self.right, right, of_right)?;
        Ok((left_key.or(right_key), left, right))
    }

    fn call(&self, (key, left, right): Self::Arguments) -> PyResult<Self::Returned> {
        match key {
            Some(key) => self.function.call1((key, left, right)),
            None => self.function.call1((left, right)),
        }
    }

    fn take(
        &mut self,
        result: Self::Returned,
        output: &mut Structs,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        self.results.take(&result, output, convert)
    }
}
