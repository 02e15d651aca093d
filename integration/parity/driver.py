"""Stock's daemon and bowstring's side by side, without a JVM: the same bytes go to both, both answers come back.

Runs on the interpreter of an environment. A `Case` is one task; `Pair.run` gives both workers' answers to it, which
`comparison.difference` compares.

    with Pair(Path("target/cpython-3.11/release/bowstring")) as pair:
        stock, bowstring = pair.run(case)
        print(difference(stock, bowstring))
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyspark
from pyspark import cloudpickle
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import DataType

from fakejvm.client import ConnectionLost, Daemon, ProtocolViolation, Reply, Worker, spark_environment
from fakejvm.task_bytes import (
    ARROW_BATCHED,
    ARROW_TABLE_UDTF,
    ARROW_UDTF,
    DIALECTS,
    GROUPED_MAP,
    KINDS,
    Task,
    Udf,
    Udtf,
    encode_data,
    encode_preamble,
    grouped_offsets,
    pickle_command,
    pickle_handler,
)

if TYPE_CHECKING:
    # CPython 3.11 on.
    from typing import Self

DIALECT = DIALECTS[pyspark.__version__]

BY_BATCH = frozenset((101, 200, 204, 250, 251, 202, 217, 252, 254, 301, 302))
"""Of an aggregate it takes the first row of each batch, of a scalar UDF it may ask for as many rows as it sent, of a
table function it joins each batch to one row."""

CONCURRENCY = "spark.sql.execution.pythonUDF.arrow.concurrency.level"
"""Threads of an Arrow-optimised UDF; sent since Spark 4.0, and only where it is set."""

TIMEOUT = 60.0
"""Seconds after which a worker that says nothing counts as hung."""

STOCK_DAEMON = """
import runpy, socket, sys
import numpy, pandas, pyarrow.compute, pyarrow.ipc, pyspark.sql.pandas.serializers, pyspark.worker
from pyspark.sql.pandas.utils import require_minimum_pandas_version, require_minimum_pyarrow_version
require_minimum_pandas_version()
require_minimum_pyarrow_version()
accept = socket.socket.accept
def accept_without_delay(self):
    connection, address = accept(self)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection, address
socket.socket.accept = accept_without_delay
runpy.run_module("pyspark.daemon", run_name="__main__")
"""
"""Stock's own daemon in a process that has imported what its workers import. A worker ends with each error, and a new
one takes a second to import pandas for itself; forked from here it takes milliseconds. Nor does it wait 40 ms for its
first small write to be acknowledged before it sends the next. The code is stock's."""

QUIET = {
    # Adds a line to the text of errors; everything else of a text has to be stock's.
    "BOWSTRING_ERROR_NOTES": "off",
    "PYTHONWARNINGS": "ignore",
}


def by_value(module: Any) -> Any:
    """Lets functions of a module, which workers cannot import, be pickled whole. Returns the module."""
    cloudpickle.register_pickle_by_value(module)
    return module


@dataclass(frozen=True)
class Call:
    """A UDF where a task has several, or chains them; or a table function."""

    functions: Sequence[Callable[..., Any]]
    """Usually one; each further one gets what the one before has returned. Of a table function its class."""
    return_type: DataType
    offsets: Sequence[int] = (0,)
    """Its columns; with a bounded window those of the bounds are the first two."""
    named: Mapping[str, int] = field(default_factory=dict)
    """Its columns as keyword arguments, which Spark has since 4.0."""
    partitioned: Sequence[int] = ()
    """Of a TABLE argument, the columns that partition it."""
    tables: Sequence[int] = ()
    """Columns that are TABLE arguments."""


@dataclass(frozen=True)
class Case:
    """One task."""

    schema: pa.Schema | tuple[pa.Schema, pa.Schema]
    """Of the columns, for cogroups of both sides."""
    groups: Sequence[Any]
    """The batches of each group; pairs of that for cogroups; batches for a kind that knows no groups.

    Spark lines that know one batch a group get them joined."""
    function: Callable[..., Any] | None = None
    """Pickled by value, so it must not come from a module that the workers cannot import."""
    return_type: DataType | None = None
    keys: Sequence[int] = ()
    """Which columns are grouped by, on both sides of cogroups."""
    values: Sequence[int] | None = None
    """Which columns the function's frame has; all of them unless given."""
    conf: Mapping[str, str] = field(default_factory=dict)
    """Runner confs that differ from Spark's defaults."""
    eval_type: int = GROUPED_MAP
    calls: Sequence[Call] = ()
    """In place of `function` and `return_type` where arguments are columns."""
    windows: Sequence[str] = ()
    """`bounded` or `unbounded` for each call."""

    def encode(self) -> tuple[bytes, bytes]:
        """Preamble and data."""
        known = {*DIALECT.runner_conf, *([CONCURRENCY] if self.eval_type in DIALECT.named_arguments else [])}
        task = Task(
            self._udfs(),
            self.eval_type,
            windows=self.windows,
            input_type=from_arrow_schema(self.schema, prefer_timestamp_ntz=True)
            if self.eval_type in (ARROW_BATCHED, ARROW_TABLE_UDTF)
            else None,
            # A JVM sends only the settings that its Spark line knows.
            conf={key: value for key, value in self.conf.items() if key in known},
        )
        return encode_preamble(DIALECT, task), encode_data(DIALECT, self.eval_type, self.groups, self.schema)

    @property
    def by_batch(self) -> bool:
        """Whether the JVM looks at how rows are cut into batches."""
        return self.eval_type in BY_BATCH

    def _udfs(self) -> list[Udf] | Udtf:
        if self.eval_type in (ARROW_TABLE_UDTF, ARROW_UDTF):
            (call,) = self.calls
            handler = pickle_handler(call.functions[0])
            return Udtf(handler, call.return_type, call.offsets, call.named, call.partitioned, call.tables)
        if self.calls:
            return [
                Udf(
                    [pickle_command(function, call.return_type) for function in call.functions],
                    call.offsets,
                    call.named,
                )
                for call in self.calls
            ]
        sides = self.schema if isinstance(self.schema, tuple) else (self.schema,)
        offsets = [0]
        if KINDS[self.eval_type].grouped_offsets:
            offsets = [offset for side in sides for offset in grouped_offsets(len(side), self.keys, self.values)]
        return [Udf(pickle_command(self.function, self.return_type), offsets)]

    def only(self, groups: Sequence[Any]) -> Case:
        """The same task with other groups."""
        return replace(self, groups=groups)


@dataclass
class Answer:
    """What one side made of a task."""

    batches: list[pa.RecordBatch] = field(default_factory=list)
    schema: pa.Schema | None = None
    """Of the Arrow stream, None if there was none."""
    traceback: str | None = None
    failure: str | None = None
    """How the worker broke the protocol, hung or died."""
    end: int | None = None
    accumulators: list[bytes] = field(default_factory=list)
    next: Answer | None = None
    """To the task after it on the same connection, if there was one."""

    @classmethod
    def of(cls, reply: Reply) -> Answer:
        """Decodes a reply; an Arrow stream that cannot be read is a failure."""
        answer = cls(traceback=reply.traceback, end=reply.end, accumulators=reply.accumulators)
        if reply.arrow:
            try:
                with pa.ipc.open_stream(bytes(reply.arrow)) as stream:
                    answer.schema = stream.schema
                    answer.batches = list(stream)
                    for batch in answer.batches:
                        batch.validate()
            except pa.ArrowException as error:
                answer.failure = f"unreadable Arrow stream: {error}"
        return answer


class Side:
    """One daemon, and the connection that is used again for the next task where possible."""

    def __init__(self, command: Sequence[str | Path], prepare: Case | None = None) -> None:
        """`prepare` is a task that each new worker gets before any other."""
        environment = spark_environment(Path(sys.executable), **QUIET)
        # Not from the zip: each new worker of stock's would spend 100 ms on reading its directory again.
        environment["PYTHONPATH"] = ""
        stderr = None if os.environ.get("PARITY_STDERR") else subprocess.DEVNULL
        self._daemon = Daemon(command, environment, stderr=stderr, timeout=TIMEOUT)
        self._prepare = prepare
        self._worker: Worker | None = None

    def run(self, task: Sequence[bytes], fresh: bool = False, after: Sequence[bytes] | None = None) -> Answer:
        """The answer to a task, on a new connection if `fresh`; then `after`, if the worker can be used again."""
        if fresh:
            self.hang_up()
        try:
            if self._worker is None:
                self._worker = self._connect()
            reply = self._worker.run(*task, timing_longs=DIALECT.timing_longs)
        except (ConnectionLost, ProtocolViolation, OSError) as error:
            self._kill()
            return Answer(failure=f"{type(error).__name__}: {error}")
        if reply.traceback is not None or reply.end != -4:
            self.hang_up()
        answer = Answer.of(reply)
        if after is not None and self._worker is not None:
            answer.next = self.run(after)
        return answer

    def hang_up(self) -> None:
        """Closes the connection, so that the worker ends."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def close(self) -> None:
        """Ends the daemon and its workers."""
        self.hang_up()
        self._daemon.close()

    def _connect(self) -> Worker:
        worker = self._daemon.connect()
        # Else each small task waits 40 ms for the kernel to acknowledge its first part.
        worker.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._prepare is not None:
            reply = worker.run(*self._prepare.encode(), timing_longs=DIALECT.timing_longs)
            if reply.traceback:
                raise ProtocolViolation(reply.traceback)
        return worker

    def _kill(self) -> None:
        """For a worker that hangs: a closed connection would not end it."""
        if self._worker is not None and self._worker.pid:
            with suppress(OSError):
                self._daemon.kill_worker(self._worker.pid)
        self.hang_up()


class Pair:
    """Both sides, with daemons that live as long as this."""

    def __init__(self, bowstring: Path, prepare: Case | None = None) -> None:
        """`prepare` is for bowstring's workers only."""
        self.stock = Side([sys.executable, "-c", STOCK_DAEMON])
        self.bowstring = Side([bowstring, *DIALECT.daemon], prepare)
        self._pool = ThreadPoolExecutor(2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, case: Case, fresh: bool = False, after: Case | None = None) -> tuple[Answer, Answer]:
        """Stock's and bowstring's answer; they work at the same time. `after` follows on the same connections."""
        task, following = case.encode(), after.encode() if after else None
        stock = self._pool.submit(self.stock.run, task, fresh, following)
        bowstring = self.bowstring.run(task, fresh, following)
        return stock.result(), bowstring

    def close(self) -> None:
        """Ends both daemons."""
        self._pool.shutdown()
        self.stock.close()
        self.bowstring.close()
