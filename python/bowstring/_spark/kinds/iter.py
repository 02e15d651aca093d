"""Kinds of pandas UDFs that go through the batches of a group one by one: one function per kind, see `kinds.py`."""

from pyspark.worker import PythonEvalType

from ..stock.serializer import alone
from .grouped_agg import series_task
from .grouped_map import GroupedMap, _raw_parts, _wrapped_parts

WRAPS = ("wrap_grouped_map_pandas_iter_udf", "wrap_grouped_agg_pandas_iter_udf")


def grouped_map_iter(seen):
    """216: an iterator of frames in, one out."""
    take = _wrapped_parts if seen.wrapped else _raw_parts
    parts = take(seen, (1, 2), "BatchStock")
    if parts is None:
        return None
    stock, function, offsets, count = parts
    if seen.wrapped and not seen.line.wraps and stock.large_types:
        # PARITY: Spark 4.2 forgets this setting here.
        return None
    task = GroupedMap(stock, function, offsets, count == 2)
    if not task.value_offsets:
        # Without columns there is no frame: stock raises when the function asks for one.
        return None
    # PARITY: where the serializer converts, it converts what the function has not asked for, too.
    iterate = frames if seen.wrapped else _late_frames()
    return alone(seen.native.GroupedMapIter(task, iterate, bool(seen.line.wraps), seen.proven))


def first(parts):
    """The first batch. PARITY: it is taken inside of a generator, so another error is raised if there is none."""
    yield next(parts)


def frames(frame, rest, convert):
    """What the function gets: the last element of the list `frame`, and one of each further batch.

    PARITY: what else is in the list lives until there are no further batches.
    """
    yield frame.pop()
    for part in rest:
        # As long as stock has its columns, a frame is shared with them, so writes copy.
        columns = convert(part)
        yield columns.pop()


def _late_frames():
    """The same for Spark 4.3.

    PARITY: what follows the first batch is looked for when it is asked for, and then it is that of the group which is
    at work, in an iterator that was kept, too.
    """
    at_work = []

    def late(frame, convert):
        yield frame.pop()
        for part in at_work[0]:
            columns = convert(part)
            yield columns.pop()

    def of_group(frame, rest, convert):
        at_work[:] = [rest]
        return late(frame, convert)

    return of_group


def grouped_agg_iter(seen):
    """217: an iterator of Series in, or of tuples of them; a scalar out."""
    task = series_task(seen, ("BatchStock", "BatchStock"))
    if task is None or task.udfs[0].named or task.stock.large_types:
        # PARITY: stock forgets names, and large types.
        return None
    # As stock's.
    iterate = _generator if seen.wrapped else map
    return alone(seen.native.GroupedAggIter(task, iterate, seen.proven))


def _generator(convert, parts):
    return (convert(part) for part in parts)


_BY_NAME = {
    "SQL_GROUPED_MAP_PANDAS_ITER_UDF": grouped_map_iter,
    "SQL_GROUPED_AGG_PANDAS_ITER_UDF": grouped_agg_iter,
}
# Spark lines know more and more of them.
KINDS = {getattr(PythonEvalType, name): kind for name, kind in _BY_NAME.items() if hasattr(PythonEvalType, name)}
"""By eval type."""
