"""Functions that go through batches have each before the next has come, as with stock."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from environments import ENVIRONMENTS, NEWEST, build_bowstring, make

PROGRAM = Path(__file__).resolve().parent / "late_batches.py"
WHOLE_RUN = 240
"""Seconds; only a worker that never answers gets here."""
ROWS = {
    "scalar-pandas-iter": 6,
    "grouped-map-arrow-iter": 6,
    "grouped-map-pandas-iter": 6,
    "grouped-agg-pandas-iter": 1,
    "grouped-agg-arrow-iter": 1,
}
"""What each kind answers."""


@pytest.mark.parametrize("name", ["spark-4.2.1", NEWEST])
def test_functions_have_a_batch_before_the_next_has_come(name: str, request: pytest.FixtureRequest) -> None:
    if name not in (request.config.getoption("--environments") or name):
        pytest.skip("another environment was chosen")
    environment = ENVIRONMENTS[name]
    command = [make(environment), PROGRAM, build_bowstring(environment.python)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WHOLE_RUN, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer for answer in answers if not answer["early"] or answer["traceback"]] == []
    assert {answer["kind"]: answer["rows"] for answer in answers} == ROWS
    assert {answer["kind"]: answer["error"] for answer in answers} == dict.fromkeys(ROWS, ["RuntimeError: enough"])
