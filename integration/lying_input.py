"""Sends tasks whose Arrow data lie to a bowstring daemon and, where its answer counts, to stock's.

Runs on the interpreter of an environment; `test_lying_input.py` starts it and judges the answers, which are printed as
JSON lines.

usage: lying_input.py BOWSTRING
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyspark
from pyspark.sql.types import StringType, StructField, StructType

from fakejvm.client import ConnectionLost, Daemon, spark_environment
from fakejvm.task_bytes import DIALECTS, Task, Udf, encode_preamble, grouped_offsets, pickle_command
from lies import Expected, lies


def describe(pdf: Any) -> Any:
    """The user's function: one row that says what the column looks like from Python."""
    import pandas as pd

    column = pdf["c"]
    try:
        values = repr([(type(value).__name__, value) for value in column])
    except UnicodeDecodeError as error:
        values = f"{error!r} when they are read"
    return pd.DataFrame({"seen": [f"{column.dtype}: {values}"]})


def ask(daemon: Daemon, timing_longs: int, preamble: bytes, data: bytes) -> dict[str, Any]:
    """What a new worker answers: the groups as they were seen, or the last line of the error."""
    with daemon.connect() as worker:
        try:
            reply = worker.run(preamble, data, timing_longs=timing_longs)
        except (ConnectionLost, ConnectionError):
            return {"kind": "died"}
    if reply.traceback:
        return {"kind": "error", "text": reply.traceback.strip().splitlines()[-1]}
    seen = pa.ipc.open_stream(pa.py_buffer(reply.arrow)).read_all().column(0)
    return {"kind": "groups", "text": [row["seen"] for row in seen.to_pylist()]}


def main(bowstring: str) -> None:
    """Tries every lie."""
    dialect = DIALECTS[pyspark.__version__]
    command = pickle_command(describe, StructType([StructField("seen", StringType())]))
    preamble = encode_preamble(dialect, Task(Udf(command, grouped_offsets(2, [0]))))
    environment = spark_environment(Path(sys.executable), BOWSTRING_PYTHON=sys.executable, BOWSTRING_ERROR_NOTES="off")

    def start(program: Sequence[str]) -> Daemon:
        return Daemon([*program, *dialect.daemon], environment)

    with start([bowstring]) as ours, start([sys.executable]) as stocks:
        for lie in lies(compressed=dialect.stream_per_group):
            data = lie.data(dialect)
            answers = {"bowstring": ask(ours, dialect.timing_longs, preamble, data)}
            if lie.expected is not Expected.OURS:
                answers["stock"] = ask(stocks, dialect.timing_longs, preamble, data)
            facts = {"lie": lie.name, "expected": lie.expected.name, "place": lie.place}
            print(json.dumps({**facts, **answers}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
