"""What a function can learn of the process that it runs in."""

from __future__ import annotations

from typing import Any

import pandas as pd

from scenarios.registry import scenario
from scenarios.tables import pairs

VOLATILE = ("PYTHON_WORKER_FACTORY_SECRET", "PYTHON_WORKER_FACTORY_SOCK_DIR", "_", "PWD", "OLDPWD", "SHLVL")
"""Variables that differ between two daemons, or that a shell sets on the way."""

FACTS = "fact string, value string"


def ask(spark: Any, facts: Any) -> Any:
    """Runs `facts() -> dict` once in a grouped-map function and once in an RDD function."""

    def answer(pdf: pd.DataFrame) -> pd.DataFrame:
        found = facts()
        return pd.DataFrame({"fact": list(found), "value": [repr(value) for value in found.values()]})

    grouped = pairs(spark).groupBy().applyInPandas(answer, FACTS)
    rdd = spark.sparkContext.parallelize([0], 1).flatMap(lambda _: [repr(item) for item in facts().items()])
    return sorted(tuple(row) for row in grouped.collect()) + sorted(rdd.collect())


@scenario()
def environment_of_the_process(spark: Any) -> Any:
    def facts() -> dict[str, Any]:
        import os

        return {name: "set" if name in VOLATILE else value for name, value in os.environ.items()}

    found = ask(spark, facts)
    return [item for item in found if not any(f"'{name}'" in str(item) or item[0] == name for name in VOLATILE[2:])]


@scenario()
def interpreter_facts(spark: Any) -> Any:
    def facts() -> dict[str, Any]:
        import locale
        import signal
        import sys
        import threading

        names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGPIPE")
        main = sys.modules["__main__"]
        return {
            "arguments": sys.argv[1:],
            "executable": sys.executable,
            "base executable": sys._base_executable,
            "prefixes": (sys.prefix, sys.exec_prefix, sys.base_prefix),
            "version": sys.version,
            "flags": sys.flags,
            "warnings": sys.warnoptions,
            "hash": hash("x"),
            "main": (main.__name__, main.__spec__ and main.__spec__.name, hasattr(main, "__file__")),
            "threads": threading.active_count(),
            "main thread": threading.current_thread() is threading.main_thread(),
            "encodings": (sys.getdefaultencoding(), sys.getfilesystemencoding(), locale.getpreferredencoding()),
            "streams": (sys.stdout.encoding, sys.stderr.encoding, sys.stdin is not None and sys.stdin.encoding),
            "recursion": sys.getrecursionlimit(),
            "switch": sys.getswitchinterval(),
            "signals": {name: signal.getsignal(getattr(signal, name)) for name in names},
            "collector": __import__("gc").isenabled(),
        }

    return ask(spark, facts)


@scenario()
def module_search_path(spark: Any) -> Any:
    def facts() -> dict[str, Any]:
        import re
        import sys

        return {"path": [re.sub(r"/(spark|userFiles)-[0-9a-f-]+", "/…", entry) for entry in sys.path]}

    return ask(spark, facts)


@scenario()
def limits_and_files_of_the_process(spark: Any) -> Any:
    def facts() -> dict[str, Any]:
        import os
        import resource

        kinds = ("RLIMIT_AS", "RLIMIT_NOFILE", "RLIMIT_CORE", "RLIMIT_STACK")
        return {
            "limits": [resource.getrlimit(getattr(resource, kind)) for kind in kinds],
            "directory": os.path.basename(os.getcwd()),
            "mask": os.umask(0o022),
            "user": (os.getuid(), os.getgid()),
            "priority": os.nice(0),
            "processors": os.cpu_count(),
            "affinity": sorted(os.sched_getaffinity(0)),
            "stdin": os.readlink("/proc/self/fd/0"),
        }

    return ask(spark, facts)


@scenario()
def printing_and_reading(spark: Any) -> Any:
    def facts() -> dict[str, Any]:
        import os
        import subprocess
        import sys

        print("a line for the log")
        sys.stderr.write("another\n")
        sys.stdout.flush()
        os.write(1, b"raw bytes\n")
        echoed = subprocess.run(["sh", "-c", "echo from a child; cat"], stdin=None, capture_output=True, check=True)
        return {"stdin": sys.stdin.read(), "echoed": echoed.stdout}

    return ask(spark, facts)


@scenario()
def threads_and_processes_of_the_function(spark: Any) -> Any:
    def facts() -> dict[str, Any]:
        import multiprocessing
        import os
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(2) as pool:
            squares = list(pool.map(lambda n: n * n, range(5)))
        with multiprocessing.get_context("fork").Pool(2) as workers:
            lengths = workers.map(len, ["a", "bb"])
        child = os.fork()
        if child == 0:
            os._exit(7)
        return {"threads": squares, "fork": lengths, "status": os.waitpid(child, 0)[1]}

    return ask(spark, facts)


@scenario(kind="other")
def spawned_processes_of_the_function(spark: Any) -> Any:
    def facts() -> dict[str, Any]:
        import multiprocessing

        with multiprocessing.get_context("spawn").Pool(1) as workers:
            return {"spawn": workers.map(len, ["ccc"])}

    return ask(spark, facts)


@scenario()
def libraries_compute_the_same(spark: Any) -> Any:
    def facts() -> dict[str, Any]:
        import random

        import numpy as np

        matrix = np.arange(40_000, dtype="float64").reshape(200, 200) / 7
        series = pd.Series(np.arange(1000) % 7)
        return {
            "product": float((matrix @ matrix).sum()).hex(),
            "solve": np.linalg.solve(np.eye(3) * 2, np.ones(3)).tolist(),
            "groups": series.groupby(series).sum().tolist(),
            "random": (random.Random(1).random(), np.random.default_rng(1).random(2).tolist()),
            "options": (pd.get_option("mode.copy_on_write"), pd.get_option("display.max_rows")),
        }

    return ask(spark, facts)


@scenario()
def state_of_one_task_is_gone_in_the_next(spark: Any) -> Any:
    def count(pdf: pd.DataFrame) -> pd.DataFrame:
        calls.append(1)
        return pd.DataFrame({"fact": ["calls"], "value": [str(len(calls))]})

    found = []
    for _ in range(3):
        calls: list[int] = []
        found += [tuple(row) for row in pairs(spark).groupBy("k").applyInPandas(count, FACTS).collect()]
    return sorted(found)


@scenario()
def old_style_grouped_map(spark: Any) -> Any:
    from pyspark.sql.functions import PandasUDFType, pandas_udf

    @pandas_udf("k long, v double, s string", PandasUDFType.GROUPED_MAP)
    def demean(pdf: pd.DataFrame) -> pd.DataFrame:
        return pdf.assign(v=pdf["v"] - pdf["v"].mean())

    return pairs(spark).groupBy("k").apply(demean)
