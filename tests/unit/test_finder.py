"""Modules come from their sources, under names that are nobody else's, and say where they lie."""

import importlib
import linecache
import sys
import traceback
from collections.abc import Iterator
from types import ModuleType

import pyspark
import pytest
from bowstring import _finder

SOURCES = {
    "": '"""The package."""',
    "_process": "",
    "_process.child": "here = __name__",
    "_spark": "here = __name__",
    "_spark.hook": "from .. import _native as native\nfrom .kinds.map import fail\nhere = __name__",
    "_spark.kinds": "",
    "_spark.kinds.map": "here = __name__\ndef fail():\n    raise ValueError('as wanted')",
    "_worker": "",
    "_worker.notes": "here = __name__",
}
NATIVE = ModuleType("_native")
PYSPARK = pyspark.__path__[0]
MADE: list[ModuleType] = []


def make_native() -> ModuleType:
    MADE.append(NATIVE)
    return NATIVE


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    before = sys.meta_path[:]
    MADE.clear()
    _finder.install(SOURCES, make_native)
    yield
    sys.meta_path[:] = before
    for name in [name for name in sys.modules if name.partition(".")[0] == _finder.ROOT]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("_process.child", "_bowstring._process.child"),
        ("_spark", "_bowstring._spark"),
        ("_spark.hook", "pyspark.bowstring._spark.hook"),
        ("_spark.kinds.map", "pyspark.bowstring._spark.kinds.map"),
        ("_worker.notes", "pyspark.bowstring._worker.notes"),
    ],
)
def test_what_runs_in_tasks_is_called_a_module_of_pysparks(name: str, called: str) -> None:
    module = importlib.import_module(f"_bowstring.{name}")
    assert module.here == called
    assert sys.modules[f"_bowstring.{name}"] is module


def test_relative_imports_and_the_native_module() -> None:
    importlib.import_module("_bowstring._process.child")
    assert MADE == []
    module = importlib.import_module("_bowstring._spark.hook")
    assert module.native is NATIVE
    assert importlib.import_module("_bowstring._native") is NATIVE
    assert MADE == [NATIVE]


def test_packages_are_those_with_something_below() -> None:
    finder = _finder.Finder(SOURCES, make_native)
    is_package = {
        name: finder.find_spec(f"_bowstring.{name}").submodule_search_locations is not None for name in SOURCES if name
    }
    assert {name for name, is_one in is_package.items() if is_one} == {"_process", "_spark", "_spark.kinds", "_worker"}


@pytest.mark.parametrize(
    "name", ["_bowstrings", "bowstring", "_bowstring.absent", "_bowstring._spark.hook.x", "pandas"]
)
def test_others_are_left_to_other_finders(name: str) -> None:
    assert _finder.Finder(SOURCES, make_native).find_spec(name) is None


def test_tracebacks_show_files_below_pysparks_and_lines() -> None:
    fail = importlib.import_module("_bowstring._spark.hook").fail
    with pytest.raises(ValueError) as raised:
        fail()
    frame = traceback.extract_tb(raised.value.__traceback__)[-1]
    assert frame.filename == f"{PYSPARK}/bowstring/_spark/kinds/map.py"
    assert (frame.lineno, frame.line) == (3, "raise ValueError('as wanted')")
    linecache.checkcache()
    assert linecache.getline(frame.filename, 1) == "here = __name__\n"


def test_files_of_processes_are_our_own() -> None:
    importlib.import_module("_bowstring._process.child")
    assert "bowstring/_process/child.py" in linecache.cache


def test_other_files_of_the_package_are_in_the_finder_too() -> None:
    finder = _finder.Finder(SOURCES, make_native, {"_spark/surface/4.3.json": "{}"})
    assert finder.get_data("_spark/surface/4.3.json") == b"{}"
    with pytest.raises(KeyError):
        finder.get_data("_spark/surface/9.9.json")
