"""The bytes of one task as Spark's JVM writes them: the preamble, and the data of the kinds of work in `KINDS`.

Needs pyarrow and pyspark. Kinds of UDFs differ, and so do Spark lines: a `Kind` is one row of the first table, a
`Dialect` one of the second.

Source: `PythonRunner`, `PythonArrowInput`, `ArrowPythonRunner`, `PythonUDTFRunner` and `pyspark/worker.py` of each
version. The bytes of a grouped map for 3.5.9 and 4.3.0 were compared with those of a running JVM; of the other kinds
their schemas, framing, confs and arguments, those of 4.3.0 but for 217, 250, 251, 254, 301 and 302, those of 3.5.9 but
for 202, 207 and 301. Pickled data are Python's own pickles and not those of the JVM's library.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pyspark.serializers import AutoBatchedSerializer, BatchedSerializer, CloudPickleSerializer, CPickleSerializer
from pyspark.sql.types import StructType

from .client import END_OF_DATA_SECTION, END_OF_STREAM

START_OF_INIT_MESSAGE = -8

Batches = Sequence[pa.RecordBatch]
Group = Batches
"""One group's rows; up to Spark 4.0 always in one batch."""


@dataclass(frozen=True)
class Kind:
    """How one kind of UDF is fed."""

    eval_type: int
    name: str
    """As PySpark has it in `PythonEvalType`, without `SQL_` and `_UDF`."""
    framing: str
    """`batches`: one stream; `groups`: one stream or one batch a group; `cogroups`: two streams a key; `pickles`."""
    since: str
    """The first Spark line that has it."""
    struct: bool = False
    """The input is one struct column that holds all others."""
    grouped_offsets: bool = False
    """The arguments are those of `grouped_offsets`, for each side; otherwise columns."""

    def known_to(self, dialect: Dialect) -> bool:
        """Whether the Spark line has it."""
        return self.since <= dialect.checked_against


KINDS = {
    kind.eval_type: kind
    for kind in (
        Kind(0, "rdd", "pickles", "3.5"),
        Kind(100, "pickled", "pickles", "3.5"),
        Kind(101, "arrow-batched", "batches", "3.5"),
        Kind(200, "scalar-pandas", "batches", "3.5"),
        Kind(201, "grouped-map-pandas", "groups", "3.5", grouped_offsets=True),
        Kind(202, "grouped-agg-pandas", "groups", "3.5"),
        Kind(203, "window-agg-pandas", "groups", "3.5"),
        Kind(204, "scalar-pandas-iter", "batches", "3.5"),
        Kind(205, "map-pandas-iter", "batches", "3.5", struct=True),
        Kind(206, "cogrouped-map-pandas", "cogroups", "3.5", grouped_offsets=True),
        Kind(207, "map-arrow-iter", "batches", "3.5", struct=True),
        Kind(209, "grouped-map-arrow", "groups", "4.0", struct=True, grouped_offsets=True),
        Kind(210, "cogrouped-map-arrow", "cogroups", "4.0", grouped_offsets=True),
        Kind(215, "grouped-map-arrow-iter", "groups", "4.1", struct=True, grouped_offsets=True),
        Kind(216, "grouped-map-pandas-iter", "groups", "4.1", grouped_offsets=True),
        Kind(217, "grouped-agg-pandas-iter", "groups", "4.2"),
        Kind(250, "scalar-arrow", "batches", "4.1"),
        Kind(251, "scalar-arrow-iter", "batches", "4.1"),
        Kind(252, "grouped-agg-arrow", "groups", "4.1"),
        Kind(253, "window-agg-arrow", "groups", "4.1"),
        Kind(254, "grouped-agg-arrow-iter", "groups", "4.2"),
        Kind(301, "arrow-table-udtf", "batches", "3.5"),
        Kind(302, "arrow-udtf", "batches", "4.1"),
    )
}

ARROW_BATCHED, SCALAR_PANDAS, GROUPED_MAP, GROUPED_AGG, WINDOW_AGG = 101, 200, 201, 202, 203
SCALAR_PANDAS_ITER, MAP_PANDAS, COGROUPED_MAP, MAP_ARROW, GROUPED_MAP_ARROW = 204, 205, 206, 207, 209
RDD, PICKLED = 0, 100
ARROW_TABLE_UDTF, ARROW_UDTF = 301, 302
GROUPED_MAP_ITER, GROUPED_AGG_ITER = 216, 217
COGROUPED_MAP_ARROW, GROUPED_MAP_ARROW_ITER = 210, 215
SCALAR_ARROW, SCALAR_ARROW_ITER = 250, 251
GROUPED_AGG_ARROW, WINDOW_AGG_ARROW, GROUPED_AGG_ARROW_ITER = 252, 253, 254


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
    named_arguments: frozenset[int]
    """Eval types whose arguments each have a flag, and a name if it is set."""
    input_type: str
    """Where the schema of the columns of an `ARROW_BATCHED` UDF or a UDTF is sent: `nowhere`, `after` the conf, in the
    eval `conf`; and there, too, which columns are tables."""
    window_bounds: str
    """The conf that says of each window UDF whether its window is `bounded` or `unbounded`."""
    profiling_flag: bool
    """A flag before the UDFs says whether a profiler runs."""
    uniform_udfs: bool
    """Two conf maps for every kind, and an id with each UDF; otherwise one map, which pickled data go without."""
    stream_per_group: bool
    """Each group is an Arrow stream of its own; otherwise one stream holds one batch a group."""
    timing_longs: int
    """Longs after `TIMING_DATA` in the reply."""
    runner_conf: Mapping[str, str]
    """What the JVM sends by default, with time zone UTC."""


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

NAMED_4_0 = frozenset((100, 101, 200, 202, 203, 204, 301))
NAMED_4_1 = NAMED_4_0 | {250, 251, 252, 253, 302}
NAMED_4_2 = frozenset(KINDS)

BOUNDS_3_5, BOUNDS = "pandas_window_bound_types", "window_bound_types"


class _Dialects(dict[str, Dialect]):
    """By version of Spark: within a line all speak the same, as far as the surface of the line says."""

    def __missing__(self, version: str) -> Dialect:
        line = ".".join(version.split(".")[:2])
        return next(dialect for known, dialect in self.items() if known.startswith(line + "."))


DIALECTS = _Dialects(
    (dialect.checked_against, dialect)
    for dialect in (
        #                       init   json  barrier named        input type window bounds profil uniform stream longs
        Dialect(
            "3.5.9", ALONE, False, False, True, frozenset(), "nowhere", BOUNDS_3_5, False, False, False, 5, CONF_3_5
        ),
        Dialect("4.0.5", NAMED, False, False, True, NAMED_4_0, "nowhere", BOUNDS_3_5, True, False, False, 5, CONF_4_0),
        Dialect("4.1.4", NAMED, False, False, False, NAMED_4_1, "after", BOUNDS, True, False, True, 5, CONF_4_1),
        Dialect("4.2.1", NAMED, False, True, False, NAMED_4_2, "conf", BOUNDS, False, True, True, 6, CONF_4_2),
        Dialect("4.3.0", NAMED, True, True, False, NAMED_4_2, "conf", BOUNDS, False, True, True, 6, CONF_4_3),
    )
)


@dataclass(frozen=True)
class Udf:
    """One UDF of a task, or several that are chained."""

    commands: bytes | Sequence[bytes]
    """Pickled functions with their return types, see `pickle_command`. Each but the first gets the result before it."""
    offsets: Sequence[int]
    """Which columns it gets, see `grouped_offsets`; with a bounded window two columns of bounds come first."""
    named: Mapping[str, int] = field(default_factory=dict)
    """Columns that it gets as keyword arguments, after the others."""


@dataclass(frozen=True)
class Udtf:
    """The table function of a task."""

    handler: bytes
    """The pickled class."""
    return_type: StructType
    offsets: Sequence[int]
    """Which columns `eval` gets."""
    named: Mapping[str, int] = field(default_factory=dict)
    """Columns that it gets as keyword arguments."""
    partitioned: Sequence[int] = ()
    """Where in a TABLE argument the columns are that it is partitioned by. Spark 4.0 on, as is all that follows."""
    tables: Sequence[int] = ()
    """Columns that are TABLE arguments; `ARROW_UDTF` wants to know."""
    name: str = "function"


@dataclass(frozen=True)
class Task:
    """What one task asks for; everything that is not the data."""

    udfs: Udf | Sequence[Udf] | Udtf | bytes
    """Of an RDD the pickled command, see `pickle_rdd_command`."""
    eval_type: int = GROUPED_MAP
    windows: Sequence[str] = ()
    """`bounded` or `unbounded` for each UDF, if they are window functions."""
    input_type: StructType | None = None
    """Of the columns; an `ARROW_BATCHED` UDF and an `ARROW_TABLE_UDTF` need it."""
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


def pickle_handler(handler: type) -> bytes:
    """The class of a table function, pickled as PySpark's driver does."""
    return bytes(CloudPickleSerializer().dumps(handler))


def pickle_command(function: Callable[..., Any] | None, return_type: Any) -> bytes:
    """A user's function and its Spark return type, pickled as PySpark's driver does."""
    return bytes(CloudPickleSerializer().dumps((function, return_type)))


def pickle_rdd_command(function: Callable[[int, Any], Any]) -> bytes:
    """A function of a partition's number and an iterator of its elements, between lists of elements."""
    pickled = CPickleSerializer()
    return bytes(
        CloudPickleSerializer().dumps((function, None, BatchedSerializer(pickled), AutoBatchedSerializer(pickled)))
    )


def grouped_offsets(columns: int, keys: Sequence[int], values: Sequence[int] | None = None) -> list[int]:
    """The layout of a grouped map, or of one side of a cogrouped one.

    `keys` are those of the `columns` input columns that are grouped by, `values` those of the frame, all unless given.
    """
    frame = range(columns) if values is None else values
    return [len(keys) + len(frame) + 1, len(keys), *keys, *frame]


def encode_preamble(dialect: Dialect, task: Task) -> bytes:
    """Everything before the data section."""
    input_type = {"input_type": task.input_type.json()} if task.input_type else {}
    tables: Sequence[int] = ()
    if isinstance(task.udfs, bytes):
        functions = _int(len(task.udfs)) + task.udfs
    elif isinstance(task.udfs, Udtf):
        functions, tables = _udtf(dialect, task.eval_type, task.udfs), task.udfs.tables
    else:
        udfs = [task.udfs] if isinstance(task.udfs, Udf) else task.udfs
        flag = _bool(False) if dialect.profiling_flag else b""
        functions = flag + _int(len(udfs)) + b"".join(_udf(dialect, task.eval_type, udf) for udf in udfs)
    eval_conf = {**input_type, **({"table_arg_offsets": ",".join(map(str, tables))} if tables else {})}
    bounds = {dialect.window_bounds: ",".join(task.windows)} if task.windows else {}
    conf = {} if task.eval_type == RDD else {**dialect.runner_conf, **task.conf, **bounds}
    with_conf = dialect.uniform_udfs or KINDS[task.eval_type].framing != "pickles"
    body = b"".join(
        (
            _int(task.partition),
            _utf(task.python),
            _json_context(task) if dialect.json_context else _plain_context(dialect, task),
            _utf(task.files),
            _int(0),  # files to put on the path
            _bool(False) + _int(0),  # broadcasts
            _int(task.eval_type),
            _map(conf) if with_conf else b"",
            *(_utf(schema) for schema in input_type.values() if dialect.input_type == "after"),
            _ints(tables) if dialect.input_type == "after" and task.eval_type == ARROW_UDTF else b"",
            _map(eval_conf if dialect.input_type == "conf" else {}) if dialect.uniform_udfs else b"",
            functions,
        )
    )
    return _int(START_OF_INIT_MESSAGE) + _int(len(body)) + body if dialect.framed_init else body


def encode_data(dialect: Dialect, eval_type: int, data: Sequence[Any], schema: Any = None) -> bytes:
    """The data section, with `END_OF_STREAM`. Where the JVM sends one struct column, that is made here.

    `data` are batches, groups, pairs of groups, or lists of rows, as the kind's framing says. `schema`, for cogroups a
    pair of them, is needed where there is nothing in `data` to take it from. A Spark line that knows one batch a group
    gets the batches of a group joined.
    """
    kind = KINDS[eval_type]
    if kind.framing == "groups":
        return encode_groups(dialect, data, schema, struct=kind.struct)
    sink = io.BytesIO()
    if kind.framing == "cogroups":
        schemas = schema or [side[0].schema for side in data[0]]
        for pair in data:
            sink.write(_int(2))
            for side, of_side in zip(pair, schemas):
                whole = side if dialect.stream_per_group else [_join(side, of_side)]
                # A side without rows is a batch without rows.
                _write_stream(sink, whole or [_join([], of_side)], of_side)
        sink.write(_int(0))
    elif kind.framing == "pickles":
        for pickled in map(pickle.dumps, data):
            sink.write(_int(len(pickled)) + pickled)
        sink.write(_int(END_OF_DATA_SECTION))
    else:
        _write_stream(sink, data, data[0].schema if schema is None else schema, kind.struct)
    sink.write(_int(END_OF_STREAM))
    return sink.getvalue()


def encode_groups(
    dialect: Dialect, groups: Iterable[Group], schema: pa.Schema | None = None, *, struct: bool = False
) -> bytes:
    """The data section of a kind that gets groups, as `encode_data` makes it."""
    sink = io.BytesIO()
    if dialect.stream_per_group:
        for group in groups:
            sink.write(_int(1))
            _write_stream(sink, group, group[0].schema if schema is None else schema, struct)
        sink.write(_int(0))
    else:
        joined = [_join(group, group[0].schema if schema is None else schema) for group in groups]
        _write_stream(sink, joined, joined[0].schema if schema is None else schema, struct)
    sink.write(_int(END_OF_STREAM))
    return sink.getvalue()


def _join(group: Group, schema: pa.Schema) -> pa.RecordBatch:
    if len(group) == 1:
        return group[0]
    batches = pa.Table.from_batches(group, schema).combine_chunks().to_batches()
    return batches[0] if batches else pa.record_batch([pa.array([], field.type) for field in schema], schema)


def _write_stream(sink: io.BytesIO, batches: Batches, schema: pa.Schema, struct: bool = False) -> None:
    if struct:
        schema, batches = _one_struct(pa.struct(list(schema)), batches)
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _one_struct(struct: pa.StructType, batches: Batches) -> tuple[pa.Schema, Batches]:
    schema = pa.schema([("struct", struct)])
    # Made of buffers, because `StructArray.from_arrays` cannot say how long a struct without fields is.
    arrays = [pa.Array.from_buffers(struct, len(batch), [None], children=batch.columns) for batch in batches]
    return schema, [pa.RecordBatch.from_arrays([array], schema=schema) for array in arrays]


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


def _udf(dialect: Dialect, eval_type: int, udf: Udf) -> bytes:
    commands = [udf.commands] if isinstance(udf.commands, bytes) else udf.commands
    chain = _int(len(commands)) + b"".join(_int(len(command)) + command for command in commands)
    result_id = _long(0) if dialect.uniform_udfs else b""
    return _arguments(dialect, eval_type, udf) + chain + result_id


def _udtf(dialect: Dialect, eval_type: int, udtf: Udtf) -> bytes:
    # Where arguments have names, there are partitions and what `analyze` has found, too.
    new = eval_type in dialect.named_arguments
    return b"".join(
        (
            _arguments(dialect, eval_type, udtf),
            _ints(udtf.partitioned) + _bool(False) if new else b"",
            _int(len(udtf.handler)) + udtf.handler,
            _utf(udtf.return_type.json()),
            _utf(udtf.name) if new else b"",
        )
    )


def _arguments(dialect: Dialect, eval_type: int, function: Udf | Udtf) -> bytes:
    named = eval_type in dialect.named_arguments
    if function.named and not named:
        raise ValueError(f"Spark {dialect.checked_against} has no keyword arguments for {KINDS[eval_type].name}")
    arguments = [_int(offset) + (_bool(False) if named else b"") for offset in function.offsets]
    arguments += [_int(offset) + _bool(True) + _utf(name) for name, offset in function.named.items()]
    return _int(len(arguments)) + b"".join(arguments)


def _ints(values: Sequence[int]) -> bytes:
    return _int(len(values)) + b"".join(map(_int, values))


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
