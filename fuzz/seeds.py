"""Writes the corpus that the fuzz targets start from, to `corpus/`. Needs pyarrow and pyspark.

Good streams of every type that Spark sends, in both framings, plain and compressed, and every lie of
`integration/lies.py`. Inputs that a fuzz run has found are in `corpus/` beside these, under names of their own.

usage: python fuzz/seeds.py
"""

from __future__ import annotations

import datetime
import decimal
import struct
from pathlib import Path

import pyarrow as pa

from integration.lies import END_OF_ARROW_STREAM, END_OF_STREAM, encode_batch, lies, make_batch

HERE = Path(__file__).resolve().parent
DAY = datetime.date(2020, 2, 29)
TIME = datetime.datetime(2020, 7, 1, 12, 0, 0, 123456)

COLUMNS = {
    "boolean": pa.array([True, None, False]),
    "byte": pa.array([1, None, -128], pa.int8()),
    "short": pa.array([1, None, -32768], pa.int16()),
    "int": pa.array([1, None, -(2**31)], pa.int32()),
    "long": pa.array([1, None, -(2**63)], pa.int64()),
    "float": pa.array([1.5, None, float("nan")], pa.float32()),
    "double": pa.array([1.5, None, float("-inf")], pa.float64()),
    "decimal": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-4.00")], pa.decimal128(38, 2)),
    "string": pa.array(["a", None, "é😀"]),
    "large_string": pa.array(["a", None, "é😀"], pa.large_string()),
    "binary": pa.array([b"a", None, b"\xff\0"]),
    "large_binary": pa.array([b"a", None, b"\xff\0"], pa.large_binary()),
    "date": pa.array([DAY, None, DAY]),
    "timestamp": pa.array([TIME, None, TIME], pa.timestamp("us", "UTC")),
    "timestamp_ntz": pa.array([TIME, None, TIME], pa.timestamp("us")),
    "interval": pa.array([1, None, -1], pa.duration("us")),
    "null": pa.array([None, None, None]),
    "array": pa.array([[1, None], None, []], pa.list_(pa.int64())),
    "array_of_strings": pa.array([["a", None], None, ["é😀"]], pa.list_(pa.string())),
    "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int32())),
    "struct": pa.array([{"x": 1, "y": ["a"]}, None, {"x": None, "y": None}]),
    "empty": pa.array([], pa.string()),
    "many": pa.array([f"value {number % 7}" for number in range(300)]),
}


def section(schema: bytes, messages: list[bytes], stream_per_group: bool) -> bytes:
    """A data section with one message a group, and the byte before it that the target reads."""
    if stream_per_group:
        streams = [struct.pack(">i", 1) + schema + message + END_OF_ARROW_STREAM for message in messages]
        return b"\x01" + b"".join(streams) + struct.pack(">i", 0) + END_OF_STREAM
    return b"\x00" + schema + b"".join(messages) + END_OF_ARROW_STREAM + END_OF_STREAM


def main() -> None:
    """Writes every seed."""
    seeds = {"decoder": {}, "group_splitter": {}}
    for name, column in COLUMNS.items():
        batch = make_batch(column)
        schema = batch.schema.serialize().to_pybytes()
        for codec in (None, "lz4", "zstd") if name in ("long", "string", "map", "many") else (None,):
            message = encode_batch(batch, codec)
            seeds["decoder"][f"{name}-{codec or 'plain'}"] = schema + message
            for framing, stream_per_group in (("batch", False), ("stream", True)):
                groups = section(schema, [message, message], stream_per_group)
                seeds["group_splitter"][f"{name}-{codec or 'plain'}-{framing}"] = groups
    for lie in lies(compressed=True):
        schema = make_batch(lie.column, lie.nullable).schema.serialize().to_pybytes()
        seeds["decoder"]["lie-" + lie.name.replace(" ", "-").replace("'", "")] = schema + lie.message
    batch = make_batch(COLUMNS["long"])
    schema = batch.schema.serialize().to_pybytes()
    message = encode_batch(batch, None)
    for name, data in {
        "empty-batch": section(schema, [], False),
        "empty-stream": section(schema, [], True),
        "two-batches": section(schema, [message + message], True),
        "no-batch": section(schema, [b""], True),
        "cut": section(schema, [message], True)[:-40],
        "marker": b"\x01" + struct.pack(">i", 2) + schema,
    }.items():
        seeds["group_splitter"][name] = data
    for target, files in seeds.items():
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / "".join(part if part.isalnum() or part in "-_" else "_" for part in name)).write_bytes(data)


if __name__ == "__main__":
    main()
