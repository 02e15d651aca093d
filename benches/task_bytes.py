"""The bytes of one task as Spark's JVM writes them: the preamble, and the data of a grouped map.

Needs pyarrow and pyspark. The preamble differs between Spark lines; a `Dialect` is one row of that table.

Source: `PythonRunner`, `PythonArrowInput`, `ArrowPythonRunner` and `pyspark/worker.py` of each version. The bytes for
3.5.9 and 4.3.0 were compared with those of a running JVM.
"""

from __future__ import annotations

import io
import json
import struct
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pyspark.serializers import CloudPickleSerializer

from jvm_client import END_OF_STREAM

GROUPED_MAP = 201
START_OF_INIT_MESSAGE = -8

Group = Sequence[pa.RecordBatch]
"""One group's rows; up to Spark 4.0 always in one batch."""


@dataclass(frozen=True)
class Dialect:
    """How one Spark line writes a task. Add a row; do not add an `if`."""

    checked_against: str
    daemon: tuple[str, ...]
    """Arguments with which the JVM starts the daemon."""
    framed_init: bool
    """The preamble is one message with its own length."""
    json_context: bool
    """The task context is one JSON text; otherwise its fields follow one another."""
    barrier_fields: bool
    """Port and secret are there for a task that is not a barrier, too. Means nothing with `json_context`."""
    profiling_flag: bool
    """A flag before the UDFs says whether a profiler runs."""
    uniform_udfs: bool
    """A second conf map for each eval type, a flag with each argument, an id with each UDF."""
    stream_per_group: bool
    """Each group is an Arrow stream of its own; otherwise one stream holds one batch a group."""
    timing_longs: int
    """Longs after `TIMING_DATA` in the reply."""
    runner_conf: Mapping[str, str]
    """What the JVM sends for a grouped map by default, with time zone UTC."""


CONF_3_5 = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.legacy.execution.pandas.groupedMap.assignColumnsByName": "true",
    "spark.sql.execution.pandas.convertToArrowArraySafely": "false",
}
CONF_4_0 = {**CONF_3_5, "spark.sql.execution.arrow.useLargeVarTypes": "false"}
CONF_4_1 = {
    **CONF_4_0,
    "spark.sql.execution.pandas.convertToArrowArraySafely": "true",
    "spark.sql.execution.pyspark.binaryAsBytes": "true",
    "spark.sql.execution.pythonUDF.pandas.intToDecimalCoercionEnabled": "false",
    "spark.sql.legacy.execution.pythonUDF.pandas.conversion.enabled": "false",
    "spark.sql.legacy.execution.pythonUDTF.pandas.conversion.enabled": "false",
}
CONF_4_2 = {**CONF_4_1, "spark.sql.execution.pythonUDF.pandas.preferIntExtensionDtype": "false"}
CONF_4_3 = {**CONF_4_2, "spark.sql.execution.pythonUDF.mapInBatch.legacy.acceptAnyIterable.enabled": "true"}

ALONE = ("-m", "pyspark.daemon")
NAMED = ("-m", "pyspark.daemon", "pyspark.worker")

DIALECTS = {
    dialect.checked_against: dialect
    for dialect in (
        #                       init   json  barrier profil uniform stream  longs
        Dialect("3.5.9", ALONE, False, False, True, False, False, False, 5, CONF_3_5),
        Dialect("4.0.5", NAMED, False, False, True, True, False, False, 5, CONF_4_0),
        Dialect("4.1.4", NAMED, False, False, False, True, False, True, 5, CONF_4_1),
        Dialect("4.2.1", NAMED, False, True, False, False, True, True, 6, CONF_4_2),
        Dialect("4.3.0", NAMED, True, True, False, False, True, True, 6, CONF_4_3),
    )
}


@dataclass(frozen=True)
class Task:
    """What one task asks for; everything that is not the data."""

    command: bytes
    """The pickled function and its return type, see `pickle_command`."""
    offsets: Sequence[int]
    """Which columns the function gets, see `grouped_offsets`."""
    eval_type: int = GROUPED_MAP
    partition: int = 0
    attempt: int = 0
    python: str = f"{sys.version_info[0]}.{sys.version_info[1]}"
    files: str = field(default_factory=tempfile.gettempdir)
    """Directory of files added to the job; the worker puts it on its path."""
    conf: Mapping[str, str] = field(default_factory=dict)
    """Runner confs that differ from the dialect's."""
    properties: Mapping[str, str] = field(
        default_factory=lambda: {
            "callSite.short": "save at NativeMethodAccessorImpl.java:0",
            "resource.maxTasksPerExecutor": "1",
            "spark.app.name": "benchmark",
            "spark.executor.id": "driver",
            "spark.master": "local[1]",
            "spark.sql.execution.id": "0",
            "spark.sql.session.timeZone": "UTC",
        }
    )
    """Local properties of the job."""


def pickle_command(function: Callable[..., Any], return_type: Any) -> bytes:
    """A user's function and its Spark return type, pickled as PySpark's driver does."""
    return bytes(CloudPickleSerializer().dumps((function, return_type)))


def grouped_offsets(columns: int, keys: Sequence[int]) -> list[int]:
    """The layout of a grouped map: `keys` are those of the `columns` input columns that are grouped by."""
    return [len(keys) + columns + 1, len(keys), *keys, *range(columns)]


def encode_preamble(dialect: Dialect, task: Task) -> bytes:
    """Everything before the data section."""
    body = b"".join(
        (
            _int(task.partition),
            _utf(task.python),
            _json_context(task) if dialect.json_context else _plain_context(dialect, task),
            _utf(task.files),
            _int(0),  # files to put on the path
            _bool(False) + _int(0),  # broadcasts
            _int(task.eval_type),
            _map({**dialect.runner_conf, **task.conf}),
            _map({}) if dialect.uniform_udfs else b"",
            _bool(False) if dialect.profiling_flag else b"",
            _udf(dialect, task),
        )
    )
    return _int(START_OF_INIT_MESSAGE) + _int(len(body)) + body if dialect.framed_init else body


def encode_groups(dialect: Dialect, groups: Iterable[Group], schema: pa.Schema | None = None) -> bytes:
    """The data section of a grouped map, with `END_OF_STREAM`.

    `schema` is needed where there are no groups, or groups of no batch. A Spark line that knows one batch a group gets
    the batches of a group joined.
    """
    sink = io.BytesIO()
    if dialect.stream_per_group:
        for group in groups:
            sink.write(_int(1))
            _write_stream(sink, group, schema or group[0].schema)
        sink.write(_int(0))
    else:
        joined = [_join(group, schema or group[0].schema) for group in groups]
        _write_stream(sink, joined, schema or joined[0].schema)
    sink.write(_int(END_OF_STREAM))
    return sink.getvalue()


def _join(group: Group, schema: pa.Schema) -> pa.RecordBatch:
    if len(group) == 1:
        return group[0]
    batches = pa.Table.from_batches(group, schema).combine_chunks().to_batches()
    return batches[0] if batches else pa.record_batch([pa.array([], field.type) for field in schema], schema)


def _write_stream(sink: io.BytesIO, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> None:
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _plain_context(dialect: Dialect, task: Task) -> bytes:
    return b"".join(
        (
            _bool(False),  # a barrier task
            _int(0) + _utf("") if dialect.barrier_fields else b"",
            _int(0),  # stage
            _int(task.partition),
            _int(task.attempt),
            _long(task.partition),  # id of the attempt in the application
            _int(1),  # CPUs
            _int(0),  # resources
            _map(task.properties),
        )
    )


def _json_context(task: Task) -> bytes:
    context = {
        "isBarrier": False,
        "connInfo": -1,
        "secret": "",
        "stageId": 0,
        "partitionId": task.partition,
        "attemptNumber": task.attempt,
        "taskAttemptId": task.partition,
        "cpus": 1,
        "cpuAmount": "1",
        "resources": {},
        "localProperties": dict(task.properties),
    }
    return _utf(json.dumps(context, separators=(",", ":")))


def _udf(dialect: Dialect, task: Task) -> bytes:
    """One UDF, without functions chained to it."""
    unnamed = _bool(False) if dialect.uniform_udfs else b""
    arguments = b"".join(_int(offset) + unnamed for offset in task.offsets)
    command = _int(1) + _int(len(task.command)) + task.command
    result_id = _long(0) if dialect.uniform_udfs else b""
    return _int(1) + _int(len(task.offsets)) + arguments + command + result_id


def _int(value: int) -> bytes:
    return struct.pack(">i", value)


def _long(value: int) -> bytes:
    return struct.pack(">q", value)


def _bool(value: bool) -> bytes:
    return struct.pack(">?", value)


def _utf(text: str) -> bytes:
    encoded = text.encode()
    return _int(len(encoded)) + encoded


def _map(entries: Mapping[str, str]) -> bytes:
    return _int(len(entries)) + b"".join(_utf(key) + _utf(value) for key, value in entries.items())
