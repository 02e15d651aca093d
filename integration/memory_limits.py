"""Runs the same work under limits on address space, step by step, on stock's workers and on bowstring's.

Runs on the interpreter of an environment; `test_memory_limits.py` starts it and judges the answers, which are printed
as JSON lines. The limit is what Spark makes of `spark.executor.pyspark.memory`, in MiB; each task has a new worker.

usage: memory_limits.py BOWSTRING LIMIT:WORK,WORK… [LIMIT:WORK,WORK… …]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyspark
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import DoubleType

from fakejvm.client import ConnectionLost, Daemon, spark_environment
from fakejvm.task_bytes import (
    COGROUPED_MAP,
    COGROUPED_MAP_ARROW,
    DIALECTS,
    GROUPED_AGG,
    GROUPED_MAP,
    GROUPED_MAP_ARROW,
    KINDS,
    MAP_ARROW,
    MAP_PANDAS,
    WINDOW_AGG,
    Task,
    Udf,
    encode_data,
    encode_preamble,
    grouped_offsets,
    pickle_command,
)

BATCH_ROWS = 10_000
TIMEOUT = 40.0
"""Seconds without a byte after which a worker hangs; a task takes one or two."""


def plus_one(pdf: Any) -> Any:
    """A frame with one column made anew."""
    return pdf.assign(a=pdf["a"] + 1)


def shortened(pdf: Any) -> Any:
    """A frame whose text is cut."""
    return pdf.assign(s=pdf["s"].str[:9])


def same(value: Any) -> Any:
    """What came: a table, or an iterator of batches."""
    return value


def from_right(left: Any, right: Any) -> Any:
    """The left frame with a column of the right one."""
    return left.assign(a=right["b"])


def left_one(left: Any, _right: Any) -> Any:
    """The left table."""
    return left


def product(first: Any, second: Any) -> float:
    """A number of two Series."""
    return float((first * second).mean())


def numbers(rows: int) -> pa.Table:
    """Four columns of 8 bytes."""
    values = np.arange(rows)
    return pa.table({"id": values, "a": values * 0.5, "b": values * 0.25, "c": values % 7})


def texts(rows: int) -> pa.Table:
    """2,000 characters a row."""
    return pa.table({"id": np.arange(rows), "s": pa.array([str(row % 10) * 2_000 for row in range(rows)])})


@dataclass(frozen=True)
class Work:
    """What tasks of one kind do."""

    eval_type: int
    function: Callable[..., Any]
    table: Callable[[int], pa.Table]
    rows: int
    """Of a group, or of all batches."""
    times: int = 1
    """How often the data come."""
    columns: tuple[int, ...] = ()
    """Which of them a function that returns a number gets."""


WORK = {
    "groups": Work(GROUPED_MAP, plus_one, numbers, 1_000_000, 4),
    "text": Work(GROUPED_MAP, shortened, texts, 60_000),
    "mapInPandas": Work(MAP_PANDAS, same, texts, 60_000),
    "mapInArrow": Work(MAP_ARROW, same, texts, 60_000),
    "cogroups": Work(COGROUPED_MAP, from_right, numbers, 1_000_000, 2),
    "aggregates": Work(GROUPED_AGG, product, numbers, 2_000_000, 2, columns=(1, 2)),
    "windows": Work(WINDOW_AGG, product, numbers, 2_000_000, 2, columns=(1, 2)),
    "applyInArrow": Work(GROUPED_MAP_ARROW, same, numbers, 1_000_000, 4),
    "cogroups in Arrow": Work(COGROUPED_MAP_ARROW, left_one, numbers, 1_000_000, 2),
}


def task_of(work: Work) -> tuple[bytes, bytes]:
    """Preamble and data section of one task: groups that are all the same, pairs of them, or batches."""
    dialect, kind = DIALECTS[pyspark.__version__], KINDS[work.eval_type]
    table = work.table(work.rows)
    batches = table.to_batches(max_chunksize=BATCH_ROWS)
    whole = grouped_offsets(table.num_columns, [])
    data, offsets = {
        "batches": (batches, [0]),
        "groups": ([batches], whole if kind.grouped_offsets else work.columns),
        "cogroups": ([(batches, batches)], [*whole, *whole]),
    }[kind.framing]
    command = pickle_command(work.function, DoubleType() if work.columns else from_arrow_schema(table.schema))
    windows = ["unbounded"] if work.eval_type == WINDOW_AGG else []
    task = Task(Udf(command, offsets), work.eval_type, windows=windows)
    return encode_preamble(dialect, task), encode_data(dialect, work.eval_type, data * work.times)


def outcome(daemon: Daemon, task: tuple[bytes, bytes]) -> str:
    """How a new worker ends its task: rows, the last line of the error, or worse."""
    with daemon.connect() as worker:
        try:
            reply = worker.run(*task, timing_longs=DIALECTS[pyspark.__version__].timing_longs)
        except TimeoutError:
            return "hangs"
        except (ConnectionLost, ConnectionError):
            return "died"
    if reply.traceback:
        return "error: " + last_error(reply.traceback)
    rows = pa.ipc.open_stream(pa.py_buffer(reply.arrow)).read_all().num_rows
    return f"rows: {rows}"


def last_error(traceback: str) -> str:
    """The line with class and message; notes follow it."""
    errors = [line for line in traceback.splitlines() if line[:1].isalpha() and ":" in line.replace("bowstring: ", "")]
    return errors[-1] if errors else traceback.strip().splitlines()[-1]


def main(bowstring: str, limits: dict[int, list[str]]) -> None:
    """Tries every limit with its works; both sides at once, for each has a process of its own."""
    dialect = DIALECTS[pyspark.__version__]
    wanted = {name for names in limits.values() for name in names}
    tasks = {name: task_of(work) for name, work in WORK.items() if name in wanted}
    for limit, names in limits.items():
        environment = spark_environment(Path(sys.executable), PYSPARK_EXECUTOR_MEMORY_MB=str(limit))
        with ExitStack() as stack:
            daemons = {
                side: stack.enter_context(Daemon([program, *dialect.daemon], environment, timeout=TIMEOUT))
                for side, program in {"stock": sys.executable, "bowstring": bowstring}.items()
            }
            sides = stack.enter_context(ThreadPoolExecutor(len(daemons)))
            for name in names:
                answers = zip(daemons, sides.map(outcome, daemons.values(), [tasks[name]] * len(daemons)), strict=True)
                print(json.dumps({"limit": limit, "work": name, **dict(answers)}), flush=True)


if __name__ == "__main__":
    pairs = (argument.split(":") for argument in sys.argv[2:])
    main(sys.argv[1], {int(limit): names.split(",") for limit, names in pairs})
