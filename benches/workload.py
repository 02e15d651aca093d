"""What is done with the data of a case, and what the files of workloads share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from task_bytes import Dialect, Task, encode_data, encode_preamble


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


def calls(function: Callable[..., Any], ready: list[Any]) -> Callable[[], object]:
    """Calls the function with each of these tuples of arguments."""

    def call() -> None:
        for arguments in ready:
            function(*arguments)

    return call
