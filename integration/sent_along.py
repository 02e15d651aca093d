"""Programs about what is sent along with a job and installed too, for `programs.py`: with both sides' workers.

Several sets of files stand side by side in one session, because the driver tells each function which zip files it is to
find; Spark Connect sends the artifacts of its sessions by the same way.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark import cloudpickle
from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf, udf

from canonical import error_of

cloudpickle.register_pickle_by_value(sys.modules[__name__])

INSTALLED = [
    name for name in ("dateutil", "pytz", "tzdata", "six", "cloudpickle", "packaging") if importlib.util.find_spec(name)
]
"""Packages of pure Python that pandas, NumPy or pyarrow may bring."""

COMPILED = ("numpy", "pandas", "pyarrow")

STANDARD = ("runpy", "queue")
"""Modules that stock's workers have imported before they read a task."""

EXTENSION = "cmath"
"""A module of the standard library that is a shared object, and that NumPy brings, but stock's worker has not yet."""

MARK = "\nSENT_ALONG = True\n"

THIN = """
import os, sys
_folders = (os.path.join(place, __name__) for place in sys.path)
__path__ = [next(folder for folder in _folders if os.path.exists(os.path.join(folder, "__init__.py")))]
__package__, __spec__.submodule_search_locations = __name__, __path__
_file = os.path.join(__path__[0], "__init__.py")
exec(compile(open(_file).read(), _file, "exec"))
SENT_ALONG = True
"""
"""The installed package, by a module that was sent."""


def facts() -> str:
    """Which packages come from what was sent, and what kind of process this is."""
    import importlib
    import resource

    from pyspark import SparkFiles

    # What stock's worker has imported by now; then what imports find.
    here = sorted(name for name in sys.modules if "." not in name and not name.startswith("_bowstring"))
    limit = resource.getrlimit(resource.RLIMIT_AS)
    modules = {name: importlib.import_module(name) for name in (*INSTALLED, *COMPILED, *STANDARD)}
    extension = importlib.import_module(EXTENSION)
    sent = [name for name, module in modules.items() if hasattr(module, "SENT_ALONG")]
    if Path(str(extension.__file__)).parent == Path(SparkFiles.getRootDirectory()):
        sent.append(EXTENSION)
    command = Path("/proc/self/cmdline").read_bytes().split(b"\0")
    return json.dumps(
        {
            "sent": sorted(sent),
            "modules": here,
            "started_over": b"bowstring-worker" in command,
            "pid": os.getpid(),
            "process": [os.readlink("/proc/self/fd/0"), os.getcwd(), sys.argv, sorted(os.environ), limit],
        }
    )


def grouped(spark: SparkSession) -> Any:
    """The facts as a grouped map finds them."""
    return spark.range(1).groupBy("id").applyInPandas(lambda pdf: pdf.assign(s=facts()), "id long, s string")


def series(spark: SparkSession) -> Any:
    """The facts as a function of Series finds them."""

    @pandas_udf("string")
    def function(ids: pd.Series) -> pd.Series:
        return pd.Series([facts()] * len(ids))

    return spark.range(1).coalesce(1).select(function("id").alias("s"))


def row(spark: SparkSession) -> Any:
    """The facts as a function of rows finds them."""
    return spark.range(1).coalesce(1).select(udf(lambda _: facts(), "string", useArrow=False)("id").alias("s"))


def portions(spark: SparkSession) -> Any:
    """The facts, and which modules of the namespace package `spaced` come from where."""

    def found(_: Any) -> str:
        import importlib

        here = json.loads(facts())
        for name in ("spaced.first", "spaced.second"):
            try:
                here["sent"].append(f"{name} of {importlib.import_module(name).PLACE}")
            except ModuleNotFoundError:
                here["sent"].append(f"no {name}")
        return json.dumps(here)

    return spark.range(1).coalesce(1).select(udf(found, "string", useArrow=False)("id").alias("s"))


def rdd(spark: SparkSession) -> Any:
    """The facts as a function of an RDD finds them."""
    return spark.sparkContext.parallelize([0], 1).map(lambda _: facts())


def pid(spark: SparkSession) -> Any:
    """A function of rows that imports nothing."""
    return (
        spark.range(1)
        .coalesce(1)
        .select(udf(lambda _: f'{{"pid": {os.getpid()}}}', "string", useArrow=False)("id").alias("s"))
    )


class Sides:
    """Asks stock's workers and ours, and keeps the answers."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark
        self.programs = {"stock": os.environ["BOWSTRING_PYTHON"], "ours": spark.sparkContext.pythonExec}
        self.answers: dict[str, Any] = {}

    @contextmanager
    def workers(self, side: str, *files: str) -> Iterator[None]:
        """Functions that are made now run in this side's workers, and find these zip files."""
        context = self.spark.sparkContext
        context.pythonExec = self.programs[side]
        context._python_includes[:] = files
        yield
        context._python_includes[:] = []
        context.pythonExec = self.programs["ours"]

    def ask(self, step: str, side: str, kind: Callable[[SparkSession], Any], *files: str, last: bool = True) -> Any:
        """The facts, or the error; if it is the worker's `last` task, the next gets a worker that has seen none."""
        with self.workers(side, *files):
            try:
                found = kind(self.spark).collect()[0]
                answer = json.loads(found if isinstance(found, str) else found.s)
            except Exception as error:
                answer = error_of(error)
            if last and "class" not in answer:
                self.end(rdd if kind is rdd else row)
        self.answers.setdefault(f"{step}, {kind.__name__}", {})[side] = answer
        return answer

    def end(self, kind: Callable[[SparkSession], Any]) -> None:
        """Ends the worker that waits for the next task of this kind: stock and we do not reuse one that has failed."""

        def fail(_: Any) -> str:
            raise RuntimeError("the last task of this worker")

        try:
            if kind is rdd:
                self.spark.sparkContext.parallelize([0], 1).map(fail).collect()
            else:
                self.spark.range(1).coalesce(1).select(udf(fail, "string", useArrow=False)("id")).collect()
        except Exception:
            return


def archive(path: Path, members: Mapping[str, str | bytes]) -> str:
    """A zip file with these texts, or an egg."""
    with zipfile.ZipFile(path, "w") as file:
        for name, text in members.items():
            file.writestr(name, text)
    return str(path)


def marked(name: str) -> dict[str, str | bytes]:
    """The sources of an installed package, with a mark."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    origin = Path(spec.origin)
    if spec.submodule_search_locations is None:
        return {f"{name}.py": origin.read_text() + MARK}
    sources: dict[str, str | bytes] = {
        str(file.relative_to(origin.parents[1])): file.read_bytes() for file in origin.parent.rglob("*.py")
    }
    return {**sources, f"{name}/__init__.py": origin.read_text() + MARK}


def sent_along(spark: SparkSession) -> dict[str, Any]:
    """What functions find, by what was sent, kind of function and side; `same_pid` of workers that were used before."""
    directory = Path(tempfile.mkdtemp())
    context = spark.sparkContext
    pure = {name: text for package in INSTALLED for name, text in marked(package).items()}
    for file in (
        archive(directory / "pure.zip", pure),
        archive(directory / "compiled.egg", dict.fromkeys((f"{name}.py" for name in COMPILED), THIN)),
        archive(directory / "broken.zip", {"dateutil/__init__.py": "raise ImportError('sent dateutil is broken')"}),
        # What stock's worker has imported, a folder that is no package, and what nobody else has.
        archive(
            directory / "harmless.zip", {**dict.fromkeys((f"{name}.py" for name in STANDARD), MARK), "numpy/x": ""}
        ),
    ):
        context.addPyFile(file)
    sides = Sides(spark)
    # Those of the probe, and those that were forked before anything had been imported in advance.
    for kind in (row, rdd, rdd, rdd):
        sides.end(kind)
    for side in sides.programs:
        for kind in (rdd, row, grouped, series):
            sides.ask("pure", side, kind, "pure.zip")
        sides.ask("compiled", side, series, "compiled.egg")
        sides.ask("compiled", side, row, "compiled.egg", "pure.zip")
        for kind in (row, series):
            sides.ask("broken", side, kind, "broken.zip")
        # As the artifacts of another session of Spark Connect.
        sides.ask("harmless", side, series, "harmless.zip")
        # Workers that have served tasks without: stock's has imported by then what pandas needs.
        for kind, first in ((row, pid), (series, series)):
            before = sides.ask(f"before {kind.__name__}", side, first, last=False)
            after = sides.ask("pure afterwards", side, kind, "pure.zip", last=False)
            again = sides.ask("pure once more", side, kind, "pure.zip")
            after["same_pid"] = before["pid"] == after["pid"] == again["pid"]
    return sides.answers


def sent_into_the_folder(spark: SparkSession) -> dict[str, Any]:
    """The same of a shared object, a module and a folder, which all functions of the session find from then on."""
    directory = Path(tempfile.mkdtemp())
    context = spark.sparkContext
    shutil.copytree(Path(str(importlib.util.find_spec("dateutil").origin)).parent, directory / "dateutil")  # type: ignore[union-attr]
    with open(directory / "dateutil/__init__.py", "a", encoding="utf-8") as file:
        file.write(MARK)
    (directory / "numpy.py").write_text(THIN)
    extension = str(importlib.import_module(EXTENSION).__file__)
    sides = Sides(spark)
    for step, send in (
        ("extension", lambda: context.addFile(extension)),
        ("module", lambda: context.addPyFile(str(directory / "numpy.py"))),
        ("folder", lambda: context.addFile(str(directory / "dateutil"), recursive=True)),
    ):
        send()
        for side in sides.programs:
            for kind in (rdd, series):
                sides.ask(step, side, kind)
    return sides.answers


def sent_in_portions(spark: SparkSession) -> dict[str, Any]:
    """What functions find of a namespace package that is installed and imported in advance, by what was sent of it."""
    directory = Path(tempfile.mkdtemp())
    context = spark.sparkContext
    installed = directory / "installed"
    (installed / "spaced").mkdir(parents=True)
    (installed / "spaced/first.py").write_text("PLACE = 'installed'")
    # Without an entry of its own, a folder in a zip file is no portion.
    sent = {
        "another": ["spaced/", "spaced/second.py"],
        "the same": ["spaced/", "spaced/first.py", "spaced/second.py"],
        "package": ["spaced/__init__.py", "spaced/first.py"],
    }
    for step, names in sent.items():
        context.addPyFile(archive(directory / f"{step}.zip", dict.fromkeys(names, f"PLACE = {step!r}")))
    variables = {"PYTHONPATH": str(installed), "BOWSTRING_PREIMPORT": "numpy,spaced.first"}
    context.environment.update(variables)
    sides = Sides(spark)
    # Those that were forked before anything had been imported in advance.
    for kind in (row, rdd, rdd, rdd):
        sides.end(kind)
    for side in sides.programs:
        for step in sent:
            sides.ask(step, side, portions, f"{step}.zip")
    for name in variables:
        del context.environment[name]
    return sides.answers
