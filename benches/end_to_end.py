"""Measures whole queries on a Spark session: the same cached table, with stock PySpark and with bowstring in turn.

Runs on the interpreter under test; `run.py` starts it. Results go to a file as JSON, progress to standard output, and
what daemons and JVM have to say to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pyspark
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benches import frames
from benches.plan import Case, chosen
from benches.queries import QUERIES
from benches.versions import versions

CORES = 2
PARTITIONS = 2 * CORES
SIDES = ("stock", "bowstring")
T = TypeVar("T")


def start_session() -> SparkSession:
    """A local session without anything that a benchmark does not need."""
    session = (
        SparkSession.builder.master(f"local[{CORES}]")
        .appName("bowstring end to end")
        .config("spark.driver.memory", "4g")
        .config("spark.log.level", "ERROR")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", PARTITIONS)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    return session


def make_input(session: SparkSession, case: Case, quick: bool) -> DataFrame:
    """A cached table that is already partitioned and sorted by its key: 1 long and 4 doubles."""
    total = case.size(quick) * case.rows
    values = [F.randn(frames.SEED + n).alias(name) for n, name in enumerate(("v", "a", "b", "c"))]
    key = F.floor(F.col("id") / case.rows).alias("k")
    table = session.range(0, total, 1, PARTITIONS).select(key, *values)
    table = table.repartition(PARTITIONS, "k").sortWithinPartitions("k").cache()
    if table.count() != total:
        raise SystemExit(f"{case.id}: the input table has not the {total:,} rows that were asked for")
    return table


def fingerprint(result: DataFrame) -> tuple[int, str]:
    """Rows, and a hash of all values that does not depend on their order."""
    row = (
        result.select(F.xxhash64(*result.columns).cast("decimal(20,0)").alias("h"))
        .agg(F.count("h"), F.sum("h"))
        .first()
    )
    if row is None:
        raise SystemExit("an aggregate came back empty")
    return int(row[0]), str(row[1])


def read(result: DataFrame, sink: Callable[[DataFrame], T]) -> T:
    """Gives `sink` all rows of a query; those of a stream come in one micro-batch."""
    if not result.isStreaming:
        return sink(result)
    taken: list[T] = []
    with tempfile.TemporaryDirectory() as checkpoint:
        writer = result.writeStream.outputMode("update").option("checkpointLocation", checkpoint)
        query = writer.foreachBatch(lambda batch, _: taken.append(sink(batch))).trigger(availableNow=True).start()
        query.awaitTermination()
    if len(taken) != 1:
        raise SystemExit(f"a stream came in {len(taken)} micro-batches")
    return taken[0]


def drop(result: DataFrame) -> None:
    """Computes all rows."""
    result.write.format("noop").mode("overwrite").save()


def run(session: SparkSession, case: Case, executables: dict[str, str], repeat: int, quick: bool) -> dict[str, Any]:
    """Seconds of the query on both sides, who take turns at being first; a warm-up before compares their rows."""
    table, query = make_input(session, case, quick), QUERIES[case.udf]
    asked = query(table, case)
    # Streams with state have to shuffle, and have no plan before they run.
    plan = "" if asked.isStreaming else asked._jdf.queryExecution().executedPlan().toString()  # type: ignore[operator]
    if "Exchange" in plan.split("InMemoryTableScan")[0]:
        raise SystemExit(f"{case.id}: the query shuffles, so it does not measure what it should:\n{plan}")
    context = session.sparkContext
    prints = {}
    for side in SIDES:
        context.pythonExec = executables[side]
        prints[side] = read(query(table, case), fingerprint)
    if prints["stock"] != prints["bowstring"]:
        raise SystemExit(f"{case.id}: the answers differ: {prints}")
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for turn in range(repeat):
        # Who comes second may find garbage of the first's, so they change places.
        for side in SIDES if turn % 2 == 0 else SIDES[::-1]:
            context.pythonExec = executables[side]
            measured = query(table, case)
            started = time.perf_counter()
            read(measured, drop)
            seconds[side].append(time.perf_counter() - started)
    table.unpersist(blocking=True)
    return {
        **{side: statistics.median(seconds[side]) for side in SIDES},
        "samples": seconds,
        "rows": prints["stock"][0],
        "checksum": prints["stock"][1],
    }


def main() -> None:
    """Runs the chosen cases, writes their results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bowstring", type=Path, required=True, help="the binary")
    parser.add_argument("--output", type=Path, required=True, help="file for the results")
    parser.add_argument("--only", help="part of the ids of the cases to run")
    parser.add_argument("--repeat", type=int, default=3, help="timed runs of each side")
    parser.add_argument("--quick", action="store_true", help="few groups")
    options = parser.parse_args()

    executables = {"stock": sys.executable, "bowstring": str(options.bowstring)}
    os.environ["BOWSTRING_PYTHON"] = os.environ["PYSPARK_PYTHON"] = sys.executable
    warnings.simplefilter("ignore", FutureWarning)
    session = start_session()
    results = {}
    try:
        for case in chosen(options.only, "end-to-end"):
            if case.since > pyspark.__version__:
                continue
            started = time.monotonic()
            print(f"  {case.title(options.quick)} …", end="", flush=True)
            result = run(session, case, executables, options.repeat, options.quick)
            results[case.id] = result
            figures = " / ".join(f"{result[side]:.{case.digits}f}" for side in SIDES)
            print(f" {figures} {case.unit} ({time.monotonic() - started:.0f} s)", flush=True)
    finally:
        session.stop()
    options.output.write_text(json.dumps({"versions": versions(), "results": results}))


if __name__ == "__main__":
    main()
