//! Fields that allow nulls wherever there may be some, whatever their schema declares.
//!
//! Spark and PySpark send nulls in fields that are declared without; Arrow's own builders refuse to.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};

/// The field with null allowed, in it and in what it holds; only the entries of maps and their keys
/// may never be null.
pub fn nullable(field: &FieldRef) -> FieldRef {
    let field = Field::clone(field);
    let data_type = nullable_inside(field.data_type());
    Arc::new(field.with_data_type(data_type).with_nullable(true))
}

/// The field with bytes in place of text, which may then be any bytes. What it holds stays as it is.
pub fn text_as_bytes(field: FieldRef) -> FieldRef {
    let data_type = if field.data_type() == &DataType::Utf8 {
        DataType::Binary
    } else if field.data_type() == &DataType::LargeUtf8 {
        DataType::LargeBinary
    } else {
        return field;
    };
    Arc::new(Field::clone(&field).with_data_type(data_type))
}

/// The type with null allowed in what it holds, see [`nullable`].
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all other types hold no fields that Spark sends"
)]
pub(crate) fn nullable_inside(data_type: &DataType) -> DataType {
    match data_type {
        DataType::List(child) => DataType::List(nullable(child)),
        DataType::LargeList(child) => DataType::LargeList(nullable(child)),
        DataType::FixedSizeList(child, size) => DataType::FixedSizeList(nullable(child), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(nullable).collect()),
        DataType::Map(entries, sorted) => {
            let fields = match entries.data_type() {
                DataType::Struct(fields) => fields.iter().enumerate(),
                _ => return data_type.clone(),
            };
            let fields = fields.map(|(position, field)| match position {
                0 => field.clone(),
                _ => nullable(field),
            });
            let fields = DataType::Struct(fields.collect());
            DataType::Map(
                Arc::new(Field::clone(entries).with_data_type(fields)),
                *sorted,
            )
        }
        other => other.clone(),
    }
}
