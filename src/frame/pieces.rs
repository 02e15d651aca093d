//! Columns of many small record batches, put together to one.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, StructArray, new_empty_array};
use arrow_schema::{ArrowError, Fields};
use arrow_select::concat::concat;

use super::output::{MAX_BYTES, MAX_ROWS};

/// Batches of the same fields that wait to be written.
#[derive(Debug, Default)]
pub struct Pieces {
    columns: Vec<Vec<ArrayRef>>,
    batches: usize,
    rows: usize,
    bytes: usize,
}

impl Pieces {
    /// Adds the columns of a batch.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be copied, which is a bug.
    pub fn append(&mut self, columns: &StructArray) -> Result<(), ArrowError> {
        self.columns.resize_with(columns.num_columns(), Vec::new);
        let bytes = columns.get_buffer_memory_size();
        // A few rows may hold a large table alive, of which they are a slice.
        let copied = columns.len() < MAX_ROWS && bytes < MAX_BYTES;
        for (pieces, column) in self.columns.iter_mut().zip(columns.columns()) {
            pieces.push(if copied {
                let empty = new_empty_array(column.data_type());
                concat(&[column.as_ref(), empty.as_ref()])?
            } else {
                Arc::clone(column)
            });
        }
        self.batches += 1;
        self.rows += columns.len();
        self.bytes += bytes;
        Ok(())
    }

    /// Whether there is enough for a batch.
    pub fn is_due(&self) -> bool {
        self.rows >= MAX_ROWS || self.bytes >= MAX_BYTES
    }

    /// Whether anything waits, be it without rows.
    pub fn waits(&self) -> bool {
        self.batches > 0
    }

    /// Takes what waits; `None` if nothing does.
    ///
    /// # Errors
    ///
    /// Fails if the columns do not fit together, which is a bug.
    pub fn take(&mut self, fields: &Fields) -> Result<Option<StructArray>, ArrowError> {
        if self.batches == 0 {
            return Ok(None);
        }
        let columns = self.columns.iter_mut().map(|pieces| {
            let arrays: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
            let column = concat(&arrays);
            pieces.clear();
            column
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let rows = std::mem::take(&mut self.rows);
        self.batches = 0;
        self.bytes = 0;
        StructArray::try_new_with_length(fields.clone(), columns, None, rows).map(Some)
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
        assert!(pieces.take(&fields()).unwrap().is_none());
        pieces.append(&columns(vec![Some(1), None])).unwrap();
        pieces.append(&columns(vec![Some(3)]).slice(0, 0)).unwrap();
        pieces.append(&columns(vec![7, 4, 5]).slice(1, 2)).unwrap();
        let taken = pieces.take(&fields()).unwrap().unwrap();
        let expected = Int64Array::from(vec![Some(1), None, Some(4), Some(5)]);
        assert_eq!(taken.column(0).as_primitive::<Int64Type>(), &expected);
        assert!(!pieces.waits());
    }

    #[test]
    fn a_batch_without_rows_waits_too() {
        let mut pieces = Pieces::default();
        pieces.append(&columns(Vec::<i64>::new())).unwrap();
        assert!(pieces.waits());
        assert_eq!(pieces.take(&fields()).unwrap().unwrap().len(), 0);
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
}
