"""What is sent along with a job comes before what is installed, as with stock, for every package."""

from __future__ import annotations

from typing import Any

import pytest

from environments import Environment
from harness import Finished, is_stand_in, run_programs
from test_lifecycle import KILLED_WITHIN, ROWS

STARTED_OVER = {
    "pure, row": True,
    "pure, grouped": True,
    "pure, series": True,
    "compiled, row": True,
    "compiled, series": True,
    "pure afterwards, row": True,
    "pure once more, row": True,
    "another, portions": False,
    "the same, portions": True,
    "package, portions": True,
    "extension, series": True,
    "folder, series": True,
    "harmless, series": False,
    "before series, series": False,
    "pure afterwards, series": False,
}
"""Whether the worker has started over. Of those of RDDs it depends on what had been imported when they were forked."""

PORTIONS = {
    "another": ["spaced.first of installed", "spaced.second of another"],
    "the same": ["spaced.first of the same", "spaced.second of the same"],
    "package": ["spaced.first of package", "no spaced.second"],
}
"""Which modules of a namespace package functions find, by what was sent of it."""


@pytest.fixture(scope="module")
def finished(lifecycle: Environment, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One session. What was sent last shadows something in every task after it."""
    names = ["sent_along", "sent_in_portions", "sent_into_the_folder", "cancelled_while_sleeping", "left_after_stop"]
    directory = tmp_path_factory.mktemp("sent_along")
    conf = {"spark.executor.pyspark.memory": "4g"}
    return run_programs(lifecycle, names, directory, conf=conf, variables={"BOWSTRING_LOG": "info"})


@pytest.fixture(scope="module")
def answers(finished: Finished) -> dict[str, Any]:
    """What functions found, by step and side."""
    programs = ("sent_along", "sent_in_portions", "sent_into_the_folder")
    return {step: sides for program in programs for step, sides in finished.answers[program].items()}


def test_functions_find_what_stocks_find(answers: dict[str, Any]) -> None:
    found = {
        step: [sides[side].get("sent", sides[side].get("text")) for side in sides] for step, sides in answers.items()
    }
    assert {step: ours for step, (_, ours) in found.items()} == {step: stock for step, (stock, _) in found.items()}


def test_stock_finds_what_was_sent(answers: dict[str, Any]) -> None:
    for step in ("pure, rdd", "pure, row", "pure, grouped", "pure, series", "compiled, row", "folder, rdd"):
        assert "dateutil" in answers[step]["stock"]["sent"], step
    assert {"pandas", "pyarrow"} <= set(answers["compiled, series"]["stock"]["sent"])
    assert answers["harmless, series"]["stock"]["sent"] == []
    for step in ("extension, rdd", "extension, series"):
        assert answers[step]["stock"]["sent"] == ["cmath"], step
    assert {step: answers[f"{step}, portions"]["stock"]["sent"] for step in PORTIONS} == PORTIONS
    assert "sent dateutil is broken" in answers["broken, row"]["stock"]["text"]


def test_only_workers_of_shadowing_tasks_start_over(
    lifecycle: Environment, finished: Finished, answers: dict[str, Any]
) -> None:
    if is_stand_in(lifecycle):
        pytest.skip("stock has no need to")
    assert {step: answers[step]["ours"]["started_over"] for step in STARTED_OVER} == STARTED_OVER
    assert "pure.zip brings its own " in finished.log
    assert "harmless.zip brings its own " not in finished.log


def test_workers_that_start_over_look_like_stocks(answers: dict[str, Any]) -> None:
    for step, sides in answers.items():
        if sides["ours"].get("started_over"):
            for fact in ("process", "modules"):
                assert sides["ours"][fact] == sides["stock"][fact], (step, fact)


@pytest.mark.parametrize("step", ["pure afterwards, row", "pure afterwards, series"])
def test_workers_stay_the_same_process(answers: dict[str, Any], step: str) -> None:
    assert answers[step] == {side: {**facts, "same_pid": True} for side, facts in answers[step].items()}


def test_workers_that_have_started_over_are_killed_and_end(finished: Finished) -> None:
    cancelled = finished.answers["cancelled_while_sleeping"]
    assert cancelled["started"]
    assert cancelled["failed"]
    assert cancelled["gone_after"] is not None
    assert cancelled["gone_after"] < KILLED_WITHIN
    assert cancelled["rows"] == ROWS
    assert finished.answers["left_after_stop"] == []
    assert finished.left == {}
