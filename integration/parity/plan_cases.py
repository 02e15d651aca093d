"""Groups of one task that differ in what a frame of theirs is made of: native beside stock, in two daemons.

What a worker remembers from group to group must not show: other nulls, a column that only stock converts, an option of
pandas that a function has set, columns that it has added or taken away, no rows. Prints the differences as JSON.

Runs on the interpreter of an environment: plan_cases.py BOWSTRING.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import driver
import pyarrow as pa
from comparison import difference
from driver import Case, Pair
from pyspark.sql.types import StringType, StructField, StructType

TEXT = StructType([StructField("text", StringType())])
TYPES = {
    "key": pa.int64(),
    "flag": pa.bool_(),
    "long": pa.int64(),
    "int": pa.int32(),
    "float": pa.float32(),
    "double": pa.float64(),
    "text": pa.string(),
    "bytes": pa.binary(),
    "moment": pa.timestamp("us", "UTC"),
    "local": pa.timestamp("us"),
    "span": pa.duration("us"),
    "day": pa.date32(),
}
SCHEMA = pa.schema(list(TYPES.items()))
USUAL = (7, True, 2**53 + 1, -3, 1.5, -0.0, "é", b"\0", 1_593_604_800_123_456, -1, 86_400_000_001, 18_000)
TOO_LARGE = 2**62
"""Microseconds that have no nanoseconds: only stock converts such a column, or refuses it."""


def describe(pdf: Any) -> str:
    """All that a function can see of a frame."""
    parts = [repr(list(pdf.columns)), str(pdf.columns.dtype), repr(pdf.index), repr(pdf.columns.name)]
    manager = pdf._mgr
    for block in manager.blocks:
        values = getattr(block.values, "_ndarray", block.values)
        flags = getattr(values, "flags", None)
        try:
            values.flags.writeable = True
            writes = "can be made writable"
        except (AttributeError, ValueError) as error:
            writes = type(error).__name__
        writable = flags is not None and flags.writeable
        parts.append(f"{type(block).__name__} {list(block.mgr_locs)} {block.dtype} {writable} {writes}")
        parts.append(str(block.refs.has_reference()))
    parts += [repr(manager.blknos.tolist()), repr(manager.blklocs.tolist())]
    parts += [repr([(type(value).__name__, value) for value in pdf[name].tolist()]) for name in pdf.columns]
    return "\n".join(parts)


def look(pdf: Any) -> Any:
    """The frame as it came."""
    import pandas as pd

    return pd.DataFrame({"text": [describe(pdf)]})


def look_at_key(key: Any, pdf: Any) -> Any:
    """The key as well."""
    import pandas as pd

    values = [(type(value).__name__, repr(value), getattr(value, "unit", None)) for value in key]
    return pd.DataFrame({"text": [repr(values), describe(pdf)]})


def change(pdf: Any) -> Any:
    """The frame before and after all that moves its columns about, and renames its labels."""
    import pandas as pd

    before = describe(pdf)
    pdf["more"] = 1
    pdf.insert(0, "first", "x")
    del pdf["double"]
    pdf["long"] = pdf["long"].astype("float64")
    pdf[["int", "float"]] = 0
    pdf.loc[pdf.index[:1], "long"] = 5
    pdf.columns.name, pdf.index.name = "columns", "rows"
    return pd.DataFrame({"text": [before, describe(pdf)]})


def set_options(pdf: Any) -> Any:
    """Each group finds the options that the one before has set."""
    import pandas as pd

    text = describe(pdf)
    number = int(pdf["key"].iloc[0]) if len(pdf) else 0
    if number % 2:
        pd.set_option("mode.string_storage", "pyarrow")
    else:
        pd.reset_option("mode.string_storage")
    return pd.DataFrame({"text": [text]})


def group(key: int, *nulls: str, rows: int = 2, **values: Any) -> list[pa.RecordBatch]:
    """A group whose first row is null in these columns."""
    columns = []
    for (name, data_type), usual in zip(TYPES.items(), (key, *USUAL[1:]), strict=True):
        column = [values.get(name, usual)] * rows
        if name in nulls and rows:
            column[0] = None
        columns.append(pa.array(column, data_type))
    return [pa.RecordBatch.from_arrays(columns, schema=SCHEMA)]


def nulls_that_come_and_go() -> list[list[pa.RecordBatch]]:
    """Every column with and without nulls, alone and together with others."""
    names = list(TYPES)[1:]
    alone = [group(number, name) for number, name in enumerate(names)]
    together = [group(20, *names), group(21), group(22, *names[::2]), group(23, *names[1::2]), group(24)]
    return [*alone, *together, group(25, rows=1), group(26, *names, rows=1)]


def columns_that_stock_converts() -> list[list[pa.RecordBatch]]:
    """A duration that is too large is converted or refused."""
    return [group(1), group(2, span=TOO_LARGE), group(3, "span"), group(4, "int", span=TOO_LARGE), group(5)]


def without_rows() -> list[list[pa.RecordBatch]]:
    """Groups without rows among others."""
    return [group(1), group(2, rows=0), group(3, "int", "flag"), group(4, rows=0), group(5)]


GROUPS = (nulls_that_come_and_go, columns_that_stock_converts, without_rows)
FUNCTIONS = (look, change, set_options)
KEYS = ("long", "flag", "int", "float", "double", "text", "bytes", "moment", "local", "span", "day")


def main(bowstring: str) -> None:
    """Runs all groups through all functions."""
    driver.by_value(sys.modules[__name__])
    cases: dict[str, Case] = {}

    def add(function: Callable[..., Any], make: Callable[[], Any], keys: tuple[int, ...]) -> None:
        name = f"{function.__name__}, {make.__name__}"
        cases[name] = Case(SCHEMA, make(), function, TEXT, keys=keys)

    for make in GROUPS:
        for function in FUNCTIONS:
            add(function, make, (0,))
    add(look_at_key, nulls_that_come_and_go, tuple(SCHEMA.get_field_index(name) for name in KEYS))
    add(look_at_key, columns_that_stock_converts, (0, SCHEMA.get_field_index("text")))
    differences, answered = {}, []
    with Pair(Path(bowstring)) as pair:
        for name, case in cases.items():
            stock, native = pair.run(case)
            found = difference(stock, native)
            if found is not None:
                differences[name] = found
            if stock.traceback is None and stock.failure is None:
                answered.append(name)
    print(json.dumps({"differences": differences, "answered": answered}))


if __name__ == "__main__":
    main(sys.argv[1])
