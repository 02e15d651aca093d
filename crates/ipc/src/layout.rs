//! How the arrays of a type lie in a record batch.

use arrow_schema::{DataType, FieldRef, Fields, Schema};

/// How the arrays of a type lie in a record batch.
pub(super) enum Layout<'a> {
    Null,
    Bits,
    Fixed(usize),
    Bytes(Width),
    List(Width, &'a FieldRef),
    FixedList(usize, &'a FieldRef),
    Struct(&'a Fields),
    Unknown,
}

/// Size of an offset.
#[derive(Clone, Copy)]
pub(super) enum Width {
    Four,
    Eight,
}

impl Layout<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an allow-list: primitive types know their width, the rest is not sent"
    )]
    pub(super) fn of(data_type: &DataType) -> Layout<'_> {
        match data_type {
            DataType::Null => Layout::Null,
            DataType::Boolean => Layout::Bits,
            DataType::Utf8 | DataType::Binary => Layout::Bytes(Width::Four),
            DataType::LargeUtf8 | DataType::LargeBinary => Layout::Bytes(Width::Eight),
            DataType::List(child) => Layout::List(Width::Four, child),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => Layout::List(Width::Four, entries),
                _ => Layout::Unknown,
            },
            DataType::LargeList(child) => Layout::List(Width::Eight, child),
            DataType::FixedSizeList(child, size) => usize::try_from(*size)
                .map_or(Layout::Unknown, |size| Layout::FixedList(size, child)),
            DataType::FixedSizeBinary(width) => {
                usize::try_from(*width).map_or(Layout::Unknown, Layout::Fixed)
            }
            DataType::Struct(fields) => Layout::Struct(fields),
            other => other
                .primitive_width()
                .map_or(Layout::Unknown, Layout::Fixed),
        }
    }
}

/// The name of the top-level column that owns a buffer.
pub(crate) fn owner(schema: &Schema, buffer: usize) -> String {
    let mut end = 0_usize;
    let owner = schema.fields().iter().find(|field| {
        end = end.saturating_add(buffers(field.data_type()));
        buffer < end
    });
    owner.map_or_else(String::new, |field| field.name().clone())
}

/// How many buffers an array of the type has, those of its children included.
pub(super) fn buffers(data_type: &DataType) -> usize {
    match Layout::of(data_type) {
        Layout::Null | Layout::Unknown => 0,
        Layout::Bits | Layout::Fixed(_) => 2,
        Layout::Bytes(_) => 3,
        Layout::List(_, child) => buffers(child.data_type()).saturating_add(2),
        Layout::FixedList(_, child) => buffers(child.data_type()).saturating_add(1),
        Layout::Struct(fields) => fields
            .iter()
            .map(|field| buffers(field.data_type()))
            .fold(1, usize::saturating_add),
    }
}

impl Width {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::Field;

    use super::*;

    #[test]
    fn buffers_are_counted_through_nested_types() {
        let text = Field::new("text", DataType::Utf8, true);
        let list = DataType::List(Field::new("item", DataType::Int32, true).into());
        let schema = Schema::new(vec![
            text.clone(),
            Field::new("none", DataType::Null, true),
            Field::new("list", list, true),
            Field::new("struct", DataType::Struct(vec![text].into()), true),
        ]);
        let owners: Vec<String> = (0..12).map(|buffer| owner(&schema, buffer)).collect();
        let expected = ["text"; 3]
            .iter()
            .chain(&["list"; 4])
            .chain(&["struct"; 4])
            .chain(&[""]);
        assert!(owners.iter().eq(expected));
    }
}
