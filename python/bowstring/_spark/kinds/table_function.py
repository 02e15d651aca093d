"""User-defined table functions; stock's `read_udtf` has read their tasks."""

from ..patches.streams import Streams
from ..rows import table
from ..task_parts import Answer, TaskParts, kinds_by_number
from .map import on_streams


def arrow_table(parts: TaskParts) -> Answer:
    """301: rows in, rows out, a batch for each call."""
    function, _, deserializer, serializer = parts.result
    rows = getattr(table, parts.line.rows)(parts.proven.unproven_output)
    rows.take_over(function)
    return function, Streams(deserializer, serializer, rows=rows)


def arrow_udtf(parts: TaskParts) -> Answer:
    """302: arrays in, tables out."""
    return on_streams(parts)


KINDS = kinds_by_number({"SQL_ARROW_TABLE_UDF": arrow_table, "SQL_ARROW_UDTF": arrow_udtf})
