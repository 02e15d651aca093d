"""Scalars that aggregates of arrays return, as results of every declared type: native beside pyarrow, in one worker.

Runs on the interpreter of an environment and starts a bowstring daemon, in whose worker both are asked. What the native
path does not take is stock's, and no case. Prints one line of JSON.

usage: scalar_cases.py BOWSTRING
"""

from __future__ import annotations

import itertools
import json
import sys
from importlib import import_module
from typing import Any

import pyarrow as pa
from in_worker import run_in_worker

TYPES = {
    "boolean": pa.bool_(),
    "byte": pa.int8(),
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "large string": pa.large_string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "decimal": pa.decimal128(10, 2),
    "list": pa.list_(pa.int64()),
    "void": pa.null(),
}


def scalars() -> list[Any]:
    """Of Python, NumPy and pyarrow: at the edges of every type, and beyond."""
    import datetime
    import decimal

    import numpy as np

    numbers = [0, 1, -1, 127, 128, -128, 255, 2**15, -(2**31), 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63]
    floats = [0.0, -0.0, 1.5, 1e-320, 1e300, float("inf"), float("nan"), 2.0**24 + 1]
    texts = ["", "a", "é😀\0z", "1", "\ud800"]
    found: list[Any] = [None, True, False, *numbers, *floats, *texts, b"a", datetime.date(2020, 2, 29), [1]]
    found += [datetime.datetime(2020, 2, 29, 12), decimal.Decimal("1.25"), np.bool_(True), np.str_("a"), object()]
    for numpy_class in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64, np.float16, np.float32, np.float64):
        found += [numpy_class(1), numpy_class(100)]
    found += [np.int64(2**63 - 1), np.float64("nan"), np.float32("inf")]
    arrow = []
    others = [
        getattr(pa, name)() for name in ("uint8", "uint64", "float16", "date64", "string_view") if hasattr(pa, name)
    ]
    for arrow_type in (*TYPES.values(), *others):
        for value in found:
            try:
                arrow.append(pa.scalar(value, arrow_type))
            except (pa.ArrowException, TypeError, ValueError, OverflowError, AttributeError):
                continue
    wrong = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])
    # A pass through another width loses the last bit of these.
    nans = [pa.array([0x7F800001], pa.int32()).view(pa.float32()), pa.array([0x7FF0 << 48 | 1]).view(pa.float64())]
    return [*found, *arrow, *(array[0] for array in nans), wrong[0]]


def shown(array: pa.Array) -> str:
    """The values, floats by their bits."""
    bits = {pa.float32(): pa.int32(), pa.float64(): pa.int64()}.get(array.type)
    return repr((array.view(bits) if bits else array).to_pylist())


def unproven_if_refused() -> list[str]:
    """What the self-test says of a pyarrow that makes no arrays of its own scalars."""
    from unittest import mock

    make = pa.array

    def refuse(values: Any, *arguments: Any) -> Any:
        if any(isinstance(value, pa.Scalar) for value in values):
            raise pa.ArrowInvalid("no scalars")
        return make(values, *arguments)

    with mock.patch.object(pa, "array", refuse):
        return sorted(import_module("_bowstring._spark.stock.arrow").unproven_scalars())


def compare() -> dict[str, Any]:
    """Runs in the worker."""
    import warnings

    # NumPy's about its own scalars.
    warnings.simplefilter("ignore")
    native, _, proven = import_module("_bowstring._spark.hook").INSTALLED
    every = scalars()
    # Alone, and beside another, as the results of windows are.
    some = [scalar for scalar in every if not isinstance(scalar, pa.Scalar)][:40] + every[-40:]
    columns = [[scalar] for scalar in every] + [list(pair) for pair in itertools.product(some, some)]
    tried, taken, differences = 0, set(), []
    for name, arrow_type in TYPES.items():
        schema = pa.schema([pa.field("_0", arrow_type)])
        for results in columns:
            tried += 1
            ours = native.array_of_scalars(schema, results)
            if ours is None:
                continue
            taken.add((name, type(results[0]).__name__))
            try:
                stocks = pa.array(results).cast(arrow_type)
                repeated = pa.repeat(results[0], 1).cast(arrow_type)
            except Exception as error:
                differences.append([name, repr(results), str(ours.column(0)), repr(error)])
                continue
            for theirs in (stocks, repeated) if len(results) == 1 else (stocks,):
                if shown(ours.column(0)) != shown(theirs):
                    differences.append([name, repr(results), str(ours.column(0)), str(theirs)])
    return {
        "tried": tried,
        "native": sorted(taken),
        "unproven": sorted(proven.unproven_scalars),
        "unproven if refused": unproven_if_refused(),
        "differences": differences[:20],
    }


if __name__ == "__main__":
    print(run_in_worker(sys.argv[1], lambda: json.dumps(compare())))
