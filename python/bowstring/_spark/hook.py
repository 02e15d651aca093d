"""Hooks bowstring into `pyspark.worker`.

`read_udfs`, and `read_udtf` for table functions, parse the preamble of a task in a way that changes
with every Spark release. The original is called first; its result is either returned as it is, or
replaced by native objects with the same three methods.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from pyspark import worker
from pyspark.sql.pandas.utils import require_minimum_pandas_version, require_minimum_pyarrow_version

from .. import _native as native
from . import sent_along
from .kinds import (
    arrow_batched,
    grouped_agg,
    grouped_agg_arrow,
    grouped_map,
    grouped_map_arrow,
    map,
    scalar,
    table_function,
)
from .lines import Found, Line
from .patches import converters, streams
from .proof.record import SelfTest, to_text
from .surface import SELF_TEST
from .surface.known import Surface
from .task_parts import Answer, Kind, SingleUdf, TaskParts

_FAMILIES: tuple[ModuleType, ...] = (
    arrow_batched,
    grouped_agg,
    grouped_agg_arrow,
    grouped_map,
    grouped_map_arrow,
    map,
    scalar,
    table_function,
)
_KINDS: dict[int, Kind] = {number: kind for family in _FAMILIES for number, kind in family.KINDS.items()}
_WRAPS: list[str] = [name for family in _FAMILIES for name in getattr(family, "WRAPS", ())]
_AROUND: dict[int, Callable[[Any], Callable[..., Any]]] = {
    number: around for family in _FAMILIES for number, around in getattr(family, "AROUND", {}).items()
}

_PIPELINED = "SPARK_PIPELINED_UDF"

# (native module, line, what the self-test found) once installed; the parity tests ask for it.
INSTALLED: tuple[ModuleType, Line, SelfTest] | None = None

# How many tasks of a kind were left to PySpark, in this worker, because ours raised an exception.
DECLINED: Counter[str] = Counter()

# How many tasks of an eval type have been answered natively, in this worker; the doctor asks for it.
TAKEN: Counter[int] = Counter()

# Of `self_test.py`: enough to have run all that tasks of other kinds run, too.
_USUAL_KINDS = ("long", "double", "string", "timestamp")


def install(found: Found, proven: SelfTest | None) -> SelfTest:
    """Replaces `pyspark.worker.read_udfs` and `read_udtf`.

    `found`: what `lines.find` has said; `proven`: what the self-test would find; None: it is run.
    """
    global INSTALLED
    _, line, surface = found
    converters.install(surface)
    streams.install(surface)
    if SELF_TEST in surface.off:
        proven = self_test().nothing()
    elif proven is None:
        proven = self_test().run(line)
    # Conversions ask first, and Spark 3.5 imports all of setuptools for the answer.
    require_minimum_pandas_version()
    require_minimum_pyarrow_version()
    _Hook(line, proven, surface).install()
    INSTALLED = native, line, proven
    return proven


def findings() -> str:
    """What the self-test has found, as text."""
    assert INSTALLED is not None
    return to_text(INSTALLED[2])


def self_test() -> Any:
    """The module `self_test.py`, which few need."""
    from .proof import self_test

    return self_test


def warm() -> None:
    """Runs once what the first task of each worker would run first."""
    assert INSTALLED is not None
    _, line, proven = INSTALLED
    if not proven.unproven_input.issuperset(_USUAL_KINDS):
        self_test().run(line, _USUAL_KINDS)


def attempt(kind: Kind, parts: TaskParts) -> Answer | None:
    """What a kind answers; `None` after an exception, so that the task is stock's.

    Such as for a declared type that Arrow refuses: stock says so when the first result needs it.
    """
    try:
        return kind(parts)
    except Exception as error:
        DECLINED[kind.__name__] += 1
        native.log_declined(kind.__name__, DECLINED[kind.__name__], error)
        return None


class _Reading:
    """What is seen of one task while PySpark reads it, UDF after UDF.

    Of each UDF there are three moments: it is begun; its function is wrapped, in Spark lines that do so; it is read.
    """

    def __init__(self, around: dict[int, Callable[[Any], Callable[..., Any]]]) -> None:
        """`around`: `AROUND` of the kinds that are native."""
        self.singles: list[SingleUdf] = []
        self.wrapped: list[tuple[str, tuple[Any, ...]]] = []
        self._arounds = around
        # What has still to be put around the function of the UDF that is being read.
        self._around: Callable[[Any], Callable[..., Any]] | None = None

    def begin(self, eval_type: int) -> None:
        """PySpark begins to read a UDF."""
        self._around = self._arounds.get(eval_type)

    def wrap(self, name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """PySpark calls this one of WRAPS, with the function first. Returns the arguments that it gets."""
        arguments = self._put_around(arguments)
        self.wrapped.append((name, arguments))
        return arguments

    def end(self, single: SingleUdf) -> SingleUdf:
        """PySpark has read the UDF, and has its function first. Returns what it goes on with."""
        single = self._put_around(single)
        self.singles.append(single)
        return single

    def _put_around(self, parts: tuple[Any, ...]) -> tuple[Any, ...]:
        around, self._around = self._around, None
        return parts if around is None else (around(parts[0]), *parts[1:])


class _Hook:
    """In the place of the functions of `pyspark.worker` that read a task."""

    def __init__(self, line: Line, proven: SelfTest, surface: Surface) -> None:
        self._line = line
        self._proven = proven
        self._surface = surface
        self._kinds = {number: kind for number, kind in _KINDS.items() if surface.takes(number)}
        self._around = {number: around for number, around in _AROUND.items() if surface.takes(number)}
        self._reading = _Reading(self._around)

    def install(self) -> None:
        """Takes the place of those that are known."""
        for name in _WRAPS:
            if hasattr(worker, name):
                self._replace(name, partial(self._wrapping, name))
        self._replace("read_single_udf", self._reading_udf)
        self._replace("read_udfs", self._reading_task)
        self._replace("read_udtf", self._reading_task)

    def _replace(self, name: str, replacement: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        if self._surface.knows(f"pyspark.worker.{name}"):
            setattr(worker, name, replacement(getattr(worker, name)))

    def _wrapping(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def wrap(*args: Any) -> Any:
            return original(*self._reading.wrap(name, args))

        return wrap

    def _reading_udf(self, original: Callable[..., Any]) -> Callable[..., SingleUdf]:
        def read(*args: Any, **kwargs: Any) -> SingleUdf:
            self._reading.begin(args[2])
            return self._reading.end(original(*args, **kwargs))

        return read

    def _reading_task(self, original: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
        def read(*args: Any) -> tuple[Any, ...]:
            sent_along.note(args[2])
            try:
                result = original(*args)
                seen = self._reading
            finally:
                # What is seen holds the user's function, which must not outlive its task.
                self._reading = _Reading(self._around)
            kind = self._kinds.get(args[2])
            if kind is None:
                return result
            ours = attempt(kind, TaskParts(self._line, self._proven, args, result, seen.singles, seen.wrapped))
            if ours is None:
                return result
            TAKEN[args[2]] += 1
            return _answer(ours, result)

        return read


def _answer(ours: Answer, stocks: tuple[Any, ...]) -> tuple[Any, ...]:
    """What `read_udfs` returns with ours in place of stock's."""
    func, streams = ours
    # Spark 4.3 would call `load_stream` from a thread of its own; the native path has one.
    pipelined = None if streams is stocks[3] else os.environ.pop(_PIPELINED, None)
    deserializer = streams if pipelined is None else _Unhidden(streams, pipelined)
    return func, stocks[1], deserializer, streams


class _Unhidden:
    """A deserializer that gives the variable back, which PySpark has looked for by then and the user's function may."""

    def __init__(self, streams: Any, pipelined: str) -> None:
        self._streams = streams
        self._pipelined = pipelined

    def load_stream(self, infile: object) -> object:
        os.environ[_PIPELINED] = self._pipelined
        return self._streams.load_stream(infile)
