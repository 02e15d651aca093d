"""Generated programs give the same answer with both workers, and the harness that says so sees deliberate mistakes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from conftest import COMPLETE
from environments import ENVIRONMENTS, Environment, build_bowstring, make

FUZZ = Path(__file__).resolve().parent / "parity" / "fuzz.py"
SEED = "1"
EXAMPLES = {True: "250", False: "60"}
"""By whether the environment is one of those that are tried completely."""


def fuzz(environment: Environment, *arguments: str) -> tuple[dict[str, Any], str]:
    """The summary of a run, and all that it has printed."""
    make(environment)
    build_bowstring(environment.python)
    command = [make(ENVIRONMENTS["parity"]), FUZZ, "--environments", environment.name, "--seed", SEED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1_800, check=False)
    assert done.stdout, done.stderr[-3_000:]
    return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


def test_generated_programs_have_the_same_answers(environment: Environment) -> None:
    """A fixed seed; `make parity-fuzz` goes on with others."""
    examples = EXAMPLES[environment.name in COMPLETE]
    summary, text = fuzz(environment, "--examples", examples)
    assert summary["differences"] == 0, text
    assert summary["cases"] + sum(summary["known"].values()) >= int(examples)
    assert summary["errors"] < summary["cases"] / 2, "most programs end too early to show anything"


def test_deliberate_mistakes_are_found(lifecycle: Environment) -> None:
    """Each mutation of `parity/mutations.py`, with the seed of the test above."""
    summary, text = fuzz(lifecycle, "--mutations", "--examples", EXAMPLES[True])
    assert summary["missed"] == [], text
