"""Plays generated programs on both workers of one environment, whose interpreter this runs on.

Without a limit it goes on until SIGTERM. Says every ten seconds how far it is; the last line is a summary in JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import driver
import generate
import kinds
import mutations
import program
from census import Census, preparing
from comparison import difference
from driver import Case, Pair
from known import reason
from reduce import reduced

from fakejvm.task_bytes import GROUPED_MAP, KINDS

REUSES = 12
"""A worker serves so many tasks before a new connection is made, so that both ways are tried."""
REDUCING = 120.0
"""Seconds that a failing program is made smaller for, at most."""
INTERVAL = 10.0
FOUND = Path(__file__).resolve().parent / "found.jsonl"
"""Programs that once had different answers, made small."""


@dataclass
class Score:
    """What was played."""

    cases: int = 0
    errors: int = 0
    """Cases that stock answered with an error; of these one group is counted."""
    kinds: dict[str, list[int]] = field(default_factory=dict)
    """For each kind of UDF the cases that stock answered, and those with an error."""
    groups: int = 0
    known: Counter[str] = field(default_factory=Counter)
    """Cases with a difference that `known.py` explains; their groups are not counted."""
    differences: list[str] = field(default_factory=list)
    """For each the smallest program that was found, as text."""


class Match:
    """Two daemons, and what was asked of them."""

    def __init__(
        self, bowstring: Path, name: str, without: Iterable[str], drawn_from: list[int], mutation: str | None = None
    ) -> None:
        self.score = Score()
        self.census = Census()
        self._name = name
        self._without = frozenset(without)
        self._kinds = drawn_from
        self.score.kinds = {KINDS[kind].name: [0, 0] for kind in drawn_from}
        self._after = preparing(len, ())
        prepare: Case = mutations.case(mutation) if mutation else self.census.case()
        self._pair = Pair(bowstring, prepare)
        self._asked = 0
        self._spoiled = False
        self._started = self._said = time.monotonic()

    def close(self) -> None:
        """Ends the daemons."""
        self._pair.close()

    def programs(self, seed: int) -> Iterable[tuple[str, dict[str, Any]]]:
        """Those that have found something before, then all of a seed, each with a label to find it again by."""
        new = driver.DIALECT.stream_per_group
        for number, line in enumerate(FOUND.read_text().splitlines(), 1):
            drawn = json.loads(line)
            steps = {name for name, _ in drawn.get("steps", ())}
            possible = kinds.known(drawn) and (new or not any(kind in line for kind in generate.NEW))
            if possible and drawn.get("kind", GROUPED_MAP) in self._kinds and not steps & self._without:
                yield f"found.{number}", drawn
        for number in itertools.count():
            label = f"{seed}.{number}"
            # A grouped map is the same whatever other kinds there are.
            kind = Random(f"{label} kind").choice(self._kinds)
            yield label, kinds.draw(Random(label), kind, new, self._without)

    def play(self, label: str, drawn: dict[str, Any]) -> str | None:
        """The first difference of one program, unless it is known."""
        task = kinds.case(drawn)
        found, error = self._compare(drawn, task)
        known = found and reason(found, drawn)
        self.score.cases += 1
        self.score.errors += error
        self.score.kinds[KINDS[task.eval_type].name][error] += 1
        if known:
            self.score.known[known] += 1
        else:
            self.score.groups += 1 if error else len(task.groups)
        self._say(label)
        return None if known else found

    def report(self, label: str, drawn: dict[str, Any], first: str) -> str:
        """A failing program made small, for a reader; as it was, if it does not fail again."""

        def fails(smaller: dict[str, Any]) -> bool:
            found, _ = self._compare(smaller, kinds.case(smaller))
            return found is not None and reason(found, smaller) is None

        smallest = reduced(drawn, fails, REDUCING)
        found, _ = self._compare(smallest, kinds.case(smallest))
        if found is None:
            smallest, found = drawn, f"once, and not again: {first}"
        again = f"replay.py BOWSTRING '{json.dumps(smallest)}'"
        return f"{self._name}, program {label}: {found}\n\n{kinds.text(smallest)}\n\nagain: {again}"

    def _compare(self, drawn: dict[str, Any], task: Case) -> tuple[str | None, bool]:
        self._asked += 1
        fresh = self._spoiled or self._asked % REUSES == 0
        # What a kind leaves behind of its input, the next task would read.
        stock, bowstring = self._pair.run(task, fresh, self._after if "kind" in drawn else None)
        error = stock.traceback is not None
        self.census.count(task, error)
        found = difference(stock, bowstring, task.by_batch)
        # The options that it has set, the next task of these workers would find set; and what has failed once has to
        # fail again, whatever was before it.
        self._spoiled = found is not None or any(name in program.OPTIONS for name, _ in drawn.get("steps", ()))
        return found, error

    def _say(self, label: str) -> None:
        now = time.monotonic()
        if now - self._said < INTERVAL:
            return
        self._said = now
        score = self.score
        print(
            f"{self._name}: {now - self._started:.0f} s, program {label}, {score.cases} cases, {score.errors} of them "
            f"errors, {score.groups} groups, {len(score.differences)} differences, {sum(score.known.values())} known",
            flush=True,
        )


def main() -> None:
    """Exits with 1 after a difference, or after a mistake that was not found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bowstring", type=Path)
    parser.add_argument("--name", default="", help="the environment's, for what is printed")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--groups", type=float, default=float("inf"), help="stop after so many groups")
    parser.add_argument("--examples", type=float, default=float("inf"), help="stop after so many programs")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: another one each time")
    parser.add_argument("--differences", type=int, default=1, help="stop after so many; %(default)s")
    parser.add_argument("--without", default="", help="comma-separated steps to leave out of programs")
    parser.add_argument("--kinds", default="", help="parts of names of kinds of UDFs; default: half are grouped maps")
    parser.add_argument("--mutations", action="store_true", help="see that every deliberate mistake is found")
    arguments = parser.parse_args()
    if arguments.mutations:
        raise SystemExit(look_for_mistakes(arguments))
    match = Match(arguments.bowstring, arguments.name, arguments.without.split(","), kinds.chosen(arguments.kinds))
    try:
        raise SystemExit(play(match, arguments))
    finally:
        match.close()


def play(match: Match, arguments: argparse.Namespace) -> bool:
    """Whether there was a difference."""
    score, deadline = match.score, time.monotonic() + arguments.seconds
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    for label, drawn in match.programs(arguments.seed):
        found = match.play(label, drawn)
        if found is not None:
            score.differences.append(match.report(label, drawn, found))
            print(f"\n{score.differences[-1]}\n", flush=True)
        played = len(score.differences) >= arguments.differences or score.cases >= arguments.examples
        if played or score.groups >= arguments.groups or time.monotonic() > deadline or stopped.is_set():
            break
    shares = match.census.shares()
    counts = {name: getattr(score, name) for name in ("cases", "errors", "kinds", "groups", "known")}
    summary = {"environment": arguments.name, "seed": arguments.seed, **counts, "differences": len(score.differences)}
    print(json.dumps({**summary, "columns": shares}), flush=True)
    return bool(score.differences)


def look_for_mistakes(arguments: argparse.Namespace) -> bool:
    """Whether a mutation was missed."""
    found = {}
    for name in mutations.NAMES:
        match = Match(arguments.bowstring, arguments.name, arguments.without.split(","), [GROUPED_MAP], name)
        try:
            programs = itertools.islice(match.programs(arguments.seed), int(arguments.examples))
            found[name] = any(match.play(label, drawn) is not None for label, drawn in programs)
        finally:
            match.close()
        print(f"{name}: {'found' if found[name] else 'MISSED'} after {match.score.cases} cases", flush=True)
    print(json.dumps(found), flush=True)
    return not all(found.values())


if __name__ == "__main__":
    main()
