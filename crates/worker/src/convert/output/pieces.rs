//! Columns of many small record batches, put together to one.

use arrow_array::{Array, ArrayRef, StructArray, new_empty_array};
use arrow_schema::{ArrowError, Fields};
use arrow_select::concat::concat;

use crate::convert::limits::{MAX_BYTES, MAX_ROWS};

/// Batches of the same fields that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// Large batches as they are, and small ones that came before one.
    finished: Vec<StructArray>,
    /// The columns of small batches after those.
    columns: Vec<Vec<ArrayRef>>,
    fields: Fields,
    /// Rows in `columns`; `None` if there is no batch, not even one without rows.
    small_rows: Option<usize>,
    rows: usize,
    bytes: usize,
}

impl Pieces {
    /// Adds the columns of a batch.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be copied, which is a bug.
    pub(crate) fn append(&mut self, columns: &StructArray) -> Result<(), ArrowError> {
        let bytes = columns.get_buffer_memory_size();
        self.rows += columns.len();
        self.bytes += bytes;
        if columns.len() >= MAX_ROWS || bytes >= MAX_BYTES {
            // Alone, because text of several such might have no room in one batch.
            self.finish_small()?;
            self.finished.push(columns.clone());
            return Ok(());
        }
        self.fields = columns.fields().clone();
        self.columns.resize_with(columns.num_columns(), Vec::new);
        for (pieces, column) in self.columns.iter_mut().zip(columns.columns()) {
            // A copy: a few rows may hold a large table alive, of which they are a slice.
            let empty = new_empty_array(column.data_type());
            pieces.push(concat(&[column.as_ref(), empty.as_ref()])?);
        }
        *self.small_rows.get_or_insert(0) += columns.len();
        Ok(())
    }

    fn finish_small(&mut self) -> Result<(), ArrowError> {
        let Some(rows) = self.small_rows.take() else {
            return Ok(());
        };
        let columns = self.columns.iter_mut().map(|pieces| {
            let arrays: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
            let column = concat(&arrays);
            pieces.clear();
            column
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let fields = self.fields.clone();
        let finished = StructArray::try_new_with_length(fields, columns, None, rows)?;
        self.finished.push(finished);
        Ok(())
    }

    /// Whether there is enough for a batch.
    pub(crate) fn is_due(&self) -> bool {
        self.rows >= MAX_ROWS || self.bytes >= MAX_BYTES
    }

    /// Whether anything waits, be it without rows.
    pub(crate) fn waits(&self) -> bool {
        self.small_rows.is_some() || !self.finished.is_empty()
    }

    /// Takes what waits, in order.
    ///
    /// # Errors
    ///
    /// Fails if the columns do not fit together, which is a bug.
    pub(crate) fn take(&mut self) -> Result<Vec<StructArray>, ArrowError> {
        self.finish_small()?;
        self.rows = 0;
        self.bytes = 0;
        Ok(std::mem::take(&mut self.finished))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{Array, ArrayRef, Int64Array, StructArray};
    use arrow_schema::{DataType, Field, Fields};
    use std::sync::Arc;

    use super::Pieces;

    fn fields() -> Fields {
        Fields::from(vec![Field::new("a", DataType::Int64, true)])
    }

    fn columns(values: impl Into<Int64Array>) -> StructArray {
        let column: ArrayRef = Arc::new(values.into());
        StructArray::new(fields(), vec![column], None)
    }

    #[test]
    fn puts_batches_together_in_order_and_starts_over() {
        let mut pieces = Pieces::default();
        assert!(!pieces.waits());
        assert!(pieces.take().unwrap().is_empty());
        pieces.append(&columns(vec![Some(1), None])).unwrap();
        pieces.append(&columns(vec![Some(3)]).slice(0, 0)).unwrap();
        pieces.append(&columns(vec![7, 4, 5]).slice(1, 2)).unwrap();
        let taken = pieces.take().unwrap();
        assert_eq!(taken.len(), 1);
        let expected = Int64Array::from(vec![Some(1), None, Some(4), Some(5)]);
        assert_eq!(taken[0].column(0).as_primitive::<Int64Type>(), &expected);
        assert!(!pieces.waits());
    }

    #[test]
    fn a_batch_without_rows_waits_too() {
        let mut pieces = Pieces::default();
        pieces.append(&columns(Vec::<i64>::new())).unwrap();
        assert!(pieces.waits());
        assert_eq!(pieces.take().unwrap()[0].len(), 0);
    }

    #[test]
    fn a_few_rows_of_a_large_batch_do_not_hold_it_alive() {
        let large = columns(vec![0_i64; 1000]);
        let mut pieces = Pieces::default();
        pieces.append(&large.slice(10, 1)).unwrap();
        let shared = large.column(0).to_data().buffers()[0].as_ptr_range();
        let kept = pieces.columns[0][0].to_data().buffers()[0].as_ptr();
        assert!(!shared.contains(&kept));
    }

    #[test]
    fn a_large_batch_stands_alone_and_in_its_place() {
        let mut pieces = Pieces::default();
        pieces.append(&columns(vec![1])).unwrap();
        pieces.append(&columns(vec![2; super::MAX_ROWS])).unwrap();
        assert!(pieces.is_due());
        pieces.append(&columns(vec![3])).unwrap();
        let lengths: Vec<usize> = pieces.take().unwrap().iter().map(Array::len).collect();
        assert_eq!(lengths, [1, super::MAX_ROWS, 1]);
        assert!(!pieces.is_due());
    }
}
