"""Which way the tasks of a new daemon go, on the interpreter of an environment. Prints one line of JSON.

Each daemon gets tasks on one connection until one is native, then one on a new connection. `recorded` is what is
installed, `unknown` the same on a machine that nothing is on record for.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyspark
from pyspark.sql.types import StringType, StructField, StructType

from fakejvm.client import Daemon, Worker, spark_environment
from fakejvm.task_bytes import DIALECTS, Task, Udf, encode_groups, encode_preamble, grouped_offsets, pickle_command

ANOTHER_MACHINE = """
import os
known = os.uname()
os.uname = lambda: os.uname_result((*known[:4], "another"))
"""
PATIENCE_SECONDS = 120
"""A busy machine takes long for the self-test."""


def way(pdf: object) -> object:
    """Runs in the worker. Of the native path no Python is between PySpark's `process` and the function's wrapper."""
    import sys

    import pandas as pd

    callers, frame = [], sys._getframe()
    while frame is not None:
        callers.append(frame.f_code.co_name)
        frame = frame.f_back
    return pd.DataFrame({"s": ["stock" if "dump_stream" in callers else "native"]})


def tasks() -> bytes:
    """The bytes of a task of one group."""
    dialect = DIALECTS[pyspark.__version__]
    way.__module__ = "__main__"
    task = Task(Udf(pickle_command(way, StructType([StructField("s", StringType())])), grouped_offsets(1, [0])))
    data = encode_groups(dialect, [[pa.RecordBatch.from_pydict({"k": pa.array([1])})]])
    return encode_preamble(dialect, task) + data


def ask(worker: Worker, task: bytes) -> str:
    """Which way a task goes."""
    reply = worker.run(task, timing_longs=DIALECTS[pyspark.__version__].timing_longs)
    if reply.traceback:
        raise SystemExit(reply.traceback)
    return pa.ipc.open_stream(bytes(reply.arrow)).read_all().column(0).combine_chunks().field(0)[0].as_py()


def ways(bowstring: str, task: bytes, pyspark_path: str, sql: bool, **extra: str) -> dict[str, str]:
    """Of one daemon: which way its first task goes, that of the same worker in the end, and a new worker's first."""
    environment = spark_environment(Path(sys.executable), PYTHONPATH=pyspark_path, **extra)
    if not sql:
        # What runners of RDDs do not set.
        del environment["SPARK_SIMPLIFIED_TRACEBACK"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Daemon([bowstring, *DIALECTS[pyspark.__version__].daemon], environment) as daemon:
        with daemon.connect() as worker:
            last = first = ask(worker, task)
            while last != "native" and time.monotonic() < deadline:
                time.sleep(0.05)
                last = ask(worker, task)
            with daemon.connect() as another:
                return {"first": first, "last": last, "another": ask(another, task)}


def main() -> None:
    """Asks daemons of both runners, on both machines, and one whose user wants proof."""
    bowstring, task = sys.argv[1], tasks()
    recorded = spark_environment(Path(sys.executable))["PYTHONPATH"]
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "sitecustomize.py").write_text(ANOTHER_MACHINE)
        unknown = os.pathsep.join((directory, recorded))
        outcome = {
            f"{name}, {'sql' if sql else 'rdd'}": ways(bowstring, task, path, sql)
            for name, path in (("recorded", recorded), ("unknown", unknown))
            for sql in (True, False)
        }
        outcome["unknown, verify"] = ways(bowstring, task, unknown, True, BOWSTRING_NATIVE="verify")
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
