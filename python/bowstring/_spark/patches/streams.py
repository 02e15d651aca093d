"""Tasks whose data are one Arrow stream each way: what stock's serializers read from and write to.

Stock's functions and serializers do all the work. Only the last step, between record batches and bytes, is ours: a
serializer that reads from a `Batches` of the native half, or writes to a `Sink`, never gets to pyarrow's streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pyarrow as pa
from pyspark.serializers import SpecialLengths, write_int
from pyspark.sql.pandas.serializers import ArrowStreamSerializer

from ... import _native as native
from ..surface.known import Surface
from .converters import TaskColumns, active

try:
    # Spark 4.2 on.
    from pyspark.sql.conversion import ArrowBatchTransformer
except ImportError:
    ArrowBatchTransformer = None

if TYPE_CHECKING:
    from ..proof.verify import Verifier
    from ..rows.table import TableRows


class Pieces(list[Any]):
    """Takes the place of the file that pyarrow's writer writes to: memory of a batch, and a little between."""

    closed = False
    write = list.append


class Sink:
    """Takes the place of the file that a serializer writes to."""

    def __init__(self, outfile: native.OutputFile) -> None:
        # For the mark before the first batch, and for batches that are encoded already.
        self.write = outfile.write
        self._write_all = outfile.write_all
        # Of the first batch.
        self.schema: pa.Schema | None = None
        self.closed = False
        self._pieces = Pieces()
        self._writer: pa.RecordBatchStreamWriter | None = None

    def write_batch(self, batch: Any) -> None:
        """As `pyarrow.RecordBatchStreamWriter.write_batch`, but all of a batch at once."""
        if self._writer is None:
            self.schema = batch.schema
            self._writer = pa.RecordBatchStreamWriter(self._pieces, self.schema)
        self._writer.write_batch(batch)
        self._flush()

    def _flush(self) -> None:
        self._write_all(self._pieces)
        self._pieces.clear()

    def close(self) -> None:
        """Ends the stream, if there is one."""
        self.closed = True
        if self._writer is not None:
            self._writer.close()
            self._flush()


class StructSink(Sink):
    """The same for a task whose results are the fields of one struct column."""

    # Whether the task that runs has one.
    at_work = False

    def __init__(self, outfile: native.OutputFile, verifier: Verifier | None) -> None:
        super().__init__(outfile)
        self._outfile = outfile
        self._verifier = verifier
        # Writes all batches if the first one is of plain types.
        self._stream: native.StructStream | None = None

    def write_batch(self, batch: Any) -> None:
        fields: Any = batch.fields if type(batch) is native.StructBatch else None
        if self.schema is None and fields is not None:
            self._stream = native.StructStream.of(fields.schema)
        if self._stream is None:
            super().write_batch(batch if fields is None else wrap(fields))
            return
        if self.schema is None:
            self.schema = fields.schema
        if fields is None or not self._stream.write(fields, self._outfile, self._comparison(fields)):
            self._write_other(batch if fields is None else wrap(fields))

    def _comparison(self, fields: pa.RecordBatch) -> Callable[[pa.RecordBatch], None] | None:
        """What looks at a batch that is about to be written, if that is asked for."""
        verifier = self._verifier
        if verifier is None or not verifier.takes_next():
            return None
        return lambda ours: verifier.batches([ours], [wrap(fields)])

    def _write_other(self, batch: pa.RecordBatch) -> NoReturn:
        # PARITY: the first batch decides on the schema, and pyarrow's writer refuses others.
        assert self.schema is not None
        schema = pa.schema([pa.field("_0", pa.struct(list(self.schema)))])
        pa.RecordBatchStreamWriter(pa.BufferOutputStream(), schema).write_batch(batch)
        raise TypeError(f"bowstring: {batch.schema} should have been refused, this is a bug")

    def close(self) -> None:
        super().close()
        if self._stream is not None:
            self._stream.close(self._outfile)


def wrap(fields: pa.RecordBatch) -> pa.RecordBatch:
    """A batch of one struct column, as stock makes it."""
    struct = pa.StructArray.from_arrays(fields.columns, fields=pa.struct(list(fields.schema)))
    return pa.RecordBatch.from_arrays([struct], ["_0"])


class Batch(list[pa.RecordBatch]):
    """One record batch in a list, in the place of the file that a serializer reads from."""


class Converted:
    """A record batch of which the Series or the frame are there already, in the place of one."""

    def __init__(self, series: list[Any], rows: int) -> None:
        self.series = series
        self.num_rows = rows


class OneBatchSink:
    """Takes the place of the file that a serializer writes one record batch to."""

    def __init__(self) -> None:
        self.batch: Any = None

    def write(self, data: bytes) -> int:
        """For the mark before the first batch."""
        return len(data)

    def write_batch(self, batch: Any) -> None:
        self.batch = batch

    def close(self) -> None:
        """The batch is all there is."""


class Streams:
    """Stock's deserializer and serializer of a task, on top of native streams."""

    def __init__(
        self,
        deserializer: Any,
        serializer: Any,
        columns: TaskColumns | None = None,
        rows: TableRows | None = None,
        in_struct: bool = False,
        frames: native.MapFrames | None = None,
    ) -> None:
        """
        `columns`: `TaskColumns`, asked before stock's converters are; `rows`: `TableRows` that writes, too;
        `in_struct`: the function has the fields of the only column as batches, and nobody converts them; `frames`:
        `MapFrames`, asked before anybody makes batches.
        """
        self._deserializer = deserializer
        self._serializer = serializer
        self._columns = columns
        self._rows = rows
        self._in_struct = in_struct
        self._frames = frames
        # Columns and rows have their own.
        self._verifier = native.verifier(None) if in_struct else None
        self._batches: native.Batches | None = None

    def load_stream(self, infile: native.InputFile) -> Any:
        compare = None if self._verifier is None else self._compare
        checked = self._columns is not None
        self._batches = native.Batches(infile, checked, self._in_struct, compare, self._frames)
        return self._deserializer.load_stream(self._batches)

    def _compare(self, fields: pa.RecordBatch, batch: pa.RecordBatch) -> None:
        """Whether stock takes the same fields out of a batch."""
        if self._verifier is not None and self._verifier.takes_next():
            taken = next(iter(self._deserializer.load_stream(Batch([batch]))))
            # Before Spark 4.2 the deserializer takes them out, and later the task's function.
            stocks = taken[0] if type(taken) is list else ArrowBatchTransformer.flatten_struct(taken)
            self._verifier.table(*(pa.Table.from_batches([batch]) for batch in (fields, stocks)))

    def dump_stream(self, iterator: Iterator[Any], outfile: native.OutputFile) -> None:
        assert self._batches is not None, "PySpark loads before it dumps"
        self._batches.flush_first(outfile)
        sink = StructSink(outfile, self._verifier) if self._in_struct else Sink(outfile)
        if self._rows is not None:
            self._rows.start(sink, self._serializer)
        StructSink.at_work = self._in_struct
        try:
            with active(self._columns):
                self._serializer.dump_stream(iterator, sink)
        finally:
            StructSink.at_work = False


def install(surface: Surface) -> None:
    """Has stock's serializers know what takes the place of files.

    Every kind needs the first of them. Others are left alone where they are not those that are known.
    """
    load_stream, dump_stream = ArrowStreamSerializer.load_stream, ArrowStreamSerializer.dump_stream

    def load(self: Any, stream: Any) -> Any:
        if type(stream) is Batch:
            return iter(stream)
        return stream if type(stream) is native.Batches else load_stream(self, stream)

    def dump(self: Any, iterator: Iterable[Any], stream: Any) -> Any:
        if type(stream) not in (Sink, StructSink, OneBatchSink):
            return dump_stream(self, iterator, stream)
        iterator = iter(iterator)
        # Spark 4.2 on.
        if getattr(self, "_write_start_stream", False):
            iterator = self._write_stream_start(iterator, stream)
        try:
            for batch in iterator:
                stream.write_batch(batch)
        finally:
            stream.close()
        return None

    ArrowStreamSerializer.load_stream = load
    ArrowStreamSerializer.dump_stream = dump
    if ArrowBatchTransformer is None:
        if surface.knows(f"{_STRUCTS}.load_stream", f"{_STRUCTS}.dump_stream"):
            _install_before_42()
        if surface.knows("pyspark.sql.pandas.serializers.ArrowStreamPandasSerializer.load_stream"):
            _install_frames()
    elif surface.knows(*(f"pyspark.sql.conversion.ArrowBatchTransformer.{name}" for name in _TRANSFORMS)):
        _install_from_42(ArrowBatchTransformer)


_STRUCTS = "pyspark.sql.pandas.serializers.ArrowStreamUDFSerializer"
_TRANSFORMS = ("to_pandas", "flatten_struct", "wrap_struct")


def _install_before_42() -> None:
    """The serializer takes fields out of their struct, and puts them back."""
    from pyspark.sql.pandas.serializers import ArrowStreamUDFSerializer

    load_stream, dump_stream = ArrowStreamUDFSerializer.load_stream, ArrowStreamUDFSerializer.dump_stream

    def taken_out(self: Any, batch: Any) -> Any:
        if type(batch) is native.StructBatch:
            return [batch.fields]
        return next(load_stream(self, Batch([batch])))

    def load(self: Any, stream: Any) -> Any:
        if type(stream) is native.Batches and stream.in_struct:
            return (taken_out(self, batch) for batch in stream)
        return load_stream(self, stream)

    def put_back(self: Any, iterator: Iterable[Any], sink: StructSink) -> Iterator[Any]:
        started = False
        for packed in iterator:
            if _has_fields(packed):
                batch = native.StructBatch(packed[0])
            else:
                one = OneBatchSink()
                dump_stream(self, iter([packed]), one)
                batch = one.batch
            if not started:
                write_int(SpecialLengths.START_ARROW_STREAM, sink)
                started = True
            yield batch

    def dump(self: Any, iterator: Iterable[Any], stream: Any) -> Any:
        if type(stream) is StructSink:
            return ArrowStreamSerializer.dump_stream(self, put_back(self, iterator, stream), stream)
        return dump_stream(self, iterator, stream)

    ArrowStreamUDFSerializer.load_stream = load
    ArrowStreamUDFSerializer.dump_stream = dump


def _install_frames() -> None:
    """The serializer converts batches."""
    from pyspark.sql.pandas.serializers import ArrowStreamPandasSerializer

    load_stream = ArrowStreamPandasSerializer.load_stream

    def converted(self: Any, batch: Any) -> Any:
        return batch.series if type(batch) is Converted else next(load_stream(self, Batch([batch])))

    def load(self: Any, stream: Any) -> Any:
        if type(stream) is native.Batches and stream.frames is not None:
            return (converted(self, batch) for batch in stream)
        return load_stream(self, stream)

    ArrowStreamPandasSerializer.load_stream = load


def _has_fields(packed: object) -> bool:
    """Whether stock would send the columns of this batch, in a pair, as they are."""
    return type(packed) is tuple and len(packed) == 2 and _is_batch(packed[0])


def _is_batch(batch: Any) -> bool:
    return type(batch) is pa.RecordBatch and batch.num_columns > 0


def _install_from_42(transformer: Any) -> None:
    """The function of the task does."""
    to_pandas = transformer.to_pandas.__func__
    flatten_struct, wrap_struct = transformer.flatten_struct, transformer.wrap_struct

    def convert(cls: Any, batch: Any, *args: Any, **kwargs: Any) -> Any:
        return batch.series if type(batch) is Converted else to_pandas(cls, batch, *args, **kwargs)

    def flatten(batch: Any, *args: Any, **kwargs: Any) -> Any:
        return batch.fields if type(batch) is native.StructBatch else flatten_struct(batch, *args, **kwargs)

    def put_back(batch: Any) -> Any:
        return native.StructBatch(batch) if StructSink.at_work and _is_batch(batch) else wrap_struct(batch)

    transformer.to_pandas = classmethod(convert)
    transformer.flatten_struct = staticmethod(flatten)
    transformer.wrap_struct = staticmethod(put_back)
