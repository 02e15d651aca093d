//! Results of many groups, coalesced into record batches.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BinaryArray, LargeBinaryArray, RecordBatch, StructArray, make_array,
};
use arrow_data::ArrayData;
use arrow_pyarrow::{FromPyArrow, ToPyArrow};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow_select::concat::concat;
use bowstring_ipc::{nullable, text_as_bytes};
use bowstring_memory as memory;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;

use crate::convert::c_data;
use crate::convert::limits::{MAX_BYTES, MAX_ROWS};
use crate::convert::output::field_builder::FieldBuilder;
use crate::convert::output::number_piece::number_piece;
use crate::convert::output::scalars::Scalar;
use crate::convert::output::text::{arrow_chunk, text_piece};
use crate::convert::output::values::{Rules, room};
use crate::convert::types::{Results, SparkType};
use crate::facades::frames::PandasClasses;

/// What memory is asked for.
const COLUMN: &str = "a column of a result";

/// One field of the result under construction.
#[derive(Debug)]
struct FieldOutput {
    builder: FieldBuilder,
    /// The declared type.
    declared: DataType,
    /// What the pieces have: nulls allowed everywhere, and bytes in place of text, which pyarrow's may be any of.
    held: FieldRef,
    /// The type of Arrow-backed columns that are taken as they are. Text is copied by the builder,
    /// and nested types are for stock.
    arrow_backed: Option<DataType>,
    /// Finished pieces, in order, before what is in the builder.
    pieces: Vec<ArrayRef>,
}

impl FieldOutput {
    /// Takes an Arrow-backed column of exactly the declared type, or long text, as a piece and returns its size in
    /// bytes; `None` if it is not one.
    fn append_piece(
        &mut self,
        values: &Bound<'_, PyAny>,
        classes: &PandasClasses,
    ) -> PyResult<Option<usize>> {
        let room = room(self.builder.variable_bytes());
        if self.builder.spark() == Some(SparkType::String) {
            let Some(text) = text_piece(values, classes, self.held.data_type(), room)? else {
                return Ok(None);
            };
            let bytes = text.to_data().get_slice_memory_size().unwrap_or_default();
            self.push(text)?;
            return Ok(Some(bytes));
        }
        let Some(declared) = &self.arrow_backed else {
            return Ok(None);
        };
        let Some(array) = arrow_chunk(values, classes)? else {
            return Ok(None);
        };
        let bytes = array.get_buffer_memory_size();
        if array.data_type() != declared || bytes > room {
            return Ok(None);
        }
        self.push(array)?;
        Ok(Some(bytes))
    }

    /// A long column of exactly the declared type of numbers, where it lies.
    fn number_piece(&self, values: &Bound<'_, PyAny>) -> PyResult<Option<ArrayRef>> {
        if self.builder.spark().is_none() {
            return Ok(None);
        }
        number_piece(values, &self.declared)
    }

    /// Appends a finished array behind what the builder holds.
    fn push(&mut self, array: ArrayRef) -> PyResult<()> {
        self.finish_piece().map_err(|error| {
            PyTypeError::new_err(format!("bowstring: finish a column: {error}"))
        })?;
        self.pieces.push(array);
        Ok(())
    }

    /// Makes a piece of what the builder holds.
    fn finish_piece(&mut self) -> Result<(), ArrowError> {
        let built = self.builder.finish()?;
        self.pieces.extend(built.map(|array| bytes_of(&array)));
        Ok(())
    }
}

/// Text as bytes, in the same memory; anything else as it is.
pub(crate) fn bytes_of(array: &ArrayRef) -> ArrayRef {
    if let Some(text) = array.as_string_opt::<i32>() {
        Arc::new(BinaryArray::from(text.clone()))
    } else if let Some(text) = array.as_string_opt::<i64>() {
        Arc::new(LargeBinaryArray::from(text.clone()))
    } else {
        Arc::clone(array)
    }
}

/// The columns of the groups that are finished but not written yet.
#[derive(Debug)]
pub(crate) struct Output {
    schema: SchemaRef,
    declared: Fields,
    fields: Vec<FieldOutput>,
    rules: Rules,
    rows: usize,
    groups: usize,
    started: bool,
    /// Bytes of the pieces that no builder has made.
    piece_bytes: usize,
    /// Whether whoever writes asks whether it [borrows](Self::borrows).
    may_borrow: bool,
    /// Whether a piece lies in memory that the user's function may write to when it is called again.
    borrows: bool,
}

impl Output {
    /// For results of the struct type `fields`, native except for the types named in `unproven`
    /// and the fields at the positions `opaque`.
    pub(crate) fn new(
        fields: Fields,
        rules: Rules,
        unproven: &HashSet<String>,
        opaque: &[usize],
    ) -> Self {
        let outputs = fields.iter().enumerate().map(|(index, field)| {
            let relaxed = nullable(field);
            let builder = FieldBuilder::new(relaxed.data_type());
            let is_proven = |spark: SparkType| !unproven.contains(spark.name());
            let proven = !opaque.contains(&index) && builder.spark().is_some_and(is_proven);
            let builder = if proven {
                builder
            } else {
                FieldBuilder::stock()
            };
            let results = builder.spark().map(|spark| spark.row().results);
            let takes_arrow = results == Some(Results::BuiltOrTaken);
            FieldOutput {
                arrow_backed: takes_arrow.then(|| field.data_type().clone()),
                declared: field.data_type().clone(),
                held: text_as_bytes(relaxed),
                builder,
                pieces: Vec::new(),
            }
        });
        let outputs = outputs.collect();
        let schema = Arc::new(Schema::new(vec![Field::new(
            "_0",
            DataType::Struct(fields.clone()),
            true,
        )]));
        Self {
            schema,
            declared: fields,
            fields: outputs,
            rules,
            rows: 0,
            groups: 0,
            started: false,
            piece_bytes: 0,
            may_borrow: false,
            borrows: false,
        }
    }

    /// For kinds that write everything before the function is called again if it [borrows](Self::borrows).
    #[must_use]
    pub(crate) fn borrowing(mut self) -> Self {
        self.may_borrow = true;
        self
    }

    /// The declared schema: a struct column `_0`.
    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Whether any group has ended.
    pub(crate) fn started(&self) -> bool {
        self.started
    }

    /// Appends `values` to field `index`. `false` if only stock may convert it.
    pub(crate) fn append(
        &mut self,
        index: usize,
        values: &Bound<'_, PyAny>,
        classes: &PandasClasses,
    ) -> PyResult<bool> {
        let Some(field) = self.fields.get_mut(index) else {
            return Ok(false);
        };
        if let Some(bytes) = field.append_piece(values, classes)? {
            self.piece_bytes += bytes;
            return Ok(true);
        }
        if self.may_borrow
            && let Some(numbers) = field.number_piece(values)?
        {
            self.borrows = true;
            self.append_array(index, numbers)?;
            return Ok(true);
        }
        let Some(field) = self.fields.get_mut(index) else {
            return Ok(false);
        };
        field.builder.append(values, classes, &self.rules)
    }

    /// Appends scalars to field `index`, see [`FieldBuilder::append_scalars`].
    pub(crate) fn append_scalars(
        &mut self,
        index: usize,
        scalars: &[Scalar<'_>],
        times: usize,
    ) -> bool {
        let field = self.fields.get_mut(index);
        field.is_some_and(|field| field.builder.append_scalars(scalars, times))
    }

    /// Appends a `pyarrow.Array` that stock has made for field `index`. `false` if it has another
    /// type than the field, which the first result may change; then nothing was appended.
    ///
    /// # Errors
    ///
    /// Fails if the array cannot be imported.
    pub(crate) fn append_stock(
        &mut self,
        index: usize,
        array: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let Some(field) = self.fields.get(index) else {
            return Ok(false);
        };
        let made = array.getattr("type")?;
        let made_type = DataType::from_pyarrow_bound(&made)?;
        if made_type != field.declared {
            let declared = field.declared.to_pyarrow(array.py())?;
            // PARITY: to pyarrow the elements of a list may have any name. It is the first result
            // that gives them one.
            let same: bool = made.call_method1("equals", (declared,))?.extract()?;
            if !same || !self.started {
                return Ok(false);
            }
        }
        if made_type == field.declared
            && let Some(text) = c_data::bytes_of_text(array)?
        {
            self.append_array(index, text)?;
            return Ok(true);
        }
        // PARITY: pyarrow lets nulls into parts that are declared without them.
        let held = field.held.data_type();
        let imported = if held == &made_type {
            make_array(ArrayData::from_pyarrow_bound(array)?)
        } else if made_type.is_nested() {
            // pyarrow's cast makes void too short that is nested twice.
            c_data::nested_as(array, held)?
        } else {
            let relaxed = array.call_method1("cast", (held.to_pyarrow(array.py())?,))?;
            make_array(ArrayData::from_pyarrow_bound(&relaxed)?)
        };
        self.append_array(index, imported)?;
        Ok(true)
    }

    /// Appends a struct column that stock has made of a whole result, with an odd schema or the
    /// usual one. Returns its length.
    ///
    /// # Errors
    ///
    /// It has another type than the first result, or cannot be imported.
    pub(crate) fn take_over(
        &mut self,
        column: &Bound<'_, PyAny>,
        odd_schema: bool,
    ) -> PyResult<usize> {
        // PARITY: the first result decides on the schema of the answer, be it another than declared.
        if odd_schema && !self.started {
            self.adopt(column)?;
        }
        let children = column.call_method0("flatten")?;
        for (index, child) in children.try_iter()?.enumerate() {
            if !self.append_stock(index, &child?)? {
                return Err(PyRuntimeError::new_err(format!(
                    "bowstring: field {index} of a result has another type than in the first one"
                )));
            }
        }
        column.len()
    }

    /// Starts over with the schema of `column`, which is what stock has made of the first result.
    fn adopt(&mut self, column: &Bound<'_, PyAny>) -> PyResult<()> {
        let data_type = ArrayData::from_pyarrow_bound(column)?.data_type().clone();
        let DataType::Struct(fields) = &data_type else {
            return Err(PyTypeError::new_err(format!(
                "bowstring: PySpark has converted a result to {data_type}"
            )));
        };
        let opaque: Vec<usize> = (0..fields.len()).collect();
        let may_borrow = self.may_borrow;
        *self = Self::new(fields.clone(), self.rules.clone(), &HashSet::new(), &opaque);
        self.may_borrow = may_borrow;
        Ok(())
    }

    /// Appends a batch that another output of the same task has made.
    ///
    /// # Errors
    ///
    /// As [`Self::append_stock`].
    pub(crate) fn append_batch(&mut self, batch: &RecordBatch) -> PyResult<()> {
        if let Some(column) = batch.column(0).as_struct_opt() {
            for (index, array) in column.columns().iter().enumerate() {
                self.append_array(index, Arc::clone(array))?;
            }
        }
        Ok(())
    }

    fn append_array(&mut self, index: usize, array: ArrayRef) -> PyResult<()> {
        self.piece_bytes += array.get_buffer_memory_size();
        if let Some(field) = self.fields.get_mut(index) {
            field.push(array)?;
        }
        Ok(())
    }

    /// Counts the rows of a group whose fields are all appended. Returns whether a batch is due.
    pub(crate) fn end_group(&mut self, rows: usize) -> bool {
        self.rows += rows;
        self.groups += 1;
        self.started = true;
        let fixed = self.rows * self.fields.len() * size_of::<u64>();
        let variable: usize = self
            .fields
            .iter()
            .map(|field| field.builder.variable_bytes())
            .sum();
        self.borrows || self.rows >= MAX_ROWS || fixed + variable + self.piece_bytes >= MAX_BYTES
    }

    /// Whether what waits lies in memory that the user's function may write to: it has to be written before the next call.
    pub(crate) fn borrows(&self) -> bool {
        self.borrows
    }

    /// Whether groups wait to be written, be they without rows.
    pub(crate) fn has_groups(&self) -> bool {
        self.groups > 0
    }

    /// The declared schema with a column for each field.
    pub(crate) fn flat_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.declared.clone()))
    }

    /// Takes everything as one batch with a column for each field.
    ///
    /// # Errors
    ///
    /// As [`Self::take`].
    pub(crate) fn take_flat(&mut self) -> Result<RecordBatch, ArrowError> {
        Ok(RecordBatch::from(self.take()?.column(0).as_struct()))
    }

    /// Takes everything as one batch with the single struct column `_0`, whose fields may be null.
    ///
    /// # Errors
    ///
    /// Fails if the fields do not fit together, which is a bug.
    pub(crate) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut columns = Vec::with_capacity(self.fields.len());
        for field in &mut self.fields {
            field.finish_piece()?;
            columns.push(match field.pieces.as_slice() {
                [] => arrow_array::new_empty_array(field.held.data_type()),
                [piece] => Arc::clone(piece),
                pieces => {
                    let bytes = pieces
                        .iter()
                        .map(|piece| piece.to_data().get_slice_memory_size().unwrap_or_default());
                    memory::ensure(COLUMN, bytes.sum())
                        .map_err(|error| ArrowError::MemoryError(error.to_string()))?;
                    concat(&pieces.iter().map(AsRef::as_ref).collect::<Vec<_>>())?
                }
            });
            field.pieces.clear();
        }
        // PARITY: stock sends nulls in a field that is declared without them. Only the schema says
        // what was declared.
        let types: Fields = self
            .fields
            .iter()
            .map(|field| Arc::clone(&field.held))
            .collect();
        let column = StructArray::try_new_with_length(types, columns, None, self.rows)?;
        self.rows = 0;
        self.groups = 0;
        self.piece_bytes = 0;
        self.borrows = false;
        RecordBatch::try_from_iter_with_nullable([("_0", Arc::new(column) as ArrayRef, true)])
    }

    /// A batch that was [taken](Self::take), with the declared types, as the JVM sees it.
    ///
    /// # Errors
    ///
    /// Fails if pyarrow refuses it.
    pub(crate) fn to_pyarrow<'py>(
        &self,
        py: Python<'py>,
        batch: &RecordBatch,
    ) -> PyResult<Bound<'py, PyAny>> {
        let schema = self.schema.to_pyarrow(py)?;
        c_data::to_pyarrow(&StructArray::from(batch.clone()), &schema)
    }
}
