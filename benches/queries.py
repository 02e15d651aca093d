"""The queries of the end-to-end cases, one for each kind of UDF, over a table of one long, `k`, and four doubles.

A query remembers the executable that is set when it is made, so it is made anew for each side. What it is made of must
not be looked up in this file by a worker, which cannot import it: functions are defined inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from benches import frames, queries_arrow, queries_state
from benches.plan import Case


def grouped_map(table: DataFrame, case: Case) -> DataFrame:
    """One of the functions of `frames.py` for each key."""
    return table.groupBy("k").applyInPandas(frames.FUNCTIONS[case.function], table.schema)


def cogrouped_map(table: DataFrame, case: Case) -> DataFrame:
    """The left of two equal sides."""

    def left(first: Any, second: Any) -> Any:
        return first

    return table.groupBy("k").cogroup(table.groupBy("k")).applyInPandas(left, table.schema)


def grouped_map_iter(table: DataFrame, case: Case) -> DataFrame:
    """The frames of each key as they are."""

    def each(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield from batches

    return table.groupBy("k").applyInPandas(each, table.schema)


def grouped_agg(table: DataFrame, case: Case) -> DataFrame:
    """Two means for each key."""
    mean = F.pandas_udf(lambda values: float(values.mean()), "double", F.PandasUDFType.GROUPED_AGG)
    return table.groupBy("k").agg(mean("v").alias("v"), mean("a").alias("a"))


def grouped_agg_iter(table: DataFrame, case: Case) -> DataFrame:
    """A mean for each key, batch by batch."""

    @F.pandas_udf("double")  # type: ignore[call-overload]
    def mean(batches: Iterator[pd.Series]) -> float:
        total = rows = 0.0
        for values in batches:
            total, rows = total + float(values.sum()), rows + len(values)
        return total / rows

    return table.groupBy("k").agg(mean("v").alias("v"))


def window_agg(table: DataFrame, case: Case) -> DataFrame:
    """A mean beside each row."""
    mean = F.pandas_udf(lambda values: float(values.mean()), "double", F.PandasUDFType.GROUPED_AGG)
    return table.select("k", mean("v").over(Window.partitionBy("k")).alias("v"))


def arrow_batched(table: DataFrame, case: Case) -> DataFrame:
    """A plain function of each key."""
    return table.select(F.udf(lambda value: value + 1, "long", useArrow=True)("k").alias("k"))


def pickled(table: DataFrame, case: Case) -> DataFrame:
    """The same over pickle."""
    return table.select(F.udf(lambda value: value + 1, "long", useArrow=False)("k").alias("k"))


def scalar_pandas(table: DataFrame, case: Case) -> DataFrame:
    """A function of a whole column."""
    plus_one = F.pandas_udf(lambda values: values + 1, "long", F.PandasUDFType.SCALAR)
    return table.select(plus_one("k").alias("k"))


def scalar_pandas_iter(table: DataFrame, case: Case) -> DataFrame:
    """The same of an iterator."""

    def each_plus_one(batches: Iterator[Any]) -> Iterator[Any]:
        for values in batches:
            yield values + 1

    plus_one = F.pandas_udf(each_plus_one, "long", F.PandasUDFType.SCALAR_ITER)
    return table.select(plus_one("k").alias("k"))


def map_pandas(table: DataFrame, case: Case) -> DataFrame:
    """Frames as they are."""

    def each(batches: Iterator[Any]) -> Iterator[Any]:
        yield from batches

    return table.mapInPandas(each, table.schema)


def udtf(table: DataFrame, case: Case) -> DataFrame:
    """Three rows for each key."""
    return _spread(table, arrow=True)


def pickled_udtf(table: DataFrame, case: Case) -> DataFrame:
    """The same over pickle."""
    return _spread(table, arrow=False)


def _spread(table: DataFrame, arrow: bool) -> DataFrame:
    class Spread:
        def eval(self, value: int) -> Iterator[tuple[int, str, float]]:
            for number in range(3):
                yield value + number, "abc", value / 7

    spread = F.udtf(Spread, returnType="number long, text string, share double", useArrow=arrow)
    table.sparkSession.udtf.register("spread", spread)
    table.createOrReplaceTempView("numbers")
    return table.sparkSession.sql("SELECT rows.* FROM numbers, LATERAL spread(k) AS rows")


def rdd_map(table: DataFrame, case: Case) -> DataFrame:
    """A function of each row, as an RDD."""
    rows = table.select("k").rdd.map(lambda row: (row[0] + 1,))
    return table.sparkSession.createDataFrame(rows, "k long")


QUERIES: dict[str, Callable[[DataFrame, Case], DataFrame]] = {
    "grouped-map": grouped_map,
    "cogrouped-map": cogrouped_map,
    "grouped-map-iter": grouped_map_iter,
    "grouped-agg": grouped_agg,
    "grouped-agg-iter": grouped_agg_iter,
    "window-agg": window_agg,
    "arrow-batched": arrow_batched,
    "pickled": pickled,
    "scalar-pandas": scalar_pandas,
    "scalar-pandas-iter": scalar_pandas_iter,
    "map-pandas": map_pandas,
    **queries_arrow.QUERIES,
    **queries_state.QUERIES,
    "udtf": udtf,
    "pickled-udtf": pickled_udtf,
    "rdd-map": rdd_map,
}
"""By the kind that a case names."""
