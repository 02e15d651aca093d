"""Tasks whose data are one Arrow stream each way: what stock's serializers read from and write to.

Stock's functions and serializers do all the work. Only the last step, between record batches and bytes, is ours: a
serializer that reads from a `Batches` of the native half, or writes to a `Sink`, never gets to pyarrow's streams.
"""

import pyarrow as pa
from _bowstring_columns import active
from pyspark.sql.pandas.serializers import ArrowStreamSerializer


class Pieces(list):
    """Takes the place of the file that pyarrow's writer writes to: memory of a batch, and a little between."""

    closed = False
    write = list.append


class Sink:
    """Takes the place of the file that a serializer writes to."""

    def __init__(self, outfile):
        # For the mark before the first batch, and for batches that are encoded already.
        self.write = outfile.write
        self._write_all = outfile.write_all
        # Of the first batch.
        self.schema = None
        self.closed = False
        self._pieces = Pieces()
        self._writer = None

    def write_batch(self, batch):
        """As `pyarrow.RecordBatchStreamWriter.write_batch`, but all of a batch at once."""
        if self._writer is None:
            self.schema = batch.schema
            self._writer = pa.RecordBatchStreamWriter(self._pieces, self.schema)
        self._writer.write_batch(batch)
        self._flush()

    def _flush(self):
        self._write_all(self._pieces)
        self._pieces.clear()

    def close(self):
        """Ends the stream, if there is one."""
        self.closed = True
        if self._writer is not None:
            self._writer.close()
            self._flush()


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
