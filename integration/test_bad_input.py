"""Malformed tasks: an error that names what was expected, the worker gone, everybody else unharmed."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from environments import ENVIRONMENTS, NEWEST, OLDEST, build_bowstring, make

PROGRAM = Path(__file__).resolve().parent / "bad_input.py"
WHOLE_RUN = 240
"""Seconds; each single answer is limited by the client, so only a wedged daemon gets here."""


@pytest.fixture(scope="module", params=[OLDEST, NEWEST])
def answers(request: pytest.FixtureRequest) -> list[dict[str, str]]:
    """What a bowstring daemon answered to every defect."""
    environment = ENVIRONMENTS[request.param]
    if request.param not in (request.config.getoption("--environments") or request.param):
        pytest.skip("another environment was chosen")
    command = [make(environment), PROGRAM, build_bowstring(environment.python)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WHOLE_RUN, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_defect_ends_in_an_error_or_a_closed_connection(answers: list[dict[str, str]]) -> None:
    """Never in a hang, a worker left behind, or a reply that is not one."""
    kinds = Counter(answer["kind"] for answer in answers)
    assert set(kinds) <= {"error", "closed", "reply", "bystander fine"}
    assert kinds["error"] > 100


def test_a_cut_stream_is_reported_with_what_was_expected(answers: list[dict[str, str]]) -> None:
    """Wherever it is cut in the data, the error names the missing part."""
    errors = [answer["text"] for answer in answers if answer["defect"].startswith("cut") and answer["kind"] == "error"]
    assert len(errors) > 20
    assert all(
        re.search(r"EOFError: bowstring [\d.]+: the stream ended while .+ was expected", text) for text in errors
    )


def test_a_whole_but_malformed_stream_is_never_taken_for_data(answers: list[dict[str, str]]) -> None:
    """Only single changed bytes may go unnoticed, where they change a value and nothing else."""
    taken = [answer["defect"] for answer in answers if answer["kind"] == "reply"]
    assert all(defect.startswith(("mutation", "end of stream missing")) for defect in taken)


def test_no_answer_speaks_of_a_panic(answers: list[dict[str, str]]) -> None:
    """A panic is a bug, whatever was sent."""
    assert not [answer for answer in answers if "panic" in answer["text"].lower()]


def test_other_workers_go_on(answers: list[dict[str, str]]) -> None:
    """A worker that was there from the start serves good tasks between the bad ones."""
    assert Counter(answer["kind"] for answer in answers if answer["defect"] == "none") == {"bystander fine": 11}
