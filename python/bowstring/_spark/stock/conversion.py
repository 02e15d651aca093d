"""Stock PySpark's own conversions, one adapter per family of Spark lines.

The native path asks these for every column that it may not convert itself, and for every result
that is not as it should be: what they return or raise is stock's word.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark import worker
from pyspark.sql.pandas.types import _check_series_convert_timestamps_internal, to_arrow_type
from pyspark.sql.types import StringType, StructField, StructType

from ... import _native as native

_PLAIN = {name for each in native.types() if not each.is_nested for name in each.classes}


def is_plain(data_type: Any) -> bool:
    """Whether the Arrow type says all about a value: not so for user-defined types, variants and geometries."""
    name = type(data_type).__name__
    if name == "ArrayType":
        return is_plain(data_type.elementType)
    if name == "MapType":
        return is_plain(data_type.keyType) and is_plain(data_type.valueType)
    if name == "StructType":
        return all(is_plain(field.dataType) for field in data_type.fields)
    return name in _PLAIN


def refuses_chunks(error: BaseException) -> bool:
    """Whether a column was converted, and pyarrow wants no batch of what it became.

    After any other error the column must not be converted again: its values may be generators.
    """
    return "pyarrow.lib.ChunkedArray" in str(error)


class Stock:
    """What all lines share. One object per task."""

    # Whether columns are converted in the older of two ways, see `ConversionStock.legacy`.
    is_legacy = False

    def __init__(
        self, return_type: StructType, timezone: str, safecheck: bool, by_name: bool, large_types: bool
    ) -> None:
        self.return_type = return_type
        self.timezone = timezone
        self.safecheck = safecheck
        self.by_name = by_name
        self.large_types = large_types
        # Whether a group's batches are made into one before they are converted, where the Spark line does that.
        self.combines = True
        # Whether the Series of a group's batches are joined, and not the batches.
        self.joins_series = False
        # The sides of a cogroup have schemas of their own.
        self._schemas: dict[bytes, pa.Schema] = {}
        self._first: pa.Schema | None = None

    def join(self, batches: list[pa.RecordBatch]) -> pa.Table | pa.RecordBatch:
        """What columns are taken from, of the batches of a group."""
        raise NotImplementedError

    def column(self, table: pa.Table | pa.RecordBatch, index: int) -> pd.Series:
        """Converts a column that the function gets."""
        raise NotImplementedError

    def legacy(self) -> ConversionStock:
        """The same for the older of two ways from Arrow to pandas. Spark 4.2 on."""
        raise NotImplementedError

    def arrow_type(self, data_type: Any) -> pa.DataType:
        """The Arrow type of a declared type."""
        raise NotImplementedError

    def batch(self, result: Any) -> pa.RecordBatch:
        """Checks and converts a whole result."""
        raise NotImplementedError

    def field(self, frame: pd.DataFrame, position: int, index: int) -> pa.Array:
        """Converts the result's column at `position` for the field `index`."""
        raise NotImplementedError

    def table(self, schema: bytes, messages: list[bytes]) -> pa.Table:
        """The Arrow table of one group from its IPC messages."""
        return self.join(self.batches(schema, messages))

    def batches(self, schema: bytes, messages: list[bytes]) -> list[pa.RecordBatch]:
        """Reads the messages, and looks at no value."""
        known = self._schemas.get(schema)
        if known is None:
            known = self._schemas[schema] = pa.ipc.read_schema(pa.py_buffer(schema))
        return [pa.ipc.read_record_batch(pa.py_buffer(message), known) for message in messages]

    def series(self, schema: bytes, messages: list[bytes], indexes: Sequence[int]) -> list[pd.Series]:
        """The Series that stock gives to an aggregate function for these columns of a group."""
        return self.series_of(self.batches(schema, messages), indexes)

    def series_of(self, batches: list[pa.RecordBatch], indexes: Sequence[int]) -> list[pd.Series]:
        table = self.join(batches)
        return [self.column(table, index) for index in indexes]

    def is_read_only(self, schema: bytes, index: int, batches: int) -> bool:
        """Whether `series` gives this column, in so many batches, in memory that nobody can write to."""
        self.batches(schema, [])
        field = self._schemas[schema].field(index)
        batch = pa.record_batch([pa.array([0], field.type)], pa.schema([field]))
        values = self.series_of([batch] * batches, [0])[0]._mgr.blocks[0].values
        return not getattr(values, "_ndarray", values).flags.writeable

    def frame(self, columns: Any, value_offsets: Sequence[int]) -> pd.DataFrame:
        """The frame that stock gives to the user's function."""
        return pd.concat([columns[offset] for offset in value_offsets], axis=1)

    def fields(self) -> pa.Schema:
        """The schema of a result, each field as nullable as stock makes it."""
        return pa.schema(
            [pa.field(field.name, self.arrow_type(field.dataType), True) for field in self.return_type.fields]
        )

    def meet_text(self) -> None:
        """Before the first group with text: whatever stock remembers of pandas' options from then on."""

    def opaque_fields(self) -> list[int]:
        """Positions of the result's fields that only stock may convert."""
        return [index for index, field in enumerate(self.return_type.fields) if not is_plain(field.dataType)]

    def local_times(self, instants: np.ndarray) -> np.ndarray:
        """What the function is given for instants in the session's zone; microseconds."""
        column = pa.array(instants, pa.timestamp("us", self.timezone))
        series = self.column(pa.table({"a": column}), 0)
        return series.to_numpy().astype("datetime64[us]").astype("int64")

    def instants(self, local_times: np.ndarray, unit: str) -> np.ndarray:
        """What `datetime64` of this unit without a time zone becomes; microseconds. Raises in a gap."""
        series = pd.Series(local_times.astype("datetime64[us]").astype(f"datetime64[{unit}]"))
        utc = _check_series_convert_timestamps_internal(series, self.timezone)
        return utc.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype("int64")

    def whole(self, result: Any, started: bool) -> tuple[pa.Array, bool]:
        """Checks and converts a whole result: its struct column, and whether the task's first schema is odd.

        `started`: an earlier group has been converted, so the output has the usual schema.
        """
        return self._judge(self.batch(result), started)

    def whole_columns(self, columns: list[pd.Series], started: bool) -> tuple[pa.Array, bool]:
        """The same for a Series for each field, all at once: what is refused after the last column is refused then."""
        return self.whole_batch(self.flat(columns), started)

    def flat(self, columns: list[pd.Series]) -> pa.RecordBatch:
        """The record batch that stock makes of a Series for each field."""
        raise NotImplementedError

    def whole_batch(self, batch: pa.RecordBatch, started: bool) -> tuple[pa.Array, bool]:
        """The same for a batch that stock has made."""
        struct = pa.StructArray.from_arrays(batch.columns, fields=list(batch.schema))
        return self._judge(pa.RecordBatch.from_arrays([struct], ["_0"]), started)

    def result_column(self, column: pd.Series, index: int) -> pa.Array:
        """Converts the Series that a function's results were made into."""
        raise NotImplementedError

    def _judge(self, batch: pa.RecordBatch, started: bool) -> tuple[pa.Array, bool]:
        usual = pa.schema([pa.field("_0", pa.struct(list(self.fields())))])
        if self._first is None:
            self._first = usual if started else batch.schema
        if not batch.schema.equals(self._first):
            # Raises what stock's writer raises.
            pa.RecordBatchStreamWriter(pa.BufferOutputStream(), self._first).write_batch(batch)
        # Names of list elements are metadata to this comparison, but the first result decides on them, too.
        return batch.column(0), not self._first.equals(usual, check_metadata=True)

    def verify(self, result: Any) -> None:
        worker.verify_pandas_result(result, self.return_type, self.by_name, truncate_return_schema=False)


class SerializerStock(Stock):
    """Spark 3.5, 4.0 and 4.1: the conversions are methods of the serializer."""

    def __init__(self, serializer: Any, return_type: StructType, large_types: bool) -> None:
        super().__init__(
            return_type,
            serializer._timezone,
            serializer._safecheck,
            serializer._assign_cols_by_name,
            large_types,
        )
        self._serializer = serializer
        self._type = self.arrow_type(return_type)

    def join(self, batches: list[pa.RecordBatch]) -> pa.Table | pa.RecordBatch:
        return pa.Table.from_batches(batches)

    def column(self, table: pa.Table | pa.RecordBatch, index: int) -> pd.Series:
        return self._serializer.arrow_to_pandas(table.column(index))

    def arrow_type(self, data_type: Any) -> pa.DataType:
        return to_arrow_type(data_type)

    def batch(self, result: Any) -> pa.RecordBatch:
        """Checks and converts a whole result."""
        self.verify(result)
        return self._serializer._create_batch([(result, self._type)])

    def result_column(self, column: pd.Series, index: int) -> pa.Array:
        return self._serializer._create_batch([(column, self._type[index].type)]).column(0)

    def flat(self, columns: list[pd.Series]) -> pa.RecordBatch:
        batch = self._serializer._create_batch([(column, field.type) for column, field in zip(columns, self._type)])
        return pa.RecordBatch.from_arrays(batch.columns, self.return_type.names)

    def field(self, frame: pd.DataFrame, position: int, index: int) -> pa.Array:
        """Converts the result's column at `position` for the field `index`."""
        field = self._type[index]
        if self.by_name and any(isinstance(name, str) for name in frame.columns):
            series = frame[field.name]
        else:
            series = frame[frame.columns[position]].rename(field.name)
        array = self._serializer._create_array(series, field.type, arrow_cast=self._serializer._arrow_cast)
        if isinstance(array, pa.ChunkedArray):
            # An Arrow-backed column in pieces, which stock refuses after the last column.
            return self.batch(frame).column(0).field(index)
        return array


class SerializerStock40(SerializerStock):
    """Spark 4.0: `to_arrow_type` knows large types."""

    def arrow_type(self, data_type: Any) -> pa.DataType:
        return to_arrow_type(data_type, self.large_types)


class SerializerStock41(SerializerStock40):
    """Spark 4.1: columns have an index, and struct children keep their declared nullability."""

    def column(self, table: pa.Table | pa.RecordBatch, index: int) -> pd.Series:
        return self._serializer.arrow_to_pandas(table.column(index), index)

    def fields(self) -> pa.Schema:
        return pa.schema(list(self._type))


class ConversionStock(Stock):
    """Spark 4.2 and 4.3: the conversions are functions of `pyspark.sql.conversion`."""

    def __init__(self, conf: Any, return_type: StructType) -> None:
        super().__init__(return_type, conf.timezone, conf.safecheck, conf.assign_cols_by_name, conf.use_large_var_types)
        from pyspark.sql.conversion import ArrowArrayToPandasConversion, PandasToArrowConversion
        from pyspark.sql.pandas.types import from_arrow_schema

        self._to_pandas = ArrowArrayToPandasConversion.convert
        self._to_arrow = PandasToArrowConversion.convert
        self._from_arrow_schema = from_arrow_schema
        self._prefer_int_ext_dtype = conf.prefer_int_ext_dtype
        self._int_to_decimal = conf.int_to_decimal_coercion_enabled

    def join(self, batches: list[pa.RecordBatch]) -> pa.Table | pa.RecordBatch:
        if not self.combines:
            return pa.Table.from_batches(batches)
        return pa.Table.from_batches(batches).combine_chunks() if batches else pa.table({})

    def column(self, table: pa.Table | pa.RecordBatch, index: int) -> pd.Series:
        field = self._from_arrow_schema(table.schema)[index]
        return self._series(table.column(index), field)

    def _series(self, column: pa.ChunkedArray, field: StructField) -> pd.Series:
        return self._to_pandas(
            column,
            field.dataType,
            ser_name=field.name,
            timezone=self.timezone,
            struct_in_pandas="dict",
            ndarray_as_list=False,
            prefer_int_ext_dtype=self._prefer_int_ext_dtype,
            df_for_struct=False,
        )

    def legacy(self) -> ConversionStock:
        """The same for the older way from Arrow to pandas. PARITY: its time zones are those of another library."""
        from pyspark.sql.conversion import ArrowArrayToPandasConversion

        def to_pandas(column: Any, data_type: Any, *, timezone: str, struct_in_pandas: str, **options: Any) -> Any:
            return ArrowArrayToPandasConversion.convert_legacy(
                column, data_type, timezone=timezone, struct_in_pandas=struct_in_pandas
            )

        other = copy(self)
        other.is_legacy = True
        other._to_pandas = to_pandas
        return other

    def meet_text(self) -> None:
        # PARITY: PySpark caches the converter, and that keeps the storage of strings which was set when it was made.
        self._series(pa.chunked_array([], pa.string()), StructField("text", StringType()))

    def arrow_type(self, data_type: Any) -> pa.DataType:
        return to_arrow_type(data_type, timezone=self.timezone, prefers_large_types=self.large_types)

    def batch(self, result: Any) -> pa.RecordBatch:
        """Checks and converts a whole result."""
        self.verify(result)
        return self._convert(result, StructField("_0", self.return_type))

    def result_column(self, column: pd.Series, index: int) -> pa.Array:
        return self._convert(column, self.return_type.fields[index]).column(0)

    def field(self, frame: pd.DataFrame, position: int, index: int) -> pa.Array:
        """Converts the result's column at `position` for the field `index`."""
        try:
            return self._convert(frame.iloc[:, position], self.return_type.fields[index]).column(0)
        except TypeError as error:
            if not refuses_chunks(error):
                raise
        # Only after the last column, and that one may be refused before.
        return self.batch(frame).column(0).field(index)

    def flat(self, columns: list[pd.Series]) -> pa.RecordBatch:
        return self._to_arrow(columns, self.return_type, **self._options())

    def _convert(self, data: Any, field: StructField) -> pa.RecordBatch:
        return self._to_arrow([data], StructType([field]), **self._options())

    def _options(self) -> dict[str, Any]:
        return {
            "timezone": self.timezone,
            "safecheck": self.safecheck,
            "arrow_cast": True,
            "prefers_large_types": self.large_types,
            "assign_cols_by_name": self.by_name,
            "int_to_decimal_coercion_enabled": self._int_to_decimal,
        }


class BatchStock(ConversionStock):
    """The same for functions that iterate over the batches of a group: these are converted one by one."""

    def join(self, batches: list[pa.RecordBatch]) -> pa.Table | pa.RecordBatch:
        return batches[0]


class SeriesStock42(ConversionStock):
    """Spark 4.2 converts each batch of a group for an aggregate function and joins the Series."""

    def __init__(self, conf: Any, return_type: StructType) -> None:
        super().__init__(conf, return_type)
        self.joins_series = True

    def series_of(self, batches: list[pa.RecordBatch], indexes: Sequence[int]) -> list[pd.Series]:
        if not batches:
            return [pd.Series(dtype=object) for _ in indexes]
        parts = [[self.column(batch, index) for index in indexes] for batch in batches]
        return [pd.concat(column, ignore_index=True) for column in zip(*parts)]
