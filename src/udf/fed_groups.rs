//! Aggregates and windows of `arrow_udf`s. Eval types 252, 253 and 254.
//!
//! Stock's own function makes batches of groups. It is fed with groups that are read natively, and
//! what it makes is written natively; it takes a group for each batch that it makes.

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use super::group_tables::{WholeGroups, everything};
use super::table_output::FlatOutput;
use super::task::{self, Answer, Step};
use super::verifier::Verifier;
use crate::worker::group::Group;
use crate::worker::group_reader::{Framing, GroupReader};
use crate::worker::python_files::{InputFile, OutputFile};

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct FedGroups {
    /// A `Fed` of `stock_arrow.py`.
    feed: Py<PyAny>,
    framing: Framing,
    /// The JVM takes one row of each batch.
    one_row_each: bool,
}

#[pymethods]
impl FedGroups {
    #[new]
    fn new(feed: Py<PyAny>, framing: &str, one_row_each: bool) -> Self {
        Self {
            feed,
            framing: Framing::of_groups(framing),
            one_row_each,
        }
    }

    /// Runs the task: reads every group, has stock make a batch of it, writes that.
    ///
    /// `started`: the index of the partition, and what there is to read from.
    fn dump_stream(
        &self,
        py: Python<'_>,
        started: (Bound<'_, PyAny>, Bound<'_, InputFile>),
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let (split_index, infile) = started;
        let feed = self.feed.bind(py);
        let mut run = Run {
            feed,
            one_row_each: self.one_row_each,
            skips_empty: feed.getattr("skips_empty")?.is_truthy()?,
            made: feed.call_method1("start", (split_index,))?.try_iter()?,
            input: WholeGroups::new(feed),
            output: FlatOutput::new(feed),
            verifier: Verifier::start(feed)?,
        };
        let reader = GroupReader::new(self.framing, everything());
        task::run(py, infile.get(), outfile.get(), reader, &mut run)
    }
}

/// What is remembered from group to group.
struct Run<'a, 'py> {
    feed: &'a Bound<'py, PyAny>,
    one_row_each: bool,
    skips_empty: bool,
    /// The batches that stock makes.
    made: Bound<'py, PyIterator>,
    input: WholeGroups<'a, 'py>,
    output: FlatOutput<'a, 'py>,
    /// If the user has asked for it.
    verifier: Option<Verifier<'py>>,
}

impl Step for Run<'_, '_> {
    fn one_row_each(&self) -> bool {
        self.one_row_each
    }

    fn group(&mut self, group: Group, _answer: &mut Answer) -> PyResult<bool> {
        if self.skips_empty && group.encoded.is_empty() {
            return Ok(false);
        }
        let batches = self.input.batches(&group)?;
        if let Some(verifier) = Verifier::of_next(self.verifier.as_ref())? {
            self.input.verify(&group, &batches, verifier)?;
        }
        drop(group);
        let put = intern!(self.feed.py(), "put");
        self.feed.call_method1(put, (batches,))?;
        let Some(batch) = self.made.next() else {
            return Err(PyRuntimeError::new_err(
                "bowstring: a group without a batch, this is a bug",
            ));
        };
        self.output.append(&batch?)?;
        Ok(self.output.is_due())
    }

    fn waits(&self) -> bool {
        self.output.waits()
    }

    fn write(&mut self, py: Python<'_>, answer: &mut Answer) -> PyResult<()> {
        self.output.write(py, answer)
    }

    fn end(&mut self) -> PyResult<()> {
        self.made.next().transpose().map(drop)
    }
}
