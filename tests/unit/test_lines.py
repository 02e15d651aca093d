"""Only a Spark line that is known, with the signatures that are known, is hooked."""

from typing import Any

import pyspark
import pytest
from bowstring._spark import lines
from bowstring._spark.kinds.arrow_batched import _WAYS
from bowstring._spark.rows import table
from bowstring._spark.stock import arrow, conversion
from pyspark import worker


def test_the_installed_line_is_found() -> None:
    assert lines.find() is lines._LINES["4.3.0"]


def test_another_version_is_refused_with_the_ones_that_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyspark, "__version__", "4.3.0.dev1")
    with pytest.raises(lines.Refused, match=r"PySpark 4\.3\.0\.dev1 is not among .* 3\.5\.9, .*4\.3\.0"):
        lines.find()


@pytest.mark.parametrize("name", ["read_udfs", "read_single_udf", "read_udtf"])
def test_another_signature_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
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
