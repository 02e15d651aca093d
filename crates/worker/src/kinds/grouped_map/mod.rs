//! `GROUPED_MAP`: `applyInPandas`, and `groupby(…).apply` of a `pandas_udf`. Eval type 201.
//!
//! [`GroupedMap`] stands where stock has a serializer: PySpark's worker calls `dump_stream` with what
//! it reads from. A group costs one frame, one call of the user's function and one look at its
//! result; everything else happens once a task or on other threads.

pub(crate) mod cogrouped;
pub(crate) mod iter;

use std::sync::Arc;

use bowstring_ipc::framing::Framing;
use bowstring_ipc::group::Group;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::connection::files::{InputFile, OutputFile};
use crate::convert::conversions::Conversions;
use crate::convert::input::frame::GroupFrames;
use crate::convert::input::key_columns::KeyColumns;
use crate::errors::{internal, wire_error};
use crate::facades::grouped_map::GroupedMapTask;
use crate::facades::record::SelfTest;
use crate::task::converter::Converter;
use crate::task::driver::Section;
use crate::task::kind::Kind;
use crate::task::results::Results;
use crate::task::section::Structs;
use crate::words::Word;

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct GroupedMap {
    parts: Parts,
    framing: Framing,
}

/// What tasks of one function for the groups of one frame consist of.
#[derive(Debug)]
struct Parts {
    /// The user's function as PySpark has wrapped it.
    function: Py<PyAny>,
    columns: KeyColumns,
    conversions: Arc<Conversions>,
}

impl Parts {
    fn new(py: Python<'_>, task: GroupedMapTask, proven: &SelfTest) -> PyResult<Self> {
        Ok(Self {
            conversions: Conversions::new(py, task.stock.extract(py)?, proven)?.into(),
            function: task.function.clone_ref(py),
            columns: task.into(),
        })
    }

    fn frames(&self) -> GroupFrames {
        GroupFrames::new(&self.conversions, &self.columns)
    }
}

/// Calls a function with the key, if there is one, and what it gets of a group.
fn call<'py>(
    function: &Bound<'py, PyAny>,
    key: Option<Bound<'py, PyTuple>>,
    argument: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    match key {
        Some(key) => function.call1((key, argument)),
        None => function.call1((argument,)),
    }
}

#[pymethods]
impl GroupedMap {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
    fn new(
        py: Python<'_>,
        task: GroupedMapTask,
        framing: Word<Framing>,
        proven: SelfTest,
    ) -> PyResult<Self> {
        Ok(Self {
            parts: Parts::new(py, task, &proven)?,
            framing: framing.0,
        })
    }

    /// Runs the task: reads every group, calls the function, writes the results.
    fn dump_stream(
        &self,
        py: Python<'_>,
        infile: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let Parts {
            function,
            columns,
            conversions,
        } = &self.parts;
        let reader = conversions.reader(self.framing);
        let kind = FramesOfGroups {
            py,
            function: function.bind(py),
            with_key: columns.with_key,
            frames: self.parts.frames(),
            results: Results::new(py, conversions)?,
        };
        let output = Structs(conversions.output().borrowing());
        Section::new(infile, outfile, reader, conversions.stock.object(py))?.run(
            &columns.keys,
            kind,
            output,
        )
    }

    /// The frame of one group given as Arrow IPC messages. For the self-test.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
    fn frame<'py>(
        &self,
        py: Python<'py>,
        schema: &[u8],
        messages: Vec<Bound<'py, PyBytes>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let messages: Vec<&[u8]> = messages.iter().map(PyBytesMethods::as_bytes).collect();
        let Parts {
            columns,
            conversions,
            ..
        } = &self.parts;
        let reader = conversions.reader(Framing::BatchPerGroup);
        let group = Group::decode(schema, &messages, reader).map_err(|error| wire_error(&error))?;
        let made = self.parts.frames().frame(py, &group, columns.with_key)?;
        Ok(made.frame)
    }

    /// The record batch that a result becomes. For the self-test.
    fn convert<'py>(
        &self,
        py: Python<'py>,
        result: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let conversions = &self.parts.conversions;
        let mut output = conversions.output();
        let rows =
            Results::new(py, conversions)?.take_apart(result, &mut output, Converter::UNSEEN)?;
        output.end_group(rows);
        let batch = output.take().map_err(|error| internal(&error))?;
        output.to_pyarrow(py, &batch)
    }
}

/// One group → one frame, and a key if the function takes it; one frame → rows.
struct FramesOfGroups<'a, 'py> {
    py: Python<'py>,
    function: &'a Bound<'py, PyAny>,
    with_key: bool,
    frames: GroupFrames,
    results: Results<'a, 'py>,
}

impl<'py> Kind<'py> for FramesOfGroups<'_, 'py> {
    type Input<'g> = &'g Group;
    type Arguments = (Bound<'py, PyAny>, Option<Bound<'py, PyTuple>>);
    type Returned = Bound<'py, PyAny>;
    type Output = Structs;

    fn arguments(&mut self, group: &Group, convert: Converter<'_>) -> PyResult<Self::Arguments> {
        convert.frame(self.py, &mut self.frames, group, self.with_key)
    }

    fn call(&self, (frame, key): Self::Arguments) -> PyResult<Self::Returned> {
        call(self.function, key, frame)
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
