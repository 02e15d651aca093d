"""Columns of generated programs: a Spark type, a profile and a seed give the same values everywhere.

A type is written as in the JSON of a Spark schema.
"""

from __future__ import annotations

import decimal
import json
import re
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql.types import StructField, StructType

POOL = 24
"""Different values in a column; equal ones must be there, since their objects may be shared."""

DAY = 86_400_000_000
LEAVES = {
    "boolean": pa.bool_(),
    "byte": pa.int8(),
    "short": pa.int16(),
    "integer": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp_ntz": pa.timestamp("us"),
    "interval day to second": pa.duration("us"),
    "time(6)": pa.time64("ns"),
    "void": pa.null(),
}
TEXTS = ("", "a", "b", "abc", "1", "-2.5", "true", "é", "😀x", "z\0z", "2020-01-01", "ß" * 40, " a ", "nan", "None")
HOSTILE_TEXTS = ("\ufeff", "a\u0301", "\U0010ffff", "x" * 3000, "\n\r\t", "\u2028", *TEXTS)
BITS = {
    "float": np.array(
        [0, 1 << 31, 0x7FC00000, 0xFFC00000, 0x7FC00ABC, 0x7F800001, 0x7F800000, 0xFF800000, 1, 0x7F7FFFFF, 0x3F800000],
        np.uint32,
    ),
    "double": np.array(
        [
            *(0, 1 << 63, 0x7FF8 << 48, 0xFFF8 << 48, (0x7FF8 << 48) + 0xABC, (0x7FF << 52) + 1, 0x7FF << 52),
            *(0xFFF << 52, 1, (0x7FF << 52) - 1, 0x3FF << 52, 0x4340000000000001, 0x41E0000000000000),
        ],
        np.uint64,
    ),
}
# Around changes of clocks in New York, Berlin and Lord Howe, microseconds since 1970.
CHANGES = [second * 1_000_000 for second in (1425798000, 1446354000, 1446357600, 1427590800, 1445734800, 1459609200)]


def spark_type(type_json: Any) -> Any:
    """The type of PySpark's."""
    return StructField.fromJson({"name": "", "type": type_json, "nullable": True, "metadata": {}}).dataType


def arrow_type(type_json: Any, zone: str, large: bool) -> pa.DataType:
    """The type that the JVM sends."""
    if isinstance(type_json, str):
        precise = re.fullmatch(r"decimal\((\d+),(\d+)\)", type_json)
        if precise:
            return pa.decimal128(int(precise[1]), int(precise[2]))
        if type_json == "string":
            return pa.large_string() if large else pa.string()
        if type_json == "binary":
            return pa.large_binary() if large else pa.binary()
        if type_json == "timestamp":
            return pa.timestamp("us", zone)
        if type_json == "variant":
            marked = pa.field("metadata", pa.binary(), False, {"variant": "true"})
            return pa.struct([pa.field("value", pa.binary(), False), marked])
        return LEAVES[type_json]
    if type_json["type"] == "array":
        element = arrow_type(type_json["elementType"], zone, large)
        return pa.list_(_field("element", element, type_json["containsNull"]))
    if type_json["type"] == "map":
        key, value = (arrow_type(type_json[side], zone, large) for side in ("keyType", "valueType"))
        return pa.map_(pa.field("key", key, False), _field("value", value, type_json["valueContainsNull"]))
    return pa.struct(
        [
            pa.field(field["name"], arrow_type(field["type"], zone, large), field["nullable"])
            for field in type_json["fields"]
        ]
    )


def _field(name: str, arrow: pa.DataType, nullable: bool) -> pa.Field:
    """Arrow allows no type without values that has no nulls."""
    return pa.field(name, arrow, nullable or pa.types.is_null(arrow))


def return_type(fields: list[tuple[str, Any, bool]]) -> StructType:
    """What a function declares."""
    return StructType([StructField(name, spark_type(type_json), nullable) for name, type_json, nullable in fields])


def array(column: dict[str, Any], arrow: pa.DataType, group: int, rows: int, constant: bool) -> pa.Array:
    """The values of a column in one group; with `constant` all the same, as those of a key are."""
    pool = _pool(json.dumps(column["type"]), arrow, column["profile"], column["seed"])
    random = np.random.default_rng([column["seed"], group])
    picked = pool.take(pa.array(random.integers(0, len(pool), 1 if constant else rows).repeat(rows if constant else 1)))
    if column["nulls"] == "none" or pa.types.is_null(arrow):
        return picked
    share = 1.0 if column["nulls"] == "all" else float(random.choice([0.0, 0.1, 0.5, 1.0]))
    if constant:
        share = round(share)
    valid = random.random(rows) >= share
    if pa.types.is_nested(arrow):
        # The JVM writes nulls into the children of a null.
        return picked.take(pa.array(np.arange(rows), mask=~valid))
    if not rows:
        return picked
    # The values under the nulls stay, and nobody may look at them.
    return pa.Array.from_buffers(arrow, rows, [pa.array(valid).buffers()[1], *picked.buffers()[1:]])


@lru_cache(64)
def _pool(type_text: str, arrow: pa.DataType, profile: str, seed: int) -> pa.Array:
    type_json, random = json.loads(type_text), np.random.default_rng(seed)
    size = 3 if profile == "few" else POOL
    if isinstance(type_json, str) and type_json in BITS and profile == "extreme":
        bits = BITS[type_json]
        return pa.array(bits.view(np.float32 if type_json == "float" else np.float64), from_pandas=False)
    if type_json == "string" and profile == "invalid":
        texts = pa.array(
            [b"a", b"\xff", b"\xc3", b"\xed\xa0\x80"],
            pa.large_binary() if pa.types.is_large_string(arrow) else pa.binary(),
        )
        return texts.view(arrow)
    values = [_value(type_json, profile, random) for _ in range(size)]
    return pa.array(values, arrow, from_pandas=False)


def _value(type_json: Any, profile: str, random: np.random.Generator) -> Any:
    if isinstance(type_json, str):
        precise = re.fullmatch(r"decimal\((\d+),(\d+)\)", type_json)
        if precise:
            return _decimal(int(precise[1]), int(precise[2]), profile, random)
        return _MAKERS[type_json](profile, random)

    def child(type_of: Any, nullable: bool) -> Any:
        return None if nullable and random.random() < 0.2 else _value(type_of, profile, random)

    length = int(random.integers(0, 4))
    if type_json["type"] == "array":
        return [child(type_json["elementType"], type_json["containsNull"]) for _ in range(length)]
    if type_json["type"] == "map":
        keys = [_value(type_json["keyType"], profile, random) for _ in range(length)]
        return [(key, child(type_json["valueType"], type_json["valueContainsNull"])) for key in keys]
    return {field["name"]: child(field["type"], field["nullable"]) for field in type_json["fields"]}


def _integer(bits: int) -> Any:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    edges = [low, high, low + 1, 0, -1, 255, 256, 65_535, (1 << 24) + 1, (1 << 31), (1 << 53) + 1]
    edges = [edge for edge in edges if low <= edge <= high]

    def make(profile: str, random: np.random.Generator) -> int:
        if profile == "extreme":
            return int(random.choice(edges))
        return int(random.integers(-100, 101))

    return make


def _moment(profile: str, random: np.random.Generator) -> int:
    if profile == "clocks":
        return int(random.choice(CHANGES)) + int(random.integers(-3, 4)) * 1_800_000_000
    if profile == "old":
        return -int(random.integers(26_000, 105_000)) * DAY + int(random.integers(0, DAY))
    if profile == "late":
        return int(random.integers(25_000, 105_000)) * DAY + int(random.integers(0, DAY))
    if profile == "extreme":
        # Some are beyond what nanoseconds can say.
        return int(random.choice([-62_135_596_800_000_000, 253_402_300_799_999_999, 9_223_372_036_854_775, 0, -1]))
    return int(random.integers(0, 24_000 * DAY))


def _day(profile: str, random: np.random.Generator) -> int:
    if profile == "extreme":
        return int(random.choice([-719_162, 2_932_896, 0, -1, 2_932_897]))
    return int(random.integers(-719_162, 2_932_897)) if profile == "old" else int(random.integers(0, 20_000))


def _duration(profile: str, random: np.random.Generator) -> int:
    if profile == "extreme":
        return int(random.choice([9_223_372_036_854_775, -9_223_372_036_854_775, 1 << 62, 0, -1]))
    return int(random.integers(-(10**12), 10**12))


def _decimal(precision: int, scale: int, profile: str, random: np.random.Generator) -> decimal.Decimal:
    digits = precision if profile == "extreme" else min(precision, 4)
    unscaled = int("".join(map(str, random.integers(0, 10, digits))))
    sign = int(random.integers(0, 2))
    return decimal.Decimal((sign, tuple(map(int, str(unscaled))), -scale))


_MAKERS: dict[str, Any] = {
    "boolean": lambda profile, random: bool(random.integers(0, 2)),
    "byte": _integer(8),
    "short": _integer(16),
    "integer": _integer(32),
    "long": _integer(64),
    "float": lambda profile, random: (
        float(np.float32(random.normal(0, 100))) if profile != "few" else float(random.integers(-5, 6))
    ),
    "double": lambda profile, random: (
        float(random.normal(0, 100)) if profile != "few" else float(random.integers(-5, 6))
    ),
    "string": lambda profile, random: str(random.choice(HOSTILE_TEXTS if profile == "extreme" else TEXTS)),
    "binary": lambda profile, random: random.bytes(int(random.integers(0, 4))),
    "date": _day,
    "timestamp": _moment,
    "timestamp_ntz": _moment,
    "interval day to second": _duration,
    "time(6)": lambda profile, random: int(random.integers(0, DAY)) * 1000,
    "variant": lambda profile, random: {"value": b"\x0c" + random.bytes(1), "metadata": b"\x01\x00\x00"},
    "void": lambda profile, random: None,
}
