//! Arrow results of many groups, coalesced into record batches of one struct column.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use arrow_pyarrow::FromPyArrow;
use arrow_schema::{Schema, SchemaRef};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert::c_data::{Layout, record_batch_class, table_class, to_pyarrow};
use crate::convert::output::pieces::Pieces;
use crate::errors::internal;
use crate::facades::arrow::{ArrowStock, Reader};
use crate::task::converter::Converter;
use crate::task::section::{Reply, Rows};

/// What is sent, and how results get there.
#[derive(Debug)]
pub(crate) struct TableOutput<'a, 'py> {
    /// The conversions of the Spark line.
    stock: &'a ArrowStock,
    /// What a result has that stock sends as it is, but for metadata of the schema as a whole.
    plain: Layout<'py>,
    /// Decided by the first batch.
    wire: Option<Wire<'py>>,
    pieces: Pieces,
}

/// The schema of the answer: a struct column `_0`.
#[derive(Debug)]
struct Wire<'py> {
    layout: Layout<'py>,
    schema: SchemaRef,
    /// It is what plain results make.
    is_plain: bool,
}

impl<'py> Wire<'py> {
    fn of(schema: &Bound<'py, PyAny>, is_plain: bool) -> PyResult<Self> {
        let layout = Layout::of(schema)?;
        Ok(Self {
            schema: Arc::new(Schema::from_pyarrow_bound(schema)?),
            layout,
            is_plain,
        })
    }
}

impl<'a, 'py> TableOutput<'a, 'py> {
    /// Before the first result.
    ///
    /// # Errors
    ///
    /// Fails if a result is declared with a type that arrow-rs does not know.
    pub(crate) fn new(py: Python<'py>, stock: &'a ArrowStock) -> PyResult<Self> {
        Ok(Self {
            plain: Layout::of(stock.plain.bind(py))?,
            stock,
            wire: None,
            pieces: Pieces::default(),
        })
    }

    /// Appends a result that should be a table. Returns whether there is enough for a batch.
    ///
    /// # Errors
    ///
    /// What stock raises for one that is not as declared, and a difference that was found.
    pub(crate) fn table(
        &mut self,
        result: &Bound<'py, PyAny>,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        let py = result.py();
        if result.get_type().is(table_class(py)?) && self.takes(result)? {
            let batches = result.call_method0(intern!(py, "to_batches"))?;
            let batches = batches.cast::<PyList>()?;
            for batch in batches {
                self.append_plain(&batch)?;
            }
            convert.see_batches(|| self.sent_as(batches), || self.stock.convert(result))?;
            return Ok(self.is_due());
        }
        let batches = self.stock.convert(result)?;
        for batch in batches.try_iter()? {
            self.append_wrapped(&batch?)?;
        }
        Ok(self.is_due())
    }

    /// Appends a result that should be a batch. Returns whether there is enough for one that is written.
    ///
    /// # Errors
    ///
    /// As [`Self::table`].
    pub(crate) fn batch(
        &mut self,
        batch: &Bound<'py, PyAny>,
        convert: Converter<'_>,
    ) -> PyResult<bool> {
        let py = batch.py();
        if batch.get_type().is(record_batch_class(py)?) && self.takes(batch)? {
            self.append_plain(batch)?;
            convert.see_batches(
                || self.sent_as(&PyList::new(py, [batch])?),
                || {
                    let stocks = self.stock.convert_batch(batch)?;
                    Ok(PyList::new(py, [stocks])?.into_any())
                },
            )?;
        } else {
            let batch = self.stock.convert_batch(batch)?;
            self.append_wrapped(&batch)?;
        }
        Ok(self.is_due())
    }

    /// Plain batches as they are sent.
    fn sent_as(&self, batches: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
        let sent = PyList::empty(batches.py());
        for batch in batches {
            sent.append(to_pyarrow(
                &self.plain.columns(&batch)?,
                self.plain.schema(),
            )?)?;
        }
        Ok(sent)
    }

    /// Whether stock would send the columns of this table or batch as they are.
    fn takes(&self, result: &Bound<'py, PyAny>) -> PyResult<bool> {
        let py = result.py();
        if self.wire.as_ref().is_some_and(|wire| !wire.is_plain) {
            return Ok(false);
        }
        let equals = intern!(py, "equals");
        let schema = result.getattr(intern!(py, "schema"))?;
        if schema
            .call_method1(equals, (self.plain.schema(), true))?
            .is_truthy()?
        {
            return Ok(true);
        }
        // Such as pandas' metadata, which belong to no column.
        schema
            .call_method0(intern!(py, "remove_metadata"))?
            .call_method1(equals, (self.plain.schema(), true))?
            .is_truthy()
    }

    fn append_plain(&mut self, batch: &Bound<'py, PyAny>) -> PyResult<()> {
        if self.wire.is_none() {
            let schema = self.stock.wrapped(batch.py())?;
            self.wire = Some(Wire::of(&schema, true)?);
        }
        let columns = self.plain.columns(batch)?;
        self.append(&columns)
    }

    /// Appends a batch that stock has made.
    fn append_wrapped(&mut self, batch: &Bound<'py, PyAny>) -> PyResult<()> {
        let schema = batch.getattr("schema")?;
        let wire = match &mut self.wire {
            Some(wire) => wire,
            none => {
                let usual = self.stock.wrapped(batch.py())?;
                let is_plain = schema.call_method1("equals", (usual, true))?.is_truthy()?;
                none.insert(Wire::of(&schema, is_plain)?)
            }
        };
        // PARITY: the first batch decides on the schema, and pyarrow's writer refuses others.
        self.stock.agree(batch, wire.layout.schema())?;
        let columns = wire.layout.columns(batch)?;
        match columns
            .columns()
            .first()
            .and_then(|column| column.as_struct_opt())
        {
            Some(columns) if columns.null_count() == 0 => self.append(&columns.clone()),
            _ => Err(PyTypeError::new_err(
                "bowstring: a result has null rows, this is a bug",
            )),
        }
    }

    fn append(&mut self, columns: &StructArray) -> PyResult<()> {
        self.pieces
            .append(columns)
            .map_err(|error| internal(&error))
    }

    /// Whether there is enough for a batch.
    fn is_due(&self) -> bool {
        self.pieces.is_due()
    }
}

impl Rows for TableOutput<'_, '_> {
    /// Be it without rows.
    fn waits(&self) -> bool {
        self.pieces.waits()
    }

    fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        let Some(wire) = &self.wire else {
            return Ok(());
        };
        let taken = self.pieces.take().map_err(|error| internal(&error))?;
        for columns in taken {
            let column: ArrayRef = Arc::new(columns);
            let batch = RecordBatch::try_from_iter_with_nullable([("_0", column, true)])
                .map_err(|error| internal(&error))?;
            reply.write(py, Arc::clone(&wire.schema), batch)?;
        }
        Ok(())
    }
}

/// Batches that stock has made, to be sent as they are or several as one.
#[derive(Debug)]
pub(crate) struct FlatOutput<'py> {
    stock: Reader,
    /// The schema of the answer, decided by the first batch.
    wire: Option<(Layout<'py>, SchemaRef)>,
    pieces: Pieces,
}

impl<'py> FlatOutput<'py> {
    /// Before the first batch.
    pub(crate) fn new(stock: Reader) -> Self {
        Self {
            stock,
            wire: None,
            pieces: Pieces::default(),
        }
    }

    /// Appends a `pyarrow.RecordBatch`.
    ///
    /// # Errors
    ///
    /// What stock's writer raises for a batch of another schema than the first one's.
    pub(crate) fn append(&mut self, batch: &Bound<'py, PyAny>) -> PyResult<()> {
        let (layout, _) = if let Some(wire) = &self.wire {
            self.stock.agree(batch, wire.0.schema())?;
            wire
        } else {
            let schema = batch.getattr("schema")?;
            let fields = Schema::from_pyarrow_bound(&schema)?.into();
            self.wire.insert((Layout::of(&schema)?, fields))
        };
        self.pieces
            .append(&layout.columns(batch)?)
            .map_err(|error| internal(&error))
    }

    /// Appends columns that are laid out as `plain`. If a batch of stock's has come first, it had the same schema,
    /// since no native type has more than one spelling.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be copied, which is a bug.
    pub(crate) fn append_native(
        &mut self,
        columns: &StructArray,
        plain: &Layout<'py>,
    ) -> PyResult<()> {
        if self.wire.is_none() {
            let fields = Schema::from_pyarrow_bound(plain.schema())?.into();
            self.wire = Some((Layout::of(plain.schema())?, fields));
        }
        self.pieces
            .append(columns)
            .map_err(|error| internal(&error))
    }

    /// Whether there is enough for a batch.
    pub(crate) fn is_due(&self) -> bool {
        self.pieces.is_due()
    }

    /// Whether anything waits to be written.
    pub(crate) fn waits(&self) -> bool {
        self.pieces.waits()
    }

    /// Writes what waits, if anything does.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub(crate) fn write(&mut self, py: Python<'_>, reply: &mut Reply) -> PyResult<()> {
        let Some((_, schema)) = &self.wire else {
            return Ok(());
        };
        for columns in self.pieces.take().map_err(|error| internal(&error))? {
            reply.write(py, Arc::clone(schema), RecordBatch::from(columns))?;
        }
        Ok(())
    }
}
