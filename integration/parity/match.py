"""Plays generated programs against one environment: hypothesis here, the workers behind `referee.py` there."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import generate
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import FlakyFailure, HypothesisException

REFEREE = Path(__file__).resolve().parent / "referee.py"

SHRINKING = 90.0
"""Seconds that a failing program is made smaller for, at most."""

UNSOUND = ("write label",)
"""Words that are left out of programs: README.md says why."""


class Differs(AssertionError):
    """The two workers did not answer alike."""


class RefereeLost(Exception):
    """The harness itself is at fault."""


@dataclass
class Score:
    """What was played."""

    cases: int = 0
    errors: int = 0
    """Cases that stock answered with an error; of these one group is counted."""
    groups: int = 0
    known: Counter[str] = field(default_factory=Counter)
    """Cases with a difference that `known.py` explains."""
    differences: list[str] = field(default_factory=list)
    """For each the smallest program that was found, as text."""


class Match:
    """One referee process."""

    def __init__(self, interpreter: Path, bowstring: Path, without: Collection[str] = UNSOUND) -> None:
        """`without` leaves words out of the programs."""
        command = [interpreter, REFEREE, bowstring]
        self._referee = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        words = self.ask(words=True)
        new = words.pop("new")
        words = {kind: [word for word in every if word not in without] for kind, every in words.items()}
        self._programs = generate.programs(new, words)
        self.score = Score()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(BrokenPipeError):
            self._referee.stdin.close()
        self._referee.wait(60)

    def ask(self, **request: Any) -> dict[str, Any]:
        """Sends a request and waits for the answer."""
        self._referee.stdin.write(json.dumps(request) + "\n")
        self._referee.stdin.flush()
        line = self._referee.stdout.readline()
        if not line:
            # Its standard error says why.
            raise RefereeLost(f"exit code {self._referee.wait()} after {json.dumps(request)}")
        return json.loads(line)

    def play(
        self, number: int, examples: int, *, shrink: bool = True, over: Callable[[], bool] = lambda: False
    ) -> bool:
        """Plays `examples` programs of the seed `number`, or fewer if it is `over`. False at the first difference."""
        failing: dict[str, Any] = {}
        deadline = float("inf")
        lost: RefereeLost | None = None

        def plays(drawn: dict[str, Any]) -> None:
            nonlocal deadline, lost
            if failing and time.monotonic() > deadline:
                if drawn == failing["program"]:
                    raise Differs
                return
            if lost or (not failing and over()):
                return
            try:
                answer = self.ask(program=drawn)
            except RefereeLost as error:
                # Raised later: hypothesis would play on, to make it smaller.
                lost = error
                return
            if answer["difference"] is not None:
                if not failing:
                    deadline = time.monotonic() + SHRINKING
                failing.update(program=drawn, difference=answer["difference"])
                raise Differs
            if not failing:
                self.score.cases += 1
                self.score.errors += answer["error"]
                self.score.groups += answer["groups"]
                self.score.known.update([answer["known"]] if answer["known"] else [])

        phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
        test = settings(
            max_examples=examples,
            phases=phases,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )(seed(number)(given(self._programs)(plays)))
        try:
            test()
        except (Differs, FlakyFailure, HypothesisException):
            if not failing:
                raise
            self.score.differences.append(self._report(number, failing))
            return False
        if lost:
            raise lost
        return True

    def _report(self, number: int, failing: dict[str, Any]) -> str:
        text = self.ask(text=failing["program"])["text"]
        again = f"replay.py BOWSTRING '{json.dumps(failing['program'])}'"
        return f"seed {number}: {failing['difference']}\n\n{text}\n\nagain: {again}"
