"""Kinds of UDFs that get Series and return scalars: one function per kind, see `kinds.py`."""

from pyspark.sql.types import DataType, StructField, StructType

from ..stock.serializer import alone


class ColumnUdf:
    """One UDF: its function, and which columns it gets by position and by name."""

    def __init__(self, function, offsets, named):
        self.function = function
        self.offsets = offsets
        self.named = list(named.items())
        # The first two columns are the bounds of windows.
        self.bounded = False


class SeriesTask:
    """What a task of such a kind consists of."""

    def __init__(self, stock, udfs, wrapped):
        self.stock = stock
        self.udfs = udfs
        # PARITY: where functions arrive wrapped, a result becomes a Series before the next function is called, and
        # that of a window is as long as the first argument is then.
        self.eager = wrapped
        # A group without batches has no result. Spark 4.3 on.
        self.skips_empty = not wrapped


def grouped_agg(seen):
    """202: Series of a group in, a scalar out."""
    task = series_task(seen)
    return task and alone(seen.native.SeriesAgg(task, seen.line.framing, False, seen.proven))


def window_agg(seen):
    """203: the same, for a whole partition or for the window of each of its rows."""
    task = series_task(seen)
    if task is None or not find_windows(seen, task.udfs, task.eager):
        return None
    return alone(seen.native.SeriesAgg(task, seen.line.framing, True, seen.proven))


def find_windows(seen, udfs, asks_first):
    """Notes which of these have bounded windows; whether stock would call them all.

    `asks_first`: the result of an unbounded one is as long as its first argument.
    """
    conf = seen.wrapped[0][1][-2] if seen.wrapped else seen.conf
    # The first name is that of Spark 3.5 and 4.0.
    bounds = conf.get("pandas_window_bound_types") or conf.get("window_bound_types")
    for udf, bound in zip(udfs, bounds.split(","), strict=True):
        udf.bounded = bound.strip().lower() == "bounded"
        if not udf.bounded and bound.strip().lower() != "unbounded":
            return False
        # Stock raises for the one, and where it asks the first argument for its length, for the other.
        if len(udf.offsets) < 2 if udf.bounded else asks_first and not (udf.offsets or udf.named):
            return False
    return True


def series_task(seen, conversions=("SeriesStock42", "ConversionStock")):
    """The task, or None. `conversions`: classes of `stock.py` for Spark 4.2 and for 4.3."""
    udfs = single_udfs(seen)
    if udfs is None:
        return None
    types = [udf[-1] for udf in udfs]
    return_type = StructType([StructField(f"_{index}", data_type) for index, data_type in enumerate(types)])
    stock = _stock(seen, return_type, *conversions)
    return stock and SeriesTask(stock, [ColumnUdf(*udf[:-1]) for udf in udfs], bool(seen.wrapped))


def single_udfs(seen):
    """(function, offsets, named offsets, return type) of each UDF; None if that is not known."""
    udfs = [_wrapped(*pair) for pair in zip(seen.wrapped, seen.singles)] if seen.wrapped else seen.singles
    return udfs if len(udfs) == len(seen.singles) else None


def _wrapped(wrapped, single):
    """(function, offsets, named offsets, return type), as `read_single_udf` returns them from Spark 4.3 on."""
    arguments = wrapped[1]
    if isinstance(arguments[1], DataType):
        # Spark 3.5.
        return arguments[0], single[0], {}, arguments[1]
    return arguments[:4]


def _stock(seen, return_type, wrapped, raw):
    stock_classes = seen.stock_classes
    if seen.line.wraps:
        # PARITY: grouped maps, which the adapters are made for, pass this setting in another argument's place.
        if any(_large_types(argument) for argument in seen.wrapped[0][1]):
            return None
        return getattr(stock_classes, seen.line.wraps)(seen.result[3], return_type, False)
    if seen.conf.prefer_int_ext_dtype:
        return None
    if not seen.wrapped:
        return getattr(stock_classes, raw)(seen.conf, return_type)
    # PARITY: Spark 4.2 forgets large types here, and refuses structs in a place that cannot be called.
    if seen.conf.use_large_var_types or any(type(field.dataType) is StructType for field in return_type):
        return None
    return getattr(stock_classes, wrapped)(seen.conf, return_type)


def _large_types(argument):
    return (
        isinstance(argument, dict)
        and argument.get("spark.sql.execution.arrow.useLargeVarTypes", "false").lower() == "true"
    )
