"""Arrow record batches that lie: well-formed messages whose numbers or values contradict one another.

Every lie is a good record batch with a few bytes changed, so that it says exactly what its name says. The batch travels
as the second of three groups, with the columns `k` (the key) and `c`.
"""

from __future__ import annotations

import decimal
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from fakejvm.task_bytes import Dialect

END_OF_ARROW_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
END_OF_STREAM = struct.pack(">i", -4)

LENGTH, NULL_COUNT = 0, 8
"""Where a `FieldNode` of a record batch has its two numbers."""


class Expected(StrEnum):
    """What a worker has to answer."""

    STOCK = "what stock answers: every reader gives the value the same meaning, or stock's converter raises"
    READER = "stock's error if its reader raises, else ours"
    OURS = "our error: stock reads outside of its buffers, crashes, or makes something up"


@dataclass(frozen=True)
class Lie:
    """One defect."""

    name: str
    column: pa.Array
    """`c` as it is in the other groups."""
    message: bytes
    """The record batch that lies."""
    expected: Expected
    place: str = ""
    """How an error of ours begins."""
    nullable: bool = True
    """Whether the schema says that `c` may have nulls."""

    def data(self, dialect: Dialect) -> bytes:
        """The data section of a task: a good group, the lie, a good group."""
        good = make_batch(self.column, self.nullable)
        schema = good.schema.serialize().to_pybytes()
        message = good.serialize().to_pybytes()
        messages = [message, self.message, message]
        if dialect.stream_per_group:
            streams = [struct.pack(">i", 1) + schema + message + END_OF_ARROW_STREAM for message in messages]
            return b"".join(streams) + struct.pack(">i", 0) + END_OF_STREAM
        return schema + b"".join(messages) + END_OF_ARROW_STREAM + END_OF_STREAM


class Message:
    """A record batch's message, to be changed in place. Its node 0 and its buffers 0 and 1 are those of `k`."""

    def __init__(self, column: pa.Array, codec: str | None = None) -> None:
        self.bytes = bytearray(encode_batch(make_batch(column), codec))
        (self._body,) = struct.unpack_from("<i", self.bytes, 4)
        self._body += 8
        (root,) = struct.unpack_from("<I", self.bytes, 8)
        batch = self._follow(self._field(8 + root, 2))
        self._nodes = self._follow(self._field(batch, 1)) + 4
        self._buffers = self._follow(self._field(batch, 2)) + 4
        self._rows = self._field(batch, 0)

    def _field(self, table: int, index: int) -> int:
        """Where a flatbuffer table has its field."""
        (back,) = struct.unpack_from("<i", self.bytes, table)
        (offset,) = struct.unpack_from("<H", self.bytes, table - back + 4 + 2 * index)
        return table + int(offset)

    def _follow(self, reference: int) -> int:
        return reference + int(struct.unpack_from("<I", self.bytes, reference)[0])

    def rows(self, value: int) -> Message:
        """Changes how many rows the batch claims."""
        struct.pack_into("<q", self.bytes, self._rows, value)
        return self

    def node(self, index: int, field: int, value: int) -> Message:
        """Changes a number of a `FieldNode`."""
        struct.pack_into("<q", self.bytes, self._nodes + 16 * index + field, value)
        return self

    def buffer(self, index: int, *, offset: int | None = None, length: int | None = None) -> Message:
        """Changes where the body has a buffer."""
        for at, value in ((0, offset), (8, length)):
            if value is not None:
                struct.pack_into("<q", self.bytes, self._buffers + 16 * index + at, value)
        return self

    def value(self, index: int, layout: str, position: int, value: int | bytes) -> Message:
        """Changes the element at `position` of a buffer that consists of such elements."""
        (start,) = struct.unpack_from("<q", self.bytes, self._buffers + 16 * index)
        at = self._body + start + position * struct.calcsize(layout)
        struct.pack_into(layout, self.bytes, at, value)
        return self


def make_batch(column: pa.Array, nullable: bool = True) -> pa.RecordBatch:
    """A good batch of the key and a column."""
    schema = pa.schema([pa.field("k", pa.int64()), pa.field("c", column.type, nullable)])
    return pa.record_batch([pa.array([1] * len(column), pa.int64()), column], schema)


def encode_batch(batch: pa.RecordBatch, codec: str | None) -> bytes:
    """The message of a batch, compressed if a codec is named."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_batch(batch)
    stream = sink.getvalue().to_pybytes()
    return stream[len(batch.schema.serialize()) : -len(END_OF_ARROW_STREAM)]


LONGS = pa.array([1, None, 3, 4], pa.int64())
WHOLE = pa.array([1, 2, 3, 4], pa.int64())
TEXTS = pa.array(["aa", None, "bb", "cc"], pa.string())
BLOBS = pa.array([b"aa", None, b"bb", b"cc"], pa.binary())
FLAGS = pa.array([True, None, False, True])
DECIMALS = pa.array(
    [decimal.Decimal("1.25"), None, decimal.Decimal("3.00"), decimal.Decimal("-4.00")], pa.decimal128(5, 2)
)
LISTS = pa.array([[1, 2], None, [3], [4, 5]], pa.list_(pa.int64()))
TEXT_LISTS = pa.array([["aa"], None, ["bb", "cc"], ["dd"]], pa.list_(pa.string()))
STRUCTS = pa.array([{"x": 1, "y": "aa"}, None, {"x": 3, "y": "bb"}, {"x": 4, "y": "cc"}])
MAPS = pa.array([[("a", 1)], None, [("b", 2), ("c", 3)], []], pa.map_(pa.string(), pa.int64()))


ZEROS = pa.array([0] * 1_000, pa.int64())

Change = Callable[[Message], Message]

OFFSETS: tuple[tuple[str, pa.Array, int, Change], ...] = (
    # Buffers of a text or list: 2 validity, 3 offsets, then its bytes or its child's buffers.
    ("text offset before its predecessor", TEXTS, 2, lambda m: m.value(3, "<i", 2, 6).value(3, "<i", 3, 4)),
    ("text offset beyond the bytes", TEXTS, 2, lambda m: m.value(3, "<i", 3, 7)),
    ("text offset far beyond", TEXTS, 3, lambda m: m.value(3, "<i", 4, 2**31 - 1)),
    ("text offset negative", TEXTS, 0, lambda m: m.value(3, "<i", 0, -4)),
    ("text offsets short", TEXTS, 2, lambda m: m.buffer(3, length=12)),
    ("text offsets empty", TEXTS, 0, lambda m: m.buffer(3, length=0)),
    ("blob offset before its predecessor", BLOBS, 2, lambda m: m.value(3, "<i", 2, 6).value(3, "<i", 3, 4)),
    ("blob offset beyond the bytes", BLOBS, 3, lambda m: m.value(3, "<i", 4, 9)),
    ("list offset before its predecessor", LISTS, 2, lambda m: m.value(3, "<i", 2, 5).value(3, "<i", 3, 3)),
    ("list offset beyond its child", LISTS, 3, lambda m: m.value(3, "<i", 4, 6)),
    ("list offset far beyond", LISTS, 3, lambda m: m.value(3, "<i", 4, 2**31 - 1)),
    ("map offset beyond", MAPS, 3, lambda m: m.value(3, "<i", 4, 2**30)),
)

LENGTHS: tuple[tuple[str, pa.Array, int, Change], ...] = (
    ("values short", WHOLE, 3, lambda m: m.buffer(3, length=24)),
    ("values empty", WHOLE, 0, lambda m: m.buffer(3, length=0)),
    ("values of decimals short", DECIMALS, 2, lambda m: m.buffer(3, length=33)),
    ("bits short", pa.array([True] * 20), 16, lambda m: m.buffer(3, length=2)),
    ("validity short", pa.array([1, None] * 10, pa.int64()), 8, lambda m: m.buffer(2, length=1)),
    ("validity missing", LONGS, 0, lambda m: m.buffer(2, length=0)),
)

NULL_COUNTS: tuple[tuple[str, pa.Array, int, Change], ...] = (
    ("fewer nulls announced", pa.array([1, None, None, 4], pa.int64()), 1, lambda m: m.node(1, NULL_COUNT, 1)),
    ("more nulls announced", LONGS, 1, lambda m: m.node(1, NULL_COUNT, 3)),
    ("no nulls announced", LONGS, 1, lambda m: m.node(1, NULL_COUNT, 0)),
    ("no nulls announced of texts", TEXTS, 1, lambda m: m.node(1, NULL_COUNT, 0)),
    ("no nulls announced of flags", FLAGS, 1, lambda m: m.node(1, NULL_COUNT, 0)),
    ("no nulls announced of lists", LISTS, 1, lambda m: m.node(1, NULL_COUNT, 0)),
    ("more nulls than rows", LONGS, 1, lambda m: m.node(1, NULL_COUNT, 5)),
    ("negative null count", LONGS, 1, lambda m: m.node(1, NULL_COUNT, -2)),
)

NESTED: tuple[tuple[str, pa.Array, str, Change], ...] = (
    (
        "child longer than its values",
        LISTS,
        "c.item', row 3",
        lambda m: m.node(2, LENGTH, 2**30).value(3, "<i", 4, 2**30),
    ),
    ("list's text offset beyond", TEXT_LISTS, "c.item', row 3", lambda m: m.value(5, "<i", 4, 2**30)),
    ("struct's child short", STRUCTS, "c.x'", lambda m: m.node(2, LENGTH, 2)),
    ("struct's values short", STRUCTS, "c.x', row 1", lambda m: m.buffer(4, length=8)),
    ("struct's text offset beyond", STRUCTS, "c.y', row 3", lambda m: m.value(6, "<i", 4, 2**30)),
    ("map's key offset beyond", MAPS, "c.entries.key', row 2", lambda m: m.value(6, "<i", 3, 2**30)),
    ("nulls announced, none there", LONGS, "c'", lambda m: m.value(2, "<B", 0, 0xFF)),
)

READER: tuple[tuple[str, Change], ...] = (
    ("buffer outside the body", lambda m: m.buffer(3, offset=1 << 20)),
    ("buffer reaches outside the body", lambda m: m.buffer(3, length=1 << 20)),
    ("buffer at a negative offset", lambda m: m.buffer(3, offset=-8)),
    ("buffer of a negative length", lambda m: m.buffer(3, length=-8)),
    ("column longer than the batch", lambda m: m.node(1, LENGTH, 5)),
    ("column shorter than the batch", lambda m: m.node(1, LENGTH, 3)),
)

VALUES: tuple[tuple[str, pa.Array, Change], ...] = (
    ("text that is not UTF-8", TEXTS, lambda m: m.value(4, "<B", 2, 0xFF)),
    ("text in a list that is not UTF-8", TEXT_LISTS, lambda m: m.value(6, "<B", 2, 0xFF)),
    ("decimal beyond its precision", DECIMALS, lambda m: m.value(3, "<q", 4, 99_999_999)),
    ("decimal of 39 digits", DECIMALS, lambda m: m.value(3, "<q", 5, 2**63 - 1)),
    ("unknown null count", LONGS, lambda m: m.node(1, NULL_COUNT, -1)),
)


def lies(compressed: bool) -> Iterator[Lie]:
    """Every lie; those about compression only if asked for."""
    for name, column, row, change in (*OFFSETS, *LENGTHS, *NULL_COUNTS):
        yield Lie(name, column, bytes(change(Message(column)).bytes), Expected.OURS, f"column 'c', row {row}: ")
    for name, column, place, change in NESTED:
        yield Lie(name, column, bytes(change(Message(column)).bytes), Expected.OURS, f"column '{place}: ")
    for name, change in READER:
        yield Lie(name, WHOLE, bytes(change(Message(WHOLE)).bytes), Expected.READER, "column 'c': ")
    for name, column, change in VALUES:
        yield Lie(name, column, bytes(change(Message(column)).bytes), Expected.STOCK)
    for column in (LONGS, TEXTS, LISTS, STRUCTS):
        message = bytes(Message(column).bytes)
        yield Lie(f"{column.type} with nulls that its schema denies", column, message, Expected.STOCK, nullable=False)
    many = Message(WHOLE).rows(1_000).node(0, LENGTH, 1_000).node(1, LENGTH, 1_000)
    yield Lie("rows without values", WHOLE, bytes(many.bytes), Expected.OURS, "column 'k', row 4: ")
    if compressed:
        for codec in ("lz4", "zstd"):
            good = Message(ZEROS, codec)
            yield Lie(f"good {codec}", ZEROS, bytes(good.bytes), Expected.STOCK)
            more = Message(ZEROS, codec).value(3, "<q", 0, 9_000)
            yield Lie(f"{codec} that yields less", ZEROS, bytes(more.bytes), Expected.READER, "column 'c': ")
            noise = Message(ZEROS, codec).value(3, "<q", 1, -1)
            yield Lie(f"{codec} that is damaged", ZEROS, bytes(noise.bytes), Expected.READER, "column 'c': ")
