"""As `kinds.py`, for Arrow-optimised plain functions, eval type 101: one function per family of Spark lines."""

from types import SimpleNamespace

from pyspark import worker
from pyspark.worker import PythonEvalType

from ..patches.streams import Streams
from ..rows import lists as in_lists
from ..rows import series as in_series
from .grouped_map import stream

WRAPS = ("wrap_arrow_batch_udf",)

_CONCURRENCY = "spark.sql.execution.pythonUDF.arrow.concurrency.level"


def arrow_batched(seen):
    """101: values in, a value out."""
    return globals()[seen.line.batched](seen) or stream(seen)


def of_batches(seen):
    """Spark 4.2 and 4.3."""
    if seen.conf.use_legacy_pandas_udf_conversion or seen.conf.arrow_concurrency_level > 0:
        return None
    function = in_lists.function(seen.singles, seen.conf, seen.arguments[4].input_type, seen.native)
    return function, stream(seen)[1]


def of_lists(seen):
    """Spark 4.1, whose serializer converts; that of the legacy conversion is another one."""
    _, _, _, serializer = seen.result
    conf = seen.wrapped[0][1][4]
    if _CONCURRENCY in conf or type(serializer).__name__ != "ArrowBatchUDFSerializer":
        return None
    settings = SimpleNamespace(
        use_large_var_types=worker.use_large_var_types(conf),
        int_to_decimal_coercion_enabled=serializer._int_to_decimal_coercion_enabled,
        binary_as_bytes=serializer._binary_as_bytes,
        safecheck=serializer._safecheck,
    )
    singles = [arguments[:4] for _, arguments in seen.wrapped]
    function = in_lists.typed_function(singles, settings, serializer._input_types, seen.native)
    above = in_lists.Above(serializer)
    return function, Streams(seen.native, above, above)


def of_series(seen):
    """Spark 3.5 and 4.0, which go through pandas."""
    _, _, _, serializer = seen.result
    if any(_CONCURRENCY in conf for _, arguments in seen.wrapped for conf in arguments[4:]):
        return None
    udfs = [in_series.parts(arguments, single) for (_, arguments), single in zip(seen.wrapped, seen.singles)]
    if not all(offsets for _, offsets, _, _ in udfs):
        return None
    function = in_series.function(udfs, serializer, seen.native, seen.proven.unproven_output)
    batched = in_series.Batched()
    return function, Streams(seen.native, batched, batched)


KINDS = {PythonEvalType.SQL_ARROW_BATCHED_UDF: arrow_batched}
"""By eval type."""
