"""One tiny task of each common kind, through bowstring and through PySpark's own daemon, and whether both agree.

The functions of the tasks are pickled by value: a worker need not find this module.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyspark
from pyspark import cloudpickle
from pyspark.sql.types import LongType, StringType, StructField, StructType

from .._fakejvm.client import END_OF_STREAM, ConnectionLost, Daemon, ProtocolViolation, Reply, Worker
from .._fakejvm.task_bytes import (
    ARROW_TABLE_UDTF,
    ARROW_UDTF,
    DIALECTS,
    KINDS,
    PICKLED,
    Dialect,
    Kind,
    Task,
    Udf,
    encode_data,
    encode_preamble,
    grouped_offsets,
    pickle_command,
)
from . import facts
from .daemons import environment_for_daemons, running

ROWS = StructType([StructField("a", LongType())])


@dataclass(frozen=True)
class Outcome:
    """How the tasks of one kind ended."""

    kind: str
    native: bool
    """Through bowstring's own code."""
    agrees: bool
    text: str = ""
    """What differs, or the error of both."""


def same(argument: Any) -> Any:
    """What came: a frame, a table, a Series, an array, or an iterator of these."""
    return argument


def left(first: Any, _second: Any) -> Any:
    """The first of two."""
    return first


def count(argument: Any) -> int:
    """The number of elements, of a Series, of an array, or of an iterator of these."""
    return sum(map(len, argument)) if hasattr(argument, "__next__") else len(argument)


def dialect_of(version: str) -> Dialect:
    """How the Spark line of that PySpark writes a task. Raises `LookupError` for one that nobody has looked at."""
    line = version.split(".")[:2]
    for dialect in DIALECTS.values():
        if dialect.checked_against.split(".")[:2] == line:
            return dialect
    raise LookupError(f"the line of PySpark {version} is not known")


def kinds_of(dialect: Dialect) -> list[Kind]:
    """Those with Arrow data, but for table functions, whose argument is a class."""
    left_out = (ARROW_TABLE_UDTF, ARROW_UDTF)
    return [
        kind
        for kind in KINDS.values()
        if kind.framing != "pickles" and kind.eval_type not in left_out and kind.known_to(dialect)
    ]


def task_of(kind: Kind, dialect: Dialect) -> tuple[bytes, bytes]:
    """Preamble and data: one group, pair of groups, or batch of two rows."""
    batch = pa.RecordBatch.from_pydict({"a": pa.array([1, 2])})
    function: Callable[..., Any] = same
    offsets = grouped_offsets(1, [0]) if kind.grouped_offsets else [0]
    data: list[Any] = [batch]
    windows: list[str] = []
    returns: Any = ROWS if kind.grouped_offsets or kind.struct else LongType()
    if kind.framing == "cogroups":
        function, data, offsets = left, [([batch], [batch])], [*offsets, *offsets]
    elif kind.framing == "groups":
        data = [[batch]]
        function = same if kind.grouped_offsets else count
        windows = ["unbounded"] if "window" in kind.name else []
    command = pickle_command(function, returns)
    input_type = ROWS if kind.name == "arrow-batched" else None
    task = Task(Udf(command, offsets), kind.eval_type, windows=windows, input_type=input_type)
    return encode_preamble(dialect, task), encode_data(dialect, kind.eval_type, data)


def ask(_: Any) -> str:
    """The facts of the process that runs this, for a worker that has no `bowstring`."""
    space: dict[str, Any] = {"__name__": "facts"}
    exec(SOURCE, space)
    return json.dumps(space["gather"]())


SOURCE = ""


class Side:
    """A daemon and one worker of it; another one after an error, for stock's leaves with it."""

    def __init__(self, daemon: Daemon, dialect: Dialect) -> None:
        self._daemon = daemon
        self._dialect = dialect
        self._worker: Worker | None = None

    def run(self, task: tuple[bytes, bytes]) -> Reply:
        """The reply of a worker. Raises what `Worker.run` does."""
        if self._worker is None:
            self._worker = self._daemon.connect()
        try:
            reply = self._worker.run(*task, timing_longs=self._dialect.timing_longs)
        except BaseException:
            self.close()
            raise
        if reply.end != END_OF_STREAM:
            self.close()
        return reply

    def rows(self, task: tuple[bytes, bytes]) -> pa.Table | str:
        """What comes back, or the error."""
        try:
            reply = self.run(task)
        except (ConnectionLost, ProtocolViolation, OSError) as error:
            return f"{type(error).__name__}: {error}"
        if reply.traceback:
            return reply.traceback.strip().splitlines()[-1]
        return pa.ipc.open_stream(pa.py_buffer(bytes(reply.arrow))).read_all()

    def facts(self) -> dict[str, Any]:
        """What its worker says of itself. Raises `ConnectionLost` if a plain function is not answered."""
        command = pickle_command(ask, StringType())
        preamble = encode_preamble(self._dialect, Task(Udf(command, [0]), PICKLED))
        reply = self.run((preamble, encode_data(self._dialect, PICKLED, [[(1,)]])))
        if reply.traceback:
            raise ConnectionLost(reply.traceback.strip().splitlines()[-1])
        found = pickle.loads(reply.pickles[0])[0]
        answer: dict[str, Any] = json.loads(found[0] if isinstance(found, (tuple, list)) else found)
        return answer

    def close(self) -> None:
        """Hangs up."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def compare(bowstring: str, python: str) -> tuple[dict[str, Any], list[Outcome], list[str]]:
    """Runs all tasks on both sides: a worker's facts afterwards, the outcomes, and what bowstring's daemon wrote.

    Raises `NotStarted`, and `ConnectionLost` where not even a plain function is answered.
    """
    global SOURCE
    SOURCE = facts.source()
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    dialect = dialect_of(pyspark.__version__)
    environment = environment_for_daemons(python)
    outcomes = []
    with (
        running([python, *dialect.daemon], environment) as (stock, _),
        running([bowstring, *dialect.daemon], environment) as (daemon, lines),
    ):
        theirs, ours = Side(stock, dialect), Side(daemon, dialect)
        answer = ours.facts()
        for kind in kinds_of(dialect):
            task = task_of(kind, dialect)
            before = taken(answer)
            expected, found = theirs.rows(task), ours.rows(task)
            answer = ours.facts()
            outcomes.append(judged(kind, expected, found, taken(answer) != before))
        theirs.close()
        ours.close()
    return answer, outcomes, lines


def taken(answer: dict[str, Any]) -> dict[str, int]:
    """Which tasks a worker has answered natively so far."""
    found: dict[str, int] = answer["worker"]["taken"] if answer["worker"] else {}
    return found


def judged(kind: Kind, expected: pa.Table | str, found: pa.Table | str, native: bool) -> Outcome:
    """What both answers say."""
    if isinstance(expected, str) and isinstance(found, str):
        return Outcome(kind.name, False, True, f"both fail: {expected}")
    if isinstance(expected, str) or isinstance(found, str) or not expected.equals(found):
        theirs, ours = (side if isinstance(side, str) else side.to_pydict() for side in (expected, found))
        return Outcome(kind.name, native, False, f"PySpark: {theirs}; bowstring: {ours}")
    return Outcome(kind.name, native, True)
