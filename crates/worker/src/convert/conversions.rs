//! What the native path of a pandas UDF needs to know of its task and of the installed libraries.

use std::collections::HashSet;

use arrow_array::{ArrayRef, new_empty_array};
use arrow_pyarrow::FromPyArrow;
use arrow_schema::{DataType, Fields, Schema};
use bowstring_ipc::UnknownWord;
use bowstring_ipc::framing::{Framing, GroupReader, Join, Projection};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert::calendar::is_offset;
use crate::convert::observed::{Observed, Unit};
use crate::convert::output::batch::Output;
use crate::convert::output::field_builder::FieldBuilder;
use crate::convert::output::number_piece::number_piece;
use crate::convert::output::values::Rules;
use crate::convert::types::SparkType;
use crate::convert::zone::Zone;
use crate::errors::internal;
use crate::facades::conversion::Stock;
use crate::facades::frames::{Frames, FramesModule, PandasClasses};
use crate::facades::record::SelfTest;

/// One task's conversions, both native and stock.
#[derive(Debug)]
pub(crate) struct Conversions {
    /// The stock conversions.
    pub(crate) stock: Stock,
    /// What the self-test has observed.
    pub(crate) observed: Observed,
    /// `spark.sql.session.timeZone`.
    pub(crate) session_zone: Option<String>,
    /// Its offsets.
    pub(crate) zone: Zone,
    /// Fields of the declared result, as stock's Arrow types.
    pub(crate) fields: Fields,
    /// Objects that result columns are compared with.
    pub(crate) classes: PandasClasses,
    unproven_output: HashSet<String>,
    opaque_fields: Vec<usize>,
    rules: Rules,
}

impl Conversions {
    /// Those of a task with these stock conversions.
    ///
    /// # Errors
    ///
    /// What stock raises for a declared type.
    pub(crate) fn new(py: Python<'_>, stock: Stock, proven: &SelfTest) -> PyResult<Self> {
        let unproven_output = proven.unproven_output.clone();
        let zone = (stock.timezone.as_deref())
            .map_or(Zone::Stock, |name| Zone::new(name, stock.object(py)));
        let in_zone = match zone {
            Zone::Fixed(_) if stock.timezone.as_deref().is_some_and(is_offset) => {
                Some(SparkType::OffsetTimestamp)
            }
            Zone::Fixed(_) | Zone::Stock => None,
            Zone::Named(_) => Some(SparkType::NamedTimestamp),
        };
        let proven_output = in_zone.is_none_or(|spark| !unproven_output.contains(spark.name()));
        Ok(Self {
            rules: Rules {
                safe: stock.safecheck,
                zone: if proven_output {
                    zone.clone()
                } else {
                    Zone::Stock
                },
            },
            zone,
            session_zone: stock.timezone.clone(),
            observed: Observed {
                arrow_strings: proven.arrow_strings,
                timestamp_unit: unit(&proven.timestamp_unit)?,
                interval_unit: unit(&proven.interval_unit)?,
                nested_integer_objects: proven.nested_integer_objects,
                unproven: proven.unproven_input.clone(),
            },
            unproven_output,
            opaque_fields: stock.opaque_fields(py)?,
            fields: Schema::from_pyarrow_bound(&stock.fields(py)?)?.fields,
            classes: FramesModule::of(py)?.classes(py)?,
            stock,
        })
    }

    /// The type of each input column, `None` for those that only stock may convert.
    pub(crate) fn types(&self, schema: &Schema) -> Vec<Option<SparkType>> {
        types(&self.observed, self.session_zone.as_deref(), schema)
    }

    /// A reader that decodes the columns with a native path, and leaves the others encoded.
    pub(crate) fn reader(&self, framing: Framing) -> GroupReader {
        GroupReader::new(framing, self.projection())
            .text_as_bytes()
            .joining(Join::Always)
    }

    fn projection(&self) -> Box<Projection> {
        let (observed, zone) = (self.observed.clone(), self.session_zone.clone());
        Box::new(move |schema| {
            let types = types(&observed, zone.as_deref(), schema).into_iter();
            let native = types.enumerate().filter(|(_, spark)| spark.is_some());
            native.map(|(index, _)| index).collect()
        })
    }

    /// An empty output for results of this task.
    pub(crate) fn output(&self) -> Output {
        Output::new(
            self.fields.clone(),
            self.rules.clone(),
            &self.unproven_output,
            &self.opaque_fields,
        )
    }

    /// The array of a type that is not stock's alone, made of one result column; `None` if only stock may convert it.
    pub(crate) fn array(
        &self,
        data_type: &DataType,
        values: &Bound<'_, PyAny>,
    ) -> PyResult<Option<ArrayRef>> {
        let mut builder = FieldBuilder::new(data_type);
        let is_proven = |spark: SparkType| !self.unproven_output.contains(spark.name());
        if !builder.spark().is_some_and(is_proven) {
            return Ok(None);
        }
        // As in stock, where pyarrow makes an array of NumPy's memory.
        if let Some(numbers) = number_piece(values, data_type)? {
            return Ok(Some(numbers));
        }
        if !builder.append(values, &self.classes, &self.rules)? {
            return Ok(None);
        }
        let array = builder.finish().map_err(|error| internal(&error))?;
        Ok(Some(array.unwrap_or_else(|| new_empty_array(data_type))))
    }

    /// What builds frames of input columns with these labels.
    pub(crate) fn frames(&self, py: Python<'_>, labels: &[String]) -> PyResult<Frames> {
        let fields: Vec<&String> = self.fields.iter().map(|field| field.name()).collect();
        FramesModule::of(py)?.frames(py, labels, fields, self.stock.by_name)
    }
}

fn unit(word: &str) -> PyResult<Unit> {
    word.parse()
        .map_err(|error: UnknownWord| PyValueError::new_err(error.to_string()))
}

fn types(observed: &Observed, zone: Option<&str>, schema: &Schema) -> Vec<Option<SparkType>> {
    schema
        .fields()
        .iter()
        .map(|field| SparkType::of(field, zone, observed))
        .collect()
}
