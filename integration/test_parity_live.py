"""The questions of `parity/cases`, asked of stock's worker and of bowstring's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from environments import Environment, build_bowstring, make

PROGRAM = Path(__file__).resolve().parent / "parity" / "live_cases.py"
ONE_IN = "24"
"""Of the questions about results: five of six are answered with an error, and an error ends a worker."""
QUESTIONS = 1_400
"""At least so many there are with every Spark line, and an error for every third."""


def test_workers_answer_the_case_tables_alike(lifecycle: Environment) -> None:
    """Every input and every way to label a result, and a sample of the results; `make parity-cases` asks everything."""
    command = [make(lifecycle), PROGRAM, build_bowstring(lifecycle.python), "--one-in", ONE_IN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1_800, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    outcome = json.loads(done.stdout)
    assert outcome["tried"] > QUESTIONS
    assert outcome["errors"] > QUESTIONS / 3
    assert outcome["differences"] == []
