"""Runs scenarios in one local Spark session, each with stock workers and then with bowstring.

Runs inside an environment that has PySpark: `python runner.py --out FILE NAME…`, or `--list` for what there is. Appends
one JSON line per event to FILE, so that a reader knows at any time what runs and what has been found.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from pyspark import cloudpickle
from pyspark.sql import DataFrame, SparkSession

import scenarios
from canonical import canonical, error_of, rows_of
from scenarios.registry import Scenario, load

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.memory": "1g",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "localhost",
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "spark.default.parallelism": "2",
    "spark.python.worker.faulthandler.enabled": "false",
    "spark.sql.execution.pyspark.udf.faulthandler.enabled": "false",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
}


def start_session(master: str = "local[2]", settings: dict[str, str] | None = None) -> SparkSession:
    """A small local session with everything off that only costs time. Scenario functions are pickled by value."""
    cloudpickle.register_pickle_by_value(scenarios)
    builder = SparkSession.builder.master(master).appName("integration")
    for key, value in {**SETTINGS, **(settings or {})}.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


@contextmanager
def configured(spark: SparkSession, conf: dict[str, str]) -> Iterator[None]:
    """Sets session configuration and takes it back."""
    before = {key: spark.conf.get(key, None) for key in conf}
    for key, value in conf.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, value)


def observe(spark: SparkSession, scenario: Scenario) -> dict[str, Any]:
    """Runs a scenario with the current worker: its rows and schema, or its error, and the seconds it took."""
    started = time.monotonic()
    outcome: dict[str, Any] = {}
    try:
        with configured(spark, dict(scenario.conf)):
            result = scenario.run(spark)
            if isinstance(result, DataFrame):
                outcome["schema"] = result.schema.simpleString()
                outcome["rows"] = rows_of(result.collect(), ordered=False)
            elif isinstance(result, list):
                outcome["rows"] = rows_of(result, ordered=True)
            else:
                outcome["rows"] = [canonical(result)]
    except Exception as error:  # whatever it is, it is the outcome
        outcome = {"error": error_of(error)}
    outcome["seconds"] = round(time.monotonic() - started, 3)
    return outcome


def probe(spark: SparkSession) -> dict[str, str]:
    """The executables of a grouped-map worker and of an RDD worker, each with those of its parents."""

    def executables(_: Any) -> str:
        found, pid = [], os.getpid()
        # The worker, its zygote, the daemon; above that is the JVM.
        for _ in range(3):
            found.append(os.readlink(f"/proc/{pid}/exe"))
            with open(f"/proc/{pid}/stat") as stat:
                pid = int(stat.read().rpartition(")")[2].split()[1])
        return os.pathsep.join(found)

    def frame(pdf: Any) -> Any:
        return pdf.assign(executables=executables(None))[["executables"]]

    grouped = spark.range(1).groupBy("id").applyInPandas(frame, "executables string").collect()
    rdd = spark.sparkContext.parallelize([0], 1).map(executables).collect()
    return {"grouped": grouped[0][0], "rdd": rdd[0]}


def prove_worker(spark: SparkSession, program: str) -> dict[str, str]:
    """Exits unless workers run that program. A stand-in script runs what it likes."""
    found, wanted = probe(spark), os.path.realpath(program)
    if is_program(wanted) and not all(wanted in chain.split(os.pathsep) for chain in found.values()):
        raise SystemExit(f"workers should run {wanted}, but run {found}")
    return found


def is_program(path: str) -> bool:
    """True for a compiled program, False for a stand-in script."""
    return Path(path).read_bytes()[:4] == b"\x7fELF"


def run(spark: SparkSession, names: list[str], bowstring: str, stock: str | None, emit: Callable[..., None]) -> None:
    """Runs the named scenarios on both sides, after and before proving which program the workers run.

    `stock` is a script that stands for the session's Python; None is that Python itself.
    """
    registry = load()
    python = spark.sparkContext.pythonExec
    workers = {"stock": stock or python, "bowstring": bowstring}
    programs = {"stock": python, "bowstring": bowstring}

    def prove() -> None:
        for side, worker in workers.items():
            spark.sparkContext.pythonExec = worker
            emit(event="probe", side=side, **prove_worker(spark, programs[side]))

    prove()
    for name in names:
        scenario = registry[name]
        missing = [module for module in scenario.needs if importlib.util.find_spec(module) is None]
        if missing:
            emit(event="skip", scenario=name, reason=f"needs {', '.join(missing)}")
            continue
        for side, worker in workers.items():
            spark.sparkContext.pythonExec = worker
            emit(event="start", scenario=name, side=side)
            emit(event="end", scenario=name, side=side, outcome=observe(spark, scenario))
    prove()
    spark.stop()
    emit(event="done")


def emitter(out: TextIO) -> Callable[..., None]:
    """Writes each event as a line of JSON at once."""

    def emit(**event: Any) -> None:
        out.write(json.dumps({"at": round(time.time(), 3), **event}, ensure_ascii=False) + "\n")
        out.flush()

    return emit


def main() -> None:
    """Lists the scenarios, or runs those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="print all scenarios as JSON")
    parser.add_argument("--out", type=Path, help="file to append events to")
    parser.add_argument("--bowstring", default=os.environ.get("BOWSTRING_BIN"), help="the program to compare")
    parser.add_argument("--stock", help="a script in place of this Python, for the stock side (warm_stock/)")
    parser.add_argument("--master", default="local[2]", help="Spark's master")
    parser.add_argument("--conf", action="append", default=[], metavar="NAME=VALUE", help="a setting of the session")
    parser.add_argument("names", nargs="*", help="scenarios; all when none is named")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.list:
        json.dump([scenario.facts() for scenario in load().values()], sys.stdout)
        return
    if arguments.bowstring is None:
        parser.error("name the program to compare with --bowstring or BOWSTRING_BIN")
    with open(arguments.out or "/dev/stdout", "a", encoding="utf-8") as out:
        spark = start_session(arguments.master, dict(setting.split("=", 1) for setting in arguments.conf))
        run(spark, arguments.names or list(load()), arguments.bowstring, arguments.stock, emitter(out))


if __name__ == "__main__":
    main()
