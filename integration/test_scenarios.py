"""Every scenario gives the same with bowstring as with stock workers: rows, schema, or error."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any

import pytest

from environments import Environment
from harness import Outcomes, is_stand_in

NOTE = re.compile(r"[ |]*bowstring: group .+, (at least )?\d+( and \d+)? rows?")
"""The line that bowstring adds to an error of a group, or of a cogroup with the rows of both sides."""


def test_bowstring_answers_like_stock(
    environment: Environment, scenario: dict[str, Any], outcomes_of: Callable[[Environment], Outcomes]
) -> None:
    outcomes = outcomes_of(environment)
    name = scenario["name"]
    if name in outcomes.skipped:
        pytest.skip(outcomes.skipped[name])
    if name in outcomes.broken:
        pytest.fail(outcomes.broken[name], pytrace=False)
    stock, bowstring = (lines(outcomes.sides[name][side]) for side in ("stock", "bowstring"))
    if scenario["expect"] not in ("either", stock[0]):
        pytest.fail("the scenario itself is wrong, stock brings\n" + "\n".join(stock), pytrace=False)
    if stock[0] == "error" and not is_stand_in(environment):
        bowstring, notes = without_notes(bowstring)
        from_a_group = scenario["grouped"] and any(line.startswith("Traceback") for line in stock)
        # Which other kinds of groups have a note differs between Spark lines.
        assert len(notes) == from_a_group or (not scenario["grouped"] and len(notes) == 1), notes
    if bowstring != stock:
        difference = difflib.unified_diff(stock, bowstring, "stock", "bowstring", n=1, lineterm="")
        pytest.fail("\n".join(difference), pytrace=False)


def lines(outcome: dict[str, Any]) -> list[str]:
    """An outcome, without its duration, as lines: `rows` or `error` first."""
    if "error" in outcome:
        return ["error", outcome["error"]["class"], *outcome["error"]["text"].splitlines()]
    return ["rows", f"schema {outcome.get('schema')}", *outcome["rows"]]


def without_notes(text: list[str]) -> tuple[list[str], list[str]]:
    """The lines that are not ours, and ours."""
    return [line for line in text if not NOTE.fullmatch(line)], [line for line in text if NOTE.fullmatch(line)]
