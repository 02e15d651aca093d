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
use super::task::{self, Event};
use super::verifier::Verifier;
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

    /// Stands for the groups until `dump_stream` gets it back; reads nothing.
    #[expect(clippy::unused_self, reason = "a method in stock's serializers")]
    fn load_stream<'py>(&self, infile: &Bound<'py, PyAny>) -> PyResult<Bound<'py, InputFile>> {
        Ok(infile.cast::<InputFile>()?.clone())
    }

    /// Runs the task: reads every group, has stock make a batch of it, writes that.
    ///
    /// `started`: the index of the partition, and what `load_stream` has returned.
    fn dump_stream(
        &self,
        py: Python<'_>,
        started: (Bound<'_, PyAny>, Bound<'_, InputFile>),
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let (split_index, groups) = started;
        let feed = self.feed.bind(py);
        let reader = GroupReader::new(self.framing, everything());
        let skips_empty = feed.getattr("skips_empty")?.is_truthy()?;
        let mut made: Bound<'_, PyIterator> =
            feed.call_method1("start", (split_index,))?.try_iter()?;
        let mut input = WholeGroups::new(feed);
        let mut output = FlatOutput::new(feed);
        let verifier = Verifier::start(feed)?;
        task::run(py, groups.get(), outfile.get(), reader, |groups, answer| {
            if self.one_row_each {
                answer.one_row_each();
            }
            loop {
                match groups.next(py, output.waits())? {
                    Event::Group(group) if skips_empty && group.encoded.is_empty() => {}
                    Event::Group(group) => {
                        let batches = input.batches(&group)?;
                        if let Some(verifier) = &verifier
                            && verifier.takes_next()?
                        {
                            input.verify(&group, &batches, verifier)?;
                        }
                        drop(group);
                        feed.call_method1(intern!(py, "put"), (batches,))?;
                        let Some(batch) = made.next() else {
                            return Err(PyRuntimeError::new_err(
                                "bowstring: a group without a batch, this is a bug",
                            ));
                        };
                        output.append(&batch?)?;
                        if output.is_due() {
                            output.write(py, answer)?;
                        }
                    }
                    Event::Pause => output.write(py, answer)?,
                    Event::End => {
                        made.next().transpose()?;
                        return output.write(py, answer);
                    }
                }
            }
        })
    }
}
