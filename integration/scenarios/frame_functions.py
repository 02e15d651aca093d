"""Functions of whole frames: mapIn*, cogroups, Arrow groups, iterators of groups, and table functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa

from scenarios.registry import scenario
from scenarios.tables import pairs, schema, typed

PAIRS = "k long, v double, s string"


def others(spark: Any) -> Any:
    """A second table to meet `pairs` with: a key in common, one of its own, and one missing."""
    return spark.sql("select * from values (1L, 'x'), (1L, 'y'), (4L, null) as t(k, o)")


@scenario(kind="other", conf={"spark.sql.execution.arrow.maxRecordsPerBatch": "700"})
def map_in_pandas(spark: Any) -> Any:
    def sizes(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            yield pd.DataFrame({"n": [len(frame)], "total": [frame["id"].sum()]})
            yield frame.iloc[:0].rename(columns={"id": "n"}).assign(total=0)

    return spark.range(3000).mapInPandas(sizes, "n long, total long")


@scenario(kind="other")
def map_in_pandas_of_every_type(spark: Any) -> Any:
    columns = ["flag", "whole", "real", "text", "bytes", "day", "money", "moment", "span", "list", "record"]
    return typed(spark, columns).mapInPandas(lambda frames: frames, schema(columns))


@scenario(kind="other")
def map_in_pandas_stops_early(spark: Any) -> Any:
    def first(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield next(frames).head(1)

    return spark.range(50_000).coalesce(1).mapInPandas(first, "id long")


@scenario(kind="udf", expect="error")
def map_in_pandas_raises(spark: Any) -> Any:
    def fail(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield next(frames)
        raise OSError("disk on fire")

    return spark.range(10).coalesce(1).mapInPandas(fail, "id long")


@scenario(kind="other")
def map_in_arrow(spark: Any) -> Any:
    def keep(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch.slice(0, 2)

    return pairs(spark).coalesce(1).mapInArrow(keep, PAIRS)


@scenario(kind="other")
def barrier_map_in_pandas(spark: Any) -> Any:
    def meet(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        from pyspark import BarrierTaskContext

        said = BarrierTaskContext.get().allGather("here")
        for frame in frames:
            yield frame.assign(said=str(said))

    return spark.range(4, numPartitions=2).mapInPandas(meet, "id long, said string", barrier=True)


@scenario(kind="other")
def pandas_cogroups(spark: Any) -> Any:
    def both(key: tuple[int], left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
        described = f"{key} {left.shape} {right.shape} {list(map(str, right.dtypes))} {right['o'].tolist()}"
        return pd.DataFrame({"k": [key[0]], "v": [left["v"].sum()], "s": [described]})

    def merge(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
        # As object: stock cannot send what pandas 3 makes of `str` columns here.
        return left.merge(right, how="left").drop(columns="o").astype({"s": object})

    left, right = pairs(spark).groupBy("k"), others(spark).groupBy("k")
    merged = left.cogroup(right).applyInPandas(merge, PAIRS)
    return merged.union(left.cogroup(right).applyInPandas(both, PAIRS))


@scenario(kind="other", expect="error")
def pandas_cogroup_raises(spark: Any) -> Any:
    cogrouped = pairs(spark).groupBy("k").cogroup(others(spark).groupBy("k"))
    return cogrouped.applyInPandas(lambda a, b: a["nothing"], PAIRS)


@scenario(kind="other", since="4.0")
def arrow_groups_and_cogroups(spark: Any) -> Any:
    def count(key: tuple[pa.Scalar], table: pa.Table) -> pa.Table:
        return pa.table({"k": [key[0].as_py()], "v": [float(table.num_rows)], "s": [str(table.schema.types)]})

    def both(left: pa.Table, right: pa.Table) -> pa.Table:
        return pa.table({"k": [left.num_rows], "v": [float(right.num_rows)], "s": [str(right.schema.names)]})

    grouped = pairs(spark).groupBy("k")
    identity = grouped.applyInArrow(lambda table: table, PAIRS)
    cogrouped = grouped.cogroup(others(spark).groupBy("k")).applyInArrow(both, PAIRS)
    return identity.union(grouped.applyInArrow(count, PAIRS)).union(cogrouped)


@scenario(kind="other", since="4.1", conf={"spark.sql.execution.arrow.maxRecordsPerBatch": "2"})
def iterators_of_groups(spark: Any) -> Any:
    def frames(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            yield batch.assign(v=float(len(batch)))

    def keyed(key: tuple[Any, ...], batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield pd.DataFrame({"k": [key[0]], "v": [float(sum(map(len, batches)))], "s": [repr(key)]})

    def tables(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches

    def lazy(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield next(batches)

    for function, first in ((frames, pd.DataFrame), (lazy, pd.DataFrame), (tables, pa.RecordBatch)):
        function.__annotations__ = {"batches": Iterator[first], "return": Iterator[first]}
    keyed.__annotations__ = {
        "key": tuple[Any, ...],
        "batches": Iterator[pd.DataFrame],
        "return": Iterator[pd.DataFrame],
    }
    grouped = pairs(spark).groupBy("k")
    return (
        grouped.applyInPandas(frames, PAIRS)
        .union(grouped.applyInPandas(keyed, PAIRS))
        .union(grouped.applyInArrow(tables, PAIRS))
        .union(grouped.applyInPandas(lazy, PAIRS).selectExpr("k", "v", "'first' as s"))
    )


@scenario(
    kind="udf",
    variants={
        name: {"spark.sql.execution.pythonUDTF.arrow.enabled": value}
        for name, value in (("pickled", "false"), ("arrow", "true"))
    },
)
def table_function(spark: Any) -> Any:
    from pyspark.sql.functions import udtf

    @udtf(returnType="n int, s string")
    class Count:
        def __init__(self) -> None:
            self.seen = 0

        def eval(self, k: int, s: str) -> Iterator[tuple[int, str]]:
            self.seen += 1
            for number in range(k):
                yield number, s

        def terminate(self) -> Iterator[tuple[int, str]]:
            yield -self.seen, "end"

    spark.udtf.register("integration_count", Count)
    pairs(spark).coalesce(1).createOrReplaceTempView("pairs")
    return spark.sql("select p.k, c.* from pairs p, lateral integration_count(p.k, p.s) c")


@scenario(kind="udf", expect="error")
def table_function_raises(spark: Any) -> Any:
    from pyspark.sql.functions import lit, udtf

    @udtf(returnType="n int")
    class Fail:
        def eval(self, n: int) -> Iterator[tuple[int]]:
            raise ArithmeticError("no result")

    return Fail(lit(1))


@scenario(kind="other", since="4.0")
def polymorphic_table_function(spark: Any) -> Any:
    from pyspark.sql.functions import udtf
    from pyspark.sql.types import IntegerType, StructType
    from pyspark.sql.udtf import AnalyzeResult, OrderingColumn, PartitioningColumn

    @udtf
    class Widen:
        def __init__(self) -> None:
            self.rows = 0

        @staticmethod
        def analyze(rows: Any, width: Any) -> AnalyzeResult:
            wanted = StructType().add("rows", IntegerType())
            for number in range(width.value):
                wanted = wanted.add(f"c{number}", IntegerType())
            return AnalyzeResult(wanted, partitionBy=[PartitioningColumn("k")], orderBy=[OrderingColumn("s")])

        def eval(self, row: Any, width: int) -> None:
            self.rows += 1
            self.width = width

        def terminate(self) -> Iterator[tuple[int, ...]]:
            yield (self.rows, *range(self.width))

    spark.udtf.register("integration_widen", Widen)
    pairs(spark).createOrReplaceTempView("pairs")
    return spark.sql("select * from integration_widen(table(pairs), width => 3)")


@scenario(kind="other", since="4.1")
def arrow_table_function(spark: Any) -> Any:
    from pyspark.sql.functions import arrow_udtf, lit

    @arrow_udtf(returnType="n long")
    class Numbers:
        def eval(self, n: pa.Array) -> Iterator[pa.Table]:
            yield pa.table({"n": pa.array(range(n[0].as_py()), pa.int64())})

    return Numbers(lit(5))
