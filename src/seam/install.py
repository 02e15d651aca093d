"""Hooks bowstring into `pyspark.worker`: one row per Spark line, or nothing at all.

`read_udfs` parses the preamble of a task in a way that changes with every Spark release. The
original is called first; its result is either returned as it is, or replaced by native objects
with the same three methods.
"""

import inspect
import os

import pyspark
from pyspark import worker
from pyspark.sql.types import StructType


class Line:
    """How one Spark line differs where the hook touches it. Add a row; do not add an `if`."""

    def __init__(self, read_udfs, read_single_udf, framing, wraps):
        self.read_udfs = read_udfs
        self.read_single_udf = read_single_udf
        # "batch": a record batch is a group; "stream": an Arrow stream is a group.
        self.framing = framing
        # The function arrives wrapped, and its parts are seen where it is wrapped.
        self.wraps = wraps


_OLD = "(pickleSer, infile, eval_type, runner_conf, udf_index)"
_LINES = {
    "3.5.9": Line("(pickleSer, infile, eval_type)", _OLD, "batch", "SerializerStock"),
    "4.0.5": Line("(pickleSer, infile, eval_type)", _OLD[:-1] + ", profiler)", "batch", "SerializerStock40"),
    "4.1.4": Line("(pickleSer, infile, eval_type)", _OLD[:-1] + ", profiler)", "stream", "SerializerStock41"),
    "4.2.1": Line("(pickleSer, infile, eval_type, runner_conf, eval_conf)", _OLD, "stream", None),
    "4.3.0": Line(
        "(pickleSer, udf_info_list, eval_type, runner_conf, eval_conf)",
        "(pickleSer, udf_info, eval_type, runner_conf, udf_index)",
        "stream",
        None,
    ),
}

_GROUPED_MAP = worker.PythonEvalType.SQL_GROUPED_MAP_PANDAS_UDF


# (native module, line, what the self-test found) once installed; the parity tests ask for it.
INSTALLED = None


class Refused(Exception):
    """Why the native path is not taken."""


class GroupedMap:
    """What a task of GROUPED_MAP consists of, as the hook has seen it."""

    def __init__(self, stock, function, offsets, with_key):
        self.stock = stock
        self.function = function
        self.with_key = with_key
        # [length, number of keys, key offsets…, value offsets…]
        keys = offsets[1]
        self.key_offsets = offsets[2 : 2 + keys]
        self.value_offsets = offsets[2 + keys :]


def install(native, stock_classes, self_test):
    """Replaces `pyspark.worker.read_udfs`. Raises `Refused` with the reason if it must not."""
    line = _LINES.get(pyspark.__version__)
    if line is None:
        raise Refused(f"PySpark {pyspark.__version__} is not among the tested versions {', '.join(_LINES)}")
    for name in ("read_udfs", "read_single_udf"):
        found, expected = str(inspect.signature(getattr(worker, name))), getattr(line, name)
        if found != expected:
            raise Refused(f"pyspark.worker.{name} has the signature {found}, expected {expected}")
    proven = self_test(native, line, stock_classes, GroupedMap)
    _hook(native, line, stock_classes, proven)
    global INSTALLED
    INSTALLED = native, line, proven
    return proven


def _hook(native, line, stock_classes, proven):
    original, original_single = worker.read_udfs, worker.read_single_udf
    wrapped, singles = [], []
    pipelined = os.environ.get("SPARK_PIPELINED_UDF")

    def read_single_udf(*args, **kwargs):
        single = original_single(*args, **kwargs)
        singles.append(single)
        return single

    def read_udfs(*args):
        result = original(*args)
        eval_type = args[2]
        streams = None
        if eval_type == _GROUPED_MAP:
            try:
                if line.wraps:
                    task = _see_wrapped(line, stock_classes, result, wrapped, singles)
                else:
                    task = _see_raw(stock_classes, singles, args[3])
                streams = None if task is None else native.GroupedMap(task, line.framing, proven)
            except Exception:
                # Such as a declared type that Arrow refuses: stock says so when the first result needs it.
                streams = None
        # They hold the user's function, which must not outlive its task.
        wrapped.clear()
        singles.clear()
        if pipelined is not None:
            # Spark 4.3 would call `load_stream` from a thread of its own; the native path has one.
            if streams is None:
                os.environ["SPARK_PIPELINED_UDF"] = pipelined
            else:
                os.environ.pop("SPARK_PIPELINED_UDF", None)
        if streams is None:
            return result
        return (lambda split_index, groups: groups), result[1], streams, streams

    if line.wraps:
        original_wrap = worker.wrap_grouped_map_pandas_udf

        def wrap_grouped_map_pandas_udf(f, return_type, argspec, runner_conf):
            wrapped.append((f, return_type, argspec, runner_conf))
            return original_wrap(f, return_type, argspec, runner_conf)

        worker.wrap_grouped_map_pandas_udf = wrap_grouped_map_pandas_udf
    worker.read_single_udf = read_single_udf
    worker.read_udfs = read_udfs


def _see_wrapped(line, stock_classes, result, wrapped, singles):
    """Spark 3.5 to 4.1. None if stock's own code must run."""
    if len(wrapped) != 1 or len(singles) != 1:
        return None
    function, return_type, argspec, conf = wrapped[0]
    # PARITY: with another number of arguments stock calls nothing and raises.
    if not _is_struct(return_type) or len(argspec.args) not in (1, 2):
        return None
    large = conf.get("spark.sql.execution.arrow.useLargeVarTypes", "false").lower() == "true"
    stock = getattr(stock_classes, line.wraps)(result[3], return_type, large)
    return GroupedMap(stock, function, singles[0][0], len(argspec.args) == 2)


def _see_raw(stock_classes, singles, conf):
    """Spark 4.2 on. None if stock's own code must run."""
    if len(singles) != 1 or conf.prefer_int_ext_dtype:
        return None
    function, offsets, return_type, count = singles[0]
    if not _is_struct(return_type):
        return None
    return GroupedMap(stock_classes.ConversionStock(conf, return_type), function, offsets, count != 1)


def _is_struct(return_type):
    return type(return_type) is StructType and len(return_type.fields) > 0
