"""Spark's own settings that reach into workers: the same answer and the same text under each.

Those of the application are changed where the JVM reads them, for the time of a scenario: runners of Python functions
read most of them anew, and what daemons are started for is read again where their variables differ.

Those that wait or start daemons take long and are of the kind `other`: `--kinds all` runs them on every line.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from scenarios.outcomes import outcome_of, rows_in
from scenarios.registry import scenario
from scenarios.tables import pairs

PAIRS = "k long, v double, s string"
CRASHES = {"spark.sql.execution.pyspark.udf.faulthandler.enabled": "true"}
IDLE = "spark.sql.execution.pyspark.udf.idleTimeoutSeconds"
KILL = "spark.sql.execution.pyspark.udf.killOnIdleTimeout"
DUMPS = {"spark.sql.execution.pyspark.udf.tracebackDumpIntervalSeconds": "2"}
PROFILER = "spark.sql.pyspark.udf.profiler"
PATIENCE = 15.0
"""Seconds for a worker to go after it was told so."""


@contextmanager
def application(spark: Any, conf: dict[str, str], **variables: str) -> Iterator[None]:
    """Settings of the application, and variables that no daemon has yet, so that new ones are started."""
    live = spark.sparkContext._jsc.sc().conf()
    before = {key: live.get(key, None) for key in conf}
    for key, value in conf.items():
        live.set(key, value)
    spark.sparkContext.environment.update(variables)
    try:
        yield
    finally:
        for key, value in before.items():
            live.remove(key) if value is None else live.set(key, value)
        for name in variables:
            del spark.sparkContext.environment[name]


def in_worker(spark: Any, facts: Callable[[], Any], plain: bool = True) -> Any:
    """The answers of a grouped-map function, of a function of an RDD, and of a plain one of columns."""
    from pyspark.sql.functions import udf

    def answer(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"fact": [repr(facts())]})

    found = [
        rows_in(pairs(spark).groupBy().applyInPandas(answer, "fact string")),
        spark.sparkContext.parallelize([0], 1).map(lambda _: repr(facts())).collect(),
    ]
    if plain:
        found.append(rows_in(spark.range(1).select(udf(lambda _: repr(facts()), "string")("id"))))
    return found


def own_lines(text: str) -> list[str]:
    """What a report of `faulthandler` says, and the frames of functions of this file, once each."""
    wanted = re.compile(r"(Fatal Python error|Timeout \().*|.*spark_settings\.py\"?, line \d+ in .*")
    found = (match[0].strip() for line in text.splitlines() if (match := wanted.search(line)))
    return list(dict.fromkeys(re.sub(r"File .*/|line \d+", "…", line) for line in found))


def crash(_):
    # No types: there is one function for all kinds, and Spark reads them.
    import faulthandler

    faulthandler._sigsegv()


def death(job: Callable[[], Any]) -> Any:
    """How a job ends whose worker crashes."""
    try:
        return job()
    except Exception as error:
        text = str(error)
        unexpected = re.search(r"Python worker exited unexpectedly[^:\n]*", text)
        return [type(error).__name__, unexpected and unexpected[0], *own_lines(text)]


@scenario(kind="udf", since="4.0", conf=CRASHES)
def report_of_a_crash(spark: Any) -> Any:
    from pyspark.sql.functions import PandasUDFType, pandas_udf, udf

    rows = pairs(spark).coalesce(1)
    found = [
        death(rows.groupBy().applyInPandas(crash, PAIRS).collect),
        death(rows.select(udf(crash, "long")("k")).collect),
        death(rows.select(pandas_udf(crash, "long", PandasUDFType.SCALAR)("k")).collect),
    ]
    assert all(len(lines) == 4 for lines in found), found
    return found


@scenario(kind="udf")
def report_of_a_crash_in_an_rdd(spark: Any) -> Any:
    """Spark 3.5 asks the application's setting for functions of SQL, too."""
    with application(spark, {"spark.python.worker.faulthandler.enabled": "true"}):
        found = [death(spark.sparkContext.parallelize([0], 1).map(crash).collect)]
        if spark.version.startswith("3.5"):
            found.append(death(pairs(spark).groupBy().applyInPandas(crash, PAIRS).collect))
    assert all(len(lines) == 4 for lines in found), found
    return found


def slow(seconds: float) -> Callable[[Any], Any]:
    """A function that takes so long, and gives back what it gets."""

    def wait(taken: Any) -> Any:
        time.sleep(seconds)
        return taken

    return wait


def idleness(job: Callable[[], Any]) -> str:
    """How a job ends whose worker is killed because it is idle; whatever else happens is raised.

    The JVM says why it has killed the worker, or, where a thread of its own sees the end of the connection first, only
    that it is gone.
    """
    try:
        raise AssertionError(f"it was not killed: {job()}")
    except Exception as error:
        text = str(error)
        if "terminated due to idle timeout (timeout: 2 seconds)" in text or "exited unexpectedly (crashed)" in text:
            return type(error).__name__
        raise


@scenario(kind="udf", since="4.0", conf={IDLE: "1"})
def worker_that_is_idle_for_longer_than_allowed(spark: Any) -> Any:
    """Only logged."""
    return pairs(spark).groupBy("k").applyInPandas(slow(0.5), PAIRS)


@scenario(kind="other", since="4.1", conf={KILL: "true"})
def worker_that_is_killed_because_it_is_idle(spark: Any) -> Any:
    from pyspark.sql.functions import udf

    rows = pairs(spark).coalesce(1)
    # Workers are there, and have imported what they need.
    found = [rows_in(rows.groupBy().applyInPandas(slow(0), PAIRS)), rows_in(rows.select(udf(slow(0), "long")("k")))]
    spark.conf.set(IDLE, "2")
    found += [
        idleness(rows.groupBy().applyInPandas(slow(60), PAIRS).collect),
        idleness(rows.select(udf(slow(60), "long")("k")).collect),
    ]
    spark.conf.unset(IDLE)
    with application(
        spark, {"spark.python.worker.idleTimeoutSeconds": "2", "spark.python.worker.killOnIdleTimeout": "true"}
    ):
        found.append(idleness(spark.sparkContext.parallelize([0], 1).map(slow(60)).collect))
    return [*found, rows_in(rows.groupBy().applyInPandas(slow(0), PAIRS))]


def said_meanwhile() -> list[str]:
    """What this process writes to standard error in two and a half seconds."""
    import os
    import tempfile

    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        time.sleep(2.5)
        os.dup2(kept, 2)
        os.close(kept)
        file.seek(0)
        return own_lines(file.read().decode())


@scenario(kind="other", since="4.1", conf=DUMPS)
def tracebacks_at_intervals(spark: Any) -> Any:
    with application(spark, {"spark.python.worker.tracebackDumpIntervalSeconds": "2"}):
        found = in_worker(spark, said_meanwhile, plain=False)
    assert all("Timeout (0:00:02)!" in str(answer) and "in said_meanwhile" in str(answer) for answer in found), found
    return found


@scenario(kind="udf", since="4.1")
def fewer_idle_workers_than_there_were(spark: Any) -> Any:
    """Of two workers that have been busy at once, one is kept."""

    def pid(_: Any) -> int:
        time.sleep(0.5)
        return os.getpid()

    def alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    with application(spark, {"spark.python.factory.idleWorkerMaxPoolSize": "1"}, IDLE_WORKERS="1"):
        pids = set(spark.sparkContext.parallelize(range(2), 2).map(pid).collect())
        deadline = time.monotonic() + PATIENCE
        while sum(map(alive, pids)) > 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        kept = [pid for pid in pids if alive(pid)]
        again = spark.sparkContext.parallelize([0], 1).map(pid).collect()
    return [len(pids), len(kept), again == kept]


@scenario(kind="other")
def limit_on_memory_of_a_resource_profile(spark: Any) -> Any:
    """As the scheduler tells a stage that has one."""

    def facts() -> Any:
        import os
        import resource

        return os.environ.get("PYSPARK_EXECUTOR_MEMORY_MB"), resource.getrlimit(resource.RLIMIT_AS)

    spark.sparkContext.setLocalProperty("resource.pyspark.memory", "4096")
    found = in_worker(spark, facts)
    spark.sparkContext.setLocalProperty("resource.pyspark.memory", None)
    assert "'4096'" in str(found) or "'2048'" in str(found), found
    return found


@scenario(kind="other", since="4.1")
def unix_sockets_in_a_folder(spark: Any) -> Any:
    with TemporaryDirectory(dir="/tmp") as folder:
        settings = {"enabled": "true", "dir": folder}
        conf = {f"spark.python.unix.domain.socket.{name}": value for name, value in settings.items()}
        with application(spark, conf, WITH_UNIX_SOCKETS="1"):
            found = in_worker(spark, lambda: os.environ["PYTHON_UNIX_DOMAIN_ENABLED"])
            sockets = {path.suffix for path in Path(folder).iterdir() if path.is_socket()}
            error = outcome_of(pairs(spark).groupBy().applyInPandas(lambda pdf: pdf["nothing"], PAIRS))
    return [found, sockets, error]


def profiled(spark: Any) -> list[Any]:
    """Rows of functions of several kinds, whose calls were counted, and what was found of memory."""
    from pyspark.sql.functions import PandasUDFType, pandas_udf, udf

    def doubled(v: pd.Series) -> pd.Series:
        return v * 2

    def mean(v: pd.Series) -> float:
        return v.mean()

    rows = pairs(spark).coalesce(1)
    spark.profile.clear()
    found = [
        rows_in(rows.select(udf(lambda k: k + 1, "bigint")("k"))),
        rows_in(rows.select(udf(lambda k: k + 1, "bigint", useArrow=True)("k"))),
        rows_in(rows.select(pandas_udf(doubled, "double", PandasUDFType.SCALAR)("v"))),
        rows_in(rows.groupBy("k").agg(pandas_udf(mean, "double", PandasUDFType.GROUPED_AGG)("v"))),
        rows_in(rows.groupBy("k").applyInPandas(slow(0), PAIRS)),
    ]
    collector = spark._profiler_collector
    calls = [
        sorted((key[2], stat[0]) for key, stat in stats.stats.items() if "spark_settings" in key[0])
        for stats in collector._perf_profile_results.values()
    ]
    profiled = [sorted(map(str, map(len, results.values()))) for results in collector._memory_profile_results.values()]
    spark.profile.clear()
    return [found, calls, profiled]


@scenario(kind="udf", since="4.0", conf={PROFILER: "perf"})
def functions_with_a_profiler(spark: Any) -> Any:
    found = profiled(spark)
    assert [calls for [(_, calls)] in found[1]] == [10, 10, 1, 3, 3], found
    return found


@scenario(kind="udf", since="4.0", conf={PROFILER: "memory"}, expect="either")
def functions_with_a_profiler_of_memory(spark: Any) -> Any:
    """Without the package `memory_profiler` nothing is profiled; Spark 4.1 fails then."""
    return profiled(spark)


@scenario(kind="udf")
def profiles_of_rdds(spark: Any) -> Any:
    """The collector is what the context makes for `spark.python.profile` when it starts."""
    from pyspark.profiler import BasicProfiler, MemoryProfiler, ProfilerCollector, UDFBasicProfiler

    def square(n: int) -> int:
        return n * n

    context = spark.sparkContext
    collector = ProfilerCollector(BasicProfiler, UDFBasicProfiler, MemoryProfiler)
    before, context.profiler_collector = context.profiler_collector, collector
    try:
        with application(spark, {"spark.python.profile": "true"}):
            found = [context.parallelize(range(6), 2).map(square).collect()]
            found.append(rows_in(pairs(spark).groupBy("k").applyInPandas(slow(0), PAIRS)))
        stats = [profiler.stats() for _, profiler, _ in collector.profilers]
    finally:
        context.profiler_collector = before
    calls = [
        each and sorted((key[2], stat[0]) for key, stat in each.stats.items() if "spark_settings" in key[0])
        for each in stats
    ]
    assert calls and ("square", 6) in calls[0], calls
    return [found, calls]


@scenario(kind="udf", since="4.2")
def threads_of_a_process(spark: Any) -> Any:
    """`python -m pyspark.threaddump`, which the JVM runs with the same Python as workers."""
    command = [spark.sparkContext.pythonExec, "-m", "pyspark.threaddump"]
    runs = [
        subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        for words in (["-p", str(os.getpid())], [])
    ]
    return [(done.returncode, done.stdout.replace(str(os.getpid()), "…")) for done in runs]
