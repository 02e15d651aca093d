"""Arrow data that lie: stock's answer where it has one that can be relied on, else an error with column and row."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from environments import ENVIRONMENTS, NEWEST, OLDEST, build_bowstring, make

PROGRAM = Path(__file__).resolve().parent / "lying_input.py"
WHOLE_RUN = 480
"""Seconds; each single answer is limited by the client, so only a wedged daemon gets here."""


@pytest.fixture(scope="module", params=[OLDEST, NEWEST])
def answers(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Every lie, what is expected, and what was answered."""
    environment = ENVIRONMENTS[request.param]
    if request.param not in (request.config.getoption("--environments") or request.param):
        pytest.skip("another environment was chosen")
    command = [make(environment), PROGRAM, build_bowstring(environment.python)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WHOLE_RUN, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def is_ours(answer: dict[str, Any]) -> bool:
    """Whether a lie was answered with our error, at the right place."""
    place = re.escape(answer["place"])
    found = answer["bowstring"]
    return found["kind"] == "error" and bool(
        re.match(rf"RuntimeError: bowstring [\d.]+: group 1: {place}", found["text"])
    )


def test_no_worker_dies_of_a_lie(answers: list[dict[str, Any]]) -> None:
    """Each is answered."""
    assert len(answers) > 40
    assert not [answer for answer in answers if answer["bowstring"]["kind"] == "died"]


def test_what_stock_would_stumble_over_is_an_error_with_column_and_row(answers: list[dict[str, Any]]) -> None:
    """Offsets, lengths and null counts, at the top and inside nested columns."""
    assert not [answer for answer in answers if answer["expected"] == "OURS" and not is_ours(answer)]


def test_values_that_stock_understands_are_what_stock_makes_of_them(answers: list[dict[str, Any]]) -> None:
    """The same frame or the same error."""
    asked = [answer for answer in answers if answer["expected"] == "STOCK"]
    assert {answer["stock"]["kind"] for answer in asked} == {"error", "groups"}
    assert not [answer for answer in asked if answer["bowstring"] != answer["stock"]]


def test_what_the_reader_of_stock_refuses_has_its_error(answers: list[dict[str, Any]]) -> None:
    """Where it does not refuse, the error is ours."""
    asked = [answer for answer in answers if answer["expected"] == "READER"]
    refused = [answer for answer in asked if answer["stock"]["kind"] == "error"]
    assert len(refused) >= 5
    assert not [answer for answer in refused if answer["bowstring"] != answer["stock"]]
    assert all(is_ours(answer) for answer in asked if answer not in refused)
