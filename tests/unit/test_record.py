"""What the self-test has found survives as text, and is only found again for the versions that it was found with."""

import json

import numpy
import pytest
from bowstring._spark import lines
from bowstring._spark.proof import record
from bowstring._spark.proof.record import SelfTest
from bowstring._spark.surface import known


def found() -> SelfTest:
    self_test = SelfTest(True, "us", "ns", False)
    self_test.older_unit = "ns"
    self_test.unproven_input |= {"map", "time"}
    return self_test


def test_text_and_back() -> None:
    again = record.from_text(record.to_text(found()))
    assert vars(again) == vars(found())
    assert type(again.unproven_output) is set


def test_the_text_is_the_same_for_equal_findings() -> None:
    other = found()
    other.unproven_input = {"time", "map"}
    assert record.to_text(other) == record.to_text(found())
    assert json.loads(record.to_text(other))["unproven_input"] == ["map", "time"]


def test_only_this_combination_is_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    combination = record.combination()
    assert combination is not None and combination.startswith("pyspark 4.3 ")
    text = json.dumps({combination: json.loads(record.to_text(found()))})
    on_record = record.recorded(text)
    assert on_record is not None and vars(on_record) == vars(found())
    assert record.recorded("{}") is None
    monkeypatch.setattr(numpy, "__version__", "0.0")
    assert record.recorded(text) is None


def test_other_conversions_are_another_combination(monkeypatch: pytest.MonkeyPatch) -> None:
    combination = record.combination()
    name, line, surface = lines.examine()
    data = json.loads(known._text(name))
    contents = {module: known.read(module) for module in data["modules"]}
    for module, before, after, is_other in (
        ("pyspark.sql.conversion", b"def convert_numpy(", b"# Of the vendor.\n    def convert_numpy(", False),
        ("pyspark.sql.conversion", b"def _to_pylist(", b"def _to_list(", False),
        ("pyspark.sql.conversion", b"def convert_numpy(", b"def convert_other(", True),
    ):
        content = contents[module]
        assert content is not None and before in content
        changed = known.compare(data, {**contents, module: content.replace(before, after)})
        monkeypatch.setattr(record, "examine", lambda changed=changed: lines.Found(name, line, changed))
        assert (record.combination() != combination) == is_other, after


def test_nothing_is_on_record_without_zones_or_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise lines.Refused("no sources")

    with monkeypatch.context() as patch:
        patch.setattr(record, "examine", refuse)
        assert record.combination() is None
    assert record.combination() is not None
    monkeypatch.setattr(record, "_ZONE", "/nowhere")
    assert record.combination() is None
