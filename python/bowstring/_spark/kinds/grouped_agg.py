"""Aggregates of groups and windows, whose functions get Series and return scalars."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pyspark.sql.types import StructField, StructType

from ... import _native as native
from ..stock import conversion
from ..stock.conversion import Stock
from ..stock.serializer import alone
from ..task_parts import Answer, ColumnUdf, TaskParts, kinds_by_number, wants_large_types

WRAPS = ("wrap_grouped_agg_pandas_udf", "wrap_window_agg_pandas_udf", "wrap_grouped_agg_pandas_iter_udf")


class GroupedAgg:
    """What a task consists of; the native half reads the attributes."""

    def __init__(self, stock: Stock, udfs: list[ColumnUdf], wrapped: bool) -> None:
        self.stock = stock
        self.udfs = udfs
        # PARITY: where functions arrive wrapped, a result becomes a Series before the next function is called, and
        # that of a window is as long as the first argument is then.
        self.eager = wrapped
        # A group without batches has no result. Spark 4.3 on.
        self.skips_empty = not wrapped


def grouped_agg(parts: TaskParts) -> Answer | None:
    """202: Series of a group in, a scalar out."""
    task = _task(parts)
    return None if task is None else alone(native.GroupedAgg(task, parts.line.framing, False, parts.proven))


def window_agg(parts: TaskParts) -> Answer | None:
    """203: the same, for a whole partition or for the window of each of its rows."""
    task = _task(parts)
    if task is None or not find_windows(parts, task.udfs, task.eager):
        return None
    return alone(native.GroupedAgg(task, parts.line.framing, True, parts.proven))


def grouped_agg_iter(parts: TaskParts) -> Answer | None:
    """217: an iterator of Series in, or of tuples of them; a scalar out."""
    task = _task(parts, (conversion.BatchStock, conversion.BatchStock))
    if task is None or task.udfs[0].named or task.stock.large_types:
        # PARITY: stock forgets names, and large types.
        return None
    # As stock's.
    iterate = _generator if parts.wrapped else map
    return alone(native.GroupedAggIter(task, iterate, parts.proven))


KINDS = kinds_by_number(
    {
        "SQL_GROUPED_AGG_PANDAS_UDF": grouped_agg,
        "SQL_WINDOW_AGG_PANDAS_UDF": window_agg,
        "SQL_GROUPED_AGG_PANDAS_ITER_UDF": grouped_agg_iter,
    }
)


def _generator(convert: Callable[[object], object], parts: Iterator[object]) -> Iterator[object]:
    return (convert(part) for part in parts)


def find_windows(parts: TaskParts, udfs: list[ColumnUdf], asks_first: bool) -> bool:
    """Notes which of these have bounded windows; whether stock would call them all.

    `asks_first`: the result of an unbounded one is as long as its first argument.
    """
    conf = parts.wrapped[0][1][-2] if parts.wrapped else parts.conf
    # The first name is that of Spark 3.5 and 4.0.
    bounds = conf.get("pandas_window_bound_types") or conf.get("window_bound_types")
    kinds = bounds.split(",")
    if len(kinds) != len(udfs):
        raise ValueError(f"{len(udfs)} functions and {len(kinds)} windows")
    for udf, bound in zip(udfs, kinds):
        udf.bounded = bound.strip().lower() == "bounded"
        if not udf.bounded and bound.strip().lower() != "unbounded":
            return False
        # Stock raises for the one, and where it asks the first argument for its length, for the other.
        if len(udf.offsets) < 2 if udf.bounded else asks_first and not (udf.offsets or udf.named):
            return False
    return True


_CLASSES = (conversion.SeriesStock42, conversion.ConversionStock)
"""Of stock's conversions in Spark 4.2 and in 4.3."""


def _task(
    parts: TaskParts, conversions: tuple[Callable[..., Stock], Callable[..., Stock]] = _CLASSES
) -> GroupedAgg | None:
    udfs = parts.single_udfs()
    if udfs is None:
        return None
    types = [udf[-1] for udf in udfs]
    return_type = StructType([StructField(f"_{index}", data_type) for index, data_type in enumerate(types)])
    stock = _stock(parts, return_type, *conversions)
    return None if stock is None else GroupedAgg(stock, [ColumnUdf(*udf[:-1]) for udf in udfs], bool(parts.wrapped))


def _stock(
    parts: TaskParts, return_type: StructType, wrapped: Callable[..., Stock], raw: Callable[..., Stock]
) -> Stock | None:
    if parts.line.wraps:
        # PARITY: grouped maps, which the adapters are made for, pass this setting in another argument's place.
        if any(map(wants_large_types, parts.wrapped[0][1])):
            return None
        stock: Stock = getattr(conversion, parts.line.wraps)(parts.result[3], return_type, False)
        return stock
    if parts.conf.prefer_int_ext_dtype:
        return None
    if not parts.wrapped:
        return raw(parts.conf, return_type)
    # PARITY: Spark 4.2 forgets large types here, and refuses structs in a place that cannot be called.
    if parts.conf.use_large_var_types or any(type(field.dataType) is StructType for field in return_type):
        return None
    return wrapped(parts.conf, return_type)
