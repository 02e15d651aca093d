"""As `kinds.py`, for user-defined table functions; stock's `read_udtf` has read their tasks."""

from pyspark.worker import PythonEvalType

from ..patches.streams import Streams
from ..rows import table as table_rows


def table(seen):
    """301: rows in, rows out, a batch for each call."""
    function, _, deserializer, serializer = seen.result
    rows = getattr(table_rows, seen.line.rows)(seen.native, seen.proven.unproven_output)
    rows.take_over(function)
    return function, Streams(seen.native, deserializer, serializer, rows=rows)


def arrow(seen):
    """302: arrays in, tables out."""
    function, _, deserializer, serializer = seen.result
    return function, Streams(seen.native, deserializer, serializer)


KINDS = {PythonEvalType.SQL_ARROW_TABLE_UDF: table}
"""By eval type."""

if hasattr(PythonEvalType, "SQL_ARROW_UDTF"):
    # Spark 4.1 on.
    KINDS[PythonEvalType.SQL_ARROW_UDTF] = arrow
