"""Grouped and cogrouped maps of pyarrow's tables."""

from __future__ import annotations

from ... import _native as native
from ..stock import arrow as stock_arrow
from ..stock.serializer import alone
from ..task_parts import Answer, TaskParts, is_struct, kinds_by_number
from .grouped_map import CogroupedMap, GroupedMap, StockParts

WRAPS = ("wrap_grouped_map_arrow_udf", "wrap_grouped_map_arrow_iter_udf", "wrap_cogrouped_map_arrow_udf")


def grouped_map_arrow(parts: TaskParts) -> Answer | None:
    """209: a table in, a table out."""
    task = _grouped_map(parts)
    return None if task is None else alone(native.GroupedMapArrow(task, parts.line.framing))


def grouped_map_arrow_iter(parts: TaskParts) -> Answer | None:
    """215: an iterator of batches in, one out."""
    task = _grouped_map(parts)
    return None if task is None else alone(native.GroupedMapArrowIter(task))


def _grouped_map(parts: TaskParts) -> GroupedMap | None:
    found = _stock_parts(parts, (1, 2), True)
    if found is None:
        return None
    stock, function, offsets, count = found
    if offsets[0] + 1 != len(offsets):
        return None
    return GroupedMap(stock, function, offsets, count == 2)


def cogrouped_map_arrow(parts: TaskParts) -> Answer | None:
    """210: two tables in, one out."""
    found = _stock_parts(parts, (2, 3), False)
    if found is None:
        return None
    stock, function, offsets, count = found
    return alone(native.CogroupedMapArrow(CogroupedMap(stock, function, offsets, count == 3)))


KINDS = kinds_by_number(
    {
        "SQL_GROUPED_MAP_ARROW_UDF": grouped_map_arrow,
        "SQL_COGROUPED_MAP_ARROW_UDF": cogrouped_map_arrow,
        "SQL_GROUPED_MAP_ARROW_ITER_UDF": grouped_map_arrow_iter,
    }
)


def _stock_parts(parts: TaskParts, counts: tuple[int, int], in_struct: bool) -> StockParts | None:
    """What a task consists of.

    `counts`: the numbers of arguments that the function may have; `in_struct`: the JVM sends one struct column.
    """
    if parts.line.arrow is None or len(parts.singles) != 1:
        return None
    if parts.wrapped:
        function, return_type, argspec, conf = parts.wrapped[0][1]
        offsets, count = parts.singles[0][0], len(argspec.args)
        if len(parts.wrapped) != 1 or count not in counts:
            # Stock calls nothing and raises.
            return None
    else:
        function, offsets, return_type, count = parts.singles[0]
        conf = parts.conf
        # PARITY: stock calls the function with a key for every number of arguments but the smallest.
        count = counts[count != counts[0]]
    if not is_struct(return_type) or len(set(return_type.names)) != len(return_type.names):
        return None
    stock_class = getattr(stock_arrow, parts.line.arrow)
    if in_struct:
        stock_class = stock_arrow.in_struct(stock_class)
    return stock_class(return_type, conf), function, offsets, count
