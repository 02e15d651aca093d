"""Functions of one row, pickled and over Arrow: which values become what, and where such functions may stand."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator
from typing import Any

import pandas as pd

from scenarios.outcomes import outcome_of, rows_in
from scenarios.registry import scenario
from scenarios.tables import VALUES, pairs, typed

ARROW = "spark.sql.execution.pythonUDF.arrow.enabled"
BATCHES_OF_TWO = {"spark.sql.execution.arrow.maxRecordsPerBatch": "2"}
TYPES = [name for name in VALUES if name not in ("nothing", "span", "nested")]

FITTING: dict[str, list[Any]] = {
    "boolean": [True, False, None],
    "tinyint": [-128, 127, None],
    "smallint": [-32768, 32767, None],
    "int": [-(2**31), 2**31 - 1, None],
    "bigint": [-(2**63), 2**63 - 1, 2**53 + 1, None],
    "float": [1.5, float("nan"), float("-inf"), 1e-45, None],
    "double": [1.5, float("nan"), float("-inf"), -0.0, 5e-324, None],
    "string": ["", "ž🐎\0", "x" * 300, None],
    "binary": [b"", b"\x00\xff", bytearray(b"ab"), None],
    "date": [datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(1582, 10, 10), None],
    "timestamp": [
        datetime.datetime(1901, 1, 1, 0, 0, 0, 1),
        datetime.datetime(2024, 3, 10, 2, 30),
        datetime.datetime(2024, 3, 10, 2, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=5))),
        None,
    ],
    "timestamp_ntz": [datetime.datetime(2024, 11, 3, 1, 30), datetime.datetime(1900, 1, 1), None],
    "interval day to second": [datetime.timedelta(days=-1, microseconds=5), datetime.timedelta(0), None],
    "decimal(10,2)": [decimal.Decimal("1.50"), decimal.Decimal("-99999999.99"), decimal.Decimal("2"), None],
    "array<int>": [[], [1, None, 3], None],
    "map<string,double>": [{}, {"a": 1.5, "b": None}, None],
    "struct<x:int,y:array<string>>": [(1, ["a"]), (None, None), (2, []), None],
    "array<struct<a:date,b:map<string,int>>>": [[(datetime.date(2024, 2, 29), {"k": 1}), None], None],
}
"""Return type: values that belong to it."""

COERCED: dict[str, list[Any]] = {
    "boolean": [1, "true", 0.0],
    "int": [True, 1.0, "7"],
    "bigint": [1.5, decimal.Decimal(3), datetime.date(2024, 1, 1)],
    "double": [1, True, "1.5", decimal.Decimal("1.5")],
    "string": [1, True, 1.5, None, b"ab", [1], {"a": 1}, datetime.date(2024, 1, 1), (1, "a")],
    "binary": ["text", 5],
    "date": [datetime.datetime(2024, 1, 1, 23, 59), "2024-01-01"],
    "timestamp": [datetime.date(2024, 1, 1), 1_700_000_000],
    "decimal(10,2)": [1, 1.5, decimal.Decimal("1.555"), "1.5"],
    "array<int>": [(1, 2), [1.0, True], range(2)],
    "struct<x:int,y:string>": [{"x": 1, "y": "a"}, [1, "a"], {"y": "only"}],
}
"""Return type: values of other types, some of which are taken, some turned into null, some refused."""


def constant(values: list[Any], ddl: str, *, arrow: bool | None) -> Any:
    """A function of a number that returns one of the values."""
    from pyspark.sql.functions import udf

    return udf(lambda index: values[index] if index < len(values) else None, ddl, useArrow=arrow)


@scenario(kind="udf", variants={"usual": {}, "batches of two": BATCHES_OF_TWO})
def values_that_fit_their_type(spark: Any) -> Any:
    numbers = spark.range(5).coalesce(1)
    return numbers.select("id", *(constant(values, ddl, arrow=True)("id") for ddl, values in FITTING.items()))


@scenario(kind="udf", since="4.2")
def values_that_fit_their_type_by_default(spark: Any) -> Any:
    numbers = spark.range(5).coalesce(1)
    return numbers.select("id", *(constant(values, ddl, arrow=None)("id") for ddl, values in FITTING.items()))


@scenario(kind="udf")
def values_that_fit_their_type_pickled(spark: Any) -> Any:
    numbers = spark.range(5).coalesce(1)
    chosen = {ddl: values for ddl, values in FITTING.items() if ddl != "binary"}
    return numbers.select("id", *(constant(values, ddl, arrow=False)("id") for ddl, values in chosen.items()))


@scenario(kind="udf")
def values_of_other_types_as_strings(spark: Any) -> Any:
    return spark.range(9).coalesce(1).select("id", constant(COERCED["string"], "string", arrow=True)("id"))


@scenario(kind="other")
def values_of_other_types(spark: Any) -> Any:
    found = []
    for ddl, values in COERCED.items():
        for value in values:
            frame = spark.range(1, numPartitions=1).select(constant([value], ddl, arrow=True)("id").alias("found"))
            found.append([f"{ddl} {value!r}", outcome_of(frame)])
    return found


@scenario(kind="udf", conf={ARROW: "true", "spark.sql.session.timeZone": "America/New_York"})
def arguments_over_arrow(spark: Any) -> Any:
    from pyspark.sql.functions import struct, udf

    show = udf(lambda *values: repr([(type(value).__name__, value) for value in values]), "string")
    rows = typed(spark, TYPES).coalesce(1)
    return rows.select("g", "i", *(show(name) for name in TYPES), show(struct("whole", struct("text", "list"))))


@scenario(kind="udf", variants={"pickled": {ARROW: "false"}, "arrow": {ARROW: "true"}})
def plain_functions_everywhere(spark: Any) -> Any:
    from pyspark.sql.functions import col, lit, udf, when

    odd = udf(lambda k: k % 2 == 1, "boolean")
    shout = udf(lambda s: None if s is None else s.upper() + "!", "string")
    nothing = udf(lambda: 42, "int")
    width = udf(lambda pair: len(pair[1] or "") + pair[0], "long")
    pair = udf(lambda k, s: (k, s), "struct<k:bigint,s:string>")
    rows = pairs(spark).coalesce(1)
    other = spark.range(1, 4, 1, 1).withColumn("k2", col("id"))
    return [
        rows_in(
            rows.where(odd("k")).select(shout(shout("s")), nothing(), when(odd("k"), shout("s")), width(pair("k", "s")))
        ),
        rows_in(rows.groupBy(odd("k").alias("odd")).count()),
        rows_in(rows.join(other, odd(rows["k"] + other["k2"])).select("s", "id")),
        rows_in(rows.orderBy(shout("s")).limit(3).select(shout(lit("x")), "k")),
    ]


@scenario(kind="udf")
def functions_of_several_kinds_in_one_select(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf, udf

    pickled = udf(lambda k: k + 1, "long", useArrow=False)
    arrow = udf(lambda k: k * 2, "long", useArrow=True)

    @pandas_udf("long")
    def batch(k: pd.Series) -> pd.Series:
        return k - 1

    @pandas_udf("long")
    def iterated(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for each in batches:
            yield each * 10

    # One task, since each kind in it has a worker of its own.
    rows = pairs(spark).coalesce(1)
    return rows.select(pickled("k"), arrow("k"), batch("k"), iterated("k"), pickled(arrow(batch("k"))), "s")


@scenario(kind="udf", since="4.1", conf={ARROW: "true", "spark.sql.execution.pythonUDF.arrow.concurrency.level": "2"})
def arrow_functions_in_threads(spark: Any) -> Any:
    from pyspark.sql.functions import udf

    return pairs(spark).select(udf(lambda k: k + 1, "long")("k"), udf(lambda s: repr(s), "string")("s"))


@scenario(kind="udf", expect="error")
def arrow_function_raises_half_way(spark: Any) -> Any:
    from pyspark.sql.functions import udf

    @udf("long", useArrow=True)
    def fail(number: int) -> int:
        if number == 17:
            raise LookupError("seventeen")
        return number

    return spark.range(30).coalesce(1).select(fail("id"))


@scenario(kind="udf")
def rdd_functions_of_every_value(spark: Any) -> Any:
    values = [value for each in FITTING.values() for value in each]
    numbers = spark.sparkContext.parallelize(values, 2)
    shown = numbers.map(lambda value: (type(value).__name__, repr(value))).collect()
    return [shown, typed(spark, TYPES).rdd.map(lambda row: repr(row)).collect(), numbers.map(lambda v: v).count()]
