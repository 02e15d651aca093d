"""Groups of every size and number, and keys of every sort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scenarios.registry import scenario
from scenarios.tables import pairs

PAIRS = "k long, v double, s string"
COUNTS = "k string, n long, total double"


def count(key: tuple[Any, ...], pdf: pd.DataFrame) -> pd.DataFrame:
    """One row: the key's repr, the rows, and the sum of the first float column."""
    return pd.DataFrame({"k": [repr(key)], "n": [len(pdf)], "total": [float(pdf.select_dtypes("number").sum().sum())]})


@scenario()
def groups_of_one_row(spark: Any) -> Any:
    rows = spark.range(50).selectExpr("id as k", "id / 4 as v", "if(id % 3 = 0, null, cast(id as string)) as s")
    return rows.groupBy("k").applyInPandas(lambda pdf: pdf, PAIRS)


@scenario(variants={"whole": {}, "small_batches": {"spark.sql.execution.arrow.maxRecordsPerBatch": "97"}})
def groups_of_many_batches(spark: Any) -> Any:
    rows = spark.range(22_000).selectExpr(
        "id % 2 as k", "id / 3 as v", "if(id % 5 = 0, null, repeat('é', id % 9)) as s"
    )
    return rows.groupBy("k").applyInPandas(lambda pdf: pdf[::-1], PAIRS)


@scenario(variants={"usual": {}, "small_batches": {"spark.sql.execution.arrow.maxRecordsPerBatch": "997"}})
def columns_of_many_batches(spark: Any) -> Any:
    """Every sort of column in one piece, as values, memory flags and all; the second group has one with lists."""

    def facts(pdf: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for name, column in pdf.items():
            flags = column.to_numpy().flags
            seen = (column.dtype, flags.writeable, pd.util.hash_pandas_object(column.astype(str)).sum(), len(column))
            rows.append([name, str(seen)])
        return pd.DataFrame(rows, columns=["k", "s"])

    rows = spark.range(9_000).selectExpr(
        "id % 2 as k",
        "id / 3 as plain",
        "if(id % 11 = 0, null, id / 7) as nullable",
        "cast(id as int) as number",
        "cast(if(id % 13 = 0, null, id % 100) as tinyint) as small",
        "id % 3 = 0 as flag",
        "if(id % 5 = 0, null, id % 2 = 0) as maybe",
        "if(id % 5 = 0, null, repeat('é', id % 9)) as text",
        "cast(cast(id as string) as binary) as bytes",
        "cast(id / 100 as decimal(12, 2)) as amount",
        "date_add(date'2020-01-01', cast(id % 3000 as int)) as day",
        "timestamp_seconds(id * 1000003) as moment",
    )
    return rows.groupBy("k").applyInPandas(facts, "k string, s string")


@scenario()
def results_in_memory_that_is_written_to_again(spark: Any) -> Any:
    kept: dict[str, Any] = {}

    def fill(pdf: pd.DataFrame) -> pd.DataFrame:
        values = kept.setdefault("values", np.empty((40_000, 1)))
        values[:] = pdf["v"].iloc[0]
        if pdf["v"].iloc[0] == 3.0:
            values[::7] = np.nan
        return pd.DataFrame(values, columns=["v"], copy=False)

    rows = spark.range(8).selectExpr("id as k", "cast(id as double) as v").coalesce(1)
    filled = rows.groupBy("k").applyInPandas(fill, "v double")
    return filled.groupBy("v").count()


@scenario()
def hundreds_of_tiny_groups(spark: Any) -> Any:
    rows = spark.range(2_400).selectExpr("id % 800 as k", "id * 1.5D as v", "cast(id as string) as s")
    return rows.groupBy("k").applyInPandas(lambda pdf: pdf.assign(v=pdf["v"].sum()), PAIRS)


@scenario()
def groups_that_grow(spark: Any) -> Any:
    def grow(pdf: pd.DataFrame) -> pd.DataFrame:
        return pdf.iloc[np.arange(len(pdf) * 4_000) % len(pdf)]

    return pairs(spark).groupBy("k").applyInPandas(grow, PAIRS)


@scenario()
def no_rows_at_all(spark: Any) -> Any:
    return pairs(spark).where("k > 100").groupBy("k").applyInPandas(lambda pdf: pdf, PAIRS)


@scenario()
def one_group_of_everything(spark: Any) -> Any:
    return pairs(spark).groupBy().applyInPandas(count, COUNTS)


@scenario()
def hundred_columns(spark: Any) -> Any:
    names = [f"c{n}" for n in range(100)]
    kinds = ("cast(id + {n} as bigint)", "id / ({n} + 1)", "cast(id * {n} as string)", "(id + {n}) % 2 = 0")
    columns = [f"{kinds[n % 4].format(n=n)} as {name}" for n, name in enumerate(names)]
    ddl = ", ".join(f"{name} {('bigint', 'double', 'string', 'boolean')[n % 4]}" for n, name in enumerate(names))
    rows = spark.range(30).selectExpr("id % 3 as k", *columns)
    return rows.groupBy("k").applyInPandas(lambda pdf: pdf, f"k bigint, {ddl}")


@scenario()
def computed_key(spark: Any) -> Any:
    rows = pairs(spark)
    return rows.groupBy(rows["v"] > 2, "k").applyInPandas(count, COUNTS)


@scenario()
def computed_key_without_arguments(spark: Any) -> Any:
    rows = pairs(spark)
    return rows.groupBy((rows["k"] % 2).alias("odd")).applyInPandas(lambda pdf: pdf, PAIRS)


@scenario()
def null_and_nan_keys(spark: Any) -> Any:
    return pairs(spark).groupBy("v", "s").applyInPandas(count, COUNTS)


@scenario()
def key_is_repeated(spark: Any) -> Any:
    return pairs(spark).groupBy("k", "k").applyInPandas(count, COUNTS)


@scenario()
def key_is_nested(spark: Any) -> Any:
    rows = pairs(spark).selectExpr("struct(k, s is null as missing) as k", "v")
    return rows.groupBy("k").applyInPandas(count, COUNTS)


@scenario()
def long_texts(spark: Any) -> Any:
    rows = spark.range(6).selectExpr("id % 2 as k", "cast(id as double) as v", "repeat('žß🐎', 100000) as s")
    digest = "k long, n long"
    return rows.groupBy("k").applyInPandas(
        lambda pdf: pd.DataFrame({"k": pdf["k"], "n": pdf["s"].str.len() + pdf["s"].map(hash) % 1000}), digest
    )


@scenario()
def limit_on_top(spark: Any) -> Any:
    rows = spark.range(4_000).selectExpr("id % 800 as k", "1.0D as v", "'x' as s")
    limited = rows.groupBy("k").applyInPandas(lambda pdf: pdf.iloc[:1].assign(k=1), PAIRS).limit(7)
    return [row.asDict() for row in limited.collect()]


@scenario()
def limit_is_repeated_and_workers_stay_usable(spark: Any) -> Any:
    found = []
    for size in (1, 3, 5):
        rows = spark.range(600).selectExpr("id % 200 as k", "1.0D as v", "'x' as s")
        found.append(len(rows.groupBy("k").applyInPandas(lambda pdf: pdf, PAIRS).take(size)))
    return found


@scenario()
def two_grouped_maps_in_a_row(spark: Any) -> Any:
    first = pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf.assign(v=pdf["v"].fillna(0)), PAIRS)
    return first.groupBy("s").applyInPandas(lambda pdf: pdf.assign(k=pdf["k"] + 1), PAIRS)


@scenario()
def union_of_two_functions(spark: Any) -> Any:
    first = pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf.head(1), PAIRS)
    return first.union(pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf.tail(1), PAIRS))
