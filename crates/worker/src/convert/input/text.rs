//! Arrow text → pandas' string columns, and whether it is text at all: it is decoded as bytes.

use arrow_array::cast::AsArray;
use arrow_array::{Array, GenericBinaryArray, LargeBinaryArray, OffsetSizeTrait};
use arrow_buffer::{ArrowNativeType, BooleanBufferBuilder, NullBuffer, OffsetBuffer};
use arrow_schema::ArrowError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::convert::c_data;
use crate::convert::input::column::Column;
use crate::convert::input::numpy::{Builder, VIEWED_BYTES};
use crate::errors;

impl Column<'_> {
    /// Whether bytes that stand for text are UTF-8.
    pub(super) fn is_text(&self) -> bool {
        self.arrays.iter().all(|array| {
            array.as_binary_opt::<i32>().is_none_or(is_utf8)
                && array.as_binary_opt::<i64>().is_none_or(is_utf8)
        })
    }
}

impl<'py> Builder<'_, 'py> {
    /// The `pyarrow.LargeStringArray` inside a pandas 3 string column, for text that was decoded as bytes; `shared`: in the
    /// memory that was read into, if that is possible, all of which then lives as long as the column.
    ///
    /// # Errors
    ///
    /// Fails if pyarrow refuses the array.
    pub(crate) fn string_array(
        &self,
        column: &Column<'_>,
        shared: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        if column.has_wide_offsets() {
            self.large_strings(&column.in_bytes::<i64>(), shared)
        } else {
            self.large_strings(&column.in_bytes::<i32>(), shared)
        }
    }

    fn large_strings<O: OffsetSizeTrait>(
        &self,
        arrays: &[GenericBinaryArray<O>],
        shared: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let [array] = arrays
            && (shared || array.value_data().len() >= VIEWED_BYTES)
        {
            return c_data::to_large_string(self.py, array);
        }
        let bytes = |array: &GenericBinaryArray<O>| {
            let offsets = array.value_offsets();
            let (first, last) = (offsets.first(), offsets.last());
            first
                .zip(last)
                .map_or(0, |(first, last)| last.as_usize() - first.as_usize())
        };
        let bytes = arrays.iter().map(bytes).sum();
        errors::ensure(
            "a text column of a frame",
            bytes + 2 * self.rows * size_of::<i64>(),
        )?;
        let array = joined(arrays, bytes).map_err(|error| {
            PyRuntimeError::new_err(format!("bowstring: build a string column: {error}"))
        })?;
        c_data::to_large_string(self.py, &array)
    }
}

/// Whether all that lies between the first and the last offset is UTF-8, and no offset inside of a character.
fn is_utf8<O: OffsetSizeTrait>(array: &GenericBinaryArray<O>) -> bool {
    let offsets = array.value_offsets();
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return true;
    };
    let first = first.as_usize();
    let bytes = array.value_data().get(first..last.as_usize());
    let text = bytes.and_then(|bytes| simdutf8::basic::from_utf8(bytes).ok());
    text.is_some_and(|text| {
        let mut starts = offsets.iter().map(|offset| offset.as_usize() - first);
        starts.all(|start| text.is_char_boundary(start))
    })
}

/// The bytes of all arrays, which are so many, copied into one with 64-bit offsets.
fn joined<O: OffsetSizeTrait>(
    arrays: &[GenericBinaryArray<O>],
    bytes: usize,
) -> Result<LargeBinaryArray, ArrowError> {
    let rows: usize = arrays.iter().map(Array::len).sum();
    let mut offsets = Vec::with_capacity(rows + 1);
    let mut values = Vec::with_capacity(bytes);
    let mut nulls = arrays
        .iter()
        .any(|array| array.null_count() > 0)
        .then(|| BooleanBufferBuilder::new(rows));
    offsets.push(0_i64);
    for array in arrays {
        let range = array.value_offsets().iter().map(|offset| offset.as_usize());
        let start = range.clone().next().unwrap_or(0);
        let end = range.clone().next_back().unwrap_or(0);
        let base = values.len();
        values.extend_from_slice(array.value_data().get(start..end).unwrap_or_default());
        offsets.extend(
            range
                .skip(1)
                .map(|offset| i64::usize_as(base + offset - start)),
        );
        if let Some(builder) = &mut nulls {
            match array.nulls() {
                Some(validity) => builder.append_buffer(validity.inner()),
                None => builder.append_n(array.len(), true),
            }
        }
    }
    let nulls = nulls.map(|mut builder| NullBuffer::new(builder.finish()));
    LargeBinaryArray::try_new(OffsetBuffer::new(offsets.into()), values.into(), nulls)
}

#[cfg(test)]
mod tests {
    use arrow_array::{BinaryArray, LargeBinaryArray};

    use super::is_utf8;

    #[test]
    fn text_is_utf8_value_by_value() {
        let text: [&[u8]; 4] = ["é".as_bytes(), b"", "日本".as_bytes(), b"a"];
        assert!(is_utf8(&BinaryArray::from_iter_values(text)));
        assert!(is_utf8(&LargeBinaryArray::from_iter_values(text)));
        assert!(is_utf8(&BinaryArray::from_iter_values([[0_u8; 0]; 0])));
        // Together they are.
        let halves: [&[u8]; 2] = [&[0xC3], &[0xA9]];
        assert!(!is_utf8(&BinaryArray::from_iter_values(halves)));
        let surrogate: [&[u8]; 2] = [b"a", &[0xED, 0xA0, 0x80]];
        assert!(!is_utf8(&BinaryArray::from_iter_values(surrogate)));
    }

    #[test]
    fn text_outside_of_a_slice_does_not_matter() {
        let rows: [&[u8]; 4] = [&[0xFF], "ü".as_bytes(), b"b", &[0xC3]];
        let array = BinaryArray::from_iter_values(rows);
        assert!(!is_utf8(&array));
        assert!(is_utf8(&array.slice(1, 2)));
        assert!(!is_utf8(&array.slice(1, 3)));
        assert!(is_utf8(&array.slice(4, 0)));
    }
}
