//! `MAP_ITER`: `mapInPandas`. Eval type 205.
//!
//! Stock's function calls the user's and converts the frames that this yields. The frames that the user's function gets
//! are made here where all columns are native, and take the place of their batches.

use std::sync::{Arc, Mutex};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Fields, Schema};
use bowstring_ipc::Decoded;
use bowstring_ipc::framing::{Framing, GroupReader};
use bowstring_ipc::group::Group;
use pyo3::prelude::*;

use crate::convert::conversions::Conversions;
use crate::convert::input::blocks::StockColumn;
use crate::convert::input::column::Column;
use crate::convert::input::frame::GroupFrames;
use crate::convert::input::group_columns::zoned;
use crate::convert::input::key_columns::KeyColumns;
use crate::convert::input::numpy::Builder;
use crate::convert::observed::{Dtype, Unit};
use crate::convert::types::SparkType;
use crate::errors::wire_error;
use crate::facades::conversion::Stock;
use crate::facades::frames::FramesModule;
use crate::facades::record::SelfTest;
use crate::words::Word;

/// Makes the frames of one task.
#[derive(Debug)]
#[pyclass(frozen, module = "_bowstring")]
pub(crate) struct MapFrames {
    usual: Arc<Conversions>,
    older: Older,
    /// Called with a frame and how many rows it has, for what takes the place of the batch.
    replace: Py<PyAny>,
    /// For the columns of the first batch.
    started: Mutex<Option<Started>>,
}

/// Stock's older way from Arrow to pandas: Spark 4.2 on, for frames with a column that it cannot convert in the newer one.
#[derive(Debug)]
enum Older {
    /// There is but one way.
    None,
    /// It is not known well enough.
    Unproven,
    /// Its conversions, with its unit of timestamps.
    Known(Arc<Conversions>),
}

#[derive(Debug)]
enum Started {
    /// There are columns that only stock converts.
    Never,
    Frames(Box<Way>),
}

/// How the frames of this task are made.
#[derive(Debug)]
struct Way {
    conversions: Arc<Conversions>,
    is_older: bool,
    types: Vec<SparkType>,
    frames: GroupFrames,
}

/// A column of a frame.
enum Made<'a, 'py> {
    Native(Column<'a>, Dtype),
    /// One of pandas' own arrays, which is ready.
    Masked(StockColumn<'py>),
}

#[pymethods]
impl MapFrames {
    /// `older`: stock's conversions in its older way, and the unit of timestamps there, if there are two ways; the unit is
    /// `None` if it is not known.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 extracts it by value")]
    fn new(
        py: Python<'_>,
        stock: Stock,
        proven: SelfTest,
        older: Option<(Stock, Option<Word<Unit>>)>,
        replace: Py<PyAny>,
    ) -> PyResult<Self> {
        let older = match older {
            None => Older::None,
            Some((_, None)) => Older::Unproven,
            Some((stock, Some(Word(unit)))) => {
                let mut conversions = Conversions::new(py, stock, &proven)?;
                conversions.observed.timestamp_unit = unit;
                Older::Known(Arc::new(conversions))
            }
        };
        Ok(Self {
            usual: Arc::new(Conversions::new(py, stock, &proven)?),
            older,
            replace,
            started: Mutex::new(None),
        })
    }

    /// What takes the place of a batch, from encapsulated messages. For the self-test.
    fn of_messages<'py>(
        &self,
        py: Python<'py>,
        schema: &[u8],
        batch: &[u8],
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let group =
            Group::decode(schema, &[batch], Self::reader()).map_err(|error| wire_error(&error))?;
        match &group.columns {
            Decoded::Native(batches) => match batches.as_slice() {
                [batch] => self.of_batch(py, &group.schema.schema, batch),
                _ => Ok(None),
            },
            Decoded::Stock(_) | Decoded::Malformed(_) => Ok(None),
        }
    }
}

impl MapFrames {
    /// A reader that decodes all columns.
    pub(crate) fn reader() -> GroupReader {
        let only_column = Box::new(|_: &Schema| vec![0]);
        GroupReader::new(Framing::BatchPerGroup, only_column)
            .in_struct()
            .text_as_bytes()
    }

    /// What takes the place of a batch with this schema, or `None` if stock has to convert it.
    pub(crate) fn of_batch<'py>(
        &self,
        py: Python<'py>,
        schema: &Schema,
        batch: &RecordBatch,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let column = batch.columns().first();
        let Some(column) = column.and_then(|column| column.as_struct_opt()) else {
            return Ok(None);
        };
        // Without rows the columns of pandas 3 have no chunks; null rows would have to change the fields.
        if column.is_empty() || column.null_count() > 0 || batch.num_columns() != 1 {
            return Ok(None);
        }
        // Never waits: whoever has it may wait for the interpreter.
        let Ok(mut started) = self.started.try_lock() else {
            return Ok(None);
        };
        let way = match &mut *started {
            Some(started) => started,
            none => none.insert(self.start(py, schema)?),
        };
        let Started::Frames(way) = way else {
            return Ok(None);
        };
        let (rows, fields) = (column.len(), [RecordBatch::from(column)]);
        let (mut native, mut masked) = (Vec::new(), Vec::new());
        for (index, spark) in way.types.iter().enumerate() {
            let Some(made) = way.column(py, *spark, &fields, index)? else {
                return Ok(None);
            };
            let (column, array) = match made {
                Made::Native(column, dtype) => (Some((column, dtype)), None),
                Made::Masked(array) => (None, Some(array)),
            };
            native.push(column);
            masked.push(array);
        }
        let Some(frame) = way.frames.of_columns(py, rows, &native, &masked)? else {
            return Ok(None);
        };
        self.replace.bind(py).call1((frame, rows)).map(Some)
    }

    /// Looks at the schema, once a task.
    fn start(&self, py: Python<'_>, schema: &Schema) -> PyResult<Started> {
        let Some(fields) = fields(schema) else {
            return Ok(Started::Never);
        };
        let types = self.usual.types(&Schema::new(fields.clone()));
        let Some(types) = types.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(Started::Never);
        };
        let needs_older = types.iter().any(|spark| spark.row().takes_older_way);
        let (conversions, is_older) = match &self.older {
            Older::Known(older) if needs_older => (older, true),
            Older::Unproven if needs_older => return Ok(Started::Never),
            Older::None | Older::Known(_) | Older::Unproven => (&self.usual, false),
        };
        if types.contains(&SparkType::String) {
            conversions.stock.meet_text(py)?;
        }
        let labels: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let offsets = KeyColumns::all(labels.len());
        let mut frames = GroupFrames::labelled(conversions, &offsets, &labels, py)?;
        if is_older {
            frames = frames.with_own_timestamps();
        }
        Ok(Started::Frames(Box::new(Way {
            conversions: Arc::clone(conversions),
            is_older,
            types,
            frames,
        })))
    }
}

impl Way {
    /// A column, or `None` if stock has to convert it.
    fn column<'a, 'py>(
        &self,
        py: Python<'py>,
        spark: SparkType,
        fields: &'a [RecordBatch],
        index: usize,
    ) -> PyResult<Option<Made<'a, 'py>>> {
        let column = Column::new(spark, fields, index);
        let Some(column) = zoned(py, &self.conversions, column)? else {
            return Ok(None);
        };
        let Some(dtype) = column.dtype(&self.conversions.observed) else {
            return Ok(None);
        };
        if self.is_older {
            if dtype == Dtype::Float64 && column.is_integer() {
                return Ok(self.masked(py, &column)?.map(Made::Masked));
            }
            return Ok(self
                .dtype_in_the_older_way(&column, dtype)
                .map(|dtype| Made::Native(column, dtype)));
        }
        Ok(Some(Made::Native(column, dtype)))
    }

    /// Integers with a null, which are one of pandas' own arrays in the older way.
    fn masked<'py>(
        &self,
        py: Python<'py>,
        column: &Column<'_>,
    ) -> PyResult<Option<StockColumn<'py>>> {
        let builder = Builder {
            py,
            decimal: self.conversions.classes.decimal.bind(py),
            observed: &self.conversions.observed,
            rows: column.rows(),
        };
        let Some(parts) = builder.masked(column)? else {
            return Ok(None);
        };
        let (values, dtype) = FramesModule::of(py)?.masked(py, parts)?;
        Ok(Some(StockColumn {
            series: py.None().into_bound(py),
            values,
            dtype,
        }))
    }

    /// The dtype in stock's older way of a column that has `dtype` in the newer one, or `None` if it is not known.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other types have one dtype in both ways, which the self-test compares"
    )]
    fn dtype_in_the_older_way(&self, column: &Column<'_>, dtype: Dtype) -> Option<Dtype> {
        let observed = &self.conversions.observed;
        match column.spark {
            SparkType::Timestamp | SparkType::OffsetTimestamp | SparkType::NamedTimestamp => {
                // Whatever the unit, it goes through nanoseconds.
                let mut nanoseconds = observed.clone();
                nanoseconds.timestamp_unit = Unit::Nano;
                column.dtype(&nanoseconds).and(Some(dtype))
            }
            // In nanoseconds it is the same.
            SparkType::TimestampNtz => Some(Dtype::Datetime(observed.timestamp_unit)),
            SparkType::Null => None,
            _ => Some(dtype),
        }
    }
}

/// The fields of the only column, if there are any.
fn fields(schema: &Schema) -> Option<&Fields> {
    let column = schema.fields().first()?;
    if let DataType::Struct(fields) = column.data_type()
        && !fields.is_empty()
    {
        return Some(fields);
    }
    None
}
