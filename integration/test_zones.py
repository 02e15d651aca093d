"""Timestamps of named time zones: the native conversions beside PySpark's own, in and out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from environments import Environment, build_bowstring, make

PROGRAM = Path(__file__).resolve().parent / "parity" / "zone_cases.py"


def test_zones_have_the_offsets_that_stock_applies(request: pytest.FixtureRequest, environment: Environment) -> None:
    """No difference in values, dtypes or errors, and no zone that stock knows is left to it."""
    zones = ["--all"] if request.config.getoption("--all-zones") else []
    command = [make(environment), PROGRAM, build_bowstring(environment.python), *zones]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3_600, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    outcome = json.loads(done.stdout)
    assert outcome["differences"] == []
    assert outcome["left"] == []
    # The others are those outside the range of the offsets, in gaps, and in zones that nobody knows.
    assert outcome["native"] > outcome["tried"] / 3
