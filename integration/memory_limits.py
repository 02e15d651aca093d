"""Runs the same work under limits on address space, step by step, on stock's workers and on bowstring's.

Runs on the interpreter of an environment; `test_memory_limits.py` starts it and judges the answers, which are printed
as JSON lines. The limit is what Spark makes of `spark.executor.pyspark.memory`, in MiB; each task has a new worker.

usage: memory_limits.py BOWSTRING LIMIT [LIMIT …]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyspark
from pyspark.sql.pandas.types import from_arrow_schema

from fakejvm.client import ConnectionLost, Daemon, spark_environment
from fakejvm.task_bytes import DIALECTS, Task, Udf, encode_data, encode_preamble, grouped_offsets, pickle_command

GROUPED_MAP, MAP_PANDAS, MAP_ARROW = 201, 205, 207
BATCH_ROWS = 10_000
TIMEOUT = 40.0
"""Seconds without a byte after which a worker hangs; a task takes one or two."""


def plus_one(pdf: Any) -> Any:
    """A frame with one column made anew."""
    return pdf.assign(a=pdf["a"] + 1)


def shortened(pdf: Any) -> Any:
    """A frame whose text is cut."""
    return pdf.assign(s=pdf["s"].str[:9])


def same(batches: Iterator[Any]) -> Iterator[Any]:
    """What came."""
    return batches


def numbers(rows: int) -> pa.Table:
    """Four columns of 8 bytes."""
    values = np.arange(rows)
    return pa.table({"id": values, "a": values * 0.5, "b": values * 0.25, "c": values % 7})


def texts(rows: int) -> pa.Table:
    """2,000 characters a row."""
    return pa.table({"id": np.arange(rows), "s": pa.array([str(row % 10) * 2_000 for row in range(rows)])})


WORK = {
    "groups": (GROUPED_MAP, plus_one, numbers(1_000_000), 4),
    "text": (GROUPED_MAP, shortened, texts(60_000), 1),
    "mapInPandas": (MAP_PANDAS, same, texts(60_000), 1),
    "mapInArrow": (MAP_ARROW, same, texts(60_000), 1),
}
"""Eval type, function, data, and how often they come."""


def task_of(eval_type: int, function: Any, table: pa.Table, times: int) -> tuple[bytes, bytes]:
    """Preamble and data section of one task: groups that are all the same, or batches."""
    dialect = DIALECTS[pyspark.__version__]
    batches = table.to_batches(max_chunksize=BATCH_ROWS)
    grouped = eval_type == GROUPED_MAP
    offsets = grouped_offsets(table.num_columns, []) if grouped else [0]
    command = pickle_command(function, from_arrow_schema(table.schema))
    preamble = encode_preamble(dialect, Task(Udf(command, offsets), eval_type))
    return preamble, encode_data(dialect, eval_type, [batches] * times if grouped else batches * times)


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


def main(bowstring: str, limits: list[int]) -> None:
    """Tries every limit with every work."""
    dialect = DIALECTS[pyspark.__version__]
    tasks = {name: task_of(*work) for name, work in WORK.items()}
    for limit in limits:
        environment = spark_environment(Path(sys.executable), PYSPARK_EXECUTOR_MEMORY_MB=str(limit))
        with ExitStack() as stack:
            daemons = {
                side: stack.enter_context(Daemon([program, *dialect.daemon], environment, timeout=TIMEOUT))
                for side, program in {"stock": sys.executable, "bowstring": bowstring}.items()
            }
            for name, task in tasks.items():
                answers = {side: outcome(daemon, task) for side, daemon in daemons.items()}
                print(json.dumps({"limit": limit, "work": name, **answers}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], list(map(int, sys.argv[2:])))
