"""Hooks bowstring into `pyspark.worker`.

`read_udfs`, and `read_udtf` for table functions, parse the preamble of a task in a way that changes
with every Spark release. The original is called first; its result is either returned as it is, or
replaced by native objects with the same three methods.
"""

import os
from collections import Counter

from pyspark import worker
from pyspark.sql.pandas.utils import require_minimum_pandas_version, require_minimum_pyarrow_version

from .. import _native as native
from . import sent_along
from .kinds import arrow as kinds_arrow
from .kinds import arrow_batched as kinds_arrow_batched
from .kinds import grouped_map as kinds
from .kinds import iter as kinds_iter
from .kinds import scalar as kinds_scalar
from .kinds import table_function as kinds_udtf
from .lines import find
from .patches import converters, streams
from .stock import conversion as stock_classes

_FAMILIES = (kinds, kinds_arrow, kinds_arrow_batched, kinds_iter, kinds_scalar, kinds_udtf)
_KINDS = {number: kind for family in _FAMILIES for number, kind in family.KINDS.items()}
_WRAPS = [name for family in _FAMILIES for name in getattr(family, "WRAPS", ())]
_AROUND = {number: around for family in _FAMILIES for number, around in getattr(family, "AROUND", {}).items()}

_PIPELINED = "SPARK_PIPELINED_UDF"

# (native module, line, what the self-test found) once installed; the parity tests ask for it.
INSTALLED = None

# How many tasks of a kind were left to PySpark, in this worker, because ours raised an exception.
DECLINED = Counter()

# Of `self_test.py`: enough to have run all that tasks of other kinds run, too.
_USUAL_KINDS = ("long", "double", "string", "timestamp")


def install(proven):
    """Replaces `pyspark.worker.read_udfs` and `read_udtf`. Raises `Refused` if it must not.

    `proven`: what the self-test would find; None: it is run.
    """
    global INSTALLED
    line = find()
    converters.install()
    streams.install(native)
    if proven is None:
        proven = self_test().run(native, line, stock_classes, kinds.GroupedMap)
    # Conversions ask first, and Spark 3.5 imports all of setuptools for the answer.
    require_minimum_pandas_version()
    require_minimum_pyarrow_version()
    _hook(native, line, stock_classes, proven)
    INSTALLED = native, line, proven
    return proven


class _Unhidden:
    """A deserializer that gives the variable back, which PySpark has looked for by then and the user's function may."""

    def __init__(self, streams, pipelined):
        self._streams = streams
        self._pipelined = pipelined

    def load_stream(self, infile):
        os.environ[_PIPELINED] = self._pipelined
        return self._streams.load_stream(infile)


def attempt(kind, seen):
    """What a kind answers; `None` after an exception, so that the task is stock's.

    Such as for a declared type that Arrow refuses: stock says so when the first result needs it.
    """
    try:
        return kind(seen)
    except Exception as error:
        DECLINED[kind.__name__] += 1
        seen.native.log_declined(kind.__name__, DECLINED[kind.__name__], error)
        return None


def self_test():
    """The module `self_test.py`, which few need."""
    from .proof import self_test

    return self_test


def warm():
    """Runs once what the first task of each worker would run first."""
    _, line, _ = INSTALLED
    self_test().run(native, line, stock_classes, kinds.GroupedMap, _USUAL_KINDS)


def _hook(native, line, stock_classes, proven):
    original_single = worker.read_single_udf
    wrapped, singles = [], []
    around = None

    def read_single_udf(*args, **kwargs):
        nonlocal around
        around = _AROUND.get(args[2])
        single = original_single(*args, **kwargs)
        if around is not None:
            # Spark lines that do not wrap the function.
            single = around(single[0]), *single[1:]
        singles.append(single)
        return single

    def hooked(original):
        def read(*args):
            sent_along.note(args[2])
            result = original(*args)
            kind = _KINDS.get(args[2])
            ours = None
            if kind is not None:
                seen = kinds.Seen(line, stock_classes, proven, native, args, result)
                seen.singles, seen.wrapped = singles[:], wrapped[:]
                ours = attempt(kind, seen)
            # They hold the user's function, which must not outlive its task.
            wrapped.clear()
            singles.clear()
            if ours is None:
                return result
            func, streams = ours
            # Spark 4.3 would call `load_stream` from a thread of its own; the native path has one.
            pipelined = None if streams is result[3] else os.environ.pop(_PIPELINED, None)
            if pipelined is not None:
                return func, result[1], _Unhidden(streams, pipelined), streams
            return func, result[1], streams, streams

        return read

    def record(name):
        wrap = getattr(worker, name)

        def recorder(*args):
            nonlocal around
            if around is not None:
                args = around(args[0]), *args[1:]
                around = None
            wrapped.append((name, args))
            return wrap(*args)

        setattr(worker, name, recorder)

    for name in _WRAPS:
        if hasattr(worker, name):
            record(name)
    worker.read_single_udf = read_single_udf
    worker.read_udfs = hooked(worker.read_udfs)
    worker.read_udtf = hooked(worker.read_udtf)
