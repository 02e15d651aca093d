"""Hooks bowstring into `pyspark.worker`: one row per Spark line, or nothing at all.

`read_udfs` parses the preamble of a task in a way that changes with every Spark release. The
original is called first; its result is either returned as it is, or replaced by native objects
with the same three methods.
"""

import inspect
import os

import pyspark
from _bowstring_kinds import KINDS, WRAPS, GroupedMap, Seen
from _bowstring_kinds_arrow import KINDS as ARROW_KINDS
from _bowstring_kinds_arrow import WRAPS as ARROW_WRAPS
from pyspark import worker


class Line:
    """How one Spark line differs where the hook touches it. Add a row; do not add an `if`."""

    def __init__(self, read_udfs, read_single_udf, framing, wraps, arrow):
        self.read_udfs = read_udfs
        self.read_single_udf = read_single_udf
        # "batch": a record batch is a group; "stream": an Arrow stream is a group.
        self.framing = framing
        # The function arrives wrapped, and its parts are seen where it is wrapped.
        self.wraps = wraps
        # The class of `stock_arrow.py` for functions of Arrow tables; None if the line has none.
        self.arrow = arrow


_OLD = "(pickleSer, infile, eval_type, runner_conf, udf_index)"
_LINES = {
    "3.5.9": Line("(pickleSer, infile, eval_type)", _OLD, "batch", "SerializerStock", None),
    "4.0.5": Line(
        "(pickleSer, infile, eval_type)", _OLD[:-1] + ", profiler)", "batch", "SerializerStock40", "ArrowStock40"
    ),
    "4.1.4": Line(
        "(pickleSer, infile, eval_type)", _OLD[:-1] + ", profiler)", "stream", "SerializerStock41", "ArrowStock41"
    ),
    "4.2.1": Line("(pickleSer, infile, eval_type, runner_conf, eval_conf)", _OLD, "stream", None, "ArrowStock42"),
    "4.3.0": Line(
        "(pickleSer, udf_info_list, eval_type, runner_conf, eval_conf)",
        "(pickleSer, udf_info, eval_type, runner_conf, udf_index)",
        "stream",
        None,
        "ArrowStock43",
    ),
}

_KINDS = {**KINDS, **ARROW_KINDS}

# (native module, line, what the self-test found) once installed; the parity tests ask for it.
INSTALLED = None


class Refused(Exception):
    """Why the native path is not taken."""


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
        kind = _KINDS.get(args[2])
        ours = None
        if kind is not None:
            seen = Seen(line, stock_classes, proven, native, args, result)
            seen.singles, seen.wrapped = singles[:], wrapped[:]
            try:
                ours = kind(seen)
            except Exception:
                # Such as a declared type that Arrow refuses: stock says so when the first result needs it.
                ours = None
        # They hold the user's function, which must not outlive its task.
        wrapped.clear()
        singles.clear()
        if pipelined is not None:
            # Spark 4.3 would call `load_stream` from a thread of its own; the native path has one.
            if ours is None:
                os.environ["SPARK_PIPELINED_UDF"] = pipelined
            else:
                os.environ.pop("SPARK_PIPELINED_UDF", None)
        if ours is None:
            return result
        func, streams = ours
        return func, result[1], streams, streams

    def record(name):
        wrap = getattr(worker, name)

        def recorder(*args):
            wrapped.append((name, args))
            return wrap(*args)

        setattr(worker, name, recorder)

    for name in (*WRAPS, *ARROW_WRAPS):
        if hasattr(worker, name):
            record(name)
    worker.read_single_udf = read_single_udf
    worker.read_udfs = read_udfs
