"""Generated programs give the same answer with both workers, and the harness that says so sees deliberate mistakes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from conftest import COMPLETE
from environments import Environment, build_bowstring, make

MATCH = Path(__file__).resolve().parent / "parity" / "match.py"
SEED = "1"
EXAMPLES = {True: "300", False: "80"}
"""By whether the environment is one of those that are tried completely."""


def match(environment: Environment, *arguments: str) -> tuple[dict[str, Any], str]:
    """The summary of a run, and all that it has printed."""
    command = [make(environment), MATCH, build_bowstring(environment.python), "--seed", SEED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1_800, check=False)
    assert done.stdout, done.stderr[-3_000:]
    return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


def test_generated_programs_have_the_same_answers(environment: Environment) -> None:
    """A fixed seed; `make parity-fuzz` goes on with others."""
    complete = environment.name in COMPLETE
    summary, text = match(environment, "--examples", EXAMPLES[complete])
    assert summary["differences"] == 0, text
    assert summary["cases"] == int(EXAMPLES[complete])
    assert summary["errors"] < summary["cases"] / 3, "many programs end too early to show anything"
    if complete:
        unanswered = [kind for kind, (answered, _) in summary["kinds"].items() if not answered]
        assert not unanswered, "no program of these kinds shows anything"


def test_deliberate_mistakes_are_found(lifecycle: Environment) -> None:
    """Each mutation of `parity/mutations.py`, by the programs of the test above and those that follow."""
    found, text = match(lifecycle, "--mutations", "--examples", "1000")
    assert found and all(found.values()), text
