//! Record batches whose only column is a struct, as batches that have its fields as columns.

use crate::message::{MessageHeader, record_batch_metadata};

/// What the length of an encapsulated message's metadata is a multiple of.
const ALIGNMENT: usize = 8;

/// The metadata of the same body with the fields of the struct as columns. `None` if there are null rows, for which the
/// fields would have to change, or compressed buffers.
pub(crate) fn unwrap_struct(header: &MessageHeader<'_>) -> Option<Vec<u8>> {
    let batch = header.record_batch().ok()?;
    let nodes: Vec<_> = batch.nodes()?.into_iter().copied().collect();
    let places: Vec<_> = batch.buffers()?.into_iter().copied().collect();
    let (column, fields) = nodes.split_first()?;
    // The bits that say which rows are null.
    let (_, places) = places.split_first()?;
    if column.null_count() != 0
        || column.length() != batch.length()
        || batch.compression().is_some()
    {
        return None;
    }
    let body = header.body_length().ok()?;
    let mut metadata = record_batch_metadata(header.version(), batch, fields, places, body);
    metadata.resize(metadata.len().next_multiple_of(ALIGNMENT), 0);
    Some(metadata)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, StructArray};
    use arrow_buffer::{Buffer, NullBuffer};
    use arrow_ipc::reader::read_record_batch;
    use arrow_ipc::writer::{
        DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions,
    };
    use arrow_schema::{DataType, Field};

    use super::*;

    fn columns() -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("bcd"), None]));
        let inner = Field::new("n", DataType::Int64, true);
        let nested: ArrayRef = Arc::new(StructArray::new(
            vec![inner].into(),
            vec![Arc::clone(&numbers)],
            Some(NullBuffer::from(vec![true, false, true])),
        ));
        RecordBatch::try_from_iter([("k", numbers), ("s", text), ("t", nested)]).unwrap()
    }

    fn encoded(column: StructArray, options: &IpcWriteOptions) -> (Vec<u8>, Vec<u8>) {
        let batch = RecordBatch::try_from_iter([("_0", Arc::new(column) as ArrayRef)]).unwrap();
        let (_, data) = IpcDataGenerator::default()
            .encode(
                &batch,
                &mut DictionaryTracker::new(false),
                options,
                &mut IpcWriteContext::default(),
            )
            .unwrap();
        (data.ipc_message, data.arrow_data)
    }

    fn unwrapped(metadata: &[u8]) -> Option<Vec<u8>> {
        unwrap_struct(&MessageHeader::decode(metadata, "a record batch").unwrap())
    }

    #[test]
    fn fields_become_columns() {
        let (metadata, body) = encoded(columns().into(), &IpcWriteOptions::default());
        let flat = unwrapped(&metadata).unwrap();
        assert_eq!(flat.len() % ALIGNMENT, 0);
        let header = MessageHeader::decode(&flat, "a record batch").unwrap();
        assert_eq!(header.body_length().unwrap(), body.len());
        let read = read_record_batch(
            &Buffer::from(body),
            header.record_batch().unwrap(),
            columns().schema(),
            &HashMap::new(),
            None,
            &header.version(),
        );
        assert_eq!(read.unwrap(), columns());
    }

    #[test]
    fn null_rows_are_left_alone() {
        let all = StructArray::from(columns());
        let (fields, arrays, _) = all.into_parts();
        let nulls = NullBuffer::from(vec![true, false, true]);
        let with_nulls = StructArray::new(fields, arrays, Some(nulls));
        let (metadata, _) = encoded(with_nulls, &IpcWriteOptions::default());
        assert!(unwrapped(&metadata).is_none());
    }
}
