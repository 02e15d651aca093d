"""As `kinds.py`, for UDFs whose functions take and return pyarrow's objects."""

import _bowstring_stock_arrow as stock_arrow
from _bowstring_kinds import GroupedMap, _alone, _is_struct
from pyspark.worker import PythonEvalType

WRAPS = ("wrap_grouped_map_arrow_udf",)


def grouped_map_arrow(seen):
    """209: a table in, a table out."""
    parts = _parts(seen, (1, 2))
    if parts is None:
        return None
    function, offsets, return_type, count, conf = parts
    stock = stock_arrow.in_struct(getattr(stock_arrow, seen.line.arrow))(return_type, conf)
    if offsets[0] + 1 != len(offsets):
        return None
    task = GroupedMap(stock, function, offsets, count == 2)
    return _alone(seen.native.GroupedMapArrow(task, seen.line.framing))


def _parts(seen, counts):
    """Function, offsets, declared result, number of arguments and conf.

    `counts`: the numbers of arguments that the function may have.
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
    return function, offsets, return_type, count, conf


KINDS = {}
for _name, _kind in (("SQL_GROUPED_MAP_ARROW_UDF", grouped_map_arrow),):
    if hasattr(PythonEvalType, _name):
        KINDS[getattr(PythonEvalType, _name)] = _kind
