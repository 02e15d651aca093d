"""Aggregates of groups and windows, whose functions get pyarrow's arrays and return scalars."""

from __future__ import annotations

from pyspark import worker

from ... import _native as native
from ..stock import arrow as stock_arrow
from ..stock.serializer import alone
from ..task_parts import Answer, ColumnUdf, TaskParts, kinds_by_number
from .grouped_agg import find_windows

WRAPS = ("wrap_grouped_agg_arrow_udf", "wrap_window_agg_arrow_udf")


class GroupedAggArrow:
    """What a task consists of; the native half reads the attributes."""

    def __init__(self, stock: stock_arrow.ArrayStock, udfs: list[ColumnUdf]) -> None:
        self.stock = stock
        self.udfs = udfs


def grouped_agg_arrow(parts: TaskParts) -> Answer | None:
    """252: arrays in, a value out; the JVM wants a batch for each group."""
    task = _task(parts)
    return None if task is None else alone(native.GroupedAggArrow(task, parts.line.framing, False))


def window_agg_arrow(parts: TaskParts) -> Answer | None:
    """253: arrays in, a value for each row out."""
    task = _task(parts)
    if task is None or not find_windows(parts, task.udfs, bool(parts.wrapped)):
        return None
    return alone(native.GroupedAggArrow(task, parts.line.framing, True))


def grouped_agg_arrow_iter(parts: TaskParts) -> Answer | None:
    """254: an iterator of arrays in, a value out. PARITY: stock forgets what is given by name."""
    task = _task(parts)
    return None if task is None else alone(native.GroupedAggArrowIter(task))


KINDS = kinds_by_number(
    {
        "SQL_GROUPED_AGG_ARROW_UDF": grouped_agg_arrow,
        "SQL_GROUPED_AGG_ARROW_ITER_UDF": grouped_agg_arrow_iter,
        "SQL_WINDOW_AGG_ARROW_UDF": window_agg_arrow,
    }
)


def _task(parts: TaskParts) -> GroupedAggArrow | None:
    udfs = parts.single_udfs()
    if udfs is None:
        return None
    types, unproven = [udf[-1] for udf in udfs], parts.proven.unproven_scalars
    if parts.wrapped:
        # After function, offsets, named offsets and return type.
        large_types = worker.use_large_var_types(parts.wrapped[0][1][4])
        stock: stock_arrow.ArrayStock = stock_arrow.ArrayStock41(types, parts.result[3], large_types, unproven)
    else:
        stock = stock_arrow.ArrayStock(types, parts.conf, unproven)
    return GroupedAggArrow(stock, [ColumnUdf(*udf[:-1]) for udf in udfs])
