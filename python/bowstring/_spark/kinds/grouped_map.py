"""What the native path of each kind of UDF takes from its task: one function per kind.

A function gets what the hook has seen of a task and returns what `read_udfs` answers with in place of stock's: the
function of the worker's main loop, and the native object that is both deserializer and serializer. `None` leaves the
task to stock.
"""

from pyspark.sql.types import DataType, LongType, StructField, StructType
from pyspark.worker import PythonEvalType

from ..patches.converters import TaskColumns
from ..patches.streams import Converted, Streams
from ..stock.conversion import _is_plain
from ..stock.serializer import alone
from .grouped_agg import grouped_agg, window_agg

# Stock's adapters need a type; here each column brings its own.
_ANY = StructType([StructField("_0", LongType())])

WRAPS = (
    "wrap_grouped_map_pandas_udf",
    "wrap_cogrouped_map_pandas_udf",
    "wrap_grouped_agg_pandas_udf",
    "wrap_window_agg_pandas_udf",
)
"""Functions of `pyspark.worker` that get the user's function with its parts, where a Spark line has them."""


class Seen:
    """One task as the hook has seen it."""

    def __init__(self, line, stock_classes, proven, native, arguments, result):
        self.line = line
        self.stock_classes = stock_classes
        self.proven = proven
        self.native = native
        # Of `read_udfs`, and what it has returned.
        self.arguments = arguments
        self.result = result
        # What `read_single_udf` has returned for each UDF.
        self.singles = []
        # (name, arguments) of the functions in WRAPS.
        self.wrapped = []

    @property
    def conf(self):
        """The runner conf as an object. Spark 4.2 on."""
        return self.arguments[3]


class GroupedMap:
    """What a task of GROUPED_MAP consists of."""

    def __init__(self, stock, function, offsets, with_key):
        self.stock = stock
        self.function = function
        self.with_key = with_key
        # [length, number of keys, key offsets…, value offsets…]
        keys = offsets[1]
        self.key_offsets = offsets[2 : 2 + keys]
        self.value_offsets = offsets[2 + keys :]


class CogroupedMap:
    """What a task of COGROUPED_MAP consists of: the same for each of its two sides."""

    def __init__(self, stock, function, offsets, with_key):
        self.function = function
        length = offsets[0] + 1
        self.left = GroupedMap(stock, function, offsets[:length], with_key)
        self.right = GroupedMap(stock, function, offsets[length:], with_key)


def grouped_map(seen):
    """201: a frame in, a frame out."""
    parts = _wrapped_parts(seen, (1, 2)) if seen.line.wraps else _raw_parts(seen, (1, 2))
    if parts is None:
        return None
    stock, function, offsets, count = parts
    task = GroupedMap(stock, function, offsets, count == 2)
    return alone(seen.native.GroupedMap(task, seen.line.framing, seen.proven))


def cogrouped_map(seen):
    """206: two frames in, one out."""
    wrapped = _wrapped_parts(seen, (2, 3)) if seen.wrapped else None
    parts = wrapped or (None if seen.line.wraps else _raw_parts(seen, (2, 3)))
    if parts is None:
        return None
    stock, function, offsets, count = parts
    if seen.wrapped and not seen.line.wraps and stock.large_types:
        # PARITY: Spark 4.2 forgets this setting for cogroups.
        return None
    stock.combines = False
    return alone(seen.native.CogroupedMap(CogroupedMap(stock, function, offsets, count == 3), seen.proven))


def stream(seen):
    """Kinds whose data are one Arrow stream each way: stock's function, on native streams."""
    function, _, deserializer, serializer = seen.result
    return function, Streams(seen.native, deserializer, serializer)


def map_arrow(seen):
    """207: the same, and the fields of the struct column never get into it, nor out of it."""
    function, _, deserializer, serializer = seen.result
    return function, Streams(seen.native, deserializer, serializer, in_struct=True)


def stream_of_columns(seen):
    """The same, and columns are converted natively inside stock's conversions."""
    return _stream_of_columns(seen, _stock_of_columns(seen))


def map_pandas(seen):
    """205: an iterator of frames in, one out. The frames that come in are made natively, too."""
    stock = _stock_of_columns(seen)
    # Columns are verified one by one.
    if seen.native.verifier(None) is not None or not _has_usual_frames(seen):
        return _stream_of_columns(seen, stock)
    older = None if seen.line.wraps else (stock.legacy(), seen.proven.older_unit)
    return _stream_of_columns(seen, stock, seen.native.MapFrames(stock, seen.proven, older, _converted))


def _has_usual_frames(seen):
    if seen.line.wraps:
        deserializer = seen.result[2]
        return deserializer._df_for_struct and getattr(deserializer, "_input_types", None) is None
    return not seen.conf.prefer_int_ext_dtype


def _converted(frame, rows):
    return Converted([frame], rows)


def _stock_of_columns(seen):
    if seen.line.wraps:
        return getattr(seen.stock_classes, seen.line.wraps)(seen.result[3], _ANY, False)
    return seen.stock_classes.ConversionStock(seen.conf, _ANY)


def _declares_plain_types(seen):
    """Whether that is known, as it is where functions arrive wrapped; later lines say it for each column."""
    declared = [[each for each in parts if isinstance(each, DataType)] for _, parts in seen.wrapped]
    return bool(declared) and all(len(types) == 1 and _is_plain(types[0]) for types in declared)


def _stream_of_columns(seen, stock, frames=None):
    function, _, deserializer, serializer = seen.result
    columns = TaskColumns(seen.native, stock, seen.proven, _declares_plain_types(seen))
    return function, Streams(seen.native, deserializer, serializer, columns, frames=frames)


KINDS = {
    PythonEvalType.SQL_GROUPED_MAP_PANDAS_UDF: grouped_map,
    PythonEvalType.SQL_COGROUPED_MAP_PANDAS_UDF: cogrouped_map,
    PythonEvalType.SQL_GROUPED_AGG_PANDAS_UDF: grouped_agg,
    PythonEvalType.SQL_WINDOW_AGG_PANDAS_UDF: window_agg,
    PythonEvalType.SQL_MAP_ARROW_ITER_UDF: map_arrow,
    PythonEvalType.SQL_MAP_PANDAS_ITER_UDF: map_pandas,
}
"""By eval type."""

for name in ("SQL_SCALAR_ARROW_UDF", "SQL_SCALAR_ARROW_ITER_UDF"):
    # Spark 4.1 on.
    if hasattr(PythonEvalType, name):
        KINDS[getattr(PythonEvalType, name)] = stream


def _wrapped_parts(seen, counts, conversions="ConversionStock"):
    """Stock's conversions, function, offsets and number of arguments where the function arrives wrapped.

    `counts`: the numbers of arguments that it may have; with another stock calls nothing and raises. `conversions`: the
    class of `stock.py` from Spark 4.2 on.
    """
    if len(seen.wrapped) != 1 or len(seen.singles) != 1:
        return None
    function, return_type, argspec, conf = seen.wrapped[0][1]
    if not _is_struct(return_type) or len(argspec.args) not in counts:
        return None
    if seen.line.wraps:
        large = conf.get("spark.sql.execution.arrow.useLargeVarTypes", "false").lower() == "true"
        stock = getattr(seen.stock_classes, seen.line.wraps)(seen.result[3], return_type, large)
    elif conf.prefer_int_ext_dtype:
        return None
    else:
        stock = getattr(seen.stock_classes, conversions)(conf, return_type)
    return stock, function, seen.singles[0][0], len(argspec.args)


def _raw_parts(seen, counts, conversions="ConversionStock"):
    """The same where `read_single_udf` returns them. Spark 4.2 on."""
    if len(seen.singles) != 1 or seen.conf.prefer_int_ext_dtype:
        return None
    function, offsets, return_type, count = seen.singles[0]
    if not _is_struct(return_type):
        return None
    stock = getattr(seen.stock_classes, conversions)(seen.conf, return_type)
    # PARITY: stock calls the function with a key for every number of arguments but the smallest.
    return stock, function, offsets, counts[count != counts[0]]


def _is_struct(return_type):
    return type(return_type) is StructType and len(return_type.fields) > 0
