"""Two sessions of a Spark Connect server on this host, of which one brings an environment with bowstring along.

`connect_ways.py ENVIRONMENT.tar.gz` prints who the workers are, query by query, as one line of JSON. Runs on a Python
with PySpark 4.0 or later and gRPC.
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

    hook = sys.modules.get("_bowstring._spark.hook")
    found = {
        "sum": float(pdf["v"].sum()),
        "bowstring": "_bowstring" in sys.modules,
        "native": getattr(hook, "INSTALLED", None) is not None,
        "executable": sys.executable,
        "cwd": os.getcwd(),
    }
    return pd.DataFrame({"facts": [json.dumps(found)]})


def ask(spark: Any) -> dict[str, Any]:
    """One group."""
    table = spark.range(5).selectExpr("0 as k", "id * 0.5D as v")
    [row] = table.groupBy("k").applyInPandas(facts, "facts string").collect()
    return json.loads(row.facts)


def ask_until_native(spark: Any) -> dict[str, Any]:
    """The first answer of a worker that has installed the native path, or the last one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := ask(spark))["native"] and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


def main(archive: str) -> None:
    """Asks in turn: a session as it is, one with the environment, the first again, the second without it again."""
    # Starts the server.
    plain = SparkSession.builder.remote("local[2]").getOrCreate()
    from pyspark.sql.connect.session import SparkSession as Session

    other = Session.builder.remote("sc://localhost").create()
    answers = {"before": ask(plain)}
    other.addArtifact(f"{archive}#environment", archive=True)
    other.conf.set(SETTING, "./environment/bin/bowstring")
    answers["ours"] = ask_until_native(other)
    answers["beside"] = ask(plain)
    other.conf.unset(SETTING)
    answers["after"] = ask(other)
    print("ANSWERS", json.dumps(answers), flush=True)
    # Ends the server, too; the other session would look for it for minutes.
    plain.stop()


if __name__ == "__main__":
    main(sys.argv[1])
