"""Looks whether what a task brings along would shadow what the zygote has imported in advance.

Spark puts what was sent with `addPyFile`, `--py-files` and `addArtifacts` in front of the installed packages while it
reads a task, before it unpickles the task's functions. Stock's worker has imported little by then. In a worker of ours
the installed pandas and all that it needs are there already, and an import would not look at what was sent. Such a
worker starts over as one that has imported what stock's has, before anything of the task was answered.

`add_path` and what calls it last are PySpark's; the originals are called first.
"""

from __future__ import annotations

import os
import sys
import time
import types
import zipimport
from collections.abc import Callable
from typing import Any

# The names that stock's worker has imported when it reads its first task.
_stock: frozenset[str] = frozenset()
# What was imported when each module had been imported in advance.
_brought: dict[str, frozenset[str]] = {}
# Names that are here although stock's worker would not have them.
_ahead: set[str] = set()
# The paths of the task that is being read.
_paths: list[str] = []
# Path: what it was when nothing in it shadowed anything.
_harmless: dict[str, tuple[int, int, int, int]] = {}
# With `start_over` and `forget`; `None` in the zygote.
_start: Any = None

watching = False
"""Whether PySpark is hooked."""

_RACY = 2_000_000_000
"""Nanoseconds within which a file may change again without another time of change."""


def watch(worker: Any) -> None:
    """Hooks into PySpark. The worker module has just been imported, and nothing that stock would not import."""
    global _stock, watching
    util = sys.modules.get("pyspark.worker_util")
    owner: Any = util if hasattr(util, "add_path") else worker
    add_path = owner.add_path

    def seen(path: str) -> Any:
        _paths.append(path)
        return add_path(path)

    ends: list[Any] = [module for module in (worker, sys.modules.get("pyspark.sql.worker.utils")) if _sets_up(module)]
    if ends:
        for module in ends:
            module.setup_spark_files = _then_decide(module.setup_spark_files)
    else:
        # Spark 3.5 does it in `main`, and calls this last.
        importlib = worker.importlib
        worker.importlib = types.SimpleNamespace(invalidate_caches=_then_decide(importlib.invalidate_caches))
    owner.add_path = seen
    _stock = frozenset(sys.modules)
    watching = True


def is_watching() -> bool:
    """Whether `watch` has found its place."""
    return watching


def imported(name: str) -> None:
    """A module has been imported in advance."""
    _brought[name] = frozenset(sys.modules)


def tested() -> None:
    """The self-test has run. It looks at time zones, which stock's tasks may never do."""
    for name in sys.modules.keys() - frozenset().union(*_brought.values()):
        if name.partition(".")[0] == "tzdata":
            del sys.modules[name]


def arm(start: Any) -> None:
    """This process is a worker; `start` lets it start over while a task is being read."""
    global _start
    _start = start
    _ahead.update(sys.modules.keys() - _stock)


def note(eval_type: object) -> None:
    """A task of this type is about to run. Stock's worker would have these modules from now on."""
    if _ahead:
        from pyspark import worker

        types = vars(worker.PythonEvalType)
        name = next((name for name, number in types.items() if number == eval_type), "")
        # Which row functions go through pandas is another thing on every line; most do.
        if "PANDAS" in name or name in ("SQL_ARROW_BATCHED_UDF", "SQL_ARROW_TABLE_UDF"):
            _ahead.clear()
        elif "ARROW" in name:
            _ahead.difference_update(_brought.get("pyarrow", _ahead.copy()))


def _sets_up(module: object) -> bool:
    return hasattr(module, "setup_spark_files")


def _then_decide(last: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        result = last(*args, **kwargs)
        paths = _paths[:]
        _paths.clear()
        if _start is not None:
            for path in paths:
                name = _look(path, paths)
                if name is not None:
                    _start.start_over(name, path)
            _start.forget()
        return result

    return call


def _look(path: str, paths: list[str]) -> str | None:
    """A name that was imported in advance and that an import would find in `path`, unless it is known that there is
    none.
    """
    facts = _facts(path)
    if facts is None or _harmless.get(path) == facts:
        return None
    name = _shadowed(path, "", paths)
    if name is None and time.time_ns() - facts[-1] > _RACY:
        _harmless[path] = facts
    return name


def _facts(path: str) -> tuple[int, int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _shadowed(path: str, package: str, paths: list[str]) -> str | None:
    finder = _finder(path)
    if finder is None:
        return None
    names = {name[len(package) :].partition(".")[0] for name in _ahead if name.startswith(package)}
    if os.path.isdir(path):
        names &= {entry.partition(".")[0] for entry in os.listdir(path)}
    for name in sorted(names):
        name = package + name
        spec = finder.find_spec(name)
        if spec is None:
            continue
        if spec.loader is not None:
            if name in _ahead and (package or not _found_before(path, name, paths)):
                return name
        elif _is_namespace(name):
            # A part of it, and imports go through all parts.
            for part in spec.submodule_search_locations:
                found = _shadowed(part, name + ".", paths)
                if found is not None:
                    return found
    return None


def _found_before(path: str, name: str, paths: list[str]) -> bool:
    """Whether an import finds `name` in a place that is not the task's and comes first: the working directory."""
    for before in sys.path:
        if before == path:
            return False
        if before not in paths:
            spec = getattr(_finder(before), "find_spec", lambda name: None)(name)
            if spec is not None and spec.loader is not None:
                return True
    return False


def _is_namespace(name: str) -> bool:
    module = sys.modules.get(name)
    return hasattr(module, "__path__") and getattr(module, "__file__", None) is None


def _finder(path: str) -> Any:
    """What imports look with; a finder of our own if none has looked there yet."""
    if sys.path_importer_cache.get(path) is not None:
        return sys.path_importer_cache[path]
    zip_directories: dict[str, Any] = vars(zipimport)["_zip_directory_cache"]
    zip_directories.pop(path, None)
    for hook in sys.path_hooks:
        try:
            return hook(path)
        except ImportError:
            continue
    return None
