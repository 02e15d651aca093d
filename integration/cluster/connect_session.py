"""Sessions of a Spark Connect server whose workers have no bowstring: one brings its environment along.

Runs on the client's host: `connect_session.py sc://connect ENVIRONMENT.tar.gz` prints one line of JSON for each query:
who the workers are, and how long it took.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql.connect.session import SparkSession

SETTING = "spark.sql.execution.pyspark.python"
PATIENCE_SECONDS = 60
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
    started = time.monotonic()
    table = spark.range(5).selectExpr("0 as k", "id * 0.5D as v")
    [row] = table.groupBy("k").applyInPandas(facts, "facts string").collect()
    return {**json.loads(row.facts), "seconds": round(time.monotonic() - started, 2)}


def say(name: str, answer: dict[str, Any]) -> None:
    print(json.dumps({"name": name, **answer}), flush=True)


def main(url: str, archive: str) -> None:
    """A session as it is; two that bring the environment, for stock's worker and for ours; the first one again."""
    plain = SparkSession.builder.remote(url).create()
    say("plain", ask(plain))
    sessions = {}
    for name, program in (("stock", "python"), ("ours", "bowstring")):
        sessions[name] = session = SparkSession.builder.remote(url).create()
        started = time.monotonic()
        session.addArtifact(f"{archive}#environment", archive=True)
        upload = round(time.monotonic() - started, 2)
        session.conf.set(SETTING, f"./environment/bin/{program}")
        say(name, {**ask(session), "upload": upload})
        say(f"{name}, again", ask(session))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := ask(sessions["ours"]))["native"] and time.monotonic() < deadline:
        time.sleep(0.5)
    say("ours, at last", answer)
    say("plain, again", ask(plain))
    sessions["ours"].conf.unset(SETTING)
    say("ours, switched off", ask(sessions["ours"]))
    for session in (*sessions.values(), plain):
        session.stop()


if __name__ == "__main__":
    main(sys.argv[1], str(Path(sys.argv[2])))
