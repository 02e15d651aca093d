"""A Spark application that does what it is told: one line of JSON in, one line of JSON for each thing that happened.

Runs on the client's host (`applications.py` is the other end). A job is

    {"job": "grouped", "python": "/opt/venv/bin/bowstring", "groups": 48, "rows": 500, "nap": 0.1, …}

and its answers are `progress` lines and an `end` with the rows' number and checksum, or the error.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
from pyspark import cloudpickle
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

PROGRESS_SECONDS = 0.2


def say(**event: Any) -> None:
    print(json.dumps({"at": round(time.time(), 2), **event}), flush=True)


def grouped(spark: SparkSession, wanted: dict[str, Any]) -> Any:
    """Some statistics for each group, after a shuffle; each call takes at least `nap` seconds."""
    groups, rows, nap = wanted["groups"], wanted["rows"], wanted["nap"]
    glutton, bytes_wanted = wanted.get("glutton"), wanted.get("bytes", 0)

    def summarise(pdf: pd.DataFrame) -> pd.DataFrame:
        import time as clock

        import numpy as np
        from pyspark import TaskContext

        key = int(pdf["k"].iloc[0])
        context = TaskContext.get()
        if key == glutton and context is not None and context.attemptNumber() == 0:
            # More than the container may have, and used, so that it is taken.
            np.ones(bytes_wanted // 8).sum()
        clock.sleep(nap)
        return pd.DataFrame({"k": [key], "n": [len(pdf)], "mean": [pdf["v"].mean()], "text": [pdf["s"].max()]})

    table = spark.range(groups * rows).select(
        (F.col("id") % groups).alias("k"), (F.col("id") * 0.25).alias("v"), F.hex("id").alias("s")
    )
    partitioned = table.repartition(wanted["partitions"], "k")
    return partitioned.groupBy("k").applyInPandas(summarise, "k long, n long, mean double, text string").collect()


def spilling(spark: SparkSession, wanted: dict[str, Any]) -> Any:
    """Groups whose shuffle takes `megabytes` in the local folders."""
    rows = wanted["megabytes"] * 1024

    def last(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"k": [int(pdf["k"].iloc[0])], "n": [len(pdf)], "text": [pdf["s"].max()]})

    # Text of a thousand characters that cannot be compressed to nothing.
    text = F.concat_ws("", *[F.sha2(F.concat(F.col("id").cast("string"), F.lit(f"/{part}")), 512) for part in range(8)])
    table = spark.range(rows).select((F.col("id") % 16).alias("k"), text.alias("s"))
    return (
        table.repartition(wanted["partitions"], "k")
        .groupBy("k")
        .applyInPandas(last, "k long, n long, text string")
        .collect()
    )


def small(spark: SparkSession, wanted: dict[str, Any]) -> Any:
    """A query that is over at once, of as many tasks as are asked for."""

    def double(pdf: pd.DataFrame) -> pd.DataFrame:
        return pdf * 2

    tasks = wanted["partitions"]
    return spark.range(tasks * 4, numPartitions=tasks).groupBy("id").applyInPandas(double, "id long").collect()


JOBS: dict[str, Callable[[SparkSession, dict[str, Any]], Any]] = {
    "grouped": grouped,
    "spilling": spilling,
    "small": small,
}


def checksum(rows: Any) -> str:
    """Of rows in any order."""
    return hashlib.sha256("\n".join(sorted(map(repr, rows))).encode()).hexdigest()[:16]


def tasks(spark: SparkSession) -> dict[str, int]:
    """Tasks of the stages that are running."""
    tracker = spark.sparkContext.statusTracker()
    stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    return {
        "active": sum(stage.numActiveTasks for stage in stages if stage),
        "done": sum(stage.numCompletedTasks for stage in stages if stage),
        "stages": len(stages),
    }


def run(spark: SparkSession, wanted: dict[str, Any]) -> None:
    """Runs a job in a thread of its own, and says how it goes."""
    outcome: dict[str, Any] = {}
    spark.sparkContext.pythonExec = wanted["python"]

    def work() -> None:
        try:
            rows = JOBS[wanted["job"]](spark, wanted)
            outcome.update(rows=len(rows), checksum=checksum(rows))
        except Exception as error:  # whatever it is, it is the outcome
            outcome.update(error=type(error).__name__, text=str(error))

    started = time.monotonic()
    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        thread.join(PROGRESS_SECONDS)
        if not wanted.get("quiet"):
            say(event="progress", **tasks(spark))
    say(event="end", seconds=round(time.monotonic() - started, 2), **outcome)


def main() -> None:
    """Starts the session and does what standard input says, until it ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conf", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    builder = SparkSession.builder.appName("cluster tests")
    for setting in options.conf:
        builder = builder.config(*setting.split("=", 1))
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    say(event="ready", application=spark.sparkContext.applicationId)
    for line in sys.stdin:
        run(spark, json.loads(line))
    spark.stop()


if __name__ == "__main__":
    main()
