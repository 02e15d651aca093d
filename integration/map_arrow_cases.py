"""Runs functions of `mapInArrow` on both workers, whose batches get out of their struct and back in by different ways.

One JSON line for each function and kind of data: what either worker answered. Runs on the interpreter of an
environment; `test_map_arrow.py` starts it and judges.

usage: map_arrow_cases.py BOWSTRING
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyspark
from pyspark import cloudpickle
from pyspark.sql.types import LongType, StructField, StructType

from fakejvm.client import END_OF_STREAM, ConnectionLost, Daemon, Worker, spark_environment
from fakejvm.task_bytes import DIALECTS, MAP_ARROW, Task, Udf, encode_preamble, pickle_command

cloudpickle.register_pickle_by_value(sys.modules[__name__])

Batches = Iterator[pa.RecordBatch]
OFFSETS = struct.pack("<5i", 0, 1, 4, 4, 4)
"""Those of the column of text in the first batch."""
LARGE, LETTERS = 500, 300
"""Rows of a large batch, and letters of two bytes in each."""
SHOWN = 10_000
"""Characters of an answer; longer ones are compared by a hash of theirs."""
PAIR = pa.struct([("x", pa.int64()), ("y", pa.string())])


def batch(numbers: list[Any], text: list[Any]) -> pa.RecordBatch:
    """A batch with every layout that columns have."""
    columns = {
        "n": pa.array(numbers, pa.int64()),
        "s": pa.array(text, pa.string()),
        "b": pa.array([None if value is None else value % 2 == 0 for value in numbers], pa.bool_()),
        "d": pa.array(numbers, pa.decimal128(20, 0)),
        "l": pa.array([None if value is None else [value, None] for value in numbers], pa.list_(pa.int32())),
        "t": pa.array([{"x": value, "y": word} for value, word in zip(numbers, text, strict=True)], PAIR),
        "m": pa.array([None if word is None else [(word, 1)] for word in text], pa.map_(pa.string(), pa.int32())),
        "z": pa.nulls(len(numbers)),
    }
    schema = pa.schema([pa.field(name, array.type, metadata={"of": name}) for name, array in columns.items()])
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=schema)


def same(batches: Batches) -> Batches:
    yield from batches


def halves(batches: Batches) -> Batches:
    for each in batches:
        yield each.slice(0, each.num_rows // 2)
        yield each.slice(each.num_rows // 2)


def kept(batches: Batches) -> Batches:
    yield from list(batches)


def only_numbers(batches: Batches) -> Batches:
    for each in batches:
        yield pa.RecordBatch.from_arrays([each.column(0)], ["n"])


def no_columns(batches: Batches) -> Batches:
    for each in batches:
        yield each.select([]) if hasattr(each, "select") else pa.RecordBatch.from_arrays([], [])


def no_columns_later(batches: Batches) -> Batches:
    yield from only_numbers(batches)
    yield pa.RecordBatch.from_arrays([], [])


def another_schema_later(batches: Batches) -> Batches:
    yield from only_numbers(batches)
    yield pa.RecordBatch.from_arrays([pa.array(["text"])], ["n"])


def other_metadata_later(batches: Batches) -> Batches:
    for number, each in enumerate(only_numbers(batches)):
        yield each.replace_schema_metadata({"number": str(number)})


def nulls_where_none_may_be(batches: Batches) -> Batches:
    schema = pa.schema([pa.field("n", pa.int64(), nullable=False)])
    for each in batches:
        yield pa.RecordBatch.from_arrays([each.column(0)], schema=schema)


def two_of_a_name(batches: Batches) -> Batches:
    for each in batches:
        yield pa.RecordBatch.from_arrays([each.column(0), each.column(1)], ["n", "n"])


def dictionaries(batches: Batches) -> Batches:
    for each in batches:
        yield pa.RecordBatch.from_arrays([each.column(1).dictionary_encode()], ["s"])


def dictionaries_later(batches: Batches) -> Batches:
    for number, each in enumerate(batches):
        text = each.column(1)
        yield pa.RecordBatch.from_arrays([text.dictionary_encode() if number else text], ["s"])


def types_without_a_place_in_spark(batches: Batches) -> Batches:
    for each in batches:
        numbers = each.column(0)
        columns = [numbers.cast(pa.int8()).cast(pa.uint8()), pa.array([b"ab"] * len(numbers), pa.binary(2))]
        yield pa.RecordBatch.from_arrays(columns, ["u", "f"])


def a_table(batches: Batches) -> Any:
    for each in batches:
        yield pa.Table.from_batches([each])


def none_after_one(batches: Batches) -> Any:
    yield next(batches)
    yield None


def a_list(batches: Batches) -> Any:
    return list(batches)


def nothing(batches: Batches) -> Any:
    return None


def fails_after_one(batches: Batches) -> Batches:
    yield next(batches)
    raise ValueError("after one")


def stops_early(batches: Batches) -> Batches:
    yield next(batches)


def empty(batches: Batches) -> Batches:
    for each in batches:
        yield each.slice(0, 0)


def describes(batches: Batches) -> Batches:
    """What the function sees of its input."""
    for each in batches:
        seen = [repr(each.schema), str(each.schema.metadata), repr(type(each)), str(each.num_rows)]
        for column, field in zip(each.columns, each.schema, strict=True):
            seen += [repr(column.to_pylist()), str(column.offset), str(column.null_count), str(field.metadata)]
        yield pa.RecordBatch.from_arrays([pa.array(seen)], ["seen"])


FUNCTIONS = [
    same,
    halves,
    kept,
    only_numbers,
    other_metadata_later,
    nulls_where_none_may_be,
    two_of_a_name,
    types_without_a_place_in_spark,
    stops_early,
    empty,
    describes,
]
ERRING = [
    no_columns,
    no_columns_later,
    another_schema_later,
    dictionaries,
    dictionaries_later,
    a_table,
    none_after_one,
    a_list,
    nothing,
    fails_after_one,
]
"""Not on every Spark line. After an error stock needs a new worker, which takes its time, so they see less data."""
SEEN_BY_ERRING = ("usual", "null rows later", "large", "lying")


def stream(columns: list[pa.StructArray], *, compression: str | None = None) -> bytes:
    """The data section of batches that have one struct column."""
    batches = [pa.RecordBatch.from_arrays([column], ["_0"]) for column in columns]
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), batches[0].schema, options=options) as writer:
        for each in batches:
            writer.write_batch(each)
    sink.write(struct.pack(">i", END_OF_STREAM))
    return sink.getvalue()


def in_struct(each: pa.RecordBatch, mask: list[bool] | None = None) -> pa.StructArray:
    buffers = [None] if mask is None else [pa.array(mask).buffers()[1]]
    return pa.Array.from_buffers(pa.struct(list(each.schema)), len(each), buffers, children=each.columns)


def data() -> dict[str, bytes]:
    """Each kind of data section, by its name."""
    usual = [batch([1, None, 3, 4], ["a", "bcd", None, ""]), batch([], []), batch([5], ["é"])]
    plain = [in_struct(each) for each in usual]
    nulls = [in_struct(usual[0], [True, False, True, True]), *plain[1:]]
    # From 256 KiB on no thread reads ahead.
    large = batch([None, *range(LARGE - 1)], [None, "", *["é" * LETTERS] * (LARGE - 2)])
    missing = [row % 7 > 0 for row in range(LARGE)]
    return {
        "usual": stream(plain),
        "without rows": stream(plain[1:2]),
        "sliced": stream([plain[0].slice(1, 2), *plain[1:]]),
        "null rows": stream(nulls),
        "null rows later": stream([plain[0], nulls[0]]),
        "compressed": stream(plain, compression="lz4"),
        "without fields": stream([pa.Array.from_buffers(pa.struct([]), 3, [None], children=[])]),
        "large": stream([in_struct(large), *plain]),
        "large with null rows": stream([in_struct(large, missing), in_struct(large)]),
        "large later": stream([*plain, in_struct(large)]),
        "lying": stream(plain[:1]).replace(OFFSETS, struct.pack("<5i", 0, 1, 1_000_000, 4, 4)),
    }


def values(column: pa.Array) -> Any:
    """Those of a struct field by field: fields may share a name."""
    if not pa.types.is_struct(column.type):
        return column.to_pylist()
    return column.is_valid().to_pylist(), [field.to_pylist() for field in column.flatten()]


class Side:
    """One daemon, and a worker of it that serves as long as tasks end well."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._worker: Worker | None = None

    def outcome(self, task: bytes, section: bytes, timing_longs: int) -> str:
        """What a worker answers, in a form that is equal only for equal answers."""
        worker, self._worker = self._worker or self._daemon.connect(), None
        try:
            reply = worker.run(task, section, timing_longs=timing_longs)
        except (ConnectionLost, ConnectionError):
            return "died"
        if reply.end == END_OF_STREAM:
            self._worker = worker
        else:
            worker.close()
        answer: list[Any] = []
        if reply.arrow:
            with pa.ipc.open_stream(pa.py_buffer(reply.arrow)) as reader:
                answer = [reader.schema.to_string(truncate_metadata=False)]
                answer += [[each.num_rows, values(each.column(0))] for each in reader]
        shown = repr(answer)
        if len(shown) > SHOWN:
            answer = [hashlib.sha256(shown.encode()).hexdigest()]
        error = reply.traceback.strip().splitlines()[-1] if reply.traceback else None
        return repr([answer, error, reply.end])


def main(bowstring: str) -> None:
    """Runs every function over every kind of data."""
    dialect = DIALECTS[pyspark.__version__]
    environment = spark_environment(Path(sys.executable), BOWSTRING_PYTHON=sys.executable, BOWSTRING_ERROR_NOTES="off")
    declared = StructType([StructField("n", LongType())])
    with (
        Daemon([bowstring, *dialect.daemon], environment) as ours,
        Daemon([sys.executable, *dialect.daemon], environment) as stocks,
    ):
        pair = {"stock": Side(stocks), "bowstring": Side(ours)}
        for function in FUNCTIONS + ERRING:
            task = encode_preamble(dialect, Task(Udf(pickle_command(function, declared), [0]), MAP_ARROW))
            for name, section in data().items():
                if function in ERRING and name not in SEEN_BY_ERRING:
                    continue
                # Stock reads outside of its buffers there.
                asked = {side: pair[side] for side in pair if name != "lying" or side == "bowstring"}
                answers = {side: worker.outcome(task, section, dialect.timing_longs) for side, worker in asked.items()}
                print(json.dumps({"function": function.__name__, "data": name, **answers}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
