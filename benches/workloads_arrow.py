"""As `workloads.py`, for functions of pyarrow's objects."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import cloudpickle
from pyspark.sql.types import DoubleType, LongType

from benches import frames
from benches.plan import Case
from benches.workload import Workload, calls, first_column, rows, windows, with_bounds
from fakejvm.task_bytes import (
    ARROW_UDTF,
    COGROUPED_MAP_ARROW,
    GROUPED_AGG_ARROW,
    GROUPED_AGG_ARROW_ITER,
    GROUPED_MAP_ARROW,
    GROUPED_MAP_ARROW_ITER,
    SCALAR_ARROW,
    SCALAR_ARROW_ITER,
    WINDOW_AGG_ARROW,
    Task,
    Udf,
    Udtf,
    grouped_offsets,
    pickle_command,
    pickle_handler,
)

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def grouped_map_arrow(case: Case, groups: list[Any]) -> Workload:
    """Tables in, tables out."""
    command = pickle_command(frames.identity, frames.spark_schema(groups))
    task = Task(Udf(command, grouped_offsets(groups[0][0].num_columns, [0])), GROUPED_MAP_ARROW)
    ready = [(pa.Table.from_batches(group),) for group in groups]
    return Workload(task, groups, rows(groups), lambda: calls(frames.identity, ready))


def grouped_map_arrow_iter(case: Case, groups: list[Any]) -> Workload:
    """An iterator of a group's batches, passed on."""
    command = pickle_command(each, frames.spark_schema(groups))
    task = Task(Udf(command, grouped_offsets(groups[0][0].num_columns, [0])), GROUPED_MAP_ARROW_ITER)
    return Workload(task, groups, rows(groups), lambda: lambda: sum(1 for group in groups for _ in each(iter(group))))


def cogrouped_map_arrow(case: Case, groups: list[Any]) -> Workload:
    """Two tables in, the left one out."""
    offsets = grouped_offsets(groups[0][0].num_columns, [0])
    task = Task(Udf(pickle_command(left, frames.spark_schema(groups)), [*offsets, *offsets]), COGROUPED_MAP_ARROW)
    ready = [(table, table) for table in map(pa.Table.from_batches, groups)]
    return Workload(task, [(group, group) for group in groups], rows(groups), lambda: calls(left, ready))


def grouped_agg_arrow(case: Case, groups: list[Any]) -> Workload:
    """Two means of each group."""
    command = pickle_command(mean, DoubleType())
    task = Task([Udf(command, [1]), Udf(command, [2])], GROUPED_AGG_ARROW)
    ready = [(group[0].column(column),) for column in (1, 2) for group in groups]
    return Workload(task, groups, len(groups), lambda: calls(mean, ready))


def grouped_agg_arrow_iter(case: Case, groups: list[Any]) -> Workload:
    """The mean of the means of a group's batches."""
    task = Task(Udf(pickle_command(mean_of_means, DoubleType()), [1]), GROUPED_AGG_ARROW_ITER)
    ready = [([group[0].column(1)],) for group in groups]
    return Workload(task, groups, len(groups), lambda: calls(mean_of_means, ready))


def window_agg_arrow(case: Case, groups: list[Any]) -> Workload:
    """The mean of each partition beside each of its rows, or of the rows about it."""
    if case.function == "bounded":
        groups = with_bounds(groups)
        task = Task(Udf(pickle_command(mean, DoubleType()), [0, 1, 3]), WINDOW_AGG_ARROW, windows=["bounded"])
        return Workload(task, groups, rows(groups), lambda: calls(mean, [(cut,) for cut in windows(groups, 3)]))
    task = Task(Udf(pickle_command(mean, DoubleType()), [1]), WINDOW_AGG_ARROW, windows=["unbounded"])
    return Workload(task, groups, rows(groups), lambda: calls(mean, [(group[0].column(1),) for group in groups]))


def scalar_arrow(case: Case, groups: list[Any]) -> Workload:
    """The key plus one."""
    batches = first_column(groups)
    task = Task(Udf(pickle_command(plus_one, LongType()), [0]), SCALAR_ARROW)
    return Workload(task, batches, rows(groups), lambda: calls(plus_one, [(batch.column(0),) for batch in batches]))


def scalar_arrow_iter(case: Case, groups: list[Any]) -> Workload:
    """The same of an iterator of batches."""
    batches = first_column(groups)
    task = Task(Udf(pickle_command(each_plus_one, LongType()), [0]), SCALAR_ARROW_ITER)
    ready = [batch.column(0) for batch in batches]
    return Workload(task, batches, rows(groups), lambda: lambda: sum(1 for _ in each_plus_one(iter(ready))))


def arrow_udtf(case: Case, groups: list[Any]) -> Workload:
    """Each batch as a table."""
    batches = first_column(groups)
    task = Task(Udtf(pickle_handler(Same), frames.spark_schema([batches]), [0]), ARROW_UDTF)
    ready = [(batch.column(0),) for batch in batches]
    return Workload(task, batches, rows(groups), lambda: calls(lambda values: list(Same().eval(values)), ready))


class Same:
    """A table function that gives what it gets."""

    def eval(self, values: Any) -> Iterator[Any]:
        """One table."""
        yield pa.table({"k": values})


def each(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Passes on what comes."""
    yield from batches


def left(first: Any, second: Any) -> Any:
    """One side of a cogroup."""
    return first


def mean(values: Any) -> Any:
    """The smallest usual aggregate."""
    return pc.mean(values).as_py()


def mean_of_means(batches: Any) -> float:
    """The smallest usual aggregate of an iterator."""
    means = [mean(values) for values in batches]
    return sum(means) / len(means)


def plus_one(values: Any) -> Any:
    """Of a column."""
    return pc.add(values, 1)


def each_plus_one(batches: Iterator[Any]) -> Iterator[Any]:
    """The same of each batch."""
    for values in batches:
        yield plus_one(values)


KINDS: dict[str, Callable[[Case, list[Any]], Workload]] = {
    "grouped-map-arrow": grouped_map_arrow,
    "grouped-map-arrow-iter": grouped_map_arrow_iter,
    "cogrouped-map-arrow": cogrouped_map_arrow,
    "grouped-agg-arrow": grouped_agg_arrow,
    "grouped-agg-arrow-iter": grouped_agg_arrow_iter,
    "window-agg-arrow": window_agg_arrow,
    "scalar-arrow": scalar_arrow,
    "scalar-arrow-iter": scalar_arrow_iter,
    "arrow-udtf": arrow_udtf,
}
"""By the kind that a case names."""
