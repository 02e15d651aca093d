"""Counts what share of columns went the native way, by listening to calls of stock's functions in bowstring's workers.

The adapters of `_spark/stock/conversion.py` are asked for whatever is not native, and `_worker/frames.py` builds every
frame that is: each call leaves a line in a file.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
from driver import Case, by_value
from pyspark.sql.types import LongType, StructField, StructType

from fakejvm.task_bytes import GROUPED_MAP

by_value(sys.modules[__name__])


def listen(path: str) -> None:
    """Runs in a worker of bowstring's: wraps the functions and methods that are worth a line."""
    import os
    import sys

    if "_bowstring._spark.stock.conversion" not in sys.modules:
        # No native path with these versions, so there is nothing to hear.
        return
    frames, stock = (
        import_module("_bowstring._worker.frames").Frames,
        import_module("_bowstring._spark.stock.conversion"),
    )
    file = os.open(path, os.O_WRONLY | os.O_APPEND)
    # The result of the task that runs this.
    unwanted = ["result"]

    def wrap(owner: Any, name: str, line: Any) -> Any:
        original = getattr(owner, name)

        def wrapped(*args: Any) -> Any:
            result = original(*args)
            text = line(args, result)
            if text in unwanted:
                unwanted.remove(text)
            else:
                os.write(file, (text + "\n").encode())
            return result

        # PySpark leaves out frames of its own package, to which the adapters pretend to belong.
        wrapped.__code__ = wrapped.__code__.replace(co_filename=original.__code__.co_filename)
        return wrapped

    frames.frame = wrap(frames, "frame", lambda args, result: "frame" if result is not None else "no frame")
    take_apart = wrap(frames, "take_apart", lambda args, result: "result" if result is not None else "no result")
    frames.take_apart = staticmethod(take_apart)
    for name in ("SerializerStock", "SerializerStock41", "ConversionStock"):
        owner = getattr(stock, name)
        if "column" in vars(owner):
            owner.column = wrap(owner, "column", lambda args, result: f"column {args[2]}")
        if "field" in vars(owner):
            owner.field = wrap(owner, "field", lambda args, result: f"field {args[3]}")


def preparing(function: Any, *arguments: Any) -> Case:
    """A task that calls a function in a worker, for its effects."""
    schema = pa.schema([("a", pa.int64())])

    def prepare(pdf: Any) -> Any:
        function(*arguments)
        return pdf

    groups = [[pa.record_batch([[0]], schema=schema)]]
    return Case(schema, groups, prepare, StructType([StructField("a", LongType())]))


class Census:
    """How many columns of each type there were, and how many of them stock has converted."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="parity-")
        self._file = Path(self._folder.name) / "calls"
        self._file.touch()
        self._read = 0
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def case(self) -> Case:
        """What each worker has to run first."""
        return preparing(listen, str(self._file))

    def count(self, task: Case, error: bool) -> None:
        """Adds the last task; one that failed is left out, because nobody knows where it ended.

        Of kinds other than grouped maps nothing is counted."""
        with self._file.open() as file:
            file.seek(self._read)
            calls = Counter(file.read().splitlines())
            self._read = file.tell()
        if error or task.eval_type != GROUPED_MAP:
            return
        groups = len(task.groups)
        for index, field in enumerate(task.schema):
            self._add("input", field.type, groups, calls["frame"] - calls[f"column {index}"])
        for index, declared in enumerate(task.return_type.fields):
            self._add("output", declared.dataType.typeName(), groups, calls["result"] - calls[f"field {index}"])

    def _add(self, side: str, kind: Any, total: int, native: int) -> None:
        kind = str(kind).split("<")[0].split("(")[0].split("[")[0]
        self._counts[side, kind, "total"] += total
        self._counts[side, kind, "native"] += max(0, native)

    def shares(self) -> dict[str, list[int]]:
        """Direction and type: columns in all, and those that were native."""
        kinds = sorted({key[:2] for key in self._counts})
        return {" ".join(kind): [self._counts[(*kind, "total")], self._counts[(*kind, "native")]] for kind in kinds}
