//! Record batches to and from pyarrow without a copy, through Arrow's C data interface.

#![expect(
    unsafe_code,
    reason = "what pyarrow has exported can only be believed, not checked, and what it is given was checked"
)]

use arrow_array::ffi::{FFI_ArrowArray, from_ffi_and_data_type};
use arrow_array::{Array, ArrayRef, GenericBinaryArray, OffsetSizeTrait, StructArray, make_array};
use arrow_buffer::{ArrowNativeType, Buffer};
use arrow_data::{ArrayData, ArrayDataBuilder};
use arrow_pyarrow::FromPyArrow;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};
use bowstring_ipc::nullable;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::errors;

/// `pyarrow.RecordBatch`.
///
/// # Errors
///
/// Fails only if pyarrow is not there.
pub(crate) fn record_batch_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "pyarrow", "RecordBatch")
}

/// `pyarrow.Table`.
///
/// # Errors
///
/// Fails only if pyarrow is not there.
pub(crate) fn table_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "pyarrow", "Table")
}

/// The columns as a `pyarrow.RecordBatch` with this `pyarrow.Schema`, whose types have to be laid
/// out as theirs. Their memory is shared, and lives as long as anything shows it.
///
/// # Errors
///
/// Fails if pyarrow refuses them.
pub(crate) fn to_pyarrow<'py>(
    columns: &StructArray,
    schema: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = schema.py();
    let mut array = FFI_ArrowArray::new(&columns.to_data());
    record_batch_class(py)?.call_method1(
        intern!(py, "_import_from_c"),
        (&raw mut array as usize, schema),
    )
}

/// A `pyarrow.LargeStringArray` of these bytes, which need not be UTF-8. Their memory is shared; offsets are copied if they
/// have 32 bits.
///
/// # Errors
///
/// Fails if pyarrow refuses them.
pub(crate) fn to_large_string<'py, O: OffsetSizeTrait>(
    py: Python<'py>,
    text: &GenericBinaryArray<O>,
) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static TYPE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let data_type = TYPE.get_or_try_init(py, || {
        let data_type = py.import("pyarrow")?.call_method0("large_string")?;
        PyResult::Ok(data_type.unbind())
    })?;
    let offsets = text.offsets().inner().inner();
    let offsets = if O::IS_LARGE {
        offsets.clone()
    } else {
        errors::ensure(
            "a text column of a frame",
            (text.len() + 1) * size_of::<i64>(),
        )?;
        let wide = text.value_offsets().iter();
        let wide: Vec<i64> = wide
            .map(|offset| i64::usize_as(offset.as_usize()))
            .collect();
        Buffer::from_vec(wide)
    };
    let long = ArrayDataBuilder::new(DataType::LargeBinary)
        .len(text.len())
        .nulls(text.nulls().cloned())
        .add_buffer(offsets)
        .add_buffer(text.values().clone());
    // SAFETY: the offsets are those of `text`, be it in another width, so they do not fall and end in its bytes. arrow-rs would look
    // at each again, one after another, an eighth of what it takes to build a long column.
    let mut array = FFI_ArrowArray::new(&unsafe { long.build_unchecked() });
    CLASS.import(py, "pyarrow", "Array")?.call_method1(
        intern!(py, "_import_from_c"),
        (&raw mut array as usize, data_type),
    )
}

/// The bytes of a `pyarrow.Array` of text, which need not be UTF-8; `None` if it is of another type or unsound. Their
/// memory is shared.
///
/// # Errors
///
/// It is no array.
pub(crate) fn bytes_of_text(array: &Bound<'_, PyAny>) -> PyResult<Option<ArrayRef>> {
    let data = unchecked_bytes_of_text(array)?;
    // The buffers may come from anywhere.
    Ok(data
        .filter(|data| data.validate_full().is_ok())
        .map(make_array))
}

/// The same for whoever looks at the offsets before following them.
///
/// # Errors
///
/// It is no array.
pub(crate) fn unchecked_bytes_of_text(array: &Bound<'_, PyAny>) -> PyResult<Option<ArrayData>> {
    let py = array.py();
    let id: i32 = (array.getattr(intern!(py, "type"))?)
        .getattr(intern!(py, "id"))?
        .extract()?;
    let held = match *text_ids(py)? {
        [text, _] if id == text => DataType::Binary,
        [_, large] if id == large => DataType::LargeBinary,
        _ => return Ok(None),
    };
    let mut exported = FFI_ArrowArray::empty();
    array.call_method1(intern!(py, "_export_to_c"), (&raw mut exported as usize,))?;
    // SAFETY: pyarrow has written `exported` for an array of this type; text and bytes are laid out the same.
    Ok(unsafe { from_ffi_and_data_type(exported, held) }.ok())
}

/// What `pyarrow.DataType.id` is for text of both widths. Asking for it is much cheaper than importing a type.
fn text_ids(py: Python<'_>) -> PyResult<&[i32; 2]> {
    static IDS: PyOnceLock<[i32; 2]> = PyOnceLock::new();
    IDS.get_or_try_init(py, || {
        let pyarrow = py.import("pyarrow")?;
        let id = |name| pyarrow.call_method0(name)?.getattr("id")?.extract();
        Ok([id("string")?, id("large_string")?])
    })
}

/// A nested `pyarrow.Array` as `data_type`, which differs from its own at most in the names of elements and in where
/// nulls are allowed. Its memory is shared.
///
/// # Errors
///
/// Fails if arrow-rs refuses it.
pub(crate) fn nested_as(array: &Bound<'_, PyAny>, data_type: &DataType) -> PyResult<ArrayRef> {
    let mut exported = FFI_ArrowArray::empty();
    let address = &raw mut exported as usize;
    array.call_method1(intern!(array.py(), "_export_to_c"), (address,))?;
    // SAFETY: pyarrow has written `exported` for an array of this type; names and nullability are none of the layout.
    let data = unsafe { from_ffi_and_data_type(exported, data_type.clone()) };
    data.map(make_array)
        .map_err(|error| PyTypeError::new_err(format!("bowstring: take a nested array: {error}")))
}

/// A `pyarrow.Array` of a flat type that is `wanted`; `None` if it is of another, or empty.
///
/// An array without values may have no offsets at all, as the JVM sends it, and arrow-rs would read
/// the first one; so may those that a nested array holds.
///
/// # Errors
///
/// It is no array.
pub(crate) fn flat_array(
    array: &Bound<'_, PyAny>,
    wanted: impl FnOnce(&DataType) -> bool,
) -> PyResult<Option<ArrayData>> {
    let data_type = DataType::from_pyarrow_bound(&array.getattr(intern!(array.py(), "type"))?);
    if array.len()? == 0
        || !data_type.is_ok_and(|data_type| !data_type.is_nested() && wanted(&data_type))
    {
        return Ok(None);
    }
    Ok(ArrayData::from_pyarrow_bound(array).ok())
}

/// A `pyarrow.Schema`, and how arrays of its types are laid out.
#[derive(Debug)]
pub(crate) struct Layout<'py> {
    schema: Bound<'py, PyAny>,
    /// They may be null, and have text as bytes, which is all that is known of it.
    fields: Fields,
}

impl<'py> Layout<'py> {
    /// Of a `pyarrow.Schema`.
    ///
    /// # Errors
    ///
    /// Fails if it has a type that arrow-rs does not know.
    pub(crate) fn of(schema: &Bound<'py, PyAny>) -> PyResult<Self> {
        let fields = Schema::from_pyarrow_bound(schema)?.fields;
        Ok(Self {
            schema: schema.clone(),
            fields: fields.iter().map(held).collect(),
        })
    }

    /// That of a `pyarrow.Schema` which is known to have these [fields](Self::fields).
    pub(crate) fn known(schema: Bound<'py, PyAny>, fields: Fields) -> Self {
        Self { schema, fields }
    }

    /// How the columns are held.
    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The `pyarrow.Schema`.
    pub(crate) fn schema(&self) -> &Bound<'py, PyAny> {
        &self.schema
    }

    /// The columns of a `pyarrow.RecordBatch` of this schema, metadata aside; their memory is shared.
    ///
    /// # Errors
    ///
    /// Fails if it is something else.
    pub(crate) fn columns(&self, batch: &Bound<'py, PyAny>) -> PyResult<StructArray> {
        self.columns_if_it_fits(batch)?.ok_or_else(|| {
            PyTypeError::new_err("bowstring: a record batch has another schema, this is a bug")
        })
    }

    /// The same; `None` if it is something else.
    ///
    /// # Errors
    ///
    /// Fails if arrow-rs refuses them.
    pub(crate) fn columns_if_it_fits(
        &self,
        batch: &Bound<'py, PyAny>,
    ) -> PyResult<Option<StructArray>> {
        let py = batch.py();
        let same = batch.get_type().is(record_batch_class(py)?)
            && batch
                .getattr(intern!(py, "schema"))?
                .call_method1(intern!(py, "equals"), (&self.schema,))?
                .is_truthy()?;
        if !same {
            return Ok(None);
        }
        let mut array = FFI_ArrowArray::empty();
        batch.call_method1(intern!(py, "_export_to_c"), (&raw mut array as usize,))?;
        // SAFETY: pyarrow's own class has written `array`, and its batch has the types that
        // `fields` were made of; text and bytes are laid out the same, and nullability is none of
        // the layout. That the buffers hold what their lengths say is pyarrow's promise, on which
        // stock's writer relies as well.
        let data = unsafe { from_ffi_and_data_type(array, DataType::Struct(self.fields.clone())) };
        data.map(|data| Some(StructArray::from(data)))
            .map_err(|error| {
                PyTypeError::new_err(format!("bowstring: take a record batch: {error}"))
            })
    }
}

/// Whether arrays of this field's type are sent by pyarrow's writer as they are: no dictionaries beside them, no views,
/// no extension types.
#[expect(clippy::wildcard_enum_match_arm, reason = "Spark sends no other types")]
pub(crate) fn sends_as_it_is(field: &Field) -> bool {
    let plain = match field.data_type() {
        DataType::List(child) | DataType::LargeList(child) | DataType::Map(child, _) => {
            sends_as_it_is(child)
        }
        DataType::Struct(fields) => fields.iter().all(|field| sends_as_it_is(field)),
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(_, _)
        | DataType::Date32
        | DataType::Time64(_)
        | DataType::Timestamp(_, _)
        | DataType::Duration(_)
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Binary
        | DataType::LargeBinary => true,
        _ => false,
    };
    plain && field.extension_type_name().is_none()
}

/// A field with null allowed everywhere, and bytes in place of text: pyarrow's may be any bytes.
fn held(field: &FieldRef) -> FieldRef {
    as_bytes(&nullable(field))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all other types hold no text that Spark sends"
)]
fn as_bytes(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Utf8 => DataType::Binary,
        DataType::LargeUtf8 => DataType::LargeBinary,
        DataType::List(child) => DataType::List(as_bytes(child)),
        DataType::LargeList(child) => DataType::LargeList(as_bytes(child)),
        DataType::FixedSizeList(child, size) => DataType::FixedSizeList(as_bytes(child), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(as_bytes).collect()),
        DataType::Map(entries, sorted) => DataType::Map(as_bytes(entries), *sorted),
        other => other.clone(),
    };
    Field::clone(field).with_data_type(data_type).into()
}
