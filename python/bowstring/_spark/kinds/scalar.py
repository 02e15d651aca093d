"""`pandas_udf`s of Series, and Arrow UDFs of arrays.

What is not plain of a batch goes through stock's function and serializers, which are told what the user's functions
have returned already, so that none of them is called twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql.types import ArrayType, MapType, StructField, StructType, UserDefinedType
from pyspark.worker import PythonEvalType

from ... import _native as native
from ..patches.converters import TaskColumns, active
from ..patches.streams import Batch, Converted, OneBatchSink, Streams
from ..proof.record import SelfTest
from ..stock import conversion
from ..stock.conversion import Stock
from ..task_parts import Answer, ColumnUdf, SingleUdf, TaskParts, kinds_by_number, wants_large_types
from .map import on_streams, on_streams_of_columns

WRAPS = ("wrap_scalar_pandas_udf", "wrap_pandas_batch_iter_udf")


class Replay:
    """A user's function that returns what it has returned already, if that is known."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        # (result, whether it was as long as the first argument when it was returned).
        self.results: list[tuple[Any, bool]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        first = next(iter((*args, *kwargs.values())), None)
        if self.results:
            result, fits = self.results.pop()
            if type(first) is Resized:
                first.rows = len(result) if fits else None
            return result
        if type(first) is Resized:
            first.rows = None
            args = tuple(each.series for each in args)
            kwargs = {name: each.series for name, each in kwargs.items()}
        return self.function(*args, **kwargs)


class Resized:
    """In the place of a Series of which a function has changed the length: stock asks it for no more than that."""

    def __init__(self, series: pd.Series) -> None:
        self.series = series
        # When a function had returned whose result is known.
        self.rows: int | None = None

    def __len__(self) -> int:
        return len(self.series) if self.rows is None else self.rows


class ScalarTask:
    """What a task of such a kind consists of; the native half asks for batches."""

    def __init__(self, parts: TaskParts, stock: Stock, udfs: list[SingleUdf]) -> None:
        self.stock = stock
        # Of these each is asked once for a batch.
        self._replays: list[Replay] = [udf[0] for udf in udfs]
        self.udfs = [ColumnUdf(replay.function, *offsets) for replay, *offsets in udfs]
        self._function, _, self._deserializer, self._serializer = parts.result
        # Stock's function takes Series, not record batches.
        self._takes_series = bool(parts.wrapped)

    def batch(
        self,
        schema: bytes,
        messages: list[bytes],
        series: list[Any] | None,
        rows: int,
        results: Sequence[object],
        started: bool,
    ) -> tuple[pa.Array, bool]:
        """Has stock make a batch of `rows`: its struct column, and whether the task's first schema is odd.

        `series`, `results`: what the functions were called with, if they were, and what they have returned. The others
        are called with the same Series, which may have been changed.
        """
        for number, (replay, result) in enumerate(zip(self._replays, results), 1):
            # All but the last were found to fit, else no further function was called.
            replay.results.append((result, number < len(results)))
        data: Iterator[Any]
        if series is not None:
            if self._takes_series and any(len(each) != rows for each in series):
                series = list(map(Resized, series))
            data = iter([series if self._takes_series else Converted(series, rows)])
        else:
            data = self._deserializer.load_stream(Batch(self.stock.batches(schema, messages)))
        sink = OneBatchSink()
        try:
            self._serializer.dump_stream(self._function(0, data), sink)
        finally:
            for replay in self._replays:
                replay.results.clear()
        return self.stock.whole_batch(sink.batch, started)


class ScalarIterTask:
    """What a task consists of whose function goes through the batches itself. Stock's function runs it."""

    udfs: tuple[ColumnUdf, ...] = ()

    def __init__(self, parts: TaskParts, stock: Stock) -> None:
        self.stock = stock
        self._function, _, self._deserializer, self._serializer = parts.result
        self._takes_series = bool(parts.wrapped)

    def start(self, batches: Iterator[object]) -> Any:
        """What stock yields for batches from `converted` or `read`: a Series with its type, or what a batch became."""
        return self._function(0, batches)

    def converted(self, series: list[pd.Series], rows: int) -> list[pd.Series] | Converted:
        """A batch for stock's function."""
        return series if self._takes_series else Converted(series, rows)

    def read(self, schema: bytes, messages: list[bytes]) -> Any:
        """The same, as stock reads it."""
        batches = self.stock.batches(schema, messages)
        return next(self._deserializer.load_stream(Batch(batches))) if self._takes_series else batches[0]

    def batch(self, item: Any, started: bool) -> tuple[pa.Array, bool]:
        """Has stock make a batch of what it has yielded, see `ScalarTask.batch`."""
        if self._takes_series:
            sink = OneBatchSink()
            self._serializer.dump_stream(iter([item]), sink)
            item = sink.batch
        return self.stock.whole_batch(item, started)


class IterColumns(TaskColumns):
    """Has a batch of results made as a whole. Spark 4.3."""

    def __init__(self, stock: Stock, proven: SelfTest, make: Callable[[object], Any]) -> None:
        super().__init__(stock, proven)
        self._make = make

    def batch(self, columns: object) -> Any:
        return self._make(columns[0]) if type(columns) is list and len(columns) == 1 else None


class ScalarStreams:
    """Takes one of two ways when the schema of the data is known: all native, or stock's function on native streams."""

    def __init__(
        self,
        task: native.ScalarPandas | native.ScalarPandasIter,
        function: Callable[..., Any],
        streams: Streams,
        columns: TaskColumns | None = None,
    ) -> None:
        """`columns`: `TaskColumns` for stock's conversions inside of the native way."""
        self._task = task
        self._function = function
        self._streams = streams
        self._columns = columns

    def load_stream(self, infile: native.InputFile) -> native.InputFile:
        """Stands for the batches until `dump_stream` gets it back; reads nothing."""
        return infile

    def dump_stream(self, infile: native.InputFile, outfile: native.OutputFile) -> None:
        if self._task.takes(infile):
            with active(self._columns):
                self._task.dump_stream(infile, outfile)
        else:
            self._streams.dump_stream(self._function(0, self._streams.load_stream(infile)), outfile)


def scalar_pandas(parts: TaskParts) -> Answer:
    """200: Series in, Series of the same length out."""
    function, streams = on_streams_of_columns(parts)
    task = _task(parts)
    if task is None:
        return function, streams
    made = native.ScalarPandas(task, parts.proven)
    return (lambda split_index, infile: infile), ScalarStreams(made, function, streams)


def scalar_pandas_iter(parts: TaskParts) -> Answer:
    """204: an iterator of Series in, or of tuples of them, one of Series out; as many rows."""
    function, streams = on_streams_of_columns(parts)
    # Of its results nothing is compared.
    task = None if native.verifier(None) is not None else _iter_task(parts)
    if task is None:
        return function, streams
    made = native.ScalarPandasIter(task, parts.proven)
    columns = None if parts.wrapped else IterColumns(task.stock, parts.proven, made.make)
    return (lambda split_index, infile: infile), ScalarStreams(made, function, streams, columns)


def scalar_arrow(parts: TaskParts) -> Answer:
    """250: arrays in, arrays of the same length out."""
    return on_streams(parts)


def scalar_arrow_iter(parts: TaskParts) -> Answer:
    """251: an iterator of arrays in, or of tuples of them, one of arrays out; as many rows."""
    return on_streams(parts)


KINDS = kinds_by_number(
    {
        "SQL_SCALAR_PANDAS_UDF": scalar_pandas,
        "SQL_SCALAR_PANDAS_ITER_UDF": scalar_pandas_iter,
        "SQL_SCALAR_ARROW_UDF": scalar_arrow,
        "SQL_SCALAR_ARROW_ITER_UDF": scalar_arrow_iter,
    }
)

AROUND = {PythonEvalType.SQL_SCALAR_PANDAS_UDF: Replay}


def _task(parts: TaskParts) -> ScalarTask | None:
    udfs = parts.single_udfs()
    if udfs is None or not all(type(udf[0]) is Replay for udf in udfs):
        return None
    stock = _stock(parts, udfs)
    return None if stock is None else ScalarTask(parts, stock, [udf[:-1] for udf in udfs])


def _iter_task(parts: TaskParts) -> ScalarIterTask | None:
    udfs = parts.single_udfs()
    stock = None if udfs is None or len(udfs) != 1 else _stock(parts, udfs)
    return None if stock is None else ScalarIterTask(parts, stock)


def _stock(parts: TaskParts, udfs: list[SingleUdf]) -> Stock | None:
    """Stock's conversions. None if the native ones are not for what is declared or set."""
    types = [udf[-1] for udf in udfs]
    if any(isinstance(data_type, (ArrayType, MapType, StructType, UserDefinedType)) for data_type in types):
        return None
    return_type = StructType([StructField(f"_{index}", data_type) for index, data_type in enumerate(types)])
    if parts.line.wraps:
        if wants_large_types(parts.wrapped[0][1][-1]):
            return None
        stock: Stock = getattr(conversion, parts.line.wraps)(parts.result[3], return_type, False)
        return stock
    if parts.conf.prefer_int_ext_dtype or parts.conf.use_large_var_types:
        return None
    return conversion.ConversionStock(parts.conf, return_type)
