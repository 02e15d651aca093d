"""What the native path of `pandas_udf`s of Series takes from its task, see `kinds.py`.

What is not plain of a batch goes through stock's function and serializers, which are told what the user's functions
have returned already, so that none of them is called twice.
"""

from pyspark.sql.types import ArrayType, MapType, StructField, StructType, UserDefinedType
from pyspark.worker import PythonEvalType

from ..patches.converters import TaskColumns, active
from ..patches.streams import Batch, Converted, Taken
from .grouped_agg import ColumnUdf, single_udfs
from .grouped_map import stream_of_columns

WRAPS = ("wrap_scalar_pandas_udf", "wrap_pandas_batch_iter_udf")


class Once:
    """A user's function that returns what it has returned already, if that is known."""

    def __init__(self, function):
        self.function = function
        # (result, whether it was as long as the first argument when it was returned).
        self.results = []

    def __call__(self, *args, **kwargs):
        first = next(iter((*args, *kwargs.values())), None)
        resized = type(first) is Resized
        if self.results:
            result, fits = self.results.pop()
            if resized:
                first.rows = len(result) if fits else None
            return result
        if resized:
            first.rows = None
            args = [each.series for each in args]
            kwargs = {name: each.series for name, each in kwargs.items()}
        return self.function(*args, **kwargs)


class Resized:
    """In the place of a Series of which a function has changed the length: stock asks it for no more than that."""

    def __init__(self, series):
        self.series = series
        # When a function had returned whose result is known.
        self.rows = None

    def __len__(self):
        return len(self.series) if self.rows is None else self.rows


class ScalarTask:
    """What a task of such a kind consists of."""

    def __init__(self, seen, stock, udfs):
        self.stock = stock
        # Of these each is asked once for a batch.
        self._onces = [udf[0] for udf in udfs]
        self.udfs = [ColumnUdf(once.function, *offsets) for once, *offsets in udfs]
        self._function, _, self._deserializer, self._serializer = seen.result
        # Stock's function takes Series, not record batches.
        self._takes_series = bool(seen.wrapped)

    def batch(self, schema, messages, series, rows, results, started):
        """Has stock make a batch of `rows`: its struct column, and whether the task's first schema is odd.

        `series`, `results`: what the functions were called with, if they were, and what they have returned. The others
        are called with the same Series, which may have been changed.
        """
        for number, (once, result) in enumerate(zip(self._onces, results), 1):
            # All but the last were found to fit, else no further function was called.
            once.results.append((result, number < len(results)))
        if series is not None:
            if self._takes_series and any(len(each) != rows for each in series):
                series = list(map(Resized, series))
            data = iter([series if self._takes_series else Converted(series, rows)])
        else:
            data = self._deserializer.load_stream(Batch(self.stock.batches(schema, messages)))
        taken = Taken()
        try:
            self._serializer.dump_stream(self._function(0, data), taken)
        finally:
            for once in self._onces:
                once.results.clear()
        return self.stock.whole_batch(taken.batch, started)


class ScalarIterTask:
    """What a task consists of whose function goes through the batches itself. Stock's function runs it."""

    udfs = ()

    def __init__(self, seen, stock):
        self.stock = stock
        self._function, _, self._deserializer, self._serializer = seen.result
        self._takes_series = bool(seen.wrapped)

    def start(self, batches):
        """What stock yields for batches from `converted` or `read`: a Series with its type, or what a batch became."""
        return self._function(0, batches)

    def converted(self, series, rows):
        """A batch for stock's function."""
        return series if self._takes_series else Converted(series, rows)

    def read(self, schema, messages):
        """The same, as stock reads it."""
        batches = self.stock.batches(schema, messages)
        return next(self._deserializer.load_stream(Batch(batches))) if self._takes_series else batches[0]

    def batch(self, item, started):
        """Has stock make a batch of what it has yielded, see `ScalarTask.batch`."""
        if self._takes_series:
            taken = Taken()
            self._serializer.dump_stream(iter([item]), taken)
            item = taken.batch
        return self.stock.whole_batch(item, started)


class IterColumns(TaskColumns):
    """Has a batch of results made as a whole. Spark 4.3."""

    def __init__(self, native, stock, proven, make):
        super().__init__(native, stock, proven)
        self._make = make

    def batch(self, columns):
        return self._make(columns[0]) if type(columns) is list and len(columns) == 1 else None


class ScalarStreams:
    """Takes one of two ways when the schema of the data is known: all native, or stock's function on native streams."""

    def __init__(self, native, function, streams, columns=None):
        """`columns`: `TaskColumns` for stock's conversions inside of the native way."""
        self._native = native
        self._function = function
        self._streams = streams
        self._columns = columns

    def load_stream(self, infile):
        """Stands for the batches until `dump_stream` gets it back; reads nothing."""
        return infile

    def dump_stream(self, infile, outfile):
        if self._native.takes(infile):
            with active(self._columns):
                return self._native.dump_stream(infile, outfile)
        return self._streams.dump_stream(self._function(0, self._streams.load_stream(infile)), outfile)


def scalar_pandas(seen):
    """200: Series in, Series of the same length out."""
    function, streams = stream_of_columns(seen)
    task = _task(seen)
    if task is None:
        return function, streams
    native = seen.native.ScalarPandas(task, seen.proven)
    return (lambda split_index, infile: infile), ScalarStreams(native, function, streams)


def scalar_pandas_iter(seen):
    """204: an iterator of Series in, or of tuples of them, one of Series out; as many rows."""
    function, streams = stream_of_columns(seen)
    # Of its results nothing is compared.
    task = None if seen.native.verifier(None) is not None else _iter_task(seen)
    if task is None:
        return function, streams
    native = seen.native.ScalarPandasIter(task, seen.proven)
    columns = None if seen.wrapped else IterColumns(seen.native, task.stock, seen.proven, native.make)
    return (lambda split_index, infile: infile), ScalarStreams(native, function, streams, columns)


KINDS = {
    PythonEvalType.SQL_SCALAR_PANDAS_UDF: scalar_pandas,
    PythonEvalType.SQL_SCALAR_PANDAS_ITER_UDF: scalar_pandas_iter,
}
"""By eval type."""

AROUND = {PythonEvalType.SQL_SCALAR_PANDAS_UDF: Once}
"""What is put around a user's function before stock gets it, by eval type."""


def _task(seen):
    udfs = single_udfs(seen)
    if udfs is None or not all(type(udf[0]) is Once for udf in udfs):
        return None
    stock = _stock(seen, udfs)
    return stock and ScalarTask(seen, stock, [udf[:-1] for udf in udfs])


def _iter_task(seen):
    udfs = single_udfs(seen)
    stock = None if udfs is None or len(udfs) != 1 else _stock(seen, udfs)
    return stock and ScalarIterTask(seen, stock)


def _stock(seen, udfs):
    """Stock's conversions. None if the native ones are not for what is declared or set."""
    types = [udf[-1] for udf in udfs]
    if any(isinstance(data_type, (ArrayType, MapType, StructType, UserDefinedType)) for data_type in types):
        return None
    return_type = StructType([StructField(f"_{index}", data_type) for index, data_type in enumerate(types)])
    if seen.line.wraps:
        conf = seen.wrapped[0][1][-1]
        large = isinstance(conf, dict) and conf.get("spark.sql.execution.arrow.useLargeVarTypes", "false") != "false"
        return None if large else getattr(seen.stock_classes, seen.line.wraps)(seen.result[3], return_type, False)
    if seen.conf.prefer_int_ext_dtype or seen.conf.use_large_var_types:
        return None
    return seen.stock_classes.ConversionStock(seen.conf, return_type)
