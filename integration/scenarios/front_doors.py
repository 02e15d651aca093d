"""Other ways to the same workers: older spellings of pandas functions, pandas on Spark, models, and libraries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from scenarios.outcomes import rows_in
from scenarios.registry import scenario
from scenarios.tables import pairs

PAIRS = "k long, v double, s string"


@scenario(kind="udf")
def pandas_functions_by_their_old_names(spark: Any) -> Any:
    from pyspark.sql import Window
    from pyspark.sql.functions import PandasUDFType, pandas_udf

    @pandas_udf("double", PandasUDFType.SCALAR)
    def double(v):
        return v * 2

    @pandas_udf("long", functionType=PandasUDFType.SCALAR_ITER)
    def more(batches):
        for batch in batches:
            yield batch + 1

    @pandas_udf("double", PandasUDFType.GROUPED_AGG)
    def total(v):
        return v.sum()

    @pandas_udf(PAIRS, PandasUDFType.GROUPED_MAP)
    def groups(pdf):
        return pdf.assign(v=pdf["v"].sum())

    @pandas_udf(returnType=PAIRS, functionType=PandasUDFType.GROUPED_MAP)
    def keyed(key, pdf):
        return pdf.assign(v=float(key[0]))

    rows = pairs(spark).coalesce(1)
    return [
        rows_in(rows.select(double("v"), more("k"), double(double("v")))),
        rows_in(rows.groupBy("k").agg(total("v"), total("k"))),
        rows_in(rows.select("s", total("v").over(Window.partitionBy("k")))),
        rows_in(rows.groupBy("k").apply(groups)),
        rows_in(rows.groupBy("k").apply(keyed)),
    ]


@scenario(kind="other")
def pandas_functions_in_sql(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("long")
    def length(s: pd.Series) -> pd.Series:
        return s.str.len()

    @pandas_udf("double")
    def total(v: pd.Series) -> float:
        return v.sum()

    spark.udf.register("integration_length", length)
    spark.udf.register("integration_total", total)
    spark.udf.register("integration_plain", lambda k: k * 2, "long")
    pairs(spark).createOrReplaceTempView("integration_pairs")
    return [
        rows_in(spark.sql("select integration_length(s), integration_plain(k) from integration_pairs where k > 1")),
        rows_in(spark.sql("select k, integration_total(v) from integration_pairs group by k")),
    ]


@scenario(kind="other", expect="either")
def pandas_on_spark_groups(spark: Any) -> Any:
    import pyspark.pandas as ps

    def centred(v: pd.Series) -> Any:
        return v - v.mean()

    def first(pdf: pd.DataFrame) -> Any:
        return pd.DataFrame({"a": [len(pdf)], "b": [pdf["v"].sum()]})

    # Not as text: they are looked up among the globals, where `ps` is not.
    centred.__annotations__["return"] = ps.Series[float]
    first.__annotations__["return"] = ps.DataFrame[int, float]
    grouped = pairs(spark).select("k", "v").pandas_api().groupby("k")
    return [
        rows_in(grouped.apply(first).to_spark()),
        rows_in(grouped["v"].transform(centred).to_frame().to_spark()),
        rows_in(grouped["v"].apply(lambda v: v.max()).to_frame().to_spark()),
    ]


@scenario(kind="other", expect="either")
def pandas_on_spark_batches(spark: Any) -> Any:
    import pyspark.pandas as ps

    def fewer(pdf: pd.DataFrame) -> Any:
        return pdf[pdf["k"] > 1]

    def more(pdf: pd.DataFrame) -> Any:
        return pdf + 1

    def halved(v: pd.Series) -> Any:
        return v / 2

    fewer.__annotations__["return"] = more.__annotations__["return"] = ps.DataFrame[int, float]
    halved.__annotations__["return"] = ps.Series[float]
    frame = pairs(spark).select("k", "v").pandas_api()
    return [
        rows_in(frame.pandas_on_spark.apply_batch(fewer).to_spark()),
        rows_in(frame.pandas_on_spark.transform_batch(more).to_spark()),
        rows_in(frame["v"].pandas_on_spark.transform_batch(halved).to_frame().to_spark()),
    ]


@scenario(kind="other")
def predictions_in_batches(spark: Any) -> Any:
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql.functions import array, col
    from pyspark.sql.types import ArrayType, DoubleType, FloatType, StructField, StructType

    def model() -> Any:
        loads = [0]

        def predict(inputs: np.ndarray) -> np.ndarray:
            loads[0] += 1
            return inputs.sum(axis=1) + len(inputs)

        return predict

    def several() -> Any:
        def predict(a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
            return {"total": (a + b).astype(np.float32), "both": np.stack([a, b], axis=1).astype(np.float64)}

        return predict

    both = StructType([StructField("total", FloatType()), StructField("both", ArrayType(DoubleType()))])
    one = predict_batch_udf(model, return_type=DoubleType(), batch_size=4, input_tensor_shapes=[[2]])
    two = predict_batch_udf(several, return_type=both, batch_size=3)
    rows = spark.range(10).coalesce(1).select(col("id").cast("double").alias("a"), (col("id") * 2.0).alias("b"))
    return rows.select(one(array("a", "b")), two("a", "b"))


@scenario(kind="udf", conf={"spark.sql.shuffle.partitions": "1"})
def work_of_every_kind_goes_on(spark: Any) -> Any:
    """After a failure and after an early end, the next task of the same kind finds a worker that works."""
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("double")
    def batch(v: pd.Series) -> pd.Series:
        if (v > 5).any():
            raise ValueError("too large")
        return v * 2

    @pandas_udf("double")
    def total(v: pd.Series) -> float:
        if (v > 5).any():
            raise ValueError("too large")
        return v.sum()

    def frames(taken: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in taken:
            yield frame.assign(v=[1 // (value < 6) for value in frame["v"]])

    def both(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
        return left[["k"]].assign(v=[1 // (value < 6) for value in left["v"]])

    kinds = {
        "batch": lambda rows: rows.select(batch("v")),
        "aggregate": lambda rows: rows.groupBy("k").agg(total("v")),
        "frames": lambda rows: rows.select("k", "v").mapInPandas(frames, "k long, v double"),
        "cogroup": lambda rows: rows.groupBy("k").cogroup(rows.groupBy("k")).applyInPandas(both, "k long, v double"),
    }
    found = []
    numbers = spark.range(8).coalesce(1).selectExpr("id % 2 as k", "id * 1.0D as v")
    for name, work in kinds.items():
        try:
            work(numbers).collect()
            failed = "nothing"
        except Exception as error:  # the next line must work nevertheless
            failed = type(error).__name__
        small = numbers.where("v < 6")
        found.append([name, failed, len(work(small).take(1)), rows_in(work(small))])
    return found


@scenario(kind="udf", needs=("featuretools",), conf={"spark.sql.shuffle.partitions": "1"})
def features_of_featuretools(spark: Any) -> Any:
    from integration.examples.featuretools_features import features

    return features(spark, customers=3)
