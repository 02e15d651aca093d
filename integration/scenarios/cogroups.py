"""Cogroups, as frames and as tables: keys on one side only, empty sides, keys as arguments, wrong results."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from scenarios.outcomes import outcome_of, rows_in
from scenarios.registry import scenario
from scenarios.tables import VALUES, no_rows, pairs, typed

PAIRS = "k long, v double, s string"
FACTS = "fact string, value string"
BATCHES_OF_TWO = {"spark.sql.execution.arrow.maxRecordsPerBatch": "2"}
ONE_TASK = {"spark.sql.shuffle.partitions": "1"}
TYPES = [name for name in VALUES if name not in ("nothing", "nested")]


def others(spark: Any) -> Any:
    """A table to meet `pairs` with, of other columns: one key in common, three of its own."""
    return spark.sql(
        "select * from values (0L, 'w', true), (2L, 'x', null), (2L, 'y', true), (4L, null, false), (null, 'z', true) "
        "as t(k, o, f)"
    )


def of_frames(key: tuple[Any, ...], left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    sides = {"left": left, "right": right}
    said = {
        f"{key!r} {side} {about}": value
        for side, frame in sides.items()
        for about, value in {
            "dtypes": list(map(str, frame.dtypes)),
            "index": repr(frame.index),
            "blocks": [(str(block.dtype), block.shape) for block in frame._mgr.blocks],
            "kinds": [[type(value).__name__ for value in frame[name]] for name in frame.columns],
            "values": frame.astype(object).to_dict("list"),
        }.items()
    }
    return pd.DataFrame({"fact": list(said), "value": list(map(str, said.values()))}, dtype=object)


def of_tables(key: tuple[pa.Scalar, ...], left: pa.Table, right: pa.Table) -> pa.Table:
    said = {
        f"{key!r} {side} {about}": value
        for side, table in {"left": left, "right": right}.items()
        for about, value in {
            "schema": table.schema.to_string(),
            "chunks": [[len(chunk) for chunk in column.chunks] for column in table.columns],
            "values": table.to_pydict(),
        }.items()
    }
    return pa.table({"fact": list(said), "value": list(map(str, said.values()))})


@scenario(kind="udf", variants={"whole": {}, "batches of two": BATCHES_OF_TWO})
def frames_of_cogroups(spark: Any) -> Any:
    left, right = pairs(spark).groupBy("k"), others(spark).groupBy("k")
    return left.cogroup(right).applyInPandas(of_frames, FACTS)


@scenario(kind="udf", since="4.0", variants={"whole": {}, "batches of two": BATCHES_OF_TWO})
def tables_of_cogroups(spark: Any) -> Any:
    left, right = pairs(spark).groupBy("k"), others(spark).groupBy("k")
    return left.cogroup(right).applyInArrow(of_tables, FACTS)


@scenario(kind="udf")
def frames_of_cogroups_of_every_type(spark: Any) -> Any:
    rows = typed(spark, TYPES)
    left, right = rows.where("g != 'none'").groupBy("g"), rows.where("g != 'all'").groupBy("g")
    return left.cogroup(right).applyInPandas(of_frames, FACTS)


@scenario(kind="udf")
def cogroups_with_an_empty_side(spark: Any) -> Any:
    def sizes(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
        said = f"{left.shape} {right.shape} {[str(dtype) for dtype in left.dtypes]}"
        return pd.DataFrame({"fact": [said], "value": [str(left.columns.tolist())]}, dtype=object)

    def none_of_it(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame()

    def some(key: tuple[int], left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
        return left if key[0] == 2 else left.iloc[:0]

    some_rows, nothing = pairs(spark).groupBy("k"), no_rows(spark).groupBy("k")
    return [
        rows_in(some_rows.cogroup(nothing).applyInPandas(sizes, FACTS)),
        rows_in(nothing.cogroup(some_rows).applyInPandas(sizes, FACTS)),
        rows_in(nothing.cogroup(nothing).applyInPandas(sizes, FACTS)),
        rows_in(some_rows.cogroup(nothing).applyInPandas(none_of_it, FACTS)),
        rows_in(some_rows.cogroup(some_rows).applyInPandas(some, PAIRS)),
    ]


@scenario(kind="udf", since="4.0")
def table_cogroups_with_an_empty_side(spark: Any) -> Any:
    def sizes(left: pa.Table, right: pa.Table) -> pa.Table:
        return pa.table({"fact": [f"{left.shape} {right.shape}"], "value": [str(right.schema)]})

    some_rows, nothing = pairs(spark).groupBy("k"), no_rows(spark).groupBy("k")
    one_sided = some_rows.cogroup(nothing).applyInArrow(sizes, FACTS)
    return one_sided.union(nothing.cogroup(some_rows).applyInArrow(sizes, FACTS)).union(
        nothing.cogroup(nothing).applyInArrow(sizes, FACTS)
    )


@scenario(kind="udf")
def cogroups_by_several_and_by_no_keys(spark: Any) -> Any:
    def count(key: tuple[Any, ...], left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
        kinds = [type(part).__name__ for part in key]
        return pd.DataFrame({"fact": [f"{key!r} {kinds}"], "value": [f"{len(left)} {len(right)}"]}, dtype=object)

    rows = typed(spark, ["big", "text", "day", "money", "moment"])
    left, right = (rows.where(f"i < {limit}").groupBy("big", "text", "day", "money", "moment") for limit in (3, 2))
    several = left.cogroup(right).applyInPandas(count, FACTS)
    odd, even = (rows.groupBy(rows["i"] % number == 0) for number in (2, 3))
    computed = odd.cogroup(even).applyInPandas(count, FACTS)
    return several.union(computed).union(rows.groupBy().cogroup(rows.groupBy()).applyInPandas(count, FACTS))


@scenario(kind="udf", expect="error")
def cogroup_lacks_a_column(spark: Any) -> Any:
    cogrouped = pairs(spark).groupBy("k").cogroup(others(spark).groupBy("k"))
    return cogrouped.applyInPandas(lambda left, right: right[["k"]].head(1), "k long, v double")


@scenario(kind="udf", expect="error", conf=ONE_TASK)
def cogroup_raises_in_a_later_group(spark: Any) -> Any:
    def fail(key: tuple[int], left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
        if key[0] == 2:
            raise LookupError(f"cogroup {len(left)} {len(right)}")
        return left.astype({"s": object})

    return pairs(spark).groupBy("k").cogroup(others(spark).groupBy("k")).applyInPandas(fail, PAIRS)


@scenario(kind="other")
def cogroups_give_what_they_must_not(spark: Any) -> Any:
    cogrouped = pairs(spark).where("k = 1").groupBy("k").cogroup(others(spark).where("k = 2").groupBy("k"))

    def attempt(function: Any) -> Any:
        return outcome_of(cogrouped.applyInPandas(function, "k long, v double"))

    return [
        attempt(lambda left, right: None),
        attempt(lambda left, right: left),
        attempt(lambda left, right: left["k"]),
        attempt(lambda left, right: pd.DataFrame({"k": ["text"], "v": [1.0]})),
        attempt(lambda left, right: pd.DataFrame({"k": [1], "w": [1.0]})),
    ]


@scenario(kind="other", since="4.0")
def table_cogroups_give_what_they_must_not(spark: Any) -> Any:
    cogrouped = pairs(spark).where("k = 1").groupBy("k").cogroup(others(spark).where("k = 2").groupBy("k"))

    def attempt(function: Any) -> Any:
        return outcome_of(cogrouped.applyInArrow(function, "k long, v double"))

    return [
        attempt(lambda left, right: None),
        attempt(lambda left, right: left),
        attempt(lambda left, right: left.select(["k"])),
        attempt(lambda left, right: pa.table({"k": ["text"], "v": [1.0]})),
    ]
