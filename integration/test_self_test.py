"""What is on record of the self-test, and what becomes of a daemon for whose versions nothing is."""

from __future__ import annotations

import json

import pytest

import record_self_test
from conftest import chosen_environments
from environments import Environment, build_bowstring, make

FIRST_TASKS = record_self_test.HERE / "parity" / "first_tasks.py"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every environment, those of other Pythons too."""
    if "recorded" in metafunc.fixturenames:
        environments = chosen_environments(metafunc.config)
        metafunc.parametrize("recorded", environments, ids=lambda environment: environment.name)


def test_the_record_is_what_the_self_test_finds(recorded: Environment) -> None:
    """Otherwise run `make self-test`, and look at what has changed."""
    make(recorded)
    outcome = record_self_test.run(recorded)
    if outcome is None:
        pytest.skip("no native path with these versions")
    record = json.loads(record_self_test.RECORD.read_text())
    assert record.get(outcome["combination"]) == outcome["found"], outcome["combination"]
    assert outcome["used"] == outcome["found"]


def test_what_is_not_on_record_is_stocks_at_first_and_native_in_the_end(lifecycle: Environment) -> None:
    """The same worker, and new ones. What is on record is native from the first task on."""
    command = [make(lifecycle), FIRST_TASKS, build_bowstring(lifecycle.python)]
    done = record_self_test.ask(command, {"BOWSTRING_LOG": "info"})
    assert done.returncode == 0, done.stderr[-3_000:]
    native = {"first": "native", "last": "native", "another": "native"}
    at_first = {**native, "first": "stock"}
    assert json.loads(done.stdout) == {
        "recorded, sql": native,
        "recorded, rdd": native,
        "unknown, sql": at_first,
        "unknown, rdd": at_first,
        "unknown, verify": native,
    }
    # Of the SQL daemon, which cannot wait for its first task to say so.
    assert done.stderr.count("PySpark's own conversions are used until the self-test has run") == 1
