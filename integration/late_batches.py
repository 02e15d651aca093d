"""Sends data whose second batch comes late, and writes down whether the function had the first one by then.

The same for a function that raises meanwhile, with a thread that waits for the second.

One JSON line for each kind whose functions go through the batches of a group, or of the task. Runs on the interpreter
of an environment; `test_late_batches.py` starts it and judges the answers.

usage: late_batches.py COMMAND
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyspark
from pyspark.sql.types import LongType, StructField, StructType

from fakejvm.client import Daemon, spark_environment
from fakejvm.task_bytes import (
    DIALECTS,
    GROUPED_AGG_ARROW_ITER,
    GROUPED_AGG_ITER,
    GROUPED_MAP_ARROW_ITER,
    GROUPED_MAP_ITER,
    KINDS,
    SCALAR_PANDAS_ITER,
    Kind,
    Task,
    Udf,
    encode_data,
    encode_preamble,
    grouped_offsets,
    pickle_command,
)

TRIED = (SCALAR_PANDAS_ITER, GROUPED_MAP_ARROW_ITER, GROUPED_MAP_ITER, GROUPED_AGG_ITER, GROUPED_AGG_ARROW_ITER)
PATIENCE = 20.0
"""Seconds for the function to get the first batch. It never does where more is read first."""
AFTER_THE_BATCHES = {"groups": 8 + 4 + 4, "batches": 8 + 4}
"""Bytes: the end of the Arrow stream, that of the groups, that of the task."""


def aggregate(directory: str) -> Callable[[Any], int]:
    """How many rows a group has; leaves a file for each batch as it comes."""

    def rows(batches: Any) -> int:
        total = 0
        for number, batch in enumerate(batches):
            (Path(directory) / str(number)).touch()
            total += len(batch)
        return total

    return rows


def each(directory: str) -> Callable[[Any], Any]:
    """The batches as they are; leaves a file for each as it comes."""

    def same(batches: Any) -> Any:
        for number, batch in enumerate(batches):
            (Path(directory) / str(number)).touch()
            yield batch

    return same


def fails_beside_a_thread(kind: Kind) -> Callable[[Any], Any]:
    """Raises while a thread of the function waits for the next batch."""

    def fail(batches: Any) -> None:
        iterator = iter(batches)
        next(iterator)
        threading.Thread(target=next, args=(iterator, None), daemon=True).start()
        # For the thread to begin; a worker that answers need not care.
        time.sleep(0.3)
        raise RuntimeError("enough")

    def generate(batches: Any) -> Any:
        yield fail(batches)

    return fail if kind.framing == "groups" and not kind.grouped_offsets else generate


def try_failure(daemon: Daemon, eval_type: int) -> dict[str, Any]:
    """The last line of the error that comes before the second batch, if it does not wait for that."""
    dialect, kind = DIALECTS[pyspark.__version__], KINDS[eval_type]
    batch = pa.record_batch({"v": pa.array([1, 2, 3])})
    with daemon.connect() as worker:
        function = fails_beside_a_thread(kind)
        if kind.grouped_offsets:
            command = pickle_command(function, StructType([StructField("v", LongType())]))
            udf = Udf(command, grouped_offsets(1, [0]))
        else:
            udf = Udf(pickle_command(function, LongType()), [0])
        data = [[batch]] if kind.framing == "groups" else [batch]
        one = encode_data(dialect, eval_type, data)
        first = len(one) - AFTER_THE_BATCHES[kind.framing]
        worker.send(encode_preamble(dialect, Task(udf, eval_type)) + one[:first])
        reply = worker.read_reply(dialect.timing_longs)
        lines = [line for line in (reply.traceback or "").splitlines() if "Error" in line]
        return {"kind": kind.name, "error": lines[-1:]}


def try_kind(daemon: Daemon, eval_type: int) -> dict[str, Any]:
    """Whether the function had the first batch before the second was sent, and how many rows were answered."""
    dialect, kind = DIALECTS[pyspark.__version__], KINDS[eval_type]
    batch = pa.record_batch({"v": pa.array([1, 2, 3])})
    with tempfile.TemporaryDirectory() as directory, daemon.connect() as worker:
        if kind.grouped_offsets:
            command = pickle_command(each(directory), StructType([StructField("v", LongType())]))
            udf = Udf(command, grouped_offsets(1, [0]))
        else:
            function = aggregate if kind.framing == "groups" else each
            udf = Udf(pickle_command(function(directory), LongType()), [0])
        batches = [[batch], [batch, batch]]
        data = [[whole] for whole in batches] if kind.framing == "groups" else batches
        one, two = (encode_data(dialect, eval_type, whole) for whole in data)
        first = len(one) - AFTER_THE_BATCHES[kind.framing]
        worker.send(encode_preamble(dialect, Task(udf, eval_type)) + two[:first])
        deadline = time.monotonic() + PATIENCE
        while not (early := (Path(directory) / "0").exists()) and time.monotonic() < deadline:
            time.sleep(0.01)
        worker.send(two[first:])
        reply = worker.read_reply(dialect.timing_longs)
        rows = None if reply.traceback else pa.ipc.open_stream(reply.arrow).read_all().num_rows
        return {"kind": kind.name, "early": early, "rows": rows, "traceback": reply.traceback}


def main(command: str) -> None:
    """Tries every kind that the Spark line has."""
    dialect = DIALECTS[pyspark.__version__]
    environment = spark_environment(Path(sys.executable), BOWSTRING_PYTHON=sys.executable)
    with Daemon([command, *dialect.daemon], environment) as daemon:
        for eval_type in TRIED:
            if KINDS[eval_type].known_to(dialect):
                print(json.dumps(try_kind(daemon, eval_type) | try_failure(daemon, eval_type)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
