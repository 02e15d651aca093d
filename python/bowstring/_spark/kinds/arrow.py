"""As `kinds.py`, for UDFs whose functions take and return pyarrow's objects."""

from pyspark import worker
from pyspark.worker import PythonEvalType

from ..stock import arrow as stock_arrow
from ..stock.serializer import alone
from .grouped_agg import ColumnUdf, find_windows, single_udfs
from .grouped_map import CogroupedMap, GroupedMap, _is_struct

WRAPS = (
    "wrap_grouped_map_arrow_udf",
    "wrap_grouped_map_arrow_iter_udf",
    "wrap_cogrouped_map_arrow_udf",
    "wrap_grouped_agg_arrow_udf",
    "wrap_window_agg_arrow_udf",
)


def grouped_map_arrow(seen):
    """209: a table in, a table out."""
    task = _grouped_map(seen)
    return task and alone(seen.native.GroupedMapArrow(task, seen.line.framing))


def grouped_map_arrow_iter(seen):
    """215: an iterator of batches in, one out."""
    task = _grouped_map(seen)
    return task and alone(seen.native.GroupedMapArrowIter(task))


def _grouped_map(seen):
    parts = _parts(seen, (1, 2), True)
    if parts is None:
        return None
    stock, function, offsets, count = parts
    if offsets[0] + 1 != len(offsets):
        return None
    return GroupedMap(stock, function, offsets, count == 2)


def cogrouped_map_arrow(seen):
    """210: two tables in, one out."""
    parts = _parts(seen, (2, 3), False)
    if parts is None:
        return None
    stock, function, offsets, count = parts
    return alone(seen.native.CogroupedMapArrow(CogroupedMap(stock, function, offsets, count == 3)))


class ArrayTask:
    """What a task of functions consists of that get arrays and return scalars."""

    def __init__(self, stock, udfs):
        self.stock = stock
        self.udfs = udfs


def grouped_agg_arrow(seen):
    """252: arrays in, a value out; the JVM wants a batch for each group."""
    task = _array_task(seen)
    return task and alone(seen.native.ArrayAgg(task, seen.line.framing, False))


def window_agg_arrow(seen):
    """253: arrays in, a value for each row out."""
    task = _array_task(seen)
    if task is None or not find_windows(seen, task.udfs, bool(seen.wrapped)):
        return None
    return alone(seen.native.ArrayAgg(task, seen.line.framing, True))


def grouped_agg_arrow_iter(seen):
    """254: an iterator of arrays in, a value out. PARITY: stock forgets what is given by name."""
    task = _array_task(seen)
    return task and alone(seen.native.GroupedAggArrowIter(task))


def _array_task(seen):
    udfs = single_udfs(seen)
    if udfs is None:
        return None
    types, unproven = [udf[-1] for udf in udfs], seen.proven.unproven_scalars
    if seen.wrapped:
        # After function, offsets, named offsets and return type.
        large_types = worker.use_large_var_types(seen.wrapped[0][1][4])
        stock = stock_arrow.ArrayStock41(types, seen.result[3], large_types, unproven)
    else:
        stock = stock_arrow.ArrayStock(types, seen.conf, unproven)
    return ArrayTask(stock, [ColumnUdf(*udf[:-1]) for udf in udfs])


def _parts(seen, counts, in_struct):
    """Stock's conversions, function, offsets and number of arguments.

    `counts`: the numbers of arguments that the function may have; `in_struct`: the JVM sends one struct column.
    """
    if seen.line.arrow is None or len(seen.singles) != 1:
        return None
    if seen.wrapped:
        function, return_type, argspec, conf = seen.wrapped[0][1]
        offsets, count = seen.singles[0][0], len(argspec.args)
        if len(seen.wrapped) != 1 or count not in counts:
            # Stock calls nothing and raises.
            return None
    else:
        function, offsets, return_type, count = seen.singles[0]
        conf = seen.conf
        # PARITY: stock calls the function with a key for every number of arguments but the smallest.
        count = counts[count != counts[0]]
    if not _is_struct(return_type) or len(set(return_type.names)) != len(return_type.names):
        return None
    stock_class = getattr(stock_arrow, seen.line.arrow)
    if in_struct:
        stock_class = stock_arrow.in_struct(stock_class)
    return stock_class(return_type, conf), function, offsets, count


_BY_NAME = {
    "SQL_GROUPED_MAP_ARROW_UDF": grouped_map_arrow,
    "SQL_COGROUPED_MAP_ARROW_UDF": cogrouped_map_arrow,
    "SQL_GROUPED_MAP_ARROW_ITER_UDF": grouped_map_arrow_iter,
    "SQL_GROUPED_AGG_ARROW_UDF": grouped_agg_arrow,
    "SQL_GROUPED_AGG_ARROW_ITER_UDF": grouped_agg_arrow_iter,
    "SQL_WINDOW_AGG_ARROW_UDF": window_agg_arrow,
}
# Spark lines know more and more of them.
KINDS = {getattr(PythonEvalType, name): kind for name, kind in _BY_NAME.items() if hasattr(PythonEvalType, name)}
"""By eval type."""
