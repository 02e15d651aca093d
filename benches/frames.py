"""The functions under test, the groups they get, and a checksum of what comes back."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import pickle
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import cloudpickle
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from benches.plan import Case

SEED = 20_240_817
DISTINCT_BATCHES = 50
"""Where a kind gets batches instead of groups, they come again after so many."""
NULL_SHARE = 0.1

# The workers cannot import this module: its functions travel with the task.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def identity(pdf: pd.DataFrame) -> pd.DataFrame:
    """Returns the group as it came: all the cost is the worker's."""
    return pdf


def znorm(pdf: pd.DataFrame) -> pd.DataFrame:
    """Standardises one column: a typical small function."""
    return pdf.assign(v=(pdf.v - pdf.v.mean()) / pdf.v.std())


FUNCTIONS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {"identity": identity, "znorm": znorm}


def make_groups(case: Case, quick: bool) -> list[list[pa.RecordBatch]]:
    """The groups of a case, each cut into batches as the JVM cuts them. The first column is the key."""
    # The worker sees no difference, and it takes a minute to draw millions of mixed rows.
    groups = min(case.size(quick), DISTINCT_BATCHES) if case.per_row else case.size(quick)
    table = LAYOUTS[case.layout](np.random.default_rng(SEED), groups, case.rows)
    batch = table.combine_chunks().to_batches()[0]
    drawn = [
        [
            batch.slice(group * case.rows + start, min(case.batch_rows, case.rows - start))
            for start in range(0, case.rows, case.batch_rows)
        ]
        for group in range(groups)
    ]
    return list(itertools.islice(itertools.cycle(drawn), case.size(quick)))


def spark_schema(groups: list[list[pa.RecordBatch]]) -> StructType:
    """The Spark type of the groups, which is also what the functions return."""
    return from_arrow_schema(groups[0][0].schema)


def to_frame(group: list[pa.RecordBatch]) -> pd.DataFrame:
    """A group as PySpark makes it, column by column, for the bare loop that shows the function's own cost."""
    table = pa.Table.from_batches(group)
    columns = zip(table.column_names, table.columns, strict=True)
    return pd.concat([column.to_pandas(date_as_object=True).rename(name) for name, column in columns], axis=1)


def checksum(stream: bytes | bytearray) -> tuple[int, str]:
    """Rows of a reply, and a hash of its columns' names, types, nulls and values in order.

    How the rows are cut into batches, and what lies under a null, do not matter; everything else does.
    """
    with pa.ipc.open_stream(pa.py_buffer(stream)) as reader:
        struct = pa.types.is_struct(reader.schema.field(0).type)
        table = pa.Table.from_batches(
            [
                pa.RecordBatch.from_struct_array(batch.column(0)) if struct else batch
                for batch in reader
                if batch.num_rows
            ],
        ).combine_chunks()
    digest = hashlib.sha256()
    for name, column in zip(table.column_names, table.columns, strict=True):
        values = column.combine_chunks()
        values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
        digest.update(f"{name}: {values.type}\n".encode())
        for part in (values.is_null(), pc.drop_null(values)):
            plain = part.cast(pa.uint8()) if pa.types.is_boolean(part.type) else part
            # Arrow's own writer drops what a slice leaves out, so equal values give equal bytes.
            digest.update(pa.record_batch([plain], names=["v"]).serialize())
    return table.num_rows, digest.hexdigest()


def checksum_of_pickles(pickles: list[bytes]) -> tuple[int, str]:
    """As `checksum`, of pickled lists of plain values."""
    values = [value for pickled in pickles for value in pickle.loads(pickled)]
    return len(values), hashlib.sha256(repr(values).encode()).hexdigest()


def _numeric(random: np.random.Generator, groups: int, rows: int) -> pa.Table:
    total = groups * rows
    columns = {name: random.normal(size=total) for name in ("v", "a", "b", "c")}
    return pa.table({"k": _keys(groups, rows), **columns})


def _strings(random: np.random.Generator, groups: int, rows: int) -> pa.Table:
    words = pa.array([f"value-{'é' if n % 7 == 0 else ''}{n:x}" * (1 + n % 3) for n in range(997)])
    columns = {name: words.take(pa.array(random.integers(0, 997, groups * rows))) for name in ("v", "a", "b", "c")}
    return pa.table({"k": _keys(groups, rows), **columns})


def _mixed(random: np.random.Generator, groups: int, rows: int) -> pa.Table:
    """Two columns of each type; one of the longs is the key, every other column has nulls."""
    total = groups * rows
    numbers = random.integers(0, 1_000_000, total)
    columns: dict[str, Any] = {"k": _keys(groups, rows)}

    def add(name: str, values: pa.Array) -> None:
        columns[name] = pc.if_else(pa.array(random.random(total) < NULL_SHARE), pa.scalar(None, values.type), values)

    add("long", pa.array(numbers))
    moments = pa.array(numbers * 1_000_003, pa.timestamp("us"))
    decimals = pa.array([Decimal(int(number)).scaleb(-2) for number in numbers], pa.decimal128(10, 2))
    days = pa.array([dt.date(1970, 1, 1) + dt.timedelta(int(number) % 20_000) for number in numbers])
    for copy in "12":
        add(f"flag{copy}", pa.array(random.random(total) < 0.5))
        add(f"int{copy}", pa.array(random.integers(-1000, 1000, total, dtype=np.int32)))
        add(f"double{copy}", pa.array(random.normal(size=total)))
        add(f"text{copy}", pa.array([f"text {number}" for number in random.integers(0, 5000, total)]))
        add(f"date{copy}", days)
        add(f"moment{copy}", moments.cast(pa.timestamp("us", "UTC")))
        add(f"decimal{copy}", decimals)
        add(f"local{copy}", moments)
    add("real", pa.array(random.normal(size=total).astype(np.float32)))
    add("bytes", pa.array([int(number).to_bytes(4, "big") for number in numbers]))
    return pa.table(columns)


def _nested(random: np.random.Generator, groups: int, rows: int) -> pa.Table:
    """A struct, an array and a map, each null in some rows and with null leaves in others."""
    total = groups * rows
    numbers = random.integers(0, 1_000_000, total)

    def offsets(most: int) -> pa.Array:
        ends = np.concatenate([[0], np.cumsum(random.integers(0, most + 1, total))]).astype(np.int32)
        return pa.array(ends, mask=np.append(random.random(total) < NULL_SHARE, False))

    def leaves(values: Any) -> pa.Array:
        return pa.array(values, mask=random.random(len(values)) < NULL_SHARE)

    array, entries = offsets(6), offsets(4)
    points = pa.StructArray.from_arrays(
        [leaves(numbers), leaves(random.normal(size=total)), leaves(np.array([f"text {n}" for n in numbers]))],
        names=["id", "weight", "label"],
        mask=pa.array(random.random(total) < NULL_SHARE),
    )
    count = array[-1].as_py()
    keys = pa.array([f"key {number}" for number in range(entries[-1].as_py())])
    return pa.table(
        {
            "k": _keys(groups, rows),
            "point": points,
            "path": pa.ListArray.from_arrays(array, leaves(random.normal(size=count))),
            "scores": pa.MapArray.from_arrays(entries, keys, leaves(random.integers(0, 100, len(keys)))),
        }
    )


def _keys(groups: int, rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.repeat(np.arange(groups, dtype=np.int64), rows)


LAYOUTS: dict[str, Callable[[np.random.Generator, int, int], pa.Table]] = {
    "numeric": _numeric,
    "strings": _strings,
    "mixed": _mixed,
    "nested": _nested,
}
