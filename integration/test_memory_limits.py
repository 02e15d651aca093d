"""Limits on address space, from too small for the imports to ample: what suffices for stock suffices for bowstring."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from environments import ENVIRONMENTS, NEWEST, OLDEST, build_bowstring, make

PROGRAM = Path(__file__).resolve().parent / "memory_limits.py"
WHOLE_RUN = 300
"""Seconds; each single answer is limited by the client, so only a wedged daemon gets here."""

TOO_LITTLE = 200
ARROW = "applyInArrow,cogroups in Arrow"
LIMITS = {
    OLDEST: {
        TOO_LITTLE: "groups,mapInPandas,mapInArrow,aggregates",
        380: "groups,text,mapInArrow,cogroups",
        510: "text,mapInPandas,aggregates",
        540: "groups,windows",
        590: "cogroups",
    },
    "spark-4.0.5": {530: f"text,mapInPandas,aggregates,{ARROW}", 560: "groups,windows"},
    "spark-4.1.4": {530: f"text,mapInPandas,{ARROW}", 620: "groups,aggregates,windows"},
    "spark-4.2.1": {570: f"mapInPandas,aggregates,{ARROW}", 620: "groups,windows"},
    NEWEST: {
        TOO_LITTLE: "groups,mapInPandas,mapInArrow,aggregates",
        400: "groups,text,mapInPandas,cogroups",
        500: f"mapInArrow,{ARROW}",
        540: "groups,cogroups",
        710: "text,aggregates,windows",
    },
}
"""MiB, and the kinds of work under that limit: too small for the imports, for some of the work, and about the least
that is enough for stock's workers, which is another one for each kind."""


@pytest.fixture(scope="module", params=LIMITS)
def answers(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Every limit and work, and how it ended on both sides."""
    environment = ENVIRONMENTS[request.param]
    if request.param not in (request.config.getoption("--environments") or request.param):
        pytest.skip("another environment was chosen")
    limits = [f"{limit}:{names}" for limit, names in LIMITS[request.param].items()]
    command = [make(environment), PROGRAM, build_bowstring(environment.python), *limits]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WHOLE_RUN, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def ended(answers: list[dict[str, Any]], side: str, how: str) -> list[dict[str, Any]]:
    """The answers that begin so."""
    return [answer for answer in answers if answer[side].startswith(how)]


def test_nothing_hangs_and_nobody_dies(answers: list[dict[str, Any]]) -> None:
    """Every task is answered, with its rows or with an error."""
    assert len(answers) >= 6
    assert not ended(answers, "bowstring", "hangs")
    assert not ended(answers, "bowstring", "died")


def test_what_suffices_for_stock_suffices(answers: list[dict[str, Any]]) -> None:
    """The same rows; more may be answered than by stock."""
    enough = ended(answers, "stock", "rows: ")
    assert len(enough) >= 4
    assert not [answer for answer in enough if answer["bowstring"] != answer["stock"]]


def test_too_little_is_an_error_that_names_memory(answers: list[dict[str, Any]]) -> None:
    """Ours says what was to be allocated and what the limit is."""
    if min(answer["limit"] for answer in answers) > TOO_LITTLE:
        pytest.skip("only limits that are enough, on this line")
    refused = ended(answers, "bowstring", "error: ")
    assert len(refused) >= 4
    # Where there is too little for anything, it may be Python's own that fails: "Cannot allocate memory".
    assert not [answer for answer in refused if "memory" not in answer["bowstring"].lower()]
    ours = [answer for answer in refused if "MemoryError: bowstring" in answer["bowstring"]]
    assert ours
    assert [answer for answer in ours if ": group 0: cannot allocate" in answer["bowstring"]]
    assert not [answer for answer in ours if f"may have {answer['limit']} MiB" not in answer["bowstring"]]
