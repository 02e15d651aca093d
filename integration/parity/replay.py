"""Runs one program again, as a failure has printed it: what it is, both answers, and where they differ.

Runs on the interpreter of an environment: replay.py BOWSTRING PROGRAM, the program as JSON or as the name of a file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import kinds
import pyarrow as pa
from census import preparing
from comparison import difference
from driver import Answer, Pair


def shown(answer: Answer) -> str:
    """An answer for a reader."""
    if answer.traceback or answer.failure:
        return str(answer.traceback or answer.failure)
    return str(pa.Table.from_batches(answer.batches, answer.schema)) if answer.schema else "nothing"


def main(bowstring: str, drawn: str) -> None:
    """Exits with 1 if the answers differ."""
    description = json.loads(drawn if drawn.startswith("{") else Path(drawn).read_text())
    task = kinds.case(description)
    print(kinds.text(description))
    with Pair(Path(bowstring)) as pair:
        stock, ours = pair.run(task, after=preparing(len, ()))
    print(f"--- stock\n{shown(stock)}\n--- bowstring\n{shown(ours)}")
    found = difference(stock, ours, task.by_batch)
    print(f"--- difference\n{found}")
    raise SystemExit(found is not None)


if __name__ == "__main__":
    main(*sys.argv[1:])
