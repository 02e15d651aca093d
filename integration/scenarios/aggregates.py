"""Aggregates and windows of pandas and Arrow functions: several at once, over nothing, bounded and unbounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scenarios.outcomes import outcome_of, rows_in
from scenarios.registry import scenario
from scenarios.tables import VALUES, no_rows, pairs, typed

BATCHES_OF_TWO = {"spark.sql.execution.arrow.maxRecordsPerBatch": "2"}
TYPES = [name for name in VALUES if name not in ("nothing", "nested", "record")]


def pandas_functions() -> tuple[Any, Any]:
    """Aggregates that show what they get: a sum, and a description of the column."""
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("double")
    def total(v: pd.Series) -> float:
        return v.sum()

    @pandas_udf("string")
    def seen(v: pd.Series) -> str:
        return f"{v.name} {v.dtype} {v.index!r} {sorted(map(repr, v))}"

    return total, seen


def arrow_functions() -> tuple[Any, Any]:
    """The same of Arrow."""
    from pyspark.sql.functions import arrow_udf

    @arrow_udf("double")
    def total(v: pa.Array) -> float:
        return pc.sum(v).as_py()

    @arrow_udf("string")
    def seen(v: pa.Array) -> str:
        return f"{type(v).__name__} {v.type} {v.null_count} {v.offset} {sorted(map(repr, v.to_pylist()))}"

    return total, seen


@scenario(kind="udf", variants={"whole": {}, "batches of two": BATCHES_OF_TWO})
def pandas_aggregates_beside_each_other(spark: Any) -> Any:
    from pyspark.sql.functions import col

    total, seen = pandas_functions()
    rows = pairs(spark)
    grouped = rows.groupBy("k", (col("v") > 3).alias("large"))
    return [
        rows_in(grouped.agg(total("v"), seen("s"), seen("v"), total(col("v") + col("k")), seen("k"))),
        rows_in(rows.agg(total("v"), seen("s"), total("k"))),
        rows_in(rows.groupBy("k").agg((total("v") * 2).alias("twice"), total("v") + total("k"))),
    ]


@scenario(kind="udf")
def pandas_aggregates_of_every_type(spark: Any) -> Any:
    _, seen = pandas_functions()
    return typed(spark, TYPES).groupBy("g").agg(*(seen(name).alias(name) for name in TYPES))


@scenario(kind="udf")
def pandas_aggregates_over_no_rows(spark: Any) -> Any:
    total, seen = pandas_functions()
    rows = no_rows(spark)
    return [rows_in(rows.groupBy("k").agg(total("v"), seen("s"))), rows_in(rows.agg(total("v"), seen("s")))]


@scenario(kind="udf")
def pandas_aggregates_of_missing_values(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf

    def returning(value: Any, ddl: str) -> Any:
        def function(v: pd.Series) -> float:
            return value

        return pandas_udf(function, ddl)("v")

    return (
        pairs(spark)
        .groupBy("k")
        .agg(
            returning(None, "double"),
            returning(float("nan"), "double"),
            returning(None, "string"),
            returning(pd.NaT, "timestamp"),
            returning(pd.Timestamp("2024-02-29 12:00"), "timestamp"),
            returning(True, "boolean"),
            returning(7, "double"),
            returning([1.0, None], "array<double>"),
        )
    )


@scenario(kind="udf", expect="error")
def pandas_aggregate_raises(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("double")
    def fail(v: pd.Series) -> float:
        raise ArithmeticError(f"{len(v)} rows")

    return pairs(spark).where("k = 3").groupBy("k").agg(fail("v"))


@scenario(kind="other", expect="error")
def pandas_aggregate_of_another_type(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("double")
    def text(v: pd.Series) -> float:
        return "text"

    return pairs(spark).groupBy("k").agg(text("v"))


@scenario(kind="udf", since="4.1")
def arrow_aggregates_beside_each_other(spark: Any) -> Any:
    from pyspark.sql.functions import col

    total, seen = arrow_functions()
    rows, columns = pairs(spark), [*TYPES, "record", "nested"]
    return [
        rows_in(rows.groupBy("k").agg(total("v"), seen("s"), total(col("v") + col("k")), seen("k"))),
        rows_in(rows.agg(total("v"), seen("s"))),
        rows_in(typed(spark, columns).groupBy("g").agg(*(seen(name).alias(name) for name in columns))),
        rows_in(no_rows(spark).groupBy("k").agg(total("v"))),
        rows_in(no_rows(spark).agg(total("v"), seen("s"))),
    ]


@scenario(kind="udf", since="4.2", conf=BATCHES_OF_TWO)
def iterator_aggregates_are_lazy(spark: Any) -> Any:
    from pyspark.sql.functions import arrow_udf, pandas_udf

    @pandas_udf("string")
    def sizes(batches: Iterator[pd.Series]) -> str:
        return str([(len(batch), str(batch.dtype), batch.index[0]) for batch in batches])

    @pandas_udf("string")
    def pairs_of(batches: Iterator[tuple[pd.Series, pd.Series]]) -> str:
        return str([(one.tolist(), list(map(str, other))) for one, other in batches])

    @pandas_udf("double")
    def first(batches: Iterator[pd.Series]) -> float:
        return float(next(batches).iloc[0])

    @arrow_udf("string")
    def arrays(batches: Iterator[pa.Array]) -> str:
        return str([(len(batch), str(batch.type)) for batch in batches])

    @arrow_udf("string")
    def unread(batches: Iterator[tuple[pa.Array, pa.Array]]) -> str:
        return "unread"

    grouped, nothing = pairs(spark).groupBy("k"), no_rows(spark)
    return [
        rows_in(grouped.agg(sizes("s"))),
        rows_in(grouped.agg(pairs_of("k", "v"))),
        rows_in(grouped.agg(first("v"))),
        rows_in(grouped.agg(arrays("s"))),
        rows_in(grouped.agg(unread("k", "v"))),
        rows_in(nothing.agg(sizes("s"))),
    ]


@scenario(kind="udf")
def pandas_windows_of_both_kinds(spark: Any) -> Any:
    from pyspark.sql import Window

    total, seen = pandas_functions()
    rows = spark.range(12).selectExpr("id % 2 as k", "id", "if(id % 5 = 0, null, id * 0.5D) as v", "string(id) as s")
    whole = Window.partitionBy("k")
    ordered = whole.orderBy("id")
    return rows.select(
        "k",
        "id",
        total("v").over(whole),
        seen("s").over(whole),
        total("v").over(ordered.rowsBetween(-1, 1)),
        seen("s").over(ordered.rowsBetween(1, 2)),
        total("v").over(ordered.rangeBetween(-4, 0)),
        total("id").over(ordered.rowsBetween(Window.unboundedPreceding, -1)),
        seen("v").over(Window.partitionBy("k").orderBy("id").rowsBetween(5, 9)),
    )


@scenario(kind="udf")
def pandas_windows_without_partitions_or_rows(spark: Any) -> Any:
    from pyspark.sql import Window

    total, _ = pandas_functions()
    everything, rows = Window.orderBy("v", "s"), pairs(spark)
    return [
        rows_in(rows.select("s", total("v").over(everything.rowsBetween(-1, 0)))),
        rows_in(rows.select("s", total("v").over(Window.partitionBy()))),
        rows_in(no_rows(spark).select("s", total("v").over(Window.partitionBy("k")))),
    ]


@scenario(kind="udf", since="4.1")
def arrow_windows_of_both_kinds(spark: Any) -> Any:
    from pyspark.sql import Window

    total, seen = arrow_functions()
    rows = spark.range(12).selectExpr("id % 2 as k", "id", "if(id % 5 = 0, null, id * 0.5D) as v", "string(id) as s")
    whole = Window.partitionBy("k")
    ordered = whole.orderBy("id")
    return rows.select(
        "k",
        "id",
        total("v").over(whole),
        seen("s").over(ordered.rowsBetween(1, 2)),
        total("v").over(ordered.rowsBetween(-1, 1)),
        total("v").over(ordered.rangeBetween(-4, 0)),
    )


@scenario(kind="other")
def windows_that_raise(spark: Any) -> Any:
    from pyspark.sql import Window
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("double")
    def fail(v: pd.Series) -> float:
        raise ArithmeticError(f"{len(v)} rows")

    rows, whole = pairs(spark).where("k = 3"), Window.partitionBy("k")
    return [
        outcome_of(rows.select(fail("v").over(whole))),
        outcome_of(rows.select(fail("v").over(whole.orderBy("s").rowsBetween(0, 1)))),
    ]
