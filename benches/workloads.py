"""What is done with the data of a case: its task, how many rows are due, and the bare functions without a worker."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pyspark import cloudpickle
from pyspark.sql.types import DataType, DoubleType, LongType, Row, StringType, StructField, StructType

from benches import frames, workloads_arrow
from benches.plan import Case
from benches.workload import Workload, calls, first_column, rows, windows, with_bounds
from fakejvm.task_bytes import (
    ARROW_BATCHED,
    ARROW_TABLE_UDTF,
    COGROUPED_MAP,
    GROUPED_AGG,
    GROUPED_AGG_ITER,
    GROUPED_MAP_ITER,
    MAP_ARROW,
    MAP_PANDAS,
    PICKLED,
    RDD,
    SCALAR_PANDAS,
    SCALAR_PANDAS_ITER,
    WINDOW_AGG,
    Task,
    Udf,
    Udtf,
    grouped_offsets,
    pickle_command,
    pickle_handler,
    pickle_rdd_command,
)

cloudpickle.register_pickle_by_value(sys.modules[__name__])

PICKLED_ROWS = 100
"""Rows of a pickle, as the JVM sends them to a pickled UDF."""
RDD_ROWS = 1_000
"""The JVM makes pickles of some 64 KiB; these have about half."""


def workload(case: Case, quick: bool) -> Workload:
    """The workload of a case."""
    return KINDS[case.udf](case, frames.make_groups(case, quick))


def grouped_map(case: Case, groups: list[Any]) -> Workload:
    """Frames in, frames out; the first column is the key."""
    function = frames.FUNCTIONS[case.function]
    command = pickle_command(function, frames.spark_schema(groups))
    task = Task(Udf(command, grouped_offsets(groups[0][0].num_columns, [0])))
    return Workload(task, groups, rows(groups), lambda: calls(function, [(frames.to_frame(g),) for g in groups]))


def cogrouped_map(case: Case, groups: list[Any]) -> Workload:
    """Two frames in, the left one out."""
    offsets = grouped_offsets(groups[0][0].num_columns, [0])
    task = Task(Udf(pickle_command(left, frames.spark_schema(groups)), [*offsets, *offsets]), COGROUPED_MAP)
    pairs = [(group, group) for group in groups]
    return Workload(
        task, pairs, rows(groups), lambda: calls(left, [(frames.to_frame(a), frames.to_frame(b)) for a, b in pairs])
    )


def grouped_agg(case: Case, groups: list[Any]) -> Workload:
    """Two means of each group."""
    command = pickle_command(mean, DoubleType())
    task = Task([Udf(command, [1]), Udf(command, [2])], GROUPED_AGG)
    return Workload(task, groups, len(groups), lambda: calls(mean, _columns(groups, 1) + _columns(groups, 2)))


def grouped_map_iter(case: Case, groups: list[Any]) -> Workload:
    """An iterator of a group's frames, passed on."""
    command = pickle_command(each, frames.spark_schema(groups))
    task = Task(Udf(command, grouped_offsets(groups[0][0].num_columns, [0])), GROUPED_MAP_ITER)
    return Workload(task, groups, rows(groups), lambda: _passes([frames.to_frame(group) for group in groups]))


def grouped_agg_iter(case: Case, groups: list[Any]) -> Workload:
    """The mean of the means of a group's batches."""
    task = Task([Udf(pickle_command(mean_of_means, DoubleType()), [1])], GROUPED_AGG_ITER)
    ready = [([column],) for (column,) in _columns(groups, 1)]
    return Workload(task, groups, len(groups), lambda: calls(mean_of_means, ready))


def window_agg(case: Case, groups: list[Any]) -> Workload:
    """The mean of each partition beside each of its rows, or of the rows about it."""
    if case.function == "bounded":
        groups = with_bounds(groups)
        task = Task(Udf(pickle_command(mean, DoubleType()), [0, 1, 3]), WINDOW_AGG, windows=["bounded"])
        return Workload(
            task, groups, rows(groups), lambda: calls(mean, [(cut.to_pandas(),) for cut in windows(groups, 3)])
        )
    task = Task(Udf(pickle_command(mean, DoubleType()), [1]), WINDOW_AGG, windows=["unbounded"])
    return Workload(task, groups, rows(groups), lambda: calls(mean, _columns(groups, 1)))


def arrow_batched(case: Case, groups: list[Any]) -> Workload:
    """A plain function, value by value; of the key, which is a long."""
    batches = first_column(groups)
    input_type = frames.spark_schema([batches])
    task = Task(Udf(pickle_command(plus_one, LongType()), [0]), ARROW_BATCHED, input_type=input_type)
    ready = [(value,) for batch in batches for value in batch.column(0).to_pylist()]
    return Workload(task, batches, len(ready), lambda: calls(plus_one, ready))


def udtf(case: Case, groups: list[Any]) -> Workload:
    """Three rows of each key, as a table function gives them."""
    batches = first_column(groups)
    returns = StructType(
        [StructField("number", LongType()), StructField("text", StringType()), StructField("share", DoubleType())]
    )
    handler = Udtf(pickle_handler(Spread), returns, [0])
    task = Task(handler, ARROW_TABLE_UDTF, input_type=frames.spark_schema([batches]))
    ready = [(value,) for batch in batches for value in batch.column(0).to_pylist()]
    return Workload(task, batches, 3 * len(ready), lambda: calls(lambda value: list(Spread().eval(value)), ready))


def pickled(case: Case, groups: list[Any]) -> Workload:
    """The plain function of `arrow_batched` over pickle: a hundred rows at a time."""
    task = Task(Udf(pickle_command(plus_one, LongType()), [0]), PICKLED)
    keys = _keys(groups)
    lists = [[(key,) for key in some] for some in _lists(keys, PICKLED_ROWS)]
    return Workload(task, lists, len(keys), lambda: calls(plus_one, [(key,) for key in keys]))


def rdd_map(case: Case, groups: list[Any]) -> Workload:
    """A function of each row of an RDD."""
    keys = _keys(groups)
    lists = [[Row(k=key) for key in some] for some in _lists(keys, RDD_ROWS)]
    task = Task(pickle_rdd_command(map_rows), RDD)
    return Workload(task, lists, len(keys), lambda: calls(plus_one_of_row, [(row,) for some in lists for row in some]))


def scalar_pandas(case: Case, groups: list[Any]) -> Workload:
    """One function of one column: the key plus one, or a text in capitals."""
    function, returns, column = SCALARS[case.function]
    batches = [batch.select([column]) for group in groups for batch in group]
    task = Task(Udf(pickle_command(function, returns), [0]), SCALAR_PANDAS)
    return Workload(task, batches, rows(groups), lambda: calls(function, _columns([[b] for b in batches], 0)))


def scalar_pandas_iter(case: Case, groups: list[Any]) -> Workload:
    """An iterator of columns, each plus one."""
    batches = first_column(groups)
    task = Task(Udf(pickle_command(each_plus_one, LongType()), [0]), SCALAR_PANDAS_ITER)
    ready = [column for (column,) in _columns([[batch] for batch in batches], 0)]
    return Workload(task, batches, rows(groups), lambda: lambda: sum(1 for _ in each_plus_one(iter(ready))))


def map_pandas(case: Case, groups: list[Any]) -> Workload:
    """An iterator of frames, passed on."""
    task = Task(Udf(pickle_command(each, frames.spark_schema(groups)), [0]), MAP_PANDAS)
    batches = [batch for group in groups for batch in group]
    return Workload(task, batches, rows(groups), lambda: _passes([frames.to_frame([batch]) for batch in batches]))


def map_arrow(case: Case, groups: list[Any]) -> Workload:
    """An iterator of batches, passed on."""
    task = Task(Udf(pickle_command(each, frames.spark_schema(groups)), [0]), MAP_ARROW)
    batches = [batch for group in groups for batch in group]
    return Workload(task, batches, rows(groups), lambda: _passes(batches))


class Spread:
    """The smallest usual table function."""

    def eval(self, value: int) -> Iterator[tuple[int, str, float]]:
        """A few rows."""
        for number in range(3):
            yield value + number, "abc", value / 7


def left(first: Any, second: Any) -> Any:
    """One side of a cogroup."""
    return first


def mean(values: Any) -> float:
    """The smallest usual aggregate."""
    return float(values.mean())


def mean_of_means(batches: Iterable[Any]) -> float:
    """The smallest usual aggregate of an iterator."""
    means = [mean(values) for values in batches]
    return sum(means) / len(means)


def plus_one(value: Any) -> Any:
    """Of a value or of a column."""
    return value + 1


def upper(values: Any) -> Any:
    """A text in capitals."""
    return values.str.upper()


def plus_one_of_row(row: Any) -> Any:
    """Of a row's only field."""
    return (row[0] + 1,)


def map_rows(partition: int, rows: Iterator[Any]) -> Iterator[Any]:
    """What `RDD.map` does."""
    return map(plus_one_of_row, rows)


def each_plus_one(batches: Iterator[Any]) -> Iterator[Any]:
    """Of each column."""
    for values in batches:
        yield plus_one(values)


def each(batches: Iterator[Any]) -> Iterator[Any]:
    """Passes on what comes."""
    yield from batches


SCALARS: dict[str, tuple[Callable[[Any], Any], DataType, str]] = {
    "plus one": (plus_one, LongType(), "k"),
    "upper": (upper, StringType(), "v"),
}
"""Function, what it returns, and of which column."""

KINDS: dict[str, Callable[[Case, list[Any]], Workload]] = {
    "grouped-map": grouped_map,
    **workloads_arrow.KINDS,
    "cogrouped-map": cogrouped_map,
    "grouped-agg": grouped_agg,
    "grouped-map-iter": grouped_map_iter,
    "grouped-agg-iter": grouped_agg_iter,
    "window-agg": window_agg,
    "arrow-batched": arrow_batched,
    "pickled": pickled,
    "rdd-map": rdd_map,
    "udtf": udtf,
    "scalar-pandas": scalar_pandas,
    "scalar-pandas-iter": scalar_pandas_iter,
    "map-pandas": map_pandas,
    "map-arrow": map_arrow,
}


def _keys(groups: list[Any]) -> list[int]:
    """Of all rows, as Python's."""
    return [key for batch in first_column(groups) for key in batch.column(0).to_pylist()]


def _lists(values: list[Any], length: int) -> list[list[Any]]:
    return [values[start : start + length] for start in range(0, len(values), length)]


def _columns(groups: list[Any], column: int) -> list[tuple[Any]]:
    return [(frames.to_frame(group).iloc[:, column],) for group in groups]


def _passes(ready: list[Any]) -> Callable[[], object]:
    return lambda: sum(1 for _ in each(iter(ready)))
