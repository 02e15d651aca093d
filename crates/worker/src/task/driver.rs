//! The data section of one task, group by group through the three beats of its kind.

use std::cell::Cell;

use bowstring_ipc::framing::GroupReader;
use bowstring_ipc::group::Group;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::connection::files::{InputFile, OutputFile};
use crate::task::converter::{Converter, Converters};
use crate::task::group_label::GroupLabel;
use crate::task::incoming::{Arrived, GroupBatches};
use crate::task::kind::{Kind, StreamKind};
use crate::task::section::{Reply, Rows, serve_section, take_groups};

/// A data section, and the conversions of its task.
#[derive(Debug)]
pub(crate) struct Section<'a, 'py> {
    infile: &'a Bound<'py, InputFile>,
    outfile: &'a Bound<'py, OutputFile>,
    reader: GroupReader,
    rows_each: usize,
    /// For what the functions ask for themselves.
    pub(crate) converters: Converters,
}

impl<'a, 'py> Section<'a, 'py> {
    /// The section behind `infile`, for the task of this `Stock`.
    pub(crate) fn new(
        infile: &'a Bound<'py, InputFile>,
        outfile: &'a Bound<'py, OutputFile>,
        reader: GroupReader,
        stock: &Bound<'py, PyAny>,
    ) -> PyResult<Self> {
        Ok(Self {
            infile,
            outfile,
            reader,
            rows_each: usize::MAX,
            converters: Converters::of(stock)?,
        })
    }

    /// Has batches of one row written: of an aggregate's batch the JVM takes the first row.
    #[must_use]
    pub(crate) fn one_row_each(mut self, wanted: bool) -> Self {
        self.rows_each = if wanted { 1 } else { usize::MAX };
        self
    }

    /// Takes every group through `kind`, and adds to an error which group it was, by the columns `keys`.
    ///
    /// # Errors
    ///
    /// Those of the kind, of the socket, and of a stream that is out of step.
    pub(crate) fn run<K>(self, keys: &[usize], mut kind: K, output: K::Output) -> PyResult<()>
    where
        K: for<'g> Kind<'py, Input<'g> = &'g Group>,
    {
        let py = self.infile.py();
        let group = |converters: &Converters, group: Group, output: &mut _, _: &mut _| {
            let convert = converters.next(py)?;
            let rows = group.rows;
            let arguments = kind.arguments(&group, convert);
            // The arguments have copies of all that they show, so a large group's memory is free for the call.
            let label = GroupLabel::of(group, keys);
            (arguments.and_then(|arguments| call_and_take(&mut kind, arguments, output, convert)))
                .map_err(|error| label.annotate(py, &[rows], error))
        };
        self.serve(output, group, || Ok(()))
    }

    /// The same for both sides of every key, which arrive as groups that take turns.
    ///
    /// # Errors
    ///
    /// As [`Self::run`].
    pub(crate) fn run_cogroups<K>(
        self,
        [left_keys, right_keys]: [&[usize]; 2],
        mut kind: K,
        output: K::Output,
    ) -> PyResult<()>
    where
        K: for<'g> Kind<'py, Input<'g> = [&'g Group; 2]>,
    {
        let (py, waiting) = (self.infile.py(), Cell::new(None));
        let group = |converters: &Converters, group: Group, output: &mut _, _: &mut _| {
            let Some(left) = waiting.take() else {
                waiting.set(Some(group));
                return Ok(false);
            };
            let convert = converters.next(py)?;
            let rows = [left.rows, group.rows];
            let arguments = kind.arguments([&left, &group], convert);
            let label = GroupLabel::of_sides((left, left_keys), (group, right_keys));
            (arguments.and_then(|arguments| call_and_take(&mut kind, arguments, output, convert)))
                .map_err(|error| label.annotate(py, &rows, error))
        };
        self.serve(output, group, || match waiting.take() {
            None => Ok(()),
            Some(_) => Err(PyRuntimeError::new_err(
                "bowstring: a cogroup has only one side, this is a bug",
            )),
        })
    }

    /// The same for kinds whose errors do not say where they come from.
    ///
    /// # Errors
    ///
    /// As [`Self::run`].
    pub(crate) fn run_unnamed<K, I>(self, mut kind: K, output: K::Output) -> PyResult<()>
    where
        K: for<'g> Kind<'py, Input<'g> = I>,
        I: Arrived,
    {
        let py = self.infile.py();
        let group = |converters: &Converters, group: Group, output: &mut _, reply: &mut _| {
            let reply: &mut Reply = reply;
            let input = I::of(group, &reply.incoming);
            if kind.skips(&input) {
                return Ok(false);
            }
            let convert = converters.next(py)?;
            let arguments = kind.arguments(input, convert)?;
            call_and_take(&mut kind, arguments, output, convert)
        };
        self.serve(output, group, || Ok(()))
    }

    /// As [`Self::run`], for groups whose batches are converted as the function asks for them.
    ///
    /// # Errors
    ///
    /// As [`Self::run`].
    pub(crate) fn run_streams<K>(
        self,
        keys: &[usize],
        mut kind: K,
        output: K::Output,
    ) -> PyResult<()>
    where
        K: StreamKind<'py>,
    {
        let py = self.infile.py();
        let group = |converters: &Converters, first: Group, output: &mut _, reply: &mut _| {
            let reply: &mut Reply = reply;
            let rest = Bound::new(py, GroupBatches::after(&first, &reply.incoming))?;
            if kind.skips(&first, &rest)? {
                return Ok(false);
            }
            let arguments = kind.arguments(&first, &rest);
            let label = GroupLabel::of(first, keys);
            let call = |arguments| stream(&mut kind, arguments, &rest, converters, output, reply);
            arguments.and_then(call).map_err(|error| {
                let (rows, all) = (rest.get().rows(), rest.get().is_over());
                label.annotate_part(py, &[rows], all, error)
            })
        };
        self.serve(output, group, || Ok(()))
    }

    fn serve<O: Rows>(
        self,
        mut output: O,
        mut group: impl FnMut(&Converters, Group, &mut O, &mut Reply) -> PyResult<bool>,
        end: impl FnOnce() -> PyResult<()>,
    ) -> PyResult<()> {
        let (py, converters) = (self.infile.py(), self.converters);
        let (infile, outfile) = (self.infile.get(), self.outfile.get());
        serve_section(py, infile, outfile, self.reader, self.rows_each, |reply| {
            take_groups(
                py,
                reply,
                &mut output,
                |input, output, reply| group(&converters, input, output, reply),
                end,
            )
        })
    }
}

/// The beats after the first. What was read is gone by now, but for what the arguments show.
fn call_and_take<'py, K: Kind<'py>>(
    kind: &mut K,
    arguments: K::Arguments,
    output: &mut K::Output,
    convert: Converter<'_>,
) -> PyResult<bool> {
    let returned = kind.call(arguments)?;
    kind.take(returned, output, convert)
}

/// The same where the function gives one result after the other; they are written as they come.
fn stream<'py, K: StreamKind<'py>>(
    kind: &mut K,
    arguments: K::Arguments,
    rest: &Bound<'py, GroupBatches>,
    converters: &Converters,
    output: &mut K::Output,
    reply: &mut Reply,
) -> PyResult<bool> {
    let (py, returned) = (rest.py(), kind.call(arguments)?);
    for result in kind.results(&returned)? {
        let convert = converters.next(py)?;
        if kind.take(result?, output, convert)? {
            output.write(py, reply)?;
        }
    }
    kind.end(returned, rest)?;
    Ok(false)
}
