"""Runs programs on both workers of one environment: a JSON object a line on standard input, an answer a line.

Runs on the interpreter of the environment; `match.py` starts it, feeds it and reads it.

usage: referee.py BOWSTRING
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import casts
import census
import driver
import mutations
import program
from comparison import difference
from driver import Pair
from known import reason

REUSES = 12
"""A worker serves so many tasks before a new connection is made, so that both ways are tried."""


class Referee:
    """Two daemons and what was asked of them."""

    def __init__(self, bowstring: Path) -> None:
        self._bowstring = bowstring
        self._pair: Pair | None = None
        self._census = census.Census()
        self._asked = 0
        self._spoiled = True

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request."""
        if "words" in request:
            return {
                "steps": list(program.STEPS),
                "casts": [*casts.CASTS, *casts.DTYPES],
                "gentle": list(casts.GENTLE),
                "labels": list(program.LABELS),
                "odd": list(program.ODD),
                "new": driver.DIALECT.stream_per_group,
            }
        if "text" in request:
            return {"text": program.text(request["text"])}
        if "census" in request:
            return {"census": self._census.shares()}
        if "mutations" in request:
            return {"mutations": mutations.NAMES}
        if "mutation" in request:
            self._start(mutations.case(request["mutation"]))
            return {}
        return self._compare(request["program"])

    def close(self) -> None:
        """Ends the daemons."""
        if self._pair is not None:
            self._pair.close()
            self._pair = None

    def _start(self, prepare: driver.Case) -> Pair:
        self.close()
        self._spoiled = True
        self._pair = Pair(self._bowstring, prepare)
        return self._pair

    def _compare(self, drawn: dict[str, Any]) -> dict[str, Any]:
        pair = self._pair or self._start(self._census.case())
        self._asked += 1
        fresh = self._spoiled or self._asked % REUSES == 0
        task = program.case(drawn)
        stock, bowstring = pair.run(task, fresh)
        # The options that it has set, the next task of these workers would find set.
        self._spoiled = any(name in program.OPTIONS for name, _ in drawn["steps"])
        error = stock.traceback is not None
        self._census.count(task, error)
        found = difference(stock, bowstring)
        # So that the same program fails again, whatever was before it.
        self._spoiled = self._spoiled or found is not None
        known = found and reason(found)
        return {
            "difference": None if known else found,
            "known": known,
            "groups": 1 if error or known else len(task.groups),
            "error": error,
        }


def main() -> None:
    """Answers until the input ends."""
    referee = Referee(Path(sys.argv[1]))
    try:
        for line in sys.stdin:
            print(json.dumps(referee.handle(json.loads(line))), flush=True)
    finally:
        referee.close()


if __name__ == "__main__":
    main()
