//! What the native path of a pandas UDF needs to know of its task and of the installed libraries.

use arrow_array::{ArrayRef, new_empty_array};
use arrow_pyarrow::FromPyArrow;
use arrow_schema::{DataType, Fields, Schema};
use bowstring_ipc::framing::{Framing, GroupReader, Join, Projection};
use pyo3::prelude::*;

use crate::convert::calendar::is_offset;
use crate::convert::classes::PandasClasses;
use crate::convert::output::batch::Output;
use crate::convert::output::field_builder::FieldBuilder;
use crate::convert::output::number_piece::number_piece;
use crate::convert::output::values::Rules;
use crate::convert::types::{InputKind, NAMED_TIMESTAMP, OFFSET_TIMESTAMP, Observed, Unit};
use crate::convert::zone::Zone;
use crate::errors::internal;
use crate::package;
use crate::words::Word;

/// One task's conversions, both native and stock.
#[derive(Debug)]
pub(crate) struct Conversions {
    /// The stock conversions (`stock/conversion.py`).
    pub(crate) stock: Py<PyAny>,
    /// What the self-test has observed.
    pub(crate) traits: Observed,
    /// `spark.sql.session.timeZone`.
    pub(crate) session_zone: Option<String>,
    /// Its offsets.
    pub(crate) zone: Zone,
    /// Fields of the declared result, as stock's Arrow types.
    pub(crate) fields: Fields,
    /// Whether columns are matched by name.
    pub(crate) by_name: bool,
    /// `pandas.DataFrame`.
    pub(crate) data_frame: Py<PyAny>,
    /// Objects that result columns are compared with.
    pub(crate) names: PandasClasses,
    /// `frames.py`'s `Frames`.
    pub(crate) frames_class: Py<PyAny>,
    /// `frames.py`'s `block_values`.
    pub(crate) block_values: Py<PyAny>,
    unproven_output: Vec<String>,
    opaque_fields: Vec<usize>,
    rules: Rules,
}

impl Conversions {
    /// Reads them from a `Stock` of `stock/conversion.py` and a `SelfTest` of `record.py`.
    ///
    /// # Errors
    ///
    /// Fails if one of them is not what its file says.
    pub(crate) fn new(stock: &Bound<'_, PyAny>, proven: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = stock.py();
        let unit = |name: &str| {
            let Word(unit) = proven.getattr(name)?.extract::<Word<Unit>>()?;
            PyResult::Ok(unit)
        };
        let unproven = |name: &str| -> PyResult<Vec<String>> {
            proven
                .getattr(name)?
                .try_iter()?
                .map(|item| item?.extract())
                .collect()
        };
        let frames = package::import(py, "_worker.frames")?;
        let classes = frames.getattr("classes")?.call0()?;
        let class = |name: &str| classes.get_item(name);
        let session_zone: Option<String> = stock.getattr("timezone")?.extract()?;
        let unproven_output = unproven("unproven_output")?;
        let zone = session_zone
            .as_deref()
            .map_or(Zone::Stock, |name| Zone::new(name, stock));
        let kind = match zone {
            Zone::Fixed(_) if session_zone.as_deref().is_some_and(is_offset) => {
                Some(OFFSET_TIMESTAMP)
            }
            Zone::Fixed(_) | Zone::Stock => None,
            Zone::Named(_) => Some(NAMED_TIMESTAMP),
        };
        let proven_output =
            kind.is_none_or(|kind| !unproven_output.iter().any(|name| name == kind));
        Ok(Self {
            rules: Rules {
                safe: stock.getattr("safecheck")?.extract()?,
                zone: if proven_output {
                    zone.clone()
                } else {
                    Zone::Stock
                },
            },
            zone,
            session_zone,
            traits: Observed {
                arrow_strings: proven.getattr("arrow_strings")?.extract()?,
                timestamp_unit: unit("timestamp_unit")?,
                interval_unit: unit("interval_unit")?,
                nested_integer_objects: proven.getattr("nested_integer_objects")?.extract()?,
                unproven: unproven("unproven_input")?.into_iter().collect(),
            },
            unproven_output,
            opaque_fields: stock.call_method0("opaque_fields")?.extract()?,
            fields: Schema::from_pyarrow_bound(&stock.call_method0("fields")?)?.fields,
            by_name: stock.getattr("by_name")?.extract()?,
            stock: stock.clone().unbind(),
            names: PandasClasses {
                na: class("na")?.unbind(),
                nat: class("nat")?.unbind(),
                decimal: py
                    .import("decimal")?
                    .getattr("Decimal")?
                    .cast_into()?
                    .unbind(),
                datetime_array: class("datetime_array")?.cast_into()?.unbind(),
                timedelta_array: class("timedelta_array")?.cast_into()?.unbind(),
                arrow_string_array: class("arrow_string_array")?.cast_into()?.unbind(),
                arrow_extension_array: class("arrow_extension_array")?.cast_into()?.unbind(),
                string_array: class("string_array")?.cast_into()?.unbind(),
                categorical: class("categorical")?.cast_into()?.unbind(),
                masked_arrays: class("masked_arrays")?.extract()?,
            },
            data_frame: class("data_frame")?.unbind(),
            frames_class: frames.getattr("Frames")?.unbind(),
            block_values: frames.getattr("block_values")?.unbind(),
        })
    }

    /// The kind of each input column, `None` for those that only stock may convert.
    pub(crate) fn kinds(&self, schema: &Schema) -> Vec<Option<InputKind>> {
        kinds(&self.traits, self.session_zone.as_deref(), schema)
    }

    /// A reader that decodes the columns with a native path, and leaves the others encoded.
    pub(crate) fn reader(&self, framing: Framing) -> GroupReader {
        GroupReader::new(framing, self.projection())
            .text_as_bytes()
            .joining(Join::Always)
    }

    fn projection(&self) -> Box<Projection> {
        let (traits, zone) = (self.traits.clone(), self.session_zone.clone());
        Box::new(move |schema| {
            let kinds = kinds(&traits, zone.as_deref(), schema);
            let native = kinds
                .into_iter()
                .enumerate()
                .filter(|(_, kind)| kind.is_some());
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
        if self
            .unproven_output
            .iter()
            .any(|name| name == builder.name())
        {
            return Ok(None);
        }
        // As in stock, where pyarrow makes an array of NumPy's memory.
        if let Some(numbers) = number_piece(values, data_type)? {
            return Ok(Some(numbers));
        }
        if !builder.append(values, &self.names, &self.rules)? {
            return Ok(None);
        }
        let array = builder.finish().map_err(|error| internal(&error))?;
        Ok(Some(array.unwrap_or_else(|| new_empty_array(data_type))))
    }

    /// A `Frames` for input columns with these labels.
    pub(crate) fn frames<'py>(
        &self,
        py: Python<'py>,
        labels: &[String],
    ) -> PyResult<Bound<'py, PyAny>> {
        let fields: Vec<&String> = self.fields.iter().map(|field| field.name()).collect();
        self.frames_class
            .bind(py)
            .call1((labels, fields, self.by_name))
    }
}

fn kinds(traits: &Observed, zone: Option<&str>, schema: &Schema) -> Vec<Option<InputKind>> {
    schema
        .fields()
        .iter()
        .map(|field| InputKind::of(field, zone, traits))
        .collect()
}
