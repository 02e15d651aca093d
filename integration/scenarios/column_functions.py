"""Functions of columns: plain, Arrow, pandas; scalar, iterator, aggregate, window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa

from scenarios.registry import scenario
from scenarios.tables import VALUES, pairs, typed

ARROW = "spark.sql.execution.pythonUDF.arrow.enabled"


@scenario(kind="other", variants={"pickled": {ARROW: "false"}, "arrow": {ARROW: "true"}})
def plain_functions(spark: Any) -> Any:
    from pyspark.sql.functions import udf

    double = udf(lambda v: None if v is None else v * 2, "double")
    shout = udf(lambda s, k: f"{s}!{k}", "string")
    pair = udf(lambda k: (k, [str(k)]), "struct<a:bigint,b:array<string>>")
    rows = pairs(spark)
    return rows.select(double("v"), double(double("v")), shout("s", "k"), pair("k"))


@scenario(kind="other", variants={"pickled": {ARROW: "false"}, "arrow": {ARROW: "true"}})
def plain_function_of_every_type(spark: Any) -> Any:
    from pyspark.sql.functions import udf

    columns = [name for name in VALUES if name not in ("nothing", "span", "nested")]
    show = udf(lambda *values: repr([(type(value).__name__, value) for value in values]), "string")
    return typed(spark, columns).select("g", "i", show(*columns))


@scenario(kind="other", expect="error", variants={"pickled": {ARROW: "false"}, "arrow": {ARROW: "true"}})
def plain_function_raises(spark: Any) -> Any:
    from pyspark.sql.functions import udf

    return pairs(spark).select(udf(lambda k: 1 // (k - 2), "bigint")("k"))


@scenario(kind="other")
def pandas_scalar(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf, struct

    double = pandas_udf(lambda v: v * 2, "double")
    length = pandas_udf(lambda s: s.str.len(), "long")
    frame = pandas_udf(lambda f: f.assign(k=f["k"] + 1), "k long, v double")
    rows = pairs(spark)
    return rows.select(double("v"), double(double("v")), length("s"), frame(struct("k", "v")))


@scenario(kind="udf", expect="error")
def pandas_scalar_of_another_length(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf

    return pairs(spark).select(pandas_udf(lambda v: v.head(1), "double")("v"))


@scenario(kind="other", conf={"spark.sql.execution.arrow.maxRecordsPerBatch": "1000"})
def pandas_scalar_iterator(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("long")
    def running(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for number, batch in enumerate(batches):
            yield batch + number * 0

    @pandas_udf("long")
    def added(batches: Iterator[tuple[pd.Series, pd.Series]]) -> Iterator[pd.Series]:
        for left, right in batches:
            yield left + right

    return spark.range(5000).select(running("id"), added("id", "id"))


@scenario(kind="other")
def pandas_aggregates(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("double")
    def mean(v: pd.Series) -> float:
        return v.mean()

    @pandas_udf("string")
    def joined(s: pd.Series, k: pd.Series) -> str:
        return "/".join(sorted(map(str, s))) + str(k.sum())

    @pandas_udf("array<double>")
    def listed(v: pd.Series) -> list[float]:
        return v.sort_values().tolist()

    grouped = pairs(spark).groupBy("k").agg(mean("v"), joined("s", "k"), listed("v"))
    return [sorted(map(repr, grouped.collect())), pairs(spark).agg(mean("v")).collect()]


@scenario(kind="other")
def pandas_windows(spark: Any) -> Any:
    from pyspark.sql import Window
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("double")
    def total(v: pd.Series) -> float:
        return v.sum()

    rows = spark.range(60).selectExpr("id % 4 as k", "id", "id * 0.5D as v")
    whole = Window.partitionBy("k")
    ordered = whole.orderBy("id")
    return rows.select(
        "k",
        "id",
        total("v").over(whole),
        total("v").over(ordered.rowsBetween(-2, 1)),
        total("v").over(ordered.rowsBetween(Window.unboundedPreceding, Window.currentRow)),
        total("v").over(ordered.rangeBetween(-4, 4)),
    )


@scenario(kind="other", since="4.1")
def arrow_functions(spark: Any) -> Any:
    import pyarrow.compute as pc
    from pyspark.sql import Window
    from pyspark.sql.functions import arrow_udf

    @arrow_udf("double")
    def double(v: pa.Array) -> pa.Array:
        return pc.multiply(v, 2)

    @arrow_udf("long")
    def counted(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        for batch in batches:
            yield pc.add(batch, 1)

    @arrow_udf("double")
    def total(v: pa.Array) -> float:
        return pc.sum(v).as_py()

    rows = pairs(spark)
    window = Window.partitionBy("k").orderBy("s").rowsBetween(-1, 0)
    return [
        sorted(map(repr, rows.select(double("v"), counted("k")).collect())),
        sorted(map(repr, rows.groupBy("k").agg(total("v")).collect())),
        sorted(map(repr, rows.select("k", "s", total("v").over(window)).collect())),
    ]


@scenario(kind="other", since="4.2")
def iterator_aggregates(spark: Any) -> Any:
    import pyarrow.compute as pc
    from pyspark.sql.functions import arrow_udf, pandas_udf

    @pandas_udf("double")
    def pandas_total(batches: Iterator[pd.Series]) -> float:
        return float(sum(batch.sum() for batch in batches))

    @arrow_udf("double")
    def arrow_total(batches: Iterator[pa.Array]) -> float:
        return float(sum(pc.sum(batch).as_py() or 0 for batch in batches))

    rows = spark.range(3000).selectExpr("id % 3 as k", "id / 4 as v")
    return [
        sorted(map(repr, rows.groupBy("k").agg(pandas_total("v")).collect())),
        sorted(map(repr, rows.groupBy("k").agg(arrow_total("v")).collect())),
    ]


@scenario(kind="other", since="4.0", conf={"spark.sql.pyspark.udf.profiler": "perf"})
def profiles(spark: Any) -> Any:
    from pyspark.sql.functions import udf

    spark.profile.clear()
    pairs(spark).select(udf(lambda k: k + 1, "bigint")("k")).collect()
    pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf, "k long, v double, s string").collect()
    results = spark._profiler_collector._perf_profile_results
    calls = [sum(1 for key in stats.stats if "column_functions" in key[0]) for stats in results.values()]
    spark.profile.clear()
    return [len(results), calls]


@scenario(kind="other", since="4.1", conf={"spark.sql.pyspark.worker.logging.enabled": "true"})
def worker_logs(spark: Any) -> Any:
    from pyspark.sql.functions import udf

    def say(k: int) -> int:
        import logging

        logging.getLogger("integration").warning("saw %d", k)
        print("not a log record")
        return k

    spark.range(3).coalesce(1).select(udf(say, "bigint")("id")).collect()
    return spark.tvf.python_worker_logs().select("level", "msg", "logger").distinct()
