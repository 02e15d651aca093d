"""What is done with the data of a case: its task, how many rows are due, and the bare functions without a worker."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark import cloudpickle
from pyspark.sql.types import DataType, DoubleType, LongType, StringType, StructField, StructType

import frames
from plan import Case
from task_bytes import (
    ARROW_BATCHED,
    ARROW_TABLE_UDTF,
    COGROUPED_MAP,
    GROUPED_AGG,
    GROUPED_AGG_ITER,
    GROUPED_MAP_ARROW,
    GROUPED_MAP_ITER,
    MAP_ARROW,
    MAP_PANDAS,
    SCALAR_PANDAS,
    WINDOW_AGG,
    Dialect,
    Task,
    Udf,
    Udtf,
    encode_data,
    encode_preamble,
    grouped_offsets,
    pickle_command,
    pickle_handler,
)

cloudpickle.register_pickle_by_value(sys.modules[__name__])


@dataclass(frozen=True)
class Workload:
    """A case, ready to be sent."""

    task: Task
    data: list[Any]
    rows: int
    """Due in the answer."""
    bare: Callable[[], Callable[[], object]]
    """Gets everything ready that the functions take, and returns what calls them on it."""

    def encode(self, dialect: Dialect) -> bytes:
        """The bytes of the task."""
        return encode_preamble(dialect, self.task) + encode_data(dialect, self.task.eval_type, self.data)


def workload(case: Case, quick: bool) -> Workload:
    """The workload of a case."""
    return KINDS[case.udf](case, frames.make_groups(case, quick))


def grouped_map(case: Case, groups: list[Any]) -> Workload:
    """Frames in, frames out; the first column is the key."""
    function = frames.FUNCTIONS[case.function]
    command = pickle_command(function, frames.spark_schema(groups))
    task = Task(Udf(command, grouped_offsets(groups[0][0].num_columns, [0])))
    return Workload(task, groups, _rows(groups), lambda: _calls(function, [(frames.to_frame(g),) for g in groups]))


def grouped_map_arrow(case: Case, groups: list[Any]) -> Workload:
    """Tables in, tables out."""
    command = pickle_command(frames.identity, frames.spark_schema(groups))
    task = Task(Udf(command, grouped_offsets(groups[0][0].num_columns, [0])), GROUPED_MAP_ARROW)
    ready = [(pa.Table.from_batches(group),) for group in groups]
    return Workload(task, groups, _rows(groups), lambda: _calls(frames.identity, ready))


def cogrouped_map(case: Case, groups: list[Any]) -> Workload:
    """Two frames in, the left one out."""
    offsets = grouped_offsets(groups[0][0].num_columns, [0])
    task = Task(Udf(pickle_command(left, frames.spark_schema(groups)), [*offsets, *offsets]), COGROUPED_MAP)
    pairs = [(group, group) for group in groups]
    return Workload(
        task, pairs, _rows(groups), lambda: _calls(left, [(frames.to_frame(a), frames.to_frame(b)) for a, b in pairs])
    )


def grouped_agg(case: Case, groups: list[Any]) -> Workload:
    """Two means of each group."""
    command = pickle_command(mean, DoubleType())
    task = Task([Udf(command, [1]), Udf(command, [2])], GROUPED_AGG)
    return Workload(task, groups, len(groups), lambda: _calls(mean, _columns(groups, 1) + _columns(groups, 2)))


def grouped_map_iter(case: Case, groups: list[Any]) -> Workload:
    """An iterator of a group's frames, passed on."""
    command = pickle_command(each, frames.spark_schema(groups))
    task = Task(Udf(command, grouped_offsets(groups[0][0].num_columns, [0])), GROUPED_MAP_ITER)
    return Workload(task, groups, _rows(groups), lambda: _passes([frames.to_frame(group) for group in groups]))


def grouped_agg_iter(case: Case, groups: list[Any]) -> Workload:
    """The mean of the means of a group's batches."""
    task = Task([Udf(pickle_command(mean_of_means, DoubleType()), [1])], GROUPED_AGG_ITER)
    ready = [([column],) for (column,) in _columns(groups, 1)]
    return Workload(task, groups, len(groups), lambda: _calls(mean_of_means, ready))


def window_agg(case: Case, groups: list[Any]) -> Workload:
    """The mean of each partition beside each of its rows."""
    task = Task(Udf(pickle_command(mean, DoubleType()), [1]), WINDOW_AGG, windows=["unbounded"])
    return Workload(task, groups, _rows(groups), lambda: _calls(mean, _columns(groups, 1)))


def arrow_batched(case: Case, groups: list[Any]) -> Workload:
    """A plain function, value by value; of the key, which is a long."""
    batches = _first_column(groups)
    input_type = frames.spark_schema([batches])
    task = Task(Udf(pickle_command(plus_one, LongType()), [0]), ARROW_BATCHED, input_type=input_type)
    ready = [(value,) for batch in batches for value in batch.column(0).to_pylist()]
    return Workload(task, batches, len(ready), lambda: _calls(plus_one, ready))


def udtf(case: Case, groups: list[Any]) -> Workload:
    """Three rows of each key, as a table function gives them."""
    batches = _first_column(groups)
    returns = StructType(
        [StructField("number", LongType()), StructField("text", StringType()), StructField("share", DoubleType())]
    )
    handler = Udtf(pickle_handler(Spread), returns, [0])
    task = Task(handler, ARROW_TABLE_UDTF, input_type=frames.spark_schema([batches]))
    ready = [(value,) for batch in batches for value in batch.column(0).to_pylist()]
    return Workload(task, batches, 3 * len(ready), lambda: _calls(lambda value: list(Spread().eval(value)), ready))


def scalar_pandas(case: Case, groups: list[Any]) -> Workload:
    """One function of one column: the key plus one, or a text in capitals."""
    function, returns, column = SCALARS[case.function]
    batches = [batch.select([column]) for group in groups for batch in group]
    task = Task(Udf(pickle_command(function, returns), [0]), SCALAR_PANDAS)
    return Workload(task, batches, _rows(groups), lambda: _calls(function, _columns([[b] for b in batches], 0)))


def map_pandas(case: Case, groups: list[Any]) -> Workload:
    """An iterator of frames, passed on."""
    task = Task(Udf(pickle_command(each, frames.spark_schema(groups)), [0]), MAP_PANDAS)
    batches = [batch for group in groups for batch in group]
    return Workload(task, batches, _rows(groups), lambda: _passes([frames.to_frame([batch]) for batch in batches]))


def map_arrow(case: Case, groups: list[Any]) -> Workload:
    """An iterator of batches, passed on."""
    task = Task(Udf(pickle_command(each, frames.spark_schema(groups)), [0]), MAP_ARROW)
    batches = [batch for group in groups for batch in group]
    return Workload(task, batches, _rows(groups), lambda: _passes(batches))


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
    "grouped-map-arrow": grouped_map_arrow,
    "cogrouped-map": cogrouped_map,
    "grouped-agg": grouped_agg,
    "grouped-map-iter": grouped_map_iter,
    "grouped-agg-iter": grouped_agg_iter,
    "window-agg": window_agg,
    "arrow-batched": arrow_batched,
    "udtf": udtf,
    "scalar-pandas": scalar_pandas,
    "map-pandas": map_pandas,
    "map-arrow": map_arrow,
}


def _rows(groups: list[Any]) -> int:
    return sum(batch.num_rows for group in groups for batch in group)


def _first_column(groups: list[Any]) -> list[pa.RecordBatch]:
    return [batch.select([0]) for group in groups for batch in group]


def _columns(groups: list[Any], column: int) -> list[tuple[Any]]:
    return [(frames.to_frame(group).iloc[:, column],) for group in groups]


def _calls(function: Callable[..., Any], ready: list[Any]) -> Callable[[], object]:
    def calls() -> None:
        for arguments in ready:
            function(*arguments)

    return calls


def _passes(ready: list[Any]) -> Callable[[], object]:
    return lambda: sum(1 for _ in each(iter(ready)))
