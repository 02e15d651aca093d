//! Groups → tables of pyarrow that share the memory of what was read.

use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StructArray};
use arrow_schema::{Fields, SchemaRef};
use bowstring_ipc::Decoded;
use bowstring_ipc::framing::Projection;
use bowstring_ipc::group::Group;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::convert::c_data::{table_class, to_pyarrow};
use crate::convert::input::group_columns::messages;
use crate::convert::input::key_columns::KeyColumns;
use crate::errors::{internal, malformed};
use crate::facades::arrow::{ArrowStock, Reader};

/// Every column, so that it is checked and decoded off the main thread.
pub(crate) fn everything() -> Box<Projection> {
    Box::new(|schema| (0..schema.fields().len()).collect())
}

/// Makes the tables of one task's groups, or of one side of them.
#[derive(Debug)]
pub(crate) struct GroupTables {
    stock: Arc<ArrowStock>,
    keys: Selection,
    values: Selection,
}

/// Some of the columns.
#[derive(Debug)]
struct Selection {
    offsets: Vec<usize>,
    /// The `pyarrow.Schema` that stock gives to them.
    schema: Option<Py<PyAny>>,
    /// The same as it is decoded.
    fields: Option<Fields>,
}

impl Selection {
    fn new(offsets: &[usize]) -> Self {
        Self {
            offsets: offsets.to_vec(),
            schema: None,
            fields: None,
        }
    }
}

impl GroupTables {
    /// Before the first group.
    pub(crate) fn new(stock: &Arc<ArrowStock>, offsets: &KeyColumns) -> Self {
        Self {
            stock: Arc::clone(stock),
            keys: Selection::new(&offsets.keys),
            values: Selection::new(&offsets.values),
        }
    }

    /// The table of a group's batches that the function gets: one chunk for each of them.
    pub(crate) fn table<'py>(&self, batches: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        join(batches, self.values.schema.as_ref())
    }

    /// The table that stock would give to the function.
    ///
    /// # Errors
    ///
    /// What stock raises.
    pub(crate) fn stocks<'py>(
        &self,
        py: Python<'py>,
        group: &Group,
    ) -> PyResult<Bound<'py, PyAny>> {
        let stocks = self.values.select(py, &self.stock, group)?;
        join(&stocks, None)
    }

    /// The batches that the function gets.
    ///
    /// # Errors
    ///
    /// What stock raises for a group that it cannot read.
    pub(crate) fn batches<'py>(
        &mut self,
        py: Python<'py>,
        group: &Group,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.values.batches(py, &self.stock, group)
    }

    /// The columns of the key, batch by batch.
    ///
    /// # Errors
    ///
    /// As [`Self::batches`].
    pub(crate) fn keys<'py>(
        &mut self,
        py: Python<'py>,
        group: &Group,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.keys.batches(py, &self.stock, group)
    }
}

/// A table of these batches.
fn join<'py>(
    batches: &Bound<'py, PyAny>,
    schema: Option<&Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = batches.py();
    let name = intern!(py, "from_batches");
    // Without batches it is stock's error that there is no schema.
    match schema {
        Some(schema) if batches.len()? > 0 => {
            table_class(py)?.call_method1(name, (batches, schema))
        }
        _ => table_class(py)?.call_method1(name, (batches,)),
    }
}

impl Selection {
    /// A list of `pyarrow.RecordBatch`es.
    fn batches<'py>(
        &mut self,
        py: Python<'py>,
        stock: &ArrowStock,
        group: &Group,
    ) -> PyResult<Bound<'py, PyAny>> {
        let decoded = match &group.columns {
            // Without columns it is not known how many rows there are.
            Decoded::Native(batches) if !self.offsets.is_empty() && !batches.is_empty() => batches,
            Decoded::Native(_) => return self.select(py, stock, group),
            Decoded::Stock(why) => {
                tracing::debug!(?why, "PySpark reads every column of a group");
                return self.select(py, stock, group);
            }
            Decoded::Malformed(fault) => {
                // Stock's error, where its reader notices something.
                stock.read(py, messages(py, group)?)?;
                return Err(malformed(fault));
            }
        };
        let schema = if let Some(schema) = &self.schema {
            schema.bind(py).clone()
        } else {
            let message = PyBytes::new(py, &group.schema.message);
            let schema = stock.schema(message, &self.offsets)?;
            self.schema.insert(schema.unbind()).bind(py).clone()
        };
        let list = PyList::empty(py);
        for batch in decoded {
            let Some(columns) = self.columns(batch, group.schema.in_struct)? else {
                return self.select(py, stock, group);
            };
            list.append(to_pyarrow(&columns, &schema)?)?;
        }
        Ok(list.into_any())
    }

    /// The same as stock makes it.
    fn select<'py>(
        &self,
        py: Python<'py>,
        stock: &ArrowStock,
        group: &Group,
    ) -> PyResult<Bound<'py, PyAny>> {
        stock.select(py, messages(py, group)?, &self.offsets)
    }

    /// The selected columns, or `None` if stock has to flatten a struct.
    fn columns(&mut self, batch: &RecordBatch, in_struct: bool) -> PyResult<Option<StructArray>> {
        let whole;
        let (all, fields): (&[_], &Fields) = if in_struct {
            let Some(column) = batch
                .columns()
                .first()
                .and_then(|column| column.as_struct_opt())
            else {
                return Ok(None);
            };
            if column.null_count() > 0 {
                return Ok(None);
            }
            (column.columns(), column.fields())
        } else {
            whole = SchemaRef::clone(batch.schema_ref());
            (batch.columns(), whole.fields())
        };
        let selected = self.offsets.iter().map(|offset| all.get(*offset).cloned());
        let Some(selected) = selected.collect::<Option<Vec<_>>>() else {
            // PARITY: stock raises an IndexError.
            return Ok(None);
        };
        let fields = self.fields.get_or_insert_with(|| {
            let selected = self.offsets.iter().filter_map(|offset| fields.get(*offset));
            selected.cloned().collect()
        });
        StructArray::try_new_with_length(fields.clone(), selected, None, batch.num_rows())
            .map(Some)
            .map_err(|error| internal(&error))
    }
}

/// Whole batches of one task's groups, with the schema that was sent.
#[derive(Debug)]
pub(crate) struct WholeGroups {
    stock: Reader,
    schema: OnceLock<Py<PyAny>>,
}

impl WholeGroups {
    /// Before the first group.
    pub(crate) fn new(stock: Reader) -> Self {
        Self {
            stock,
            schema: OnceLock::new(),
        }
    }

    /// A list of `pyarrow.RecordBatch`es.
    ///
    /// # Errors
    ///
    /// What stock raises for a group that it cannot read.
    pub(crate) fn batches<'py>(
        &self,
        py: Python<'py>,
        group: &Group,
    ) -> PyResult<Bound<'py, PyAny>> {
        let decoded = match &group.columns {
            // Without columns it is not known how many rows there are.
            Decoded::Native(batches) if !group.schema.projection.is_empty() => batches,
            Decoded::Native(_) | Decoded::Stock(_) => {
                return self.stocks(py, group);
            }
            Decoded::Malformed(fault) => {
                // Stock's error, where its reader notices something.
                self.stocks(py, group)?;
                return Err(malformed(fault));
            }
        };
        let schema = if let Some(schema) = self.schema.get() {
            schema
        } else {
            let message = PyBytes::new(py, &group.schema.message);
            let schema = self.stock.whole_schema(message)?.unbind();
            self.schema.get_or_init(|| schema)
        };
        let list = PyList::empty(py);
        for batch in decoded {
            list.append(to_pyarrow(
                &StructArray::from(batch.clone()),
                schema.bind(py),
            )?)?;
        }
        Ok(list.into_any())
    }

    /// The batches that stock makes of a group.
    ///
    /// # Errors
    ///
    /// What stock raises.
    pub(crate) fn stocks<'py>(
        &self,
        py: Python<'py>,
        group: &Group,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.stock.read(py, messages(py, group)?)
    }
}

/// A table of these batches, of which there is one at least.
///
/// # Errors
///
/// They have different schemas.
pub(crate) fn table_of<'py>(batches: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    join(batches, None)
}
