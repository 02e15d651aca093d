"""Programs about the life of workers, each run in a Spark session of its own settings: `programs.py --out FILE NAME…`.

The answers of all named programs are written as one JSON object. The worker is `PYSPARK_PYTHON`, as usual.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf

from canonical import error_of
from runner import prove_worker, start_session
from sent_along import sent_along, sent_in_portions, sent_into_the_folder

PATIENCE = 20.0
"""Seconds to wait for something that takes two or three."""


def wait_for(condition: Callable[[], bool]) -> float | None:
    """Seconds until the condition held, or None if it never did."""
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE:
        if condition():
            return time.monotonic() - started
        time.sleep(0.05)
    return None


def alive(pid: int) -> bool:
    """True for a running process; a zombie is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def rows(spark: SparkSession) -> list[Any]:
    """A grouped map and an RDD job with known answers."""
    table = spark.range(40).selectExpr("id % 4 as k", "id * 0.5D as v", "cast(id as string) as s")
    grouped = table.groupBy("k").applyInPandas(lambda pdf: pdf.assign(v=pdf["v"].sum()), "k long, v double, s string")
    rdd = spark.sparkContext.parallelize(range(4), 2).map(lambda n: n * n)
    return [sorted(list(row) for row in grouped.collect()), rdd.collect()]


VARIABLES = (
    {"BOWSTRING_NATIVE": "off"},
    {"BOWSTRING_DISABLE": "1"},
    {"BOWSTRING_LOG": "debug"},
)


def rows_with_variables(spark: SparkSession) -> dict[str, list[Any]]:
    """What `rows` answers under each of bowstring's environment variables; each gets daemons of its own."""
    answers = {}
    for variables in VARIABLES:
        spark.sparkContext.environment.update(variables)
        answers[" ".join(f"{name}={value}" for name, value in variables.items())] = rows(spark)
        for name in variables:
            del spark.sparkContext.environment[name]
    return answers


def pipelined_mode(spark: SparkSession) -> dict[str, Any]:
    """What functions of several kinds see of the mode, one after another, with this worker and with stock."""

    def seen() -> str:
        import subprocess

        name = "SPARK_PIPELINED_UDF"
        inherited = subprocess.run(["printenv", name], capture_output=True, text=True, check=False)
        return f"{os.environ.get(name)} {os.getenv(name)} {inherited.stdout.strip()}"

    class Unpickled:
        def __init__(self) -> None:
            self.found = ""

        def __setstate__(self, state: Any) -> None:
            self.found = seen()

        def __getstate__(self) -> Any:
            return {"found": ""}

    early = Unpickled()

    def frames(taken: Any) -> Any:
        for pdf in taken:
            yield pdf.assign(seen=f"{seen()} {early.found}")

    def frame(pdf: pd.DataFrame) -> pd.DataFrame:
        return pdf.assign(seen=f"{seen()} {early.found}")

    def outcome() -> Any:
        ddl, table = "id long, seen string", spark.range(1).coalesce(1)
        found = {
            "grouped": table.groupBy("id").applyInPandas(frame, ddl),
            "plain": table.select(udf(lambda _: seen(), "string")("id")),
            "mapped": table.mapInPandas(frames, ddl),
            "optimised": table.select(udf(lambda _: seen(), "string", useArrow=True)("id")),
            "grouped again": table.groupBy("id").applyInPandas(frame, ddl),
        }
        return {name: [list(row) for row in rows.collect()] for name, rows in found.items()}

    def threads(pdf: pd.DataFrame) -> pd.DataFrame:
        return pdf.assign(threads=str([thread.name for thread in threading.enumerate()]))

    worker = spark.sparkContext.pythonExec
    ours = outcome()
    found = spark.range(1).groupBy("id").applyInPandas(threads, "id long, threads string").collect()
    spark.sparkContext.pythonExec = os.environ["BOWSTRING_PYTHON"]
    stock = outcome()
    spark.sparkContext.pythonExec = worker
    return {"ours": ours, "stock": stock, "our threads": found[0].threads}


def warnings_as_errors(spark: SparkSession) -> dict[str, Any]:
    """A grouped map under `PYTHONWARNINGS=error`: with stock, with this worker, and with its native path off."""

    def outcome(worker: str, **variables: str) -> Any:
        spark.sparkContext.pythonExec = worker
        spark.sparkContext.environment.update(variables)
        try:
            found = spark.range(4).groupBy().applyInPandas(lambda pdf: pdf, "id long").collect()
            return sorted(row.id for row in found)
        except Exception as error:
            return error_of(error)
        finally:
            for name in variables:
                del spark.sparkContext.environment[name]

    ours = spark.sparkContext.pythonExec
    answers = {
        "stock": outcome(os.environ["BOWSTRING_PYTHON"], PYTHONWARNINGS="error"),
        "off": outcome(ours, PYTHONWARNINGS="error", BOWSTRING_NATIVE="off"),
        "ours": outcome(ours, PYTHONWARNINGS="error"),
    }
    spark.sparkContext.pythonExec = ours
    return answers


def worker_pids(spark: SparkSession) -> list[list[tuple[int, int]]]:
    """Worker and daemon pid of each task of four jobs, one after another."""

    def pids(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"worker": [os.getpid()], "daemon": [os.getppid()]})

    def job() -> list[tuple[int, int]]:
        found = spark.range(8).groupBy("id").applyInPandas(pids, "worker int, daemon int").collect()
        return sorted({(row.worker, row.daemon) for row in found})

    return [job() for _ in range(4)]


def dies(spark: SparkSession, how: Callable[[], None]) -> Any:
    """A job whose workers die at their first attempt, and only then."""

    def fatal(pdf: pd.DataFrame) -> pd.DataFrame:
        from pyspark import TaskContext

        if TaskContext.get().attemptNumber() == 0:
            how()
        return pdf

    found = spark.range(4).coalesce(1).groupBy("id").applyInPandas(fatal, "id long").collect()
    return sorted(row.id for row in found)


def dies_by_exit(spark: SparkSession) -> Any:
    """The worker leaves without a word."""
    return dies(spark, lambda: os._exit(3))


def dies_by_signal(spark: SparkSession) -> Any:
    """The worker crashes."""
    return dies(spark, lambda: os.kill(os.getpid(), signal.SIGSEGV))


def takes_much_memory(spark: SparkSession) -> dict[str, Any]:
    """The memory limit of a worker, and a function that wants more than that; with stock and with this worker."""

    def outcome() -> Any:
        def limit(pdf: pd.DataFrame) -> pd.DataFrame:
            import resource

            return pdf.assign(size=resource.getrlimit(resource.RLIMIT_AS)[0])

        def greedy(pdf: pd.DataFrame) -> pd.DataFrame:
            import resource

            size = resource.getrlimit(resource.RLIMIT_AS)[0]
            return pdf.assign(size=len(bytearray(max(size, 1))))

        limits = spark.range(1).groupBy("id").applyInPandas(limit, "id long, size long").collect()
        try:
            taken: Any = spark.range(1).groupBy("id").applyInPandas(greedy, "id long, size long").collect()
        except Exception as error:
            taken = error_of(error)
        return {"limit": limits[0].size, "greedy": taken}

    worker = spark.sparkContext.pythonExec
    ours = outcome()
    spark.sparkContext.pythonExec = os.environ["BOWSTRING_PYTHON"]
    stock = outcome()
    spark.sparkContext.pythonExec = worker
    return {"ours": ours, "stock": stock}


def declines(spark: SparkSession) -> dict[str, Any]:
    """What becomes of a kind that raises an exception, and of one that raises something else."""

    def attempts(pdf: pd.DataFrame) -> pd.DataFrame:
        install = import_module("_bowstring._spark.hook")

        def kind_that_fails(parts: Any) -> Any:
            raise TypeError("of no importance")

        def kind_that_leaves(parts: Any) -> Any:
            raise SystemExit(3)

        answers = [install.attempt(kind_that_fails, None) for _ in range(2)]
        try:
            install.attempt(kind_that_leaves, None)
        except SystemExit as error:
            answers.append(error.code)
        return pd.DataFrame({"s": [json.dumps([*answers, dict(install.DECLINED)])]})

    spark.sparkContext.environment["BOWSTRING_LOG"] = "debug"
    found = spark.range(1).groupBy().applyInPandas(attempts, "s string").collect()
    del spark.sparkContext.environment["BOWSTRING_LOG"]
    return json.loads(found[0].s)


SCRIPT = """#!/bin/sh
export BY_SCRIPT=yes PYTHONPATH="{folder}/more:$PYTHONPATH" OPENBLAS_NUM_THREADS="${{OPENBLAS_NUM_THREADS:-3}}"
ulimit -n 777
umask 077
exec '{python}' -s -X dev_of_nobody "$@"
"""
"""Stands where the Python is expected, and starts it."""


def started_by_a_script(spark: SparkSession) -> dict[str, Any]:
    """What functions see of a script in the Python's place; with stock and with this worker."""
    folder = Path(tempfile.mkdtemp())
    (folder / "more").mkdir()
    (folder / "more" / "only_by_script.py").write_text("answer = 42\n")
    script = folder / "python-by-script"
    script.write_text(SCRIPT.format(folder=folder, python=os.environ["BOWSTRING_PYTHON"]))
    script.chmod(0o755)

    def facts() -> dict[str, Any]:
        import resource
        import sys

        try:
            import only_by_script

            module = only_by_script.answer
        except ImportError as error:
            module = type(error).__name__
        mask = os.umask(0)
        os.umask(mask)
        names = ("BY_SCRIPT", "PYTHONPATH", "OPENBLAS_NUM_THREADS", "JE_ARROW_MALLOC_CONF")
        return {
            **{name: os.environ.get(name) for name in names},
            "module": module,
            "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "mask": mask,
            "directory": os.getcwd(),
            "executable": sys.executable,
            "prefix": sys.prefix,
            "flags": repr(sys.flags),
            "options": repr(sys._xoptions),
            "path": [entry for entry in sys.path if "userFiles" not in entry],
        }

    def outcome() -> Any:
        table = spark.range(1).groupBy()
        table = table.applyInPandas(lambda pdf: pdf.assign(s=json.dumps(facts())), "id long, s string")
        rdd = spark.sparkContext.parallelize([0], 1).map(lambda _: facts())
        return {"grouped": json.loads(table.collect()[0].s), "rdd": rdd.collect()[0]}

    worker = spark.sparkContext.pythonExec
    spark.sparkContext.environment["BOWSTRING_PYTHON"] = str(script)
    ours = outcome()
    del spark.sparkContext.environment["BOWSTRING_PYTHON"]
    spark.sparkContext.pythonExec = str(script)
    stock = outcome()
    spark.sparkContext.pythonExec = worker
    return {"ours": ours, "stock": stock}


def cancelled(spark: SparkSession, function: Callable[[Path], Callable[[pd.DataFrame], pd.DataFrame]]) -> Any:
    """Cancels a job whose workers would never end. How long they live on, and what a job after them answers."""
    directory = Path(tempfile.mkdtemp())
    failure: list[str] = []

    def job() -> None:
        spark.sparkContext.setJobGroup("endless", "never ends", interruptOnCancel=True)
        try:
            spark.range(2).groupBy("id").applyInPandas(function(directory), "id long").collect()
        except Exception as error:
            failure.append(type(error).__name__)

    thread = threading.Thread(target=job)
    thread.start()
    started = wait_for(lambda: any(directory.iterdir()))
    time.sleep(0.3)
    pids = [int(entry.name) for entry in directory.iterdir()]
    spark.sparkContext.cancelJobGroup("endless")
    thread.join(PATIENCE)
    gone = wait_for(lambda: not any(map(alive, pids)))
    return {"started": started is not None, "failed": bool(failure), "gone_after": gone, "rows": rows(spark)}


def cancelled_while_sleeping(spark: SparkSession) -> Any:
    """The function waits."""

    def endless(directory: Path) -> Callable[[pd.DataFrame], pd.DataFrame]:
        def sleep(pdf: pd.DataFrame) -> pd.DataFrame:
            (directory / str(os.getpid())).touch()
            time.sleep(600)
            return pdf

        return sleep

    return cancelled(spark, endless)


def cancelled_while_busy(spark: SparkSession) -> Any:
    """The function computes, and never lets go of the interpreter for long."""

    def endless(directory: Path) -> Callable[[pd.DataFrame], pd.DataFrame]:
        def spin(pdf: pd.DataFrame) -> pd.DataFrame:
            (directory / str(os.getpid())).touch()
            until = time.monotonic() + 600
            while time.monotonic() < until:
                pass
            return pdf

        return spin

    return cancelled(spark, endless)


def left_after_stop(spark: SparkSession) -> Any:
    """Which workers and daemons outlive the session. Stops it, so it must be the last program."""
    pids = {pid for job in worker_pids(spark) for pair in job for pid in pair}
    spark.stop()
    wait_for(lambda: not any(map(alive, pids)))
    return sorted(pid for pid in pids if alive(pid))


PROGRAMS: dict[str, Callable[[SparkSession], Any]] = {
    program.__name__: program
    for program in (
        rows,
        rows_with_variables,
        pipelined_mode,
        started_by_a_script,
        declines,
        warnings_as_errors,
        worker_pids,
        dies_by_exit,
        dies_by_signal,
        takes_much_memory,
        cancelled_while_sleeping,
        cancelled_while_busy,
        left_after_stop,
        sent_along,
        sent_in_portions,
        sent_into_the_folder,
    )
}


def main() -> None:
    """Runs the named programs in one session."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("names", nargs="+", choices=sorted(PROGRAMS))
    arguments = parser.parse_args()
    spark = start_session(arguments.master, dict(pair.split("=", 1) for pair in arguments.conf))
    if spark.sparkContext.getConf().get("spark.python.use.daemon", "true") == "true":
        prove_worker(spark, spark.sparkContext.pythonExec)
    answers = {name: PROGRAMS[name](spark) for name in arguments.names}
    spark.stop()
    arguments.out.write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
