"""What a task brings along shadows what was imported in advance: in folders, archives and namespace packages."""

import os
import sys
import time
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bowstring._spark import sent_along


@pytest.fixture(autouse=True)
def ahead(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names that were imported in advance, and stock's worker would not have. None of them is installed."""
    names = {"first", "first.inner", "second", "spread", "spread.inner"}
    for name in ("_harmless", "_brought"):
        monkeypatch.setattr(sent_along, name, {})
    monkeypatch.setattr(sent_along, "_paths", [])
    monkeypatch.setattr(sent_along, "_ahead", names)
    return names


def folder(path: Path, *files: str) -> str:
    for file in files:
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        (path / file).write_text("")
    return str(path)


def archive(path: Path, *files: str) -> str:
    with zipfile.ZipFile(path / "sent.zip", "w") as sent:
        # Python before 3.13 takes a folder for a namespace package only if the archive lists it.
        for folder_name in {os.path.dirname(file) for file in files if "/" in file}:
            sent.writestr(folder_name + "/", "")
        for file in files:
            sent.writestr(file, "")
    return str(path / "sent.zip")


@pytest.mark.parametrize("make", [folder, archive])
@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["first.py"], "first"),
        (["first/__init__.py", "first/inner.py"], "first"),
        (["mine.py", "second.py"], "second"),
        (["mine.py", "mine/first.py"], None),
        (["firstly.py", "first.txt", "first-1.0.dist-info/METADATA"], None),
        (["first/inner.py"], None),
        ([], None),
    ],
)
def test_what_shadows(tmp_path: Path, make: Callable[..., str], files: list[str], name: str | None) -> None:
    path = make(tmp_path, *files)
    assert sent_along._shadowed(path, "", [path]) == name


@pytest.mark.parametrize("make", [folder, archive])
def test_parts_of_namespace_packages_are_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[..., str]
) -> None:
    package: Any = types.ModuleType("spread")
    package.__path__ = ["/elsewhere/spread"]
    monkeypatch.setitem(sys.modules, "spread", package)
    path = make(tmp_path, "spread/inner.py", "spread/other.py")
    assert sent_along._shadowed(path, "", [path]) == "spread.inner"
    # A package with a file of its own has only one part.
    package.__file__ = "/elsewhere/spread/__init__.py"
    assert sent_along._shadowed(path, "", [path]) is None


def test_what_comes_before_the_tasks_files_is_found_by_stock_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = folder(tmp_path / "sent", "second.py")
    before = folder(tmp_path / "before", "second.py")
    monkeypatch.setattr(sys, "path", [before, sent])
    assert sent_along._shadowed(sent, "", [sent]) is None
    # Both belong to the task.
    assert sent_along._shadowed(sent, "", [before, sent]) == "second"
    monkeypatch.setattr(sys, "path", [sent, before])
    assert sent_along._shadowed(sent, "", [sent]) == "second"


def test_a_place_that_is_not_there_shadows_nothing() -> None:
    assert sent_along._look("/nowhere", ["/nowhere"]) is None


def test_what_was_harmless_is_looked_at_again_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path, "mine.py")
    long_ago = time.time_ns() - 10_000_000_000
    os.utime(path, ns=(long_ago, long_ago))
    assert sent_along._look(path, [path]) is None
    assert path in sent_along._harmless
    with monkeypatch.context() as patch:
        patch.setattr(sent_along, "_shadowed", lambda *_: pytest.fail("looked at it again"))
        assert sent_along._look(path, [path]) is None
    archive(tmp_path, "mine.py", "first.py")
    assert sent_along._look(path, [path]) == "first"


def test_what_has_just_changed_is_not_remembered(tmp_path: Path) -> None:
    path = folder(tmp_path, "mine.py")
    assert sent_along._look(path, [path]) is None
    assert path not in sent_along._harmless


def test_a_worker_starts_over_for_the_first_name_and_forgets_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, ...]] = []
    start = types.SimpleNamespace(
        start_over=lambda name, path: calls.append((name, path)), forget=lambda: calls.append(("forget",))
    )
    worker: Any = types.ModuleType("worker")
    worker.add_path = lambda path: None
    worker.setup_spark_files = lambda: "done"
    monkeypatch.setattr(sent_along, "watching", False)
    monkeypatch.setattr(sent_along, "_stock", frozenset())
    monkeypatch.delitem(sys.modules, "pyspark.worker_util", raising=False)
    monkeypatch.delitem(sys.modules, "pyspark.sql.worker.utils", raising=False)
    sent_along.watch(worker)
    assert sent_along.watching
    monkeypatch.setattr(sent_along, "_start", start)
    shadowing, harmless = folder(tmp_path / "a", "first.py"), folder(tmp_path / "b", "mine.py")
    worker.add_path(harmless)
    assert worker.setup_spark_files() == "done"
    worker.add_path(shadowing)
    worker.setup_spark_files()
    assert calls == [("forget",), ("first", shadowing), ("forget",)]


def test_kinds_of_tasks_bring_what_stock_would_import(ahead: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark.worker import PythonEvalType

    monkeypatch.setattr(sent_along, "_brought", {"pyarrow": frozenset({"first"})})
    sent_along.note(PythonEvalType.SQL_BATCHED_UDF)
    assert "first" in ahead
    sent_along.note(PythonEvalType.SQL_MAP_ARROW_ITER_UDF)
    assert "first" not in ahead and "second" in ahead
    sent_along.note(PythonEvalType.SQL_SCALAR_PANDAS_UDF)
    assert ahead == set()
