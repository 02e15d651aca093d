//! Which blocks a group's frame has, and which of its columns each of them holds.

use pyo3::prelude::*;

use crate::convert::input::group_columns::NativeColumns;
use crate::convert::observed::{Dtype, Unit};

/// Where a column of the frame comes from, and which block it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BlockSource {
    Native {
        dtype: Dtype,
        zero_copy_in_stock: bool,
    },
    Stock {
        dtype: String,
    },
}

/// A column that stock has converted, or that is ready without a Series: one of pandas' own arrays.
#[derive(Debug)]
pub(crate) struct StockColumn<'py> {
    pub(crate) series: Bound<'py, PyAny>,
    pub(crate) values: Bound<'py, PyAny>,
    pub(crate) dtype: String,
}

impl BlockSource {
    /// The name of the maker in `frames.py`.
    pub(crate) fn maker(&self) -> &'static str {
        match self {
            Self::Native { dtype, .. } => dtype_maker(*dtype),
            Self::Stock { .. } => "stock",
        }
    }

    /// The same for all slots that cannot be told apart by the blocks that they get. With one block `per_column` those are
    /// made in the same way, be there nulls or not.
    pub(crate) fn in_plan(&self, per_column: bool) -> Self {
        match self {
            Self::Native { dtype, .. } => Self::Native {
                dtype: if per_column && dtype_maker(*dtype) == dtype_maker(Dtype::Object) {
                    Dtype::Object
                } else {
                    *dtype
                },
                zero_copy_in_stock: false,
            },
            Self::Stock { .. } if per_column => Self::Stock {
                dtype: String::new(),
            },
            Self::Stock { .. } => self.clone(),
        }
    }

    /// What pandas sorts blocks by when it consolidates them: extension arrays, which stay alone,
    /// come first; then the dtype's name decides.
    ///
    /// Source: `Block._consolidate_key`, pandas 2.2 and 2.3.
    fn consolidation_key(&self) -> (bool, &str) {
        match self {
            Self::Native { dtype, .. } => (true, dtype_name(*dtype)),
            Self::Stock { dtype } => (false, dtype),
        }
    }
}

/// The dtypes whose columns pandas 2 brings together.
const CONSOLIDATED: [Dtype; 12] = [
    Dtype::Object,
    Dtype::Bool,
    Dtype::Int8,
    Dtype::Int16,
    Dtype::Int32,
    Dtype::Int64,
    Dtype::Float32,
    Dtype::Float64,
    Dtype::Datetime(Unit::Nano),
    Dtype::Datetime(Unit::Micro),
    Dtype::Timedelta(Unit::Nano),
    Dtype::Timedelta(Unit::Micro),
];

/// The name that pandas gives to the dtype of a block.
fn dtype_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::Bool => "bool",
        Dtype::Int8 => "int8",
        Dtype::Int16 => "int16",
        Dtype::Int32 => "int32",
        Dtype::Int64 => "int64",
        Dtype::Float32 => "float32",
        Dtype::Float64 => "float64",
        Dtype::Object => "object",
        Dtype::Datetime(Unit::Micro) => "datetime64[us]",
        Dtype::Datetime(Unit::Nano) => "datetime64[ns]",
        Dtype::Timedelta(Unit::Micro) => "timedelta64[us]",
        Dtype::Timedelta(Unit::Nano) => "timedelta64[ns]",
        Dtype::String => "str",
    }
}

/// What `frames.py` calls the values of a block.
pub(crate) fn dtype_maker(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::Datetime(_) => "datetime",
        Dtype::Timedelta(_) => "timedelta",
        Dtype::String => "string",
        Dtype::Bool
        | Dtype::Int8
        | Dtype::Int16
        | Dtype::Int32
        | Dtype::Int64
        | Dtype::Float32
        | Dtype::Float64
        | Dtype::Object => "plain",
    }
}

/// Where the column at `offset` comes from. A column of stock's whose dtype has native blocks
/// joins them if stock's frame does that; otherwise its array is used as it is, be it read-only.
pub(crate) fn slot(
    offset: usize,
    native: &NativeColumns<'_>,
    stock: &[Option<StockColumn<'_>>],
    one_per_column: bool,
    one_chunk: bool,
) -> BlockSource {
    if let Some((column, dtype)) = native.get(offset).and_then(Option::as_ref) {
        return BlockSource::Native {
            dtype: *dtype,
            zero_copy_in_stock: one_chunk && column.is_zero_copy_in_stock(*dtype),
        };
    }
    let dtype = stock
        .get(offset)
        .and_then(Option::as_ref)
        .map_or("", |column| &column.dtype);
    let mut known = CONSOLIDATED.into_iter().filter(|_| !one_per_column);
    let joined = known.find(|known| dtype_name(*known) == dtype);
    match joined {
        Some(dtype) => BlockSource::Native {
            dtype,
            zero_copy_in_stock: false,
        },
        None => BlockSource::Stock {
            dtype: dtype.to_owned(),
        },
    }
}

/// The blocks of a frame and their columns: one per dtype with pandas 2, which consolidates; one
/// per column with pandas 3, which does not.
pub(crate) fn blocks(
    slots: &[BlockSource],
    one_per_column: bool,
) -> Vec<(BlockSource, Vec<usize>)> {
    let mut blocks: Vec<(BlockSource, Vec<usize>)> = Vec::new();
    for (column, slot) in slots.iter().enumerate() {
        let slot = slot.in_plan(one_per_column);
        let shared = matches!(slot, BlockSource::Native { .. }) && !one_per_column;
        match blocks
            .iter_mut()
            .find(|(known, _)| shared && *known == slot)
        {
            Some((_, columns)) => columns.push(column),
            None => blocks.push((slot, vec![column])),
        }
    }
    // PARITY: pandas 2 leaves blocks in the order of their first columns, unless it has to bring
    // together columns of one dtype that do not lie side by side: then it sorts them.
    let scattered = |columns: &[usize]| columns.windows(2).any(|pair| pair[0] + 1 != pair[1]);
    if blocks.iter().any(|(_, columns)| scattered(columns)) {
        blocks.sort_by(|(left, _), (right, _)| {
            left.consolidation_key().cmp(&right.consolidation_key())
        });
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native(dtype: Dtype, zero_copy_in_stock: bool) -> BlockSource {
        BlockSource::Native {
            dtype,
            zero_copy_in_stock,
        }
    }

    fn stock(dtype: &str) -> BlockSource {
        let dtype = dtype.to_owned();
        BlockSource::Stock { dtype }
    }

    #[test]
    fn nulls_change_no_plan_where_each_column_has_a_block() {
        let without = native(Dtype::Int64, true);
        let with = native(Dtype::Float64, false);
        assert_eq!(without.in_plan(true), with.in_plan(true));
        assert_ne!(without.in_plan(false), with.in_plan(false));
        let moment = native(Dtype::Datetime(Unit::Nano), true);
        let span = native(Dtype::Timedelta(Unit::Nano), false);
        let text = native(Dtype::String, false);
        for (index, slot) in [&with, &moment, &span, &text].iter().enumerate() {
            for other in [&with, &moment, &span, &text].iter().skip(index + 1) {
                assert_ne!(slot.in_plan(true), other.in_plan(true));
            }
        }
    }

    #[test]
    fn a_column_of_stocks_has_another_plan_than_a_native_one() {
        for per_column in [true, false] {
            let slot = native(Dtype::Object, false);
            assert_ne!(
                slot.in_plan(per_column),
                stock("object").in_plan(per_column)
            );
        }
        assert_eq!(
            stock("Int64").in_plan(true),
            stock("category").in_plan(true)
        );
        assert_ne!(
            stock("Int64").in_plan(false),
            stock("category").in_plan(false)
        );
    }

    #[test]
    fn blocks_are_consolidated_unless_each_column_has_its_own() {
        let slots = [
            native(Dtype::Int64, false),
            native(Dtype::Float64, false),
            native(Dtype::Int64, false),
        ];
        let columns = |per_column| -> Vec<Vec<usize>> {
            let blocks = blocks(&slots, per_column).into_iter();
            blocks.map(|(_, columns)| columns).collect()
        };
        assert_eq!(columns(true), [vec![0], vec![1], vec![2]]);
        assert_eq!(columns(false), [vec![1], vec![0, 2]]);
    }
}
