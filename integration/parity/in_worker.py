"""Runs a function inside a bowstring worker, where the native conversions and PySpark's own can be asked side by side.

Runs on the interpreter of an environment; starts a daemon and sends it one task with one group.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyspark
from pyspark.sql.types import StringType, StructField, StructType

from fakejvm.client import Daemon, spark_environment
from fakejvm.task_bytes import DIALECTS, Task, Udf, encode_groups, encode_preamble, grouped_offsets, pickle_command


def run_in_worker(bowstring: str, answer: Callable[[], str], timeout: float = 900) -> str:
    """What `answer` returns in a worker. Pickled by value, so it has to be defined in `__main__`."""
    dialect = DIALECTS[pyspark.__version__]

    def function(pdf: object) -> object:
        import sys

        import pandas as pd

        # Where nothing is on record for what is installed, the first tasks are stock's.
        is_native = getattr(sys.modules.get("_bowstring._spark.hook"), "INSTALLED", None) is not None
        return pd.DataFrame({"s": [answer() if is_native else None]})

    function.__module__ = "__main__"
    task = Task(Udf(pickle_command(function, StructType([StructField("s", StringType())])), grouped_offsets(1, [0])))
    data = encode_groups(dialect, [[pa.RecordBatch.from_pydict({"k": pa.array([1])})]])
    environment = spark_environment(Path(sys.executable), BOWSTRING_PYTHON=sys.executable)
    message = encode_preamble(dialect, task)
    deadline = time.monotonic() + timeout
    with Daemon([bowstring, *dialect.daemon], environment, timeout=timeout) as daemon, daemon.connect() as worker:
        while time.monotonic() < deadline:
            reply = worker.run(message, data, timing_longs=dialect.timing_longs)
            if reply.traceback:
                raise SystemExit(reply.traceback)
            table = pa.ipc.open_stream(bytes(reply.arrow)).read_all()
            text = table.column(0).combine_chunks().field(0)[0].as_py()
            if text is not None:
                return text
            time.sleep(0.1)
    raise SystemExit("the native path was not installed")
