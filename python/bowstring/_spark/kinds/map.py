"""`mapInPandas` and `mapInArrow`; and stock's own way through a task, on native streams, for other kinds, too."""

from __future__ import annotations

import pandas as pd
from pyspark.sql.types import DataType, LongType, StructField, StructType

from ... import _native as native
from ..patches.converters import TaskColumns
from ..patches.streams import Converted, Streams
from ..stock import conversion
from ..stock.conversion import ConversionStock, Stock, is_plain
from ..task_parts import Answer, TaskParts, kinds_by_number

# Stock's adapters need a type; here each column brings its own.
_ANY = StructType([StructField("_0", LongType())])


def on_streams(parts: TaskParts) -> Answer:
    """Kinds whose data are one Arrow stream each way: stock's function, on native streams."""
    function, _, deserializer, serializer = parts.result
    return function, Streams(deserializer, serializer)


def on_streams_of_columns(parts: TaskParts) -> Answer:
    """The same, and columns are converted natively inside stock's conversions."""
    return _on_streams_of_columns(parts, _stock_of_columns(parts))


def map_arrow(parts: TaskParts) -> Answer:
    """207: an iterator of batches in, one out. The fields of the struct column never get into it, nor out of it."""
    function, _, deserializer, serializer = parts.result
    return function, Streams(deserializer, serializer, in_struct=True)


def map_pandas(parts: TaskParts) -> Answer:
    """205: an iterator of frames in, one out. The frames that come in are made natively, too."""
    stock = _stock_of_columns(parts)
    # Columns are verified one by one.
    if native.verifier(None) is not None or not _has_usual_frames(parts):
        return _on_streams_of_columns(parts, stock)
    older = None if parts.line.wraps else (stock.legacy(), parts.proven.older_unit)
    return _on_streams_of_columns(parts, stock, native.MapFrames(stock, parts.proven, older, _converted))


KINDS = kinds_by_number({"SQL_MAP_ARROW_ITER_UDF": map_arrow, "SQL_MAP_PANDAS_ITER_UDF": map_pandas})


def _has_usual_frames(parts: TaskParts) -> bool:
    if parts.line.wraps:
        deserializer = parts.result[2]
        return deserializer._df_for_struct and getattr(deserializer, "_input_types", None) is None
    return not parts.conf.prefer_int_ext_dtype


def _converted(frame: pd.DataFrame, rows: int) -> Converted:
    return Converted([frame], rows)


def _stock_of_columns(parts: TaskParts) -> Stock:
    if parts.line.wraps:
        stock: Stock = getattr(conversion, parts.line.wraps)(parts.result[3], _ANY, False)
        return stock
    return ConversionStock(parts.conf, _ANY)


def _declares_plain_types(parts: TaskParts) -> bool:
    """Whether that is known, as it is where functions arrive wrapped; later lines say it for each column."""
    declared = [[each for each in arguments if isinstance(each, DataType)] for _, arguments in parts.wrapped]
    return bool(declared) and all(len(types) == 1 and is_plain(types[0]) for types in declared)


def _on_streams_of_columns(parts: TaskParts, stock: Stock, frames: native.MapFrames | None = None) -> Answer:
    function, _, deserializer, serializer = parts.result
    columns = TaskColumns(stock, parts.proven, _declares_plain_types(parts))
    return function, Streams(deserializer, serializer, columns, frames=frames)
