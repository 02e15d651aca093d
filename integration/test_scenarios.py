"""Every scenario gives the same with bowstring as with stock workers: rows, schema, or error."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import pytest

from environments import Environment
from harness import Outcomes


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
    if bowstring != stock:
        difference = difflib.unified_diff(stock, bowstring, "stock", "bowstring", n=1, lineterm="")
        pytest.fail("\n".join(difference), pytrace=False)


def lines(outcome: dict[str, Any]) -> list[str]:
    """An outcome, without its duration, as lines: `rows` or `error` first."""
    if "error" in outcome:
        return ["error", outcome["error"]["class"], *outcome["error"]["text"].splitlines()]
    return ["rows", f"schema {outcome.get('schema')}", *outcome["rows"]]
