"""What the self-test has found survives as text, and is only found again for the versions that it was found with."""

import json

import numpy
import pytest
from bowstring._spark.proof import record
from bowstring._spark.proof.record import SelfTest


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
    assert combination is not None and combination.startswith("pyspark 4.3.0 ")
    text = json.dumps({combination: json.loads(record.to_text(found()))})
    on_record = record.recorded(text)
    assert on_record is not None and vars(on_record) == vars(found())
    assert record.recorded("{}") is None
    monkeypatch.setattr(numpy, "__version__", "0.0")
    assert record.recorded(text) is None


def test_a_patched_pyspark_is_another_combination(monkeypatch: pytest.MonkeyPatch) -> None:
    before = record.combination()
    monkeypatch.setattr(record, "_SOURCES", (*record._SOURCES, "pyspark.sql.functions"))
    assert record.combination() != before


def test_nothing_is_on_record_without_zones_or_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        # In the interpreter, not in a file.
        patch.setattr(record, "_SOURCES", ("sys",))
        assert record.combination() is None
    assert record.combination() is not None
    monkeypatch.setattr(record, "_ZONE", "/nowhere")
    assert record.combination() is None
