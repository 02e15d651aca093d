"""As `queries.py`, for functions of pyarrow's objects. Python evaluates their hints here, not in the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from benches.plan import Case


def grouped_map_arrow(table: DataFrame, case: Case) -> DataFrame:
    """Each table as it is."""
    return table.groupBy("k").applyInArrow(lambda group: group, table.schema)


def grouped_map_arrow_iter(table: DataFrame, case: Case) -> DataFrame:
    """The batches of each key as they are."""

    def each(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches

    return table.groupBy("k").applyInArrow(each, table.schema)


def cogrouped_map_arrow(table: DataFrame, case: Case) -> DataFrame:
    """The left of two equal sides."""
    both = table.groupBy("k").cogroup(table.groupBy("k"))
    return both.applyInArrow(lambda left, right: left, table.schema)


def grouped_agg_arrow(table: DataFrame, case: Case) -> DataFrame:
    """Two means for each key."""
    mean = _mean()
    return table.groupBy("k").agg(mean("v").alias("v"), mean("a").alias("a"))


def grouped_agg_arrow_iter(table: DataFrame, case: Case) -> DataFrame:
    """A mean for each key, batch by batch."""

    @F.arrow_udf("double")
    def mean(batches: Iterator[pa.Array]) -> float:
        total = rows = 0.0
        for values in batches:
            total, rows = total + pc.sum(values).as_py(), rows + len(values)
        return total / rows

    return table.groupBy("k").agg(mean("v").alias("v"))


def window_agg_arrow(table: DataFrame, case: Case) -> DataFrame:
    """A mean beside each row."""
    return table.select("k", _mean()("v").over(Window.partitionBy("k")).alias("v"))


def scalar_arrow(table: DataFrame, case: Case) -> DataFrame:
    """A function of a whole column."""

    @F.arrow_udf("long")
    def plus_one(values: pa.Array) -> pa.Array:
        return pc.add(values, 1)

    return table.select(plus_one("k").alias("k"))


def scalar_arrow_iter(table: DataFrame, case: Case) -> DataFrame:
    """The same of an iterator."""

    @F.arrow_udf("long")
    def plus_one(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        for values in batches:
            yield pc.add(values, 1)

    return table.select(plus_one("k").alias("k"))


def map_arrow(table: DataFrame, case: Case) -> DataFrame:
    """Batches as they are."""

    def each(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches

    return table.mapInArrow(each, table.schema)


def arrow_udtf(table: DataFrame, case: Case) -> DataFrame:
    """A table for each batch."""

    class Same:
        def eval(self, batch: pa.RecordBatch) -> Iterator[pa.Table]:
            yield pa.table({"number": batch.column("k")})

    table.sparkSession.udtf.register("same", F.arrow_udtf(Same, returnType="number long"))
    table.select("k").createOrReplaceTempView("numbers")
    return table.sparkSession.sql("SELECT * FROM same(TABLE(numbers))")


def _mean() -> Callable[..., F.Column]:
    @F.arrow_udf("double")
    def mean(values: pa.Array) -> float:
        return pc.mean(values).as_py()

    return mean


QUERIES: dict[str, Callable[[DataFrame, Case], DataFrame]] = {
    "grouped-map-arrow": grouped_map_arrow,
    "grouped-map-arrow-iter": grouped_map_arrow_iter,
    "cogrouped-map-arrow": cogrouped_map_arrow,
    "grouped-agg-arrow": grouped_agg_arrow,
    "grouped-agg-arrow-iter": grouped_agg_arrow_iter,
    "window-agg-arrow": window_agg_arrow,
    "scalar-arrow": scalar_arrow,
    "scalar-arrow-iter": scalar_arrow_iter,
    "map-arrow": map_arrow,
    "arrow-udtf": arrow_udtf,
}
"""By the kind that a case names."""
