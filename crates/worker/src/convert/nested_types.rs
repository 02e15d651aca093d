//! Which arrays, structs and maps have a native path: those all of whose parts have one.

use std::collections::HashSet;

use arrow_schema::{DataType, Field};

use crate::convert::observed::Observed;
use crate::convert::types::{Inside, SparkType};

/// Whether the type is a list, struct or map all of whose parts have a native path.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an allow-list: what is not on it goes to stock"
)]
pub(crate) fn is_native(data_type: &DataType, observed: &Observed) -> bool {
    let part = |field: &Field| {
        // Metadata marks variants and geometries, which are objects of PySpark's own.
        field.metadata().is_empty()
            && (leaf(field, observed).is_some() || is_native(field.data_type(), observed))
    };
    match data_type {
        // `numpy.array` of several arrays may have two dimensions.
        DataType::List(item) => {
            let doubly_converted =
                matches!(item.data_type(), DataType::List(_)) && is_converted(item.data_type());
            !doubly_converted && part(item)
        }
        DataType::Struct(fields) => {
            let names: HashSet<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            // pyarrow cuts a name at its first NUL.
            let plain =
                names.len() == fields.len() && names.iter().all(|name| !name.contains('\0'));
            plain && !fields.is_empty() && fields.iter().all(|field| part(field))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => match fields.as_ref() {
                [key, value] => {
                    let kind = leaf(key, observed).filter(|_| key.metadata().is_empty());
                    kind.is_some_and(|kind| kind.row().inside == Inside::Key) && part(value)
                }
                _ => false,
            },
            _ => false,
        },
        _ => false,
    }
}

/// The type of a part that is not nested itself.
pub(crate) fn leaf(field: &Field, observed: &Observed) -> Option<SparkType> {
    let spark = SparkType::of(field, None, observed);
    spark.filter(|spark| spark.row().inside != Inside::Never)
}

/// Whether PySpark passes values of this type through a converter after pyarrow's.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of the native types only these are"
)]
pub(crate) fn is_converted(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(_) | DataType::Map(..) => true,
        DataType::List(item) => is_converted(item.data_type()),
        _ => false,
    }
}
