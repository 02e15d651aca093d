//! Aggregates and windows of `arrow_udf`s. Eval types 252, 253 and 254.
//!
//! Stock's own function makes batches of groups. It is fed with groups that are read natively, and
//! what it makes is written natively; it takes a group for each batch that it makes. To 254 a group
//! is an iterator, of batches that are read when the user's function asks for them.

use std::sync::Arc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use super::arrivals::{Arrivals, Parts};
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
            input: Arc::new(WholeGroups::new(feed)),
            in_parts: self.framing == Framing::Parts,
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
    input: Arc<WholeGroups>,
    /// Groups arrive batch by batch.
    in_parts: bool,
    output: FlatOutput<'a, 'py>,
    /// If the user has asked for it.
    verifier: Option<Verifier<'py>>,
}

impl<'py> Run<'_, 'py> {
    /// The batches of a group, whose memory only they keep.
    #[expect(clippy::needless_pass_by_value, reason = "it is dropped here")]
    fn list(&self, group: Group) -> PyResult<Bound<'py, PyAny>> {
        let batches = self.input.batches(self.feed.py(), &group)?;
        if let Some(verifier) = Verifier::of_next(self.verifier.as_ref())? {
            self.input.verify(&group, &batches, verifier)?;
        }
        Ok(batches)
    }

    /// The same of the group that starts with `first`, each when it is asked for.
    fn iterator(&self, first: Group, arrivals: &Arrivals) -> PyResult<Bound<'py, PyAny>> {
        let batches = FedBatches {
            parts: Parts::new(first, arrivals),
            input: Arc::clone(&self.input),
            verifier: self.verifier.clone().map(Verifier::unbind),
        };
        Ok(Bound::new(self.feed.py(), batches)?.into_any())
    }
}

/// The batches of one group, in the place of stock's reader.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct FedBatches {
    parts: Parts,
    input: Arc<WholeGroups>,
    /// If the user has asked for it.
    verifier: Option<Py<PyAny>>,
}

#[pymethods]
impl FedBatches {
    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(part) = self.parts.next(py)? else {
            return Ok(None);
        };
        let batches = self.input.batches(py, &part)?;
        let verifier = self.verifier.as_ref().map(|it| Verifier::bound(it, py));
        if let Some(verifier) = Verifier::of_next(verifier.as_ref())? {
            self.input.verify(&part, &batches, verifier)?;
        }
        batches.get_item(0).map(Some)
    }
}

impl Step for Run<'_, '_> {
    fn one_row_each(&self) -> bool {
        self.one_row_each
    }

    fn group(&mut self, group: Group, answer: &mut Answer) -> PyResult<bool> {
        if self.skips_empty && group.encoded.is_empty() {
            return Ok(false);
        }
        let batches = if self.in_parts {
            self.iterator(group, &answer.arrivals)?
        } else {
            self.list(group)?
        };
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
