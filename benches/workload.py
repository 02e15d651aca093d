"""What is done with the data of a case, and what the files of workloads share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from fakejvm.task_bytes import Dialect, Task, encode_data, encode_preamble


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


def rows(groups: list[Any]) -> int:
    """How many there are in all."""
    return sum(batch.num_rows for group in groups for batch in group)


def first_column(groups: list[Any]) -> list[pa.RecordBatch]:
    """The key, batch by batch."""
    return [batch.select([0]) for group in groups for batch in group]


ROWS_ABOUT = 5
"""A bounded window has so many rows on both sides of its own."""


def with_bounds(groups: list[Any]) -> list[Any]:
    """Groups of one batch each, with two columns before it: begin and end of each row's window."""
    bounded = []
    for [batch] in groups:
        ends = [min(row + ROWS_ABOUT + 1, batch.num_rows) for row in range(batch.num_rows)]
        begins = [max(row - ROWS_ABOUT, 0) for row in range(batch.num_rows)]
        columns = [pa.array(begins, pa.int32()), pa.array(ends, pa.int32()), *batch.columns]
        bounded.append([pa.RecordBatch.from_arrays(columns, [f"_{number}" for number in range(len(columns))])])
    return bounded


def windows(groups: list[Any], column: int) -> list[pa.Array]:
    """What a function gets of a column in the windows of [these](with_bounds) groups."""
    return [
        batch.column(column).slice(begin, end - begin)
        for [batch] in groups
        for begin, end in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
    ]


def calls(function: Callable[..., Any], ready: list[Any]) -> Callable[[], object]:
    """Calls the function with each of these tuples of arguments."""

    def call() -> None:
        for arguments in ready:
            function(*arguments)

    return call
