"""Session settings that change what a grouped-map function gets or may return."""

from __future__ import annotations

from typing import Any

import pandas as pd

from scenarios.grouped_types import FACTS, describe
from scenarios.registry import scenario
from scenarios.tables import FAMILIES, pairs, schema, typed

ZONES = {zone: {"spark.sql.session.timeZone": zone} for zone in ("+05:30", "America/New_York", "Etc/UTC")}
NAMED = ("America/New_York", "Europe/Dublin", "Asia/Kolkata")
LARGE = {"spark.sql.execution.arrow.useLargeVarTypes": "true"}
SAFE = "spark.sql.execution.pandas.convertToArrowArraySafely"


@scenario(variants=ZONES, expect="either")
def times_in_zone(spark: Any) -> Any:
    return typed(spark, FAMILIES["times"]).groupBy("g").applyInPandas(describe, FACTS)


@scenario(variants=ZONES, expect="either")
def times_in_zone_and_back(spark: Any) -> Any:
    columns = FAMILIES["times"]
    return typed(spark, columns).groupBy("g", "moment").applyInPandas(lambda key, pdf: pdf, schema(columns))


@scenario(variants=ZONES)
def naive_times_made_in_zone(spark: Any) -> Any:
    def build(pdf: pd.DataFrame) -> pd.DataFrame:
        hours = pd.date_range("2024-03-11", periods=5, freq="h")
        return pd.DataFrame({"a": hours, "b": hours, "c": [hours[:1].to_pydatetime().tolist()] * 5})

    return pairs(spark).groupBy().applyInPandas(build, "a timestamp, b timestamp_ntz, c array<timestamp>")


@scenario(variants={zone: {"spark.sql.session.timeZone": zone} for zone in NAMED})
def hours_around_changes_of_the_clock(spark: Any) -> Any:
    """As keys, as they arrive, and one day later."""

    def move(key: tuple[Any, ...], pdf: pd.DataFrame) -> pd.DataFrame:
        return pdf.assign(label=repr(key) + str(pdf["at"].iloc[0]), at=pdf["at"] + pd.Timedelta(days=1))

    hours = spark.sql(
        "select id % 7 as g, timestamp_micros((id * 3600 * 12 + 1800) * 1000000L) as at from range(0, 40000, 61)"
    )
    return hours.groupBy("g", "at").applyInPandas(move, "g long, at timestamp, label string")


@scenario(kind="other", conf={"spark.sql.session.timeZone": "America/New_York"}, expect="either")
def time_in_the_gap_of_a_zone(spark: Any) -> Any:
    def build(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"a": pd.to_datetime(["2024-03-10 02:30:00", "2024-11-03 01:30:00"])})

    return pairs(spark).groupBy().applyInPandas(build, "a timestamp")


@scenario(conf=LARGE)
def large_variable_types(spark: Any) -> Any:
    columns = ["text", "bytes", "list", "map", "record"]
    return typed(spark, columns).groupBy("g").applyInPandas(lambda pdf: pdf, schema(columns))


@scenario(kind="other", variants={"checked": {SAFE: "true"}, "unchecked": {SAFE: "false"}}, expect="either")
def fractions_for_a_whole_number(spark: Any) -> Any:
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pd.DataFrame({"n": [1.5, 2.0]}), "n int")


@scenario(kind="other", variants={"checked": {SAFE: "true"}, "unchecked": {SAFE: "false"}}, expect="either")
def time_finer_than_microseconds(spark: Any) -> Any:
    def build(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"t": pd.to_datetime([1_700_000_000_123_456_789])})

    return pairs(spark).groupBy().applyInPandas(build, "t timestamp")


# Not lz4: pyarrow cannot read the JVM's frames of it, so that stock fails where bowstring answers.
@scenario(since="4.1", expect="either", conf={"spark.sql.execution.arrow.compression.codec": "zstd"})
def compressed_input(spark: Any) -> Any:
    columns = ["text", "bytes", "big", "list"]
    return typed(spark, columns).groupBy("g").applyInPandas(lambda pdf: pdf, schema(columns))


@scenario(conf={"spark.sql.execution.arrow.maxRecordsPerBatch": "2"})
def batches_smaller_than_groups(spark: Any) -> Any:
    return typed(spark, ["flag", "text", "list", "map", "record"]).groupBy("g").applyInPandas(describe, FACTS)


@scenario(conf={"spark.sql.execution.arrow.maxRecordsPerBatch": "0"})
def batches_without_a_limit(spark: Any) -> Any:
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf, "k long, v double, s string")


@scenario(since="4.0", conf={"spark.sql.execution.arrow.maxBytesPerBatch": "64"})
def batches_of_few_bytes(spark: Any) -> Any:
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf, "k long, v double, s string")


@scenario(conf={"spark.sql.pyspark.legacy.inferArrayTypeFromFirstElement.enabled": "true", SAFE: "true"})
def schema_as_object(spark: Any) -> Any:
    from pyspark.sql.types import DoubleType, LongType, StringType, StructType

    wanted = StructType().add("k", LongType(), nullable=False).add("v", DoubleType()).add("s", StringType())
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf, wanted)


@scenario(conf={"spark.sql.execution.pandas.structHandlingMode": "row"})
def structs_as_rows(spark: Any) -> Any:
    return typed(spark, ["record"]).groupBy("g").applyInPandas(describe, FACTS)


@scenario(since="4.0")
def collated_strings_and_chars(spark: Any) -> Any:
    rows = pairs(spark).selectExpr("k", "s collate UNICODE_CI as c", "s")
    return rows.groupBy("c").applyInPandas(lambda pdf: pdf[["k", "s"]], "k long, s string")


@scenario(since="4.0", expect="either")
def variants(spark: Any) -> Any:
    rows = pairs(spark).selectExpr("k", """parse_json('{"a": 1}') as j""")
    return rows.groupBy("k").applyInPandas(lambda pdf: pdf.assign(j=pdf["j"].map(str)), "k long, j string")


@scenario(kind="other", expect="either")
def year_month_intervals(spark: Any) -> Any:
    rows = pairs(spark).selectExpr("k", "interval '1-2' year to month as y")
    return rows.groupBy("k").applyInPandas(lambda pdf: pdf, "k long, y interval year to month")


@scenario(kind="other", expect="either")
def user_defined_types(spark: Any) -> Any:
    from pyspark.ml.linalg import Vectors

    rows = spark.createDataFrame([(1, Vectors.dense([1.0, 2.0])), (2, Vectors.sparse(2, {0: 3.0}))], ["k", "vector"])
    return rows.groupBy("k").applyInPandas(
        lambda pdf: pdf.assign(vector=pdf["vector"].map(repr)), "k long, vector string"
    )
