"""Asks the workers of a Spark session who they are: `wheel_ways.py PYTHON…` prints one line of JSON.

Each PYTHON is what `spark.sql.execution.pyspark.python` is set to for one query, an empty one takes that back, and
`native` asks again until the answer comes from a native worker, or for a minute and a half. Run by spark-submit of an
environment with the wheel, under the settings of one way to switch bowstring on.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession

SETTING = "spark.sql.execution.pyspark.python"
PATIENCE_SECONDS = 90
"""What nobody has recorded of installed versions, the self-test finds out behind the first answer."""


def facts(pdf: pd.DataFrame) -> pd.DataFrame:
    """Runs in a worker: its answer, and the process that it is in."""
    import os
    import sys

    def parent(pid: int) -> int:
        with open(f"/proc/{pid}/stat") as stat:
            return int(stat.read().rpartition(")")[2].split()[1])

    daemon = parent(parent(os.getpid()))
    hook = sys.modules.get("_bowstring._spark.hook")
    main = sys.modules["__main__"]
    found = {
        "sum": float(pdf["v"].sum()),
        "daemon": os.path.basename(os.readlink(f"/proc/{daemon}/exe")),
        "native": getattr(hook, "INSTALLED", None) is not None,
        "executable": sys.executable,
        "argv": sys.argv[1:],
        # CPython 3.9 has none.
        "orig_argv": getattr(sys, "orig_argv", [])[1:],
        "main": [main.__name__, main.__spec__.name],
        "names": sorted(name for name in vars(main) if not name.startswith("__")),
        "bowstring": sorted(name for name in sys.modules if name.partition(".")[0] == "bowstring"),
        "flags": repr(sys.flags),
        "path": sys.path,
        "stdin": os.readlink("/proc/self/fd/0"),
        "cwd": os.getcwd(),
        "environment": {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHON_WORKER_FACTORY_SECRET", "PYTHON_WORKER_FACTORY_SOCK_DIR", "_", "SHLVL", "PWD")
        },
    }
    return pd.DataFrame({"facts": [json.dumps(found)]})


def ask(spark: SparkSession) -> dict[str, Any]:
    """One group, in a worker that has installed the native path where it is going to."""
    table = spark.range(5).selectExpr("0 as k", "id * 0.5D as v").coalesce(1)
    [row] = table.groupBy("k").applyInPandas(facts, "facts string").collect()
    return json.loads(row.facts)


def main() -> None:
    """Answers for each Python in turn."""
    spark = SparkSession.builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    answers = []
    for python in sys.argv[1:]:
        deadline = time.monotonic()
        if python == "native":
            deadline += PATIENCE_SECONDS
        elif python:
            spark.conf.set(SETTING, python)
        else:
            spark.conf.unset(SETTING)
        answers.append(ask(spark))
        while not answers[-1]["native"] and time.monotonic() < deadline:
            time.sleep(0.5)
            answers[-1] = ask(spark)
    rdd = spark.sparkContext.parallelize(range(4), 2).map(lambda n: n * n).collect()
    spark.stop()
    print("ANSWERS", json.dumps({"queries": answers, "rdd": rdd}), flush=True)


if __name__ == "__main__":
    main()
