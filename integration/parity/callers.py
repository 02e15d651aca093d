"""Which kinds of UDF bowstring's worker calls by itself, and not through the function that PySpark makes of a task.

Runs on the interpreter of an environment: callers.py BOWSTRING. Prints the names of the kinds, and whether, as JSON.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import driver
import pyarrow as pa
from driver import Call, Case, Pair
from pyspark.sql.types import LongType, StructField, StructType

from fakejvm.task_bytes import ARROW_TABLE_UDTF, ARROW_UDTF, KINDS

ROWS = StructType([StructField("a", LongType())])


def stack() -> Any:
    """Ends the task with the names of the functions that run."""
    import sys

    frame, names = sys._getframe(2), []
    while frame is not None:
        names.append(frame.f_code.co_qualname)
        frame = frame.f_back
    raise RuntimeError("called by: " + " ".join(name.replace(" ", "") for name in names))


def of_one(a: Any) -> Any:
    """A function that takes one argument."""
    return stack()


def of_two(a: Any, b: Any) -> Any:
    """A function that takes two."""
    return stack()


def case(number: int) -> Case:
    """A task of that kind with one group, or one batch."""
    kind = KINDS[number]
    batch = pa.RecordBatch.from_pydict({"a": pa.array([1, 2])})
    if kind.framing == "cogroups":
        schemas = (batch.schema, batch.schema)
        return Case(schemas, [([batch], [batch])], of_two, ROWS, keys=(0,), eval_type=number)
    groups: list[Any] = [[batch]] if kind.framing == "groups" else [batch]
    if kind.grouped_offsets or kind.struct:
        return Case(batch.schema, groups, of_one, ROWS, keys=(0,) if kind.grouped_offsets else (), eval_type=number)
    windows = ("unbounded",) if "window" in kind.name else ()
    return Case(batch.schema, groups, eval_type=number, calls=[Call([of_one], LongType())], windows=windows)


def main(bowstring: str) -> None:
    """Asks the worker about every kind of this Spark line that is fed Arrow; a UDTF is a class and no function."""
    driver.by_value(sys.modules[__name__])
    found = {}
    with Pair(Path(bowstring)) as pair:
        for number, kind in KINDS.items():
            arrow = kind.framing != "pickles" and number not in (ARROW_TABLE_UDTF, ARROW_UDTF)
            if not (arrow and kind.known_to(driver.DIALECT)):
                continue
            answer = pair.bowstring.run(case(number).encode())
            names = re.search("RuntimeError: called by: (.*)", answer.traceback or "")
            if names is None:
                raise SystemExit(f"{kind.name}: {answer.traceback or answer.failure or 'no error'}")
            stock = [name for name in names[1].split() if name.startswith(("read_udfs.", "wrap_"))]
            found[kind.name] = not stock
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
