"""Hooks bowstring into `pyspark.worker`.

`read_udfs` parses the preamble of a task in a way that changes with every Spark release. The
original is called first; its result is either returned as it is, or replaced by native objects
with the same three methods.
"""

import os

import _bowstring_columns
import _bowstring_streams
from _bowstring_kinds import KINDS, WRAPS, GroupedMap, Seen
from _bowstring_kinds_arrow import KINDS as ARROW_KINDS
from _bowstring_kinds_arrow import WRAPS as ARROW_WRAPS
from _bowstring_kinds_iter import KINDS as ITER_KINDS
from _bowstring_kinds_iter import WRAPS as ITER_WRAPS
from _bowstring_lines import find
from pyspark import worker

_KINDS = {**KINDS, **ARROW_KINDS, **ITER_KINDS}

# (native module, line, what the self-test found) once installed; the parity tests ask for it.
INSTALLED = None


def install(native, stock_classes, self_test):
    """Replaces `pyspark.worker.read_udfs`. Raises `Refused` if it must not."""
    line = find()
    _bowstring_columns.install()
    _bowstring_streams.install(native)
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
            if ours is None or ours[1] is result[3]:
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

    for name in (*WRAPS, *ARROW_WRAPS, *ITER_WRAPS):
        if hasattr(worker, name):
            record(name)
    worker.read_single_udf = read_single_udf
    worker.read_udfs = read_udfs
