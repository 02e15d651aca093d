"""Arrow-optimised plain functions, eval type 101: one function per family of Spark lines."""

from __future__ import annotations

from types import SimpleNamespace

from pyspark import worker

from ..patches.streams import Streams
from ..rows import lists as in_lists
from ..rows import series as in_series
from ..task_parts import Answer, TaskParts, kinds_by_number
from .map import on_streams

WRAPS = ("wrap_arrow_batch_udf",)

_CONCURRENCY = "spark.sql.execution.pythonUDF.arrow.concurrency.level"


def arrow_batched(parts: TaskParts) -> Answer:
    """101: values in, a value out."""
    return _WAYS[parts.line.batched](parts) or on_streams(parts)


KINDS = kinds_by_number({"SQL_ARROW_BATCHED_UDF": arrow_batched})


def _of_batches(parts: TaskParts) -> Answer | None:
    """Spark 4.2 and 4.3."""
    if parts.conf.use_legacy_pandas_udf_conversion or parts.conf.arrow_concurrency_level > 0:
        return None
    function = in_lists.function(parts.singles, parts.conf, parts.arguments[4].input_type)
    return function, on_streams(parts)[1]


def _of_lists(parts: TaskParts) -> Answer | None:
    """Spark 4.1, whose serializer converts; that of the legacy conversion is another one."""
    _, _, _, serializer = parts.result
    conf = parts.wrapped[0][1][4]
    if _CONCURRENCY in conf or type(serializer).__name__ != "ArrowBatchUDFSerializer":
        return None
    settings = SimpleNamespace(
        use_large_var_types=worker.use_large_var_types(conf),
        int_to_decimal_coercion_enabled=serializer._int_to_decimal_coercion_enabled,
        binary_as_bytes=serializer._binary_as_bytes,
        safecheck=serializer._safecheck,
    )
    singles = [arguments[:4] for _, arguments in parts.wrapped]
    function = in_lists.typed_function(singles, settings, serializer._input_types)
    above = in_lists.Above(serializer)
    return function, Streams(above, above)


def _of_series(parts: TaskParts) -> Answer | None:
    """Spark 3.5 and 4.0, which go through pandas."""
    _, _, _, serializer = parts.result
    if any(_CONCURRENCY in conf for _, arguments in parts.wrapped for conf in arguments[4:]):
        return None
    udfs = [in_series.parts(arguments, single) for (_, arguments), single in zip(parts.wrapped, parts.singles)]
    if not all(offsets for _, offsets, _, _ in udfs):
        return None
    function = in_series.function(udfs, serializer, parts.proven.unproven_output)
    batched = in_series.Batched()
    return function, Streams(batched, batched)


_WAYS = {"of_batches": _of_batches, "of_lists": _of_lists, "of_series": _of_series}
"""By what `Line.batched` says."""
