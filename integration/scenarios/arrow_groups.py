"""Groups as Arrow tables and as iterators: applyInArrow, and the lazy forms of applyInArrow and applyInPandas."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import PAGESIZE
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scenarios.outcomes import outcome_of, rows_in
from scenarios.registry import scenario
from scenarios.tables import VALUES, no_rows, pairs, schema, typed

PAIRS = "k long, v double, s string"
FACTS = "fact string, value string"
BATCHES_OF_TWO = {"spark.sql.execution.arrow.maxRecordsPerBatch": "2"}
LARGE = {"spark.sql.execution.arrow.useLargeVarTypes": "true"}
ONE_TASK = {"spark.sql.shuffle.partitions": "1"}
BY_POSITION = {"spark.sql.legacy.execution.pandas.groupedMap.assignColumnsByName": "false"}


def facts(said: dict[str, Any]) -> pa.Table:
    """Facts as a table of the schema `FACTS`."""
    return pa.table({"fact": list(said), "value": [str(value) for value in said.values()]})


def describe(key: tuple[pa.Scalar, ...], table: pa.Table) -> pa.Table:
    name = f"{key} {[str(scalar.type) for scalar in key]}"
    return facts(
        {
            f"{name} type": type(table).__name__,
            f"{name} schema": table.schema.to_string(show_field_metadata=True),
            f"{name} nullable": [field.nullable for field in table.schema],
            f"{name} chunks": [[len(chunk) for chunk in column.chunks] for column in table.columns],
            f"{name} nulls": [column.null_count for column in table.columns],
        }
    )


@scenario(kind="udf", since="4.0", variants={"whole": {}, "batches of two": BATCHES_OF_TWO})
def tables_of_groups(spark: Any) -> Any:
    return typed(spark).groupBy("g").applyInArrow(describe, FACTS)


@scenario(kind="udf", since="4.0", conf=LARGE)
def tables_of_groups_with_large_types(spark: Any) -> Any:
    # No text in the result: the lines differ in whether it would have to be large too.
    def count(table: pa.Table) -> pa.Table:
        large = [pa.types.is_large_string(field.type) or pa.types.is_large_binary(field.type) for field in table.schema]
        return pa.table({"columns": [len(large)], "large": [sum(large)], "bytes": [table["text"].nbytes]})

    return typed(spark).groupBy("g").applyInArrow(count, "columns long, large long, bytes long")


@scenario(kind="udf", since="4.0")
def apply_in_arrow_of_every_type(spark: Any) -> Any:
    return typed(spark).groupBy("g").applyInArrow(lambda table: table, schema())


@scenario(kind="udf", since="4.0")
def keys_of_arrow_groups(spark: Any) -> Any:
    def count(key: tuple[pa.Scalar, ...], table: pa.Table) -> pa.Table:
        return facts({f"{key!r} {[str(scalar.type) for scalar in key]}": table.num_rows})

    columns = ["flag", "tiny", "big", "real", "text", "bytes", "day", "money", "moment", "wall", "span", "record"]
    rows = typed(spark, columns)
    several = rows.groupBy(*columns).applyInArrow(count, FACTS)
    computed = rows.groupBy((rows["i"] % 2).alias("odd"), "g").applyInArrow(count, FACTS)
    return several.union(computed).union(rows.groupBy().applyInArrow(count, FACTS))


@scenario(kind="udf", since="4.0", conf=BATCHES_OF_TWO)
def tables_in_other_shapes(spark: Any) -> Any:
    def shapes(key: tuple[pa.Scalar, ...], table: pa.Table) -> pa.Table:
        if key[0].as_py() == 1:
            return pa.concat_tables([table.slice(1), table.slice(0, 2), table.slice(0, 0)])
        if key[0].as_py() == 2:
            return table.select(["s", "v", "k"])
        return table.slice(0, 0)

    def sliced(table: pa.Table) -> pa.Table:
        return table.filter(pc.is_valid(table["v"])).sort_by("s")

    grouped = pairs(spark).groupBy("k")
    return grouped.applyInArrow(shapes, PAIRS).union(grouped.applyInArrow(sliced, PAIRS))


@scenario(kind="udf", since="4.0", conf=BY_POSITION)
def tables_by_position(spark: Any) -> Any:
    def rename(table: pa.Table) -> pa.Table:
        return table.select(["v", "k"]).rename_columns(["k", "v"])

    return pairs(spark).groupBy("k").applyInArrow(rename, "k double, v long")


@scenario(kind="other", since="4.0")
def apply_in_arrow_gives_what_it_must_not(spark: Any) -> Any:
    def attempt(function: Any) -> Any:
        return outcome_of(pairs(spark).where("k = 1").groupBy("k").applyInArrow(function, "k long, v double"))

    return [
        attempt(lambda table: None),
        attempt(lambda table: table),
        attempt(lambda table: table.select(["k"])),
        attempt(lambda table: table.select(["k", "v"]).to_pandas()),
        attempt(lambda table: table.select(["k", "v"]).to_batches()[0]),
        attempt(lambda table: table.select(["k", "s"]).rename_columns(["k", "v"])),
        attempt(lambda table: table.select(["k", "v"]).rename_columns(["k", "w"])),
        attempt(lambda table: pa.table({"k": pa.array([1], pa.int32()), "v": [1.0]})),
        attempt(lambda table: pa.table({})),
        attempt(lambda table: table["nothing"]),
    ]


@scenario(kind="udf", since="4.0", expect="error", conf=ONE_TASK)
def apply_in_arrow_raises_in_a_later_group(spark: Any) -> Any:
    def fail(key: tuple[pa.Scalar, ...], table: pa.Table) -> pa.Table:
        if key[0].as_py() == 2:
            raise LookupError(f"group {key[0]}")
        return table

    return pairs(spark).groupBy("k").applyInArrow(fail, PAIRS)


@scenario(kind="udf", since="4.1", conf=BATCHES_OF_TWO)
def groups_are_taken_when_asked_for(spark: Any) -> Any:
    kept: list[Any] = []

    def frames(key: tuple[Any, ...], taken: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        seen = 0
        for frame in taken:
            seen += 1
            yield frame.head(1).assign(s=f"{key!r} {seen} {len(frame)} {frame.index.tolist()}")
        yield pd.DataFrame({"k": [key[0]], "v": [float(seen)], "s": [f"then {next(taken, None)}"]})

    def batches(key: tuple[pa.Scalar, ...], taken: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        seen = 0
        for batch in taken:
            seen += 1
            yield pa.RecordBatch.from_pydict({"k": [seen], "v": [float(len(batch))], "s": [f"{key!r} {seen}"]})

    def early(taken: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        first = next(taken)
        left = next(kept.pop(), "nothing") if kept else "the first"
        kept.append(taken)
        if first["k"].iloc[0] != 2:
            yield first.assign(s=f"left of the group before: {left}")

    def every_second(taken: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for number, batch in enumerate(taken):
            if number == 1:
                return
            yield batch
            yield batch.slice(0, 1)

    grouped = pairs(spark).groupBy("k")
    found = [rows_in(grouped.applyInPandas(frames, PAIRS)), rows_in(grouped.applyInArrow(batches, PAIRS))]
    return [*found, rows_in(grouped.applyInPandas(early, PAIRS)), rows_in(grouped.applyInArrow(every_second, PAIRS))]


@scenario(kind="udf", since="4.1")
def iterators_of_groups_of_every_type(spark: Any) -> Any:
    def frames(taken: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in taken:
            yield pd.DataFrame({"fact": frame["g"] + frame["i"].astype(str), "value": repr(frame.to_dict("list"))})
            yield pd.DataFrame({"fact": ["dtypes"], "value": [str(frame.dtypes.astype(str).tolist())]})

    def same(taken: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from taken

    def same_frames(taken: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield from taken

    columns = [name for name in VALUES if name not in ("nothing", "nested")]
    # Among nulls a large whole number is not what it was, and stock says so.
    exact = [name for name in columns if name != "big"]
    return [
        rows_in(typed(spark, columns).groupBy("g").applyInPandas(frames, FACTS)),
        rows_in(typed(spark).groupBy("g").applyInArrow(same, schema())),
        rows_in(typed(spark, exact).groupBy("g").applyInPandas(same_frames, schema(exact))),
    ]


@scenario(kind="udf", since="4.1")
def iterators_hold_no_large_group_as_a_whole(spark: Any) -> Any:
    def counted(taken: Iterator[Any]) -> dict[str, Any]:
        rows = most = 0
        for part in taken:
            rows += len(part)
            most = max(most, int(Path("/proc/self/statm").read_text().split()[1]) * PAGESIZE)
        # All that a worker has imported takes 130 MiB.
        return {"k": [rows], "v": [1.0], "s": ["little" if most < 208 << 20 else f"{most} bytes"]}

    def frames(taken: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield pd.DataFrame(counted(taken))

    def batches(taken: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pydict(counted(taken))

    # 128 MB.
    columns = [f"id + {number} as c{number}" for number in range(16)]
    whole = spark.range(1_000_000, numPartitions=1).selectExpr(*columns).groupBy()
    return [rows_in(whole.applyInPandas(frames, PAIRS)), rows_in(whole.applyInArrow(batches, PAIRS))]


@scenario(kind="other", since="4.1")
def iterators_of_groups_give_what_they_must_not(spark: Any) -> Any:
    grouped = pairs(spark).where("k = 1").groupBy("k")

    def in_pandas(*yielded: Any) -> Any:
        def function(taken: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            yield from yielded
            yield from taken

        return outcome_of(grouped.applyInPandas(function, PAIRS))

    def in_arrow(*yielded: Any) -> Any:
        def function(taken: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            yield from yielded
            yield from taken

        return outcome_of(grouped.applyInArrow(function, PAIRS))

    def not_an_iterator(taken: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        return None

    def listed(taken: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return list(taken)

    return [
        in_pandas(None),
        in_pandas(pd.DataFrame({"k": [1]})),
        in_pandas(pd.DataFrame({"k": ["x"], "v": [1.0], "s": ["y"]})),
        in_arrow(None),
        in_arrow(pa.table({"k": [1], "v": [1.0], "s": ["y"]})),
        in_arrow(pa.RecordBatch.from_pydict({"k": [1]})),
        in_arrow(pa.RecordBatch.from_pydict({"k": ["x"], "v": [1.0], "s": ["y"]})),
        outcome_of(grouped.applyInPandas(not_an_iterator, PAIRS)),
        outcome_of(grouped.applyInArrow(listed, PAIRS)),
    ]


@scenario(kind="udf", since="4.1", expect="error", conf={**BATCHES_OF_TWO, **ONE_TASK})
def iterator_of_a_group_raises_half_way(spark: Any) -> Any:
    def fail(key: tuple[Any, ...], taken: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield next(taken)
        if key[0] == 2:
            raise OSError("no second batch")

    return pairs(spark).groupBy("k").applyInPandas(fail, PAIRS)


@scenario(kind="udf", since="4.0")
def arrow_groups_of_no_rows(spark: Any) -> Any:
    nothing = no_rows(spark)
    keyed = nothing.groupBy("k").applyInArrow(lambda table: table, PAIRS)
    return keyed.union(nothing.groupBy().applyInArrow(lambda table: table, PAIRS))
