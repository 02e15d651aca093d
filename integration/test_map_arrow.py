"""`mapInArrow` on both workers: the same schemas, batches and errors, whatever the function does and the data are."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from environments import ENVIRONMENTS, NEWEST, OLDEST, build_bowstring, make

PROGRAM = Path(__file__).resolve().parent / "map_arrow_cases.py"
WHOLE_RUN = 240
"""Seconds; only a worker that never answers gets here."""


@pytest.mark.parametrize("name", [OLDEST, "spark-4.1.4", NEWEST])
def test_map_in_arrow_answers_as_stock(name: str, request: pytest.FixtureRequest) -> None:
    if name not in (request.config.getoption("--environments") or name):
        pytest.skip("another environment was chosen")
    environment = ENVIRONMENTS[name]
    command = [make(environment), PROGRAM, build_bowstring(environment.python)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WHOLE_RUN, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    lying = [answer for answer in answers if answer["data"] == "lying"]
    compared = [answer for answer in answers if answer["data"] != "lying"]
    assert [answer for answer in compared if answer["stock"] != answer["bowstring"]] == []
    # Both answers and errors, or little was compared.
    good = [answer for answer in compared if answer["stock"].endswith(", None, -4]")]
    assert len(good) > 40
    assert len(compared) - len(good) > 10
    assert len(lying) > 10
    # One function never looks at the data.
    unnoticed = [answer["function"] for answer in lying if "column '_0.s', row 1:" not in answer["bowstring"]]
    assert unnoticed == ["nothing"]
