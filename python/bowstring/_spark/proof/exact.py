"""Are two values, columns, frames or Arrow arrays the same to the last bit? For `verify.py`.

Stricter than any `==` of the libraries: a NaN is the same only with the same payload, 0.0 is not -0.0, `None`, NaN and
NaT are three things, and so are `True`, `np.True_` and 1.
"""

from __future__ import annotations

import datetime
import decimal
import struct
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

# Characters of a value in a text: enough to see the difference.
_LIMIT = 200

# What a class has that does not say when two of its objects are equal.
_BY_IDENTITY: Any = object.__eq__


Contrast = tuple[str, str, str]
"""What differs, as a text; and both sides of it."""


def same(left: Any, right: Any) -> bool:
    """Whether nobody can tell the two values from each other, but for their identity."""
    kind = type(left)
    if kind is not type(right):
        return False
    if left is right:
        return True
    compare = _COMPARE.get(kind)
    if compare is not None:
        return compare(left, right)
    if issubclass(kind, np.generic):
        return bool(left.dtype == right.dtype and left.tobytes() == right.tobytes())
    if issubclass(kind, tuple):
        # Such as Spark's Row, which has its names in an attribute.
        names = [getattr(value, "__fields__", None) for value in (left, right)]
        return names[0] == names[1] and _same_items(left, right)
    if kind.__eq__ is _BY_IDENTITY and hasattr(left, "__dict__"):
        return same(vars(left), vars(right))
    return bool(left == right)


def _same_items(left: Any, right: Any) -> bool:
    return len(left) == len(right) and all(map(same, left, right))


def _same_dicts(left: dict[Any, Any], right: dict[Any, Any]) -> bool:
    return _same_items(list(left), list(right)) and _same_items(list(left.values()), list(right.values()))


def _same_ndarrays(left: np.ndarray, right: np.ndarray) -> bool:
    return _array_facts(left) == _array_facts(right) and column_difference(left.ravel(), right.ravel()) is None


def _array_facts(array: np.ndarray) -> tuple[Any, ...]:
    return array.dtype, array.shape, array.flags.writeable, array.flags.c_contiguous, array.flags.f_contiguous


def _same_timestamps(left: pd.Timestamp, right: pd.Timestamp) -> bool:
    return (left.value, left.unit, str(left.tz), left.fold) == (right.value, right.unit, str(right.tz), right.fold)


_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    float: lambda left, right: struct.pack("d", left) == struct.pack("d", right),
    complex: lambda left, right: struct.pack("dd", left.real, left.imag) == struct.pack("dd", right.real, right.imag),
    list: _same_items,
    tuple: _same_items,
    dict: _same_dicts,
    np.ndarray: _same_ndarrays,
    decimal.Decimal: lambda left, right: left.as_tuple() == right.as_tuple(),
    datetime.datetime: lambda left, right: repr(left) == repr(right),
    datetime.time: lambda left, right: repr(left) == repr(right),
    pd.Timestamp: _same_timestamps,
    pd.Timedelta: lambda left, right: (left.value, left.unit) == (right.value, right.unit),
}


def column_difference(left: Any, right: Any) -> Contrast | None:
    """The first difference of two columns (NumPy arrays of one dimension, extension arrays, lists).

    `(what, left, right)` as texts, where `what` is a row or a property of the whole column; or None.
    """
    for what, facts in (("class", _class), ("dtype", _dtype), ("length", len)):
        if facts(left) != facts(right):
            return what, str(facts(left)), str(facts(right))
    rows: Iterable[Any] = range(len(left))
    if isinstance(left, np.ndarray) and left.dtype != object:
        rows = np.flatnonzero((_bytes(left) != _bytes(right)).any(axis=1))
    elif isinstance(getattr(left, "_ndarray", None), np.ndarray):
        rows = np.flatnonzero((_bytes(left._ndarray) != _bytes(right._ndarray)).any(axis=1))
    elif hasattr(left, "_pa_array"):
        chunked = [array._pa_array for array in (left, right)]
        ours, others = (f"{array.num_chunks} of {array.type}" for array in chunked)
        if ours != others:
            return "chunks", ours, others
        rows = () if chunked[0].equals(chunked[1]) else rows
        rows = (row for row in rows if not same(left[row], right[row]))
    else:
        rows = (row for row in rows if not same(left[row], right[row]))
    row = next(iter(rows), None)
    return None if row is None else (f"row {row}", *shown_apart(left[row], right[row]))


def _class(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _dtype(column: object) -> str:
    return repr(getattr(column, "dtype", None))


def _bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.uint8).reshape(len(array), array.dtype.itemsize)


def arrow_difference(left: Any, right: Any) -> Contrast | None:
    """The first difference of two Arrow arrays, as [`column_difference`] gives it."""
    left, right = (array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array for array in (left, right))
    # Nullability is said by the schema on the wire, not by the arrays that bowstring holds.
    for what, facts in (("type", lambda array: str(array.type).replace(" not null", "")), ("length", len)):
        if facts(left) != facts(right):
            return what, str(facts(left)), str(facts(right))
    if pa.types.is_nested(left.type):
        rows = (row for row in range(len(left)) if not same(left[row].as_py(), right[row].as_py()))
    else:
        bits = [_integers(array) for array in (left, right)]
        if bits[0].equals(bits[1]):
            return None
        rows = (row for row in range(len(left)) if not bits[0][row].equals(bits[1][row]))
    row = next(rows, None)
    return None if row is None else (f"row {row}", *shown_apart(left[row], right[row]))


def _integers(array: pa.Array) -> pa.Array:
    """Floats as their bits: Arrow takes 0.0 and -0.0 for equal, and a NaN for no other."""
    widths = {pa.float16(): pa.int16(), pa.float32(): pa.int32(), pa.float64(): pa.int64()}
    return array.view(widths[array.type]) if array.type in widths else array


def frame_difference(left: pd.DataFrame, right: pd.DataFrame) -> Contrast | None:
    """What differs in two frames besides the values of their columns: `(what, left, right)` with texts, or None."""
    for what, facts in _FRAME_FACTS:
        ours, others = facts(left), facts(right)
        if not same(ours, others):
            return what, shown(ours), shown(others)
    blocks = [[_block_facts(block) for block in frame._mgr.blocks] for frame in (left, right)]
    for number, (ours, others) in enumerate(zip(*blocks)):
        if not same(ours, others):
            return f"block {number}", shown(ours), shown(others)
    return None


def series_difference(left: pd.Series, right: pd.Series) -> Contrast | None:
    """What differs in two Series, their values included: `(what, left, right)` with texts, or None."""
    for what, facts in _SERIES_FACTS:
        ours, others = facts(left), facts(right)
        if not same(ours, others):
            return what, shown(ours), shown(others)
    return column_difference(left._values, right._values)


def _index_facts(index: pd.Index) -> list[Any]:
    values = [index.start, index.stop, index.step] if isinstance(index, pd.RangeIndex) else list(index)
    return [type(index).__name__, repr(index.dtype), values, list(index.names)]


def _block_facts(block: Any) -> dict[str, Any]:
    values = block.values
    array = getattr(values, "_ndarray", values)
    memory = [array.flags.writeable, array.flags.c_contiguous] if isinstance(array, np.ndarray) else []
    return {
        "columns": block.mgr_locs.as_array.tolist(),
        "classes": [type(block).__name__, type(values).__name__],
        "dtype": repr(block.dtype),
        "shape": list(values.shape),
        "writable and contiguous": memory,
        "shared": block.refs.has_reference(),
    }


_FRAME_FACTS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("class", _class),
    ("labels", lambda frame: _index_facts(frame.columns)),
    ("index", lambda frame: _index_facts(frame.index)),
    ("number of blocks", lambda frame: len(frame._mgr.blocks)),
)


def _memory_facts(series: pd.Series) -> dict[str, Any]:
    # Who shares it depends on what else was converted.
    return {name: fact for name, fact in _block_facts(series._mgr.blocks[0]).items() if name != "shared"}


_SERIES_FACTS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("class", _class),
    ("name", lambda series: series.name),
    ("index", lambda series: _index_facts(series.index)),
    ("memory", _memory_facts),
)


def shown(value: object) -> str:
    """A value as a text of limited length."""
    try:
        text = repr(value)
    except Exception:
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= _LIMIT else text[:_LIMIT] + "…"


def shown_apart(left: Any, right: Any) -> tuple[str, str]:
    """Two values as texts, with as much as is needed to see that they are not the same."""
    if isinstance(left, pa.Scalar):
        left, right = _python(left), _python(right)
    texts = shown(left), shown(right)
    if type(left) is not type(right):
        return f"{texts[0]} ({_class(left)})", f"{texts[1]} ({_class(right)})"
    if texts[0] == texts[1] and isinstance(left, (float, np.generic)):
        return _with_bits(left), _with_bits(right)
    if texts[0] == texts[1] and isinstance(left, (pd.Timestamp, pd.Timedelta)):
        return f"{left!r} in {left.unit}", f"{right!r} in {right.unit}"
    return texts


def _with_bits(value: Any) -> str:
    return f"{value!r} with the bits {np.asarray(value).tobytes()[::-1].hex()}"


def _python(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        # Such as a timestamp that Python's class does not have.
        return str(scalar.cast(pa.string()))
