//! `GROUPED_AGG`: `groupby(…).agg` of `pandas_udf`s that return scalars. Eval type 202.
//!
//! As [`super::grouped_map`], with a Series for each column and scalars as results.

use pyo3::prelude::*;

use super::conversions::Conversions;
use super::group_series::GroupSeries;
use super::series_udf::{SeriesCalls, SeriesUdf};
use super::task::{self, Event, internal};
use crate::worker::group_reader::{Framing, GroupReader};
use crate::worker::python_files::{InputFile, OutputFile};

/// One task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub struct GroupedAgg {
    udfs: Vec<SeriesUdf>,
    /// Stock makes a Series of a result before it calls the next function.
    eager: bool,
    /// A group without batches has no result.
    skips_empty: bool,
    framing: Framing,
    conversions: Conversions,
}

#[pymethods]
impl GroupedAgg {
    /// `task`: a `SeriesTask` of `kinds_series.py`.
    #[new]
    fn new(task: &Bound<'_, PyAny>, framing: &str, proven: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            udfs: SeriesUdf::all(task)?,
            eager: task.getattr("eager")?.extract()?,
            skips_empty: task.getattr("skips_empty")?.extract()?,
            framing: Framing::of_groups(framing),
            conversions: Conversions::new(&task.getattr("stock")?, proven)?,
        })
    }

    /// Stands for the groups until `dump_stream` gets it back; reads nothing.
    #[expect(clippy::unused_self, reason = "a method in stock's serializers")]
    fn load_stream<'py>(&self, infile: &Bound<'py, PyAny>) -> PyResult<Bound<'py, InputFile>> {
        Ok(infile.cast::<InputFile>()?.clone())
    }

    /// Runs the task: reads every group, calls the functions, writes one batch with one row for each.
    fn dump_stream(
        &self,
        py: Python<'_>,
        groups: &Bound<'_, InputFile>,
        outfile: &Bound<'_, OutputFile>,
    ) -> PyResult<()> {
        let reader = GroupReader::new(self.framing, self.conversions.projection());
        let mut frames = GroupSeries::new(py, &self.conversions)?;
        let mut calls = SeriesCalls::new(py, &self.conversions, &self.udfs, self.eager)?;
        task::run(py, groups.get(), outfile.get(), reader, |groups, answer| {
            // The JVM takes the first row of each batch.
            answer.one_row_each();
            let mut output = self.conversions.output();
            loop {
                let (due, over) = match groups.next(py, output.has_groups())? {
                    Event::Group(group) if self.skips_empty && group.encoded.is_empty() => continue,
                    Event::Group(group) => {
                        let series = frames.series(&group)?;
                        // The Series have copies of all that they show.
                        drop(group);
                        let results = calls.aggregate(&series)?;
                        let rows = calls.take(&results, &mut output)?;
                        (output.end_group(rows), false)
                    }
                    Event::Pause => (output.has_groups(), false),
                    Event::End => (output.has_groups(), true),
                };
                if due {
                    let batch = output.take_flat().map_err(|error| internal(&error))?;
                    answer.write(py, output.flat_schema(), batch)?;
                }
                if over {
                    return Ok(());
                }
            }
        })
    }
}
