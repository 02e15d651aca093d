//! The columns of a group: which of them have a native path, and stock for the others.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bowstring_ipc::group::{Group, InputSchema};
use bowstring_ipc::{Decoded, Fault};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::convert::conversions::Conversions;
use crate::convert::input::column::Column;
use crate::convert::lent::lend;
use crate::convert::observed::Dtype;
use crate::convert::types::SparkType;
use crate::convert::zone::Zone;
use crate::errors;
use crate::facades::conversion::Messages;

/// The native columns of a group by position in the schema; `None` for those left to stock.
pub(crate) type NativeColumns<'g> = [Option<(Column<'g>, Dtype)>];

/// What is known of the columns of one task's groups.
#[derive(Debug)]
pub(crate) struct GroupColumns {
    conversions: Arc<Conversions>,
    types: Vec<Option<SparkType>>,
    /// Position among the decoded columns, by position in the schema.
    decoded: HashMap<usize, usize>,
}

impl GroupColumns {
    /// Before the first group.
    pub(crate) fn new(conversions: &Arc<Conversions>) -> Self {
        Self {
            conversions: Arc::clone(conversions),
            types: Vec::new(),
            decoded: HashMap::new(),
        }
    }

    /// Looks at the schema, once a task.
    pub(crate) fn start(&mut self, py: Python<'_>, schema: &InputSchema) -> PyResult<()> {
        self.types = self.conversions.types(&schema.schema);
        let projection = schema.projection.iter().enumerate();
        self.decoded = projection
            .map(|(position, index)| (*index, position))
            .collect();
        if self.types.contains(&Some(SparkType::String)) {
            self.conversions.stock.meet_text(py)?;
        }
        Ok(())
    }

    /// The name of a column.
    ///
    /// # Errors
    ///
    /// There is no such column.
    pub(crate) fn label(&self, schema: &InputSchema, offset: usize) -> PyResult<String> {
        let field = schema.schema.fields().get(offset).ok_or_else(|| {
            let width = self.types.len();
            PyRuntimeError::new_err(format!(
                "bowstring: the task names column {offset}, its data have {width}"
            ))
        })?;
        Ok(field.name().clone())
    }

    /// The native columns of a group. Nested columns that stand `alone` are left to stock.
    ///
    /// # Errors
    ///
    /// The group is malformed, or Python itself fails.
    pub(crate) fn native<'g>(
        &self,
        py: Python<'_>,
        group: &'g Group,
        alone: impl Fn(usize) -> bool,
    ) -> PyResult<Vec<Option<(Column<'g>, Dtype)>>> {
        let width = self.types.len();
        match &group.columns {
            Decoded::Native(batches) => (0..width)
                .map(|index| self.native_column(py, batches, index, alone(index)))
                .collect(),
            Decoded::Stock(why) => {
                tracing::debug!(?why, "PySpark converts every column of a group");
                Ok((0..width).map(|_| None).collect())
            }
            Decoded::Malformed(fault) => Err(self.malformed(py, group, fault)?),
        }
    }

    fn native_column<'g>(
        &self,
        py: Python<'_>,
        batches: &'g [RecordBatch],
        index: usize,
        alone: bool,
    ) -> PyResult<Option<(Column<'g>, Dtype)>> {
        let spark = self.types.get(index).copied().flatten();
        let (Some(spark), Some(position)) = (spark, self.decoded.get(&index)) else {
            return Ok(None);
        };
        if spark.is_nested() && alone {
            return Ok(None);
        }
        let column = Column::new(spark, batches, *position);
        let Some(column) = zoned(py, &self.conversions, column)? else {
            return Ok(None);
        };
        let dtype = column.dtype(&self.conversions.observed);
        Ok(dtype.map(|dtype| (column, dtype)))
    }

    /// The error for a group that nobody may follow: stock's, where its reader notices something.
    /// Where it does not, it would go on to read outside of its buffers, so the error is ours.
    fn malformed(&self, py: Python<'_>, group: &Group, fault: &Fault) -> PyResult<PyErr> {
        self.conversions.stock.batches(py, messages(py, group)?)?;
        Ok(errors::malformed(fault))
    }
}

/// The column with the offsets of the session's zone, if it needs them; `None` if they are not known.
pub(crate) fn zoned<'a>(
    py: Python<'_>,
    conversions: &Conversions,
    column: Column<'a>,
) -> PyResult<Option<Column<'a>>> {
    let (SparkType::NamedTimestamp, Zone::Named(zone)) = (column.spark, &conversions.zone) else {
        return Ok(Some(column));
    };
    Ok(zone.input(py)?.map(|offsets| column.in_zone(offsets)))
}

/// Bytes of a message from which on it is lent and not copied: a copy of a whole group may be more than there is memory for.
/// Of smaller ones a copy costs less than an object of pyarrow's.
const LENT: usize = 64 << 10;

/// A group as `Stock` takes it: the schema and the record batches, encapsulated.
///
/// # Errors
///
/// Fails if Python has no memory.
pub(crate) fn messages<'py>(py: Python<'py>, group: &Group) -> PyResult<Messages<'py>> {
    let schema = PyBytes::new(py, &group.schema.message);
    let list = PyList::empty(py);
    let again = group
        .taken_apart()
        .map_err(|error| errors::internal(&error))?;
    for batch in group.encoded.iter().chain(&again) {
        if let Some(whole) = batch.whole().filter(|whole| whole.len() >= LENT) {
            let foreign_buffer = py.import("pyarrow")?.getattr("foreign_buffer")?;
            list.append(lend(&foreign_buffer, whole.clone())?)?;
            continue;
        }
        // Not by way of a `Vec`: a group may be large.
        let (head, body) = batch.message_parts();
        list.append(PyBytes::new_with(py, head.len() + body.len(), |target| {
            let (first, second) = target.split_at_mut(head.len());
            first.copy_from_slice(&head);
            second.copy_from_slice(body);
            Ok(())
        })?)?;
    }
    Ok((schema, list))
}
