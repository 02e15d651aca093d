"""Tasks whose data are one Arrow stream each way: what stock's serializers read from and write to.

Stock's functions and serializers do all the work. Only the last step, between record batches and bytes, is ours: a
serializer that reads from a `Batches` of the native half, or writes to a `Sink`, never gets to pyarrow's streams.
"""

import numpy as np
import pyarrow as pa
from _bowstring_columns import active
from pyspark.sql.pandas.serializers import ArrowStreamSerializer

_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


class Sink:
    """Takes the place of the file that a serializer writes to."""

    def __init__(self, outfile):
        self._outfile = outfile
        self._write_array = outfile.write_array
        # Of the first batch.
        self.schema = None
        self.closed = False
        # Of pyarrow, for schemas that are not plain.
        self._writer = None

    def write(self, data):
        """For the mark before the first batch, and for batches that are encoded already."""
        return self._outfile.write(data)

    def write_batch(self, batch):
        """As `pyarrow.RecordBatchStreamWriter.write_batch`, in one piece instead of one for each buffer."""
        if self.schema is None:
            self._start(batch.schema)
        if self._writer is not None:
            self._writer.write_batch(batch)
            return
        if not self.schema.equals(batch.schema):
            # Raises what stock's writer raises.
            pa.RecordBatchStreamWriter(pa.BufferOutputStream(), self.schema).write_batch(batch)
        self._write_array(np.frombuffer(batch.serialize(), "u1"))

    def _start(self, schema):
        if all(_is_plain(field.type) for field in schema):
            self._write_array(np.frombuffer(schema.serialize(), "u1"))
        else:
            self._writer = pa.RecordBatchStreamWriter(self._outfile, schema)
        self.schema = schema

    def close(self):
        """Ends the stream, if there is one."""
        self.closed = True
        if self._writer is not None:
            self._writer.close()
        elif self.schema is not None:
            self._outfile.write(_END_OF_STREAM)


def _is_plain(data_type):
    """Whether values of the type are in their record batch, and nowhere else."""
    types = pa.types
    if types.is_dictionary(data_type) or isinstance(data_type, pa.BaseExtensionType):
        return False
    if types.is_nested(data_type):
        return not types.is_union(data_type) and all(
            _is_plain(data_type.field(index).type) for index in range(data_type.num_fields)
        )
    return not types.is_run_end_encoded(data_type)


class Batch(list):
    """One record batch in a list, in the place of the file that a serializer reads from."""


class Converted:
    """A record batch of which the Series are there already, in the place of one. Spark 4.3."""

    def __init__(self, series, rows):
        self.series = series
        self.num_rows = rows


class Taken:
    """Takes the place of the file that a serializer writes one record batch to."""

    def __init__(self):
        self.batch = None

    def write(self, data):
        """For the mark before the first batch."""
        return len(data)

    def write_batch(self, batch):
        self.batch = batch

    def close(self):
        """The batch is all there is."""


class Streams:
    """Stock's deserializer and serializer of a task, on top of native streams."""

    def __init__(self, native, deserializer, serializer, columns=None, rows=None):
        """`columns`: `TaskColumns`, asked before stock's converters are; `rows`: `TableRows` that writes, too."""
        self._native = native
        self._deserializer = deserializer
        self._serializer = serializer
        self._columns = columns
        self._rows = rows
        self._batches = None

    def load_stream(self, infile):
        self._batches = self._native.Batches(infile, self._columns is not None)
        return self._deserializer.load_stream(self._batches)

    def dump_stream(self, iterator, outfile):
        self._batches.flush_first(outfile)
        sink = Sink(outfile)
        if self._rows is not None:
            self._rows.sink = sink
        with active(self._columns):
            return self._serializer.dump_stream(iterator, sink)


def install(native):
    """Has stock's serializers know what takes the place of files."""
    load_stream, dump_stream = ArrowStreamSerializer.load_stream, ArrowStreamSerializer.dump_stream

    def load(self, stream):
        if type(stream) is Batch:
            return iter(stream)
        return stream if type(stream) is native.Batches else load_stream(self, stream)

    def dump(self, iterator, stream):
        if type(stream) not in (Sink, Taken):
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

    try:
        from pyspark.sql.conversion import ArrowBatchTransformer
    except ImportError:
        # Before Spark 4.2.
        pass
    else:
        to_pandas = ArrowBatchTransformer.to_pandas.__func__

        def convert(cls, batch, *args, **kwargs):
            return batch.series if type(batch) is Converted else to_pandas(cls, batch, *args, **kwargs)

        ArrowBatchTransformer.to_pandas = classmethod(convert)
    ArrowStreamSerializer.load_stream = load
    ArrowStreamSerializer.dump_stream = dump
