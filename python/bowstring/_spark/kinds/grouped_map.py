"""Grouped and cogrouped maps of pandas' frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from ... import _native as native
from ..stock import conversion
from ..stock.conversion import Stock
from ..stock.serializer import alone
from ..task_parts import Answer, TaskParts, is_struct, kinds_by_number, wants_large_types

WRAPS = ("wrap_grouped_map_pandas_udf", "wrap_cogrouped_map_pandas_udf", "wrap_grouped_map_pandas_iter_udf")

StockParts = tuple[Any, Callable[..., object], list[int], int]
"""Stock's conversions, function, offsets and number of arguments."""


class GroupedMap:
    """What a task of GROUPED_MAP consists of; the native half reads the attributes."""

    def __init__(
        self, stock: object, function: Callable[..., object] | None, offsets: list[int], with_key: bool
    ) -> None:
        self.stock = stock
        self.function = function
        self.with_key = with_key
        # [length, number of keys, key offsets…, value offsets…]
        keys = offsets[1]
        self.key_offsets = offsets[2 : 2 + keys]
        self.value_offsets = offsets[2 + keys :]


class CogroupedMap:
    """What a task of COGROUPED_MAP consists of: the same for each of its two sides."""

    def __init__(self, stock: object, function: Callable[..., object], offsets: list[int], with_key: bool) -> None:
        self.function = function
        length = offsets[0] + 1
        self.left = GroupedMap(stock, function, offsets[:length], with_key)
        self.right = GroupedMap(stock, function, offsets[length:], with_key)


def grouped_map(parts: TaskParts) -> Answer | None:
    """201: a frame in, a frame out."""
    found = _wrapped_parts(parts, (1, 2)) if parts.line.wraps else _raw_parts(parts, (1, 2))
    if found is None:
        return None
    stock, function, offsets, count = found
    task = GroupedMap(stock, function, offsets, count == 2)
    return alone(native.GroupedMap(task, parts.line.framing, parts.proven))


def cogrouped_map(parts: TaskParts) -> Answer | None:
    """206: two frames in, one out."""
    wrapped = _wrapped_parts(parts, (2, 3)) if parts.wrapped else None
    found = wrapped or (None if parts.line.wraps else _raw_parts(parts, (2, 3)))
    if found is None:
        return None
    stock, function, offsets, count = found
    if parts.wrapped and not parts.line.wraps and stock.large_types:
        # PARITY: Spark 4.2 forgets this setting for cogroups.
        return None
    stock.combines = False
    return alone(native.CogroupedMap(CogroupedMap(stock, function, offsets, count == 3), parts.proven))


def grouped_map_iter(parts: TaskParts) -> Answer | None:
    """216: an iterator of frames in, one out."""
    take = _wrapped_parts if parts.wrapped else _raw_parts
    found = take(parts, (1, 2), conversion.BatchStock)
    if found is None:
        return None
    stock, function, offsets, count = found
    if parts.wrapped and not parts.line.wraps and stock.large_types:
        # PARITY: Spark 4.2 forgets this setting here.
        return None
    task = GroupedMap(stock, function, offsets, count == 2)
    if not task.value_offsets:
        # Without columns there is no frame: stock raises when the function asks for one.
        return None
    # PARITY: where the serializer converts, it converts what the function has not asked for, too.
    iterate = frames if parts.wrapped else _late_frames()
    return alone(native.GroupedMapIter(task, iterate, bool(parts.line.wraps), parts.proven))


KINDS = kinds_by_number(
    {
        "SQL_GROUPED_MAP_PANDAS_UDF": grouped_map,
        "SQL_COGROUPED_MAP_PANDAS_UDF": cogrouped_map,
        "SQL_GROUPED_MAP_PANDAS_ITER_UDF": grouped_map_iter,
    }
)


def first(parts: Iterator[object]) -> Iterator[object]:
    """The first batch. PARITY: it is taken inside of a generator, so another error is raised if there is none."""
    yield next(parts)


def frames(frame: list[Any], rest: Iterator[object], convert: Callable[[object], list[Any]]) -> Iterator[pd.DataFrame]:
    """What the function gets: the last element of the list `frame`, and one of each further batch.

    PARITY: what else is in the list lives until there are no further batches.
    """
    yield frame.pop()
    for part in rest:
        # As long as stock has its columns, a frame is shared with them, so writes copy.
        columns = convert(part)
        yield columns.pop()


def _late_frames() -> Callable[..., Iterator[pd.DataFrame]]:
    """The same for Spark 4.3.

    PARITY: what follows the first batch is looked for when it is asked for, and then it is that of the group which is
    at work, in an iterator that was kept, too.
    """
    at_work: list[Iterator[object]] = []

    def late(frame: list[Any], convert: Callable[[object], list[Any]]) -> Iterator[pd.DataFrame]:
        yield frame.pop()
        for part in at_work[0]:
            columns = convert(part)
            yield columns.pop()

    def of_group(
        frame: list[Any], rest: Iterator[object], convert: Callable[[object], list[Any]]
    ) -> Iterator[pd.DataFrame]:
        at_work[:] = [rest]
        return late(frame, convert)

    return of_group


def _wrapped_parts(
    parts: TaskParts, counts: tuple[int, int], conversions: Callable[..., Stock] = conversion.ConversionStock
) -> StockParts | None:
    """What a task consists of where the function arrives wrapped.

    `counts`: the numbers of arguments that it may have; with another stock calls nothing and raises. `conversions`: the
    class from Spark 4.2 on.
    """
    if len(parts.wrapped) != 1 or len(parts.singles) != 1:
        return None
    function, return_type, argspec, conf = parts.wrapped[0][1]
    if not is_struct(return_type) or len(argspec.args) not in counts:
        return None
    if parts.line.wraps:
        serializer = parts.result[3]
        stock: Stock = getattr(conversion, parts.line.wraps)(serializer, return_type, wants_large_types(conf))
    elif conf.prefer_int_ext_dtype:
        return None
    else:
        stock = conversions(conf, return_type)
    return stock, function, parts.singles[0][0], len(argspec.args)


def _raw_parts(
    parts: TaskParts, counts: tuple[int, int], conversions: Callable[..., Stock] = conversion.ConversionStock
) -> StockParts | None:
    """The same where `read_single_udf` returns them. Spark 4.2 on."""
    if len(parts.singles) != 1 or parts.conf.prefer_int_ext_dtype:
        return None
    function, offsets, return_type, count = parts.singles[0]
    if not is_struct(return_type):
        return None
    stock = conversions(parts.conf, return_type)
    # PARITY: stock calls the function with a key for every number of arguments but the smallest.
    return stock, function, offsets, counts[count != counts[0]]
