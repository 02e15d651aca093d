"""Compares the native conversions with the installed stock's, kind by kind, before they are used.

What differs is not used: the kind goes to stock. Runs once per daemon, and not at all where what it would find is on
record (`record.py`).
"""

from __future__ import annotations

import datetime
import decimal
import types
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import types as T

from ... import _native as native
from ..kinds.grouped_map import GroupedMap
from ..lines import Line
from ..patches import converters
from ..stock import conversion
from ..stock.arrow import unproven_scalars
from ..stock.conversion import ConversionStock
from .record import SelfTest

_UTC = "UTC"
_DAY = datetime.date(2020, 2, 29)
_INSTANT = 1_593_604_800_123_456

# name: Arrow type, Spark type, values without null.
_KINDS: dict[str, tuple[pa.DataType, T.DataType, list[Any]]] = {
    "boolean": (pa.bool_(), T.BooleanType(), [True, False, True]),
    "byte": (pa.int8(), T.ByteType(), [1, -128, 127]),
    "short": (pa.int16(), T.ShortType(), [1, -32768, 32767]),
    "int": (pa.int32(), T.IntegerType(), [1, -(2**31), 2**31 - 1]),
    "long": (pa.int64(), T.LongType(), [1, -(2**53), 2**53]),
    "float": (pa.float32(), T.FloatType(), [1.5, -0.0, float("inf")]),
    "double": (pa.float64(), T.DoubleType(), [1.5, -0.0, 1e300]),
    "string": (pa.string(), T.StringType(), ["a", "é😀\0z", ""]),
    "binary": (pa.binary(), T.BinaryType(), [b"a", b"\xff\0", b""]),
    "date": (pa.date32(), T.DateType(), [_DAY, datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]),
    "timestamp": (pa.timestamp("us", _UTC), T.TimestampType(), [_INSTANT, -1, 0]),
    "timestamp_offset": (pa.timestamp("us", "+05:30"), T.TimestampType(), [_INSTANT, -1, 0]),
    # Summer, the second of two equal local times, winter.
    "timestamp_named": (
        pa.timestamp("us", "America/New_York"),
        T.TimestampType(),
        [_INSTANT, 1_604_213_100_000_001, 0],
    ),
    "timestamp_ntz": (pa.timestamp("us"), T.TimestampNTZType(), [_INSTANT, -1, 0]),
    "interval": (pa.duration("us"), T.DayTimeIntervalType(), [1_500_000, -1, 86_400_000_000]),
    "decimal": (
        pa.decimal128(38, 18),
        T.DecimalType(38, 18),
        [
            decimal.Decimal(text)
            for text in ("1.500000000000000000", "0E-18", "-12345678901234567890.123456789012345678")
        ],
    ),
    "array": (pa.list_(pa.field("element", pa.int32())), T.ArrayType(T.IntegerType()), [[1, -(2**31)], [], [3]]),
    "struct": (
        pa.struct([pa.field("i", pa.int64()), pa.field("s", pa.string())]),
        T.StructType([T.StructField("i", T.LongType()), T.StructField("s", T.StringType())]),
        [{"i": 1, "s": "a"}, {"i": -1, "s": ""}, {"i": 2, "s": "é😀"}],
    ),
    "map": (
        pa.map_(pa.string(), pa.float64()),
        T.MapType(T.StringType(), T.DoubleType()),
        [[("a", 1.5), ("b", -0.0)], [], [("a", 1e300)]],
    ),
    "null": (pa.null(), T.NullType(), [None, None, None]),
}
if hasattr(T, "TimeType"):  # Spark 4.1
    _TIMES = [datetime.time(12, 34, 56, 123456), datetime.time(), datetime.time.max]
    _KINDS["time"] = (pa.time64("ns"), T.TimeType(), _TIMES)
# What this Spark does not know has no case, and is not native.
_ABSENT = {each.name for each in native.types()} - _KINDS.keys()
_RESULTS = {each.name for each in native.types() if each.is_result}


def nothing() -> SelfTest:
    """What is found where stock's conversions are not known, so that nothing of them can be compared."""
    proven = SelfTest(False, "ns", "ns", False)
    proven.unproven_input |= _KINDS.keys() | _ABSENT
    proven.unproven_output |= _KINDS.keys() | _ABSENT
    proven.unproven_scalars |= unproven_scalars()
    return proven


def run(line: Line, names: tuple[str, ...] = tuple(_KINDS)) -> SelfTest:
    """Returns what was found. Raises whatever the installed versions raise if nothing works at all.

    `names`: of `_KINDS`; the result says nothing of others.
    """
    # What the conversions warn of here, they warn of again in the task that it concerns.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _run(line, names)


def _run(line: Line, names: tuple[str, ...]) -> SelfTest:
    def frame_of(name: str, values: list[Any]) -> tuple[Any, pa.Table, pd.DataFrame]:
        arrow, _, _ = _KINDS[name]
        stock = _stock(line, name)
        table = pa.table({"a": pa.array(values, arrow), "b": pa.array(values[::-1], arrow)})
        return stock, table, stock.frame([stock.column(table, 0), stock.column(table, 1)], [0, 1])

    def dtype_of(name: str) -> str:
        return str(frame_of(name, _KINDS[name][2])[2].dtypes.iloc[0])

    nested = frame_of("array", [[1, None]])[2].iloc[0, 0]
    proven = SelfTest(
        dtype_of("string") == "str",
        _unit(dtype_of("timestamp")),
        _unit(dtype_of("interval")),
        nested.dtype == object,
    )
    proven.older_unit = converters.observe_older_unit()
    proven.unproven_input |= _ABSENT
    proven.unproven_output |= _ABSENT
    for name in names:
        values = _KINDS[name][2]
        for sample in (values, [values[0], None, values[2]], [None, None], values[:1], _with_null_parts(values)):
            try:
                stock, table, expected = frame_of(name, sample)
            except (pa.ArrowException, ValueError, LookupError):
                # Such as "+05:30" with a pyarrow that knows only named zones, or a name without data.
                proven.unproven_input.add(name)
                proven.unproven_output.add(name)
                break
            # Two values, no keys: [length, number of keys, value offsets…].
            task = native.GroupedMap(GroupedMap(stock, None, [3, 0, 0, 1], False), line.framing, proven)
            batch = table.combine_chunks().to_batches()[0]
            actual = task.frame(table.schema.serialize().to_pybytes(), [batch.serialize().to_pybytes()])
            if not _same_frames(expected, actual):
                proven.unproven_input.add(name)
            if name in _RESULTS and not task.convert(expected).equals(stock.batch(expected)):
                proven.unproven_output.add(name)
    if len(names) < len(_KINDS):
        return proven
    proven.unproven_scalars |= unproven_scalars()
    known = [name for name in _KINDS if name not in proven.unproven_input]
    if proven.older_unit is not None and not (
        converters.is_proven(proven, _KINDS, lambda name: _stock(line, name))
        and all(_same_older_frame(line, proven, name) for name in known)
    ):
        proven.older_unit = None
    return proven


def _same_older_frame(line: Line, proven: SelfTest, name: str) -> bool:
    """Whether a frame with a column of text, which stock makes in its older way, is the same natively. Spark 4.2 on."""
    arrow, spark, values = _KINDS[name]
    stock = _stock(line, name)
    frames = native.MapFrames(stock, proven, (stock.legacy(), proven.older_unit), lambda frame, rows: frame)
    samples = (values, [values[0], None, values[2]], [None, None, None])
    return all(_is_same_older_frame(frames, stock, spark, pa.array(sample, arrow)) for sample in samples)


def _is_same_older_frame(frames: native.MapFrames, stock: ConversionStock, spark: T.DataType, values: pa.Array) -> bool:
    from pyspark.sql.conversion import ArrowArrayToPandasConversion

    column = pa.StructArray.from_arrays([values, pa.array(["a", None, "a"])], ["a", "text"])
    batch = pa.record_batch([column], ["_0"])
    ours = frames.of_messages(batch.schema.serialize().to_pybytes(), batch.serialize().to_pybytes())
    if ours is None:
        return True
    fields = T.StructType([T.StructField("a", spark), T.StructField("text", T.StringType())])
    convert = ArrowArrayToPandasConversion.convert_legacy
    try:
        theirs = convert(column, fields, timezone=stock.timezone, struct_in_pandas="dict", df_for_struct=True)
    except (pa.ArrowException, ValueError, LookupError):
        # As for frames of groups.
        return False
    return _same_frames(theirs, ours)


def _with_null_parts(values: list[Any]) -> list[Any]:
    """The same, but for arrays, structs and maps with nulls inside."""
    first = values[0]
    if type(first) is dict:
        return [dict.fromkeys(first), *values[1:]]
    if type(first) is list:
        inner = first[0]
        return [[None if type(inner) is not tuple else (inner[0], None), *first[1:]], *values[1:]]
    return values


def _unit(dtype: str) -> str:
    return dtype[dtype.index("[") + 1 : -1]


def _stock(line: Line, name: str) -> Any:
    arrow, spark, _ = _KINDS[name]
    return_type = T.StructType([T.StructField("a", spark), T.StructField("b", spark)])
    return make_stock(line, return_type, getattr(arrow, "tz", None) or _UTC, True)


def make_stock(line: Line, return_type: T.StructType, zone: str, safe: bool) -> Any:
    """The `Stock` that a task with this session zone and safe check would get."""
    if line.wraps is None:
        conf = types.SimpleNamespace(
            timezone=zone,
            safecheck=safe,
            assign_cols_by_name=True,
            use_large_var_types=False,
            prefer_int_ext_dtype=False,
            int_to_decimal_coercion_enabled=False,
        )
        return ConversionStock(conf, return_type)
    from pyspark.sql.pandas import serializers

    if line.framing == "stream":
        serializer = serializers.GroupPandasUDFSerializer(zone, safe, True, False)
    else:
        serializer = serializers.ArrowStreamPandasUDFSerializer(zone, safe, True)
    return getattr(conversion, line.wraps)(serializer, return_type, False)


def _same_frames(expected: pd.DataFrame, actual: pd.DataFrame) -> bool:
    if list(expected.dtypes) != list(actual.dtypes) or not expected.columns.equals(actual.columns):
        return False
    if type(expected.columns.dtype) is not type(actual.columns.dtype) or not expected.index.equals(actual.index):
        return False
    layouts = [[(block.values.shape, str(block.dtype)) for block in frame._mgr.blocks] for frame in (expected, actual)]
    if layouts[0] != layouts[1]:
        return False
    return all(_same(left, right) for name in expected.columns for left, right in zip(expected[name], actual[name]))


def _same(left: Any, right: Any) -> bool:
    """Whether two cells are of one type and equal, parts included."""
    if type(left) is not type(right):
        return False
    if type(left) is dict:
        return len(left) == len(right) and all(_same(*pair) for pair in zip(left.items(), right.items()))
    if type(left) is tuple:
        return all(_same(*pair) for pair in zip(left, right))
    if type(left) is np.ndarray:
        if left.dtype != right.dtype or left.shape != right.shape or left.flags.writeable != right.flags.writeable:
            return False
        return all(_same(*pair) for pair in zip(left, right))
    return left is right or left == right or (left != left and right != right)
