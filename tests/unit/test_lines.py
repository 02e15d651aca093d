"""Only a Spark line that is known, with the signatures that are known, is hooked."""

from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from typing import Any

import pyspark
import pytest
from bowstring._spark import lines
from bowstring._spark.kinds.arrow_batched import _WAYS
from bowstring._spark.rows import table
from bowstring._spark.stock import arrow, conversion
from pyspark import worker


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What has been found before."""
    lines.examine.cache_clear()
    yield
    lines.examine.cache_clear()


def test_the_installed_line_is_found_with_nothing_unknown() -> None:
    found = lines.find()
    assert found.line is lines._LINES["4.3"]
    assert found.surface.unknown == {} and found.surface.sentences() == []


@pytest.mark.parametrize("version", ["4.3.1", "4.3.0+amzn.0", "4.3.0.5.5.20260428.5", "4.3.8.7.3.3.0-56", "4.3.0.dev1"])
def test_a_vendors_version_is_of_its_line(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(pyspark, "__version__", version)
    assert lines.find().line is lines._LINES["4.3"]


@pytest.mark.parametrize("version", ["4.4.0", "3.4.4", "4.30.0", "5", "", "unknown"])
def test_another_line_is_refused_with_the_ones_that_are_known(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(pyspark, "__version__", version)
    with pytest.raises(lines.Refused, match=rf"PySpark {version} is of none of the known lines 3\.5, .*4\.3"):
        lines.find()


@pytest.mark.parametrize(
    "spec",
    [
        ModuleSpec("pyspark.worker", None, origin="/here/worker.pyc"),
        ModuleSpec("pyspark.worker", None, origin="/here/worker.py"),
        ModuleSpec("pyspark.worker", None),
        None,
    ],
)
def test_a_pyspark_without_sources_is_refused(monkeypatch: pytest.MonkeyPatch, spec: ModuleSpec | None) -> None:
    monkeypatch.setattr(worker, "__spec__", spec)
    with pytest.raises(lines.Refused, match="is here without its sources"):
        lines.find()


@pytest.mark.parametrize("name", ["read_udfs", "read_single_udf", "read_udtf"])
def test_another_signature_of_a_known_source_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def patched(pickleSer: Any, *more: Any) -> None: ...

    patched.__annotations__.clear()
    monkeypatch.setattr(worker, name, patched)
    with pytest.raises(lines.Refused, match=rf"pyspark\.worker\.{name} has the signature \(pickleSer, \*more\), "):
        lines.find()


@pytest.mark.parametrize("version", lines._LINES)
def test_what_a_line_names_is_there(version: str) -> None:
    line = lines._LINES[version]
    assert line.wraps is None or issubclass(getattr(conversion, line.wraps), conversion.Stock)
    assert line.arrow is None or issubclass(getattr(arrow, line.arrow), arrow.ArrowStock)
    assert issubclass(getattr(table, line.rows), table.TableRows)
    assert line.batched in _WAYS
