"""Grouped-map functions that fail: class and text of the error are stock's."""

from __future__ import annotations

from typing import Any

import pandas as pd

from scenarios.registry import scenario
from scenarios.tables import pairs

PAIRS = "k long, v double, s string"
SIMPLIFIED = "spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled"
TRACEBACKS = {"simplified": {SIMPLIFIED: "true"}, "full": {SIMPLIFIED: "false"}}


def attempt(spark: Any, function: Any, ddl: str = PAIRS) -> Any:
    """Applies the function to the groups of `pairs`."""
    return pairs(spark).groupBy("k").applyInPandas(function, ddl)


@scenario(expect="error", variants=TRACEBACKS)
def function_raises(spark: Any) -> Any:
    def inner(pdf: pd.DataFrame) -> float:
        return 1 / (len(pdf) - len(pdf))

    def outer(pdf: pd.DataFrame) -> pd.DataFrame:
        return pdf.assign(v=inner(pdf))

    return attempt(spark, outer)


@scenario(kind="other", expect="error")
def function_raises_with_a_cause(spark: Any) -> Any:
    class Trouble(ValueError):
        pass

    def fail(pdf: pd.DataFrame) -> pd.DataFrame:
        try:
            return pdf["missing"]
        except KeyError as error:
            raise Trouble("žádný sloupec\nsecond line\n\nafter a blank line") from error

    return attempt(spark, fail)


@scenario(expect="error")
def function_raises_in_a_later_group(spark: Any) -> Any:
    def fail(key: tuple[int], pdf: pd.DataFrame) -> pd.DataFrame:
        if key[0] == 299:
            raise RuntimeError(f"group {key[0]} is bad")
        return pdf

    rows = spark.range(600).selectExpr("id % 300 as k", "1.0D as v", "'x' as s")
    return rows.groupBy("k").applyInPandas(fail, PAIRS)


@scenario(expect="error")
def function_raises_stop_iteration(spark: Any) -> Any:
    def stop(pdf: pd.DataFrame) -> pd.DataFrame:
        raise StopIteration("enough")

    return attempt(spark, stop)


@scenario(kind="other", expect="error")
def function_exits(spark: Any) -> Any:
    def leave(pdf: pd.DataFrame) -> pd.DataFrame:
        raise SystemExit("leaving")

    return attempt(spark, leave)


@scenario(kind="other", expect="error")
def function_is_interrupted(spark: Any) -> Any:
    def interrupt(pdf: pd.DataFrame) -> pd.DataFrame:
        raise KeyboardInterrupt

    return attempt(spark, interrupt)


@scenario(kind="other", expect="error")
def exception_that_cannot_be_shown(spark: Any) -> Any:
    class Silent(Exception):
        def __str__(self) -> str:
            raise ValueError("no text")

    def fail(pdf: pd.DataFrame) -> pd.DataFrame:
        raise Silent

    return attempt(spark, fail)


@scenario(kind="other", expect="error")
def recursion_too_deep(spark: Any) -> Any:
    def deep(pdf: pd.DataFrame) -> pd.DataFrame:
        return deep(pdf)

    return attempt(spark, deep)


@scenario(expect="error")
def result_is_none(spark: Any) -> Any:
    return attempt(spark, lambda pdf: None)


@scenario(kind="other", expect="error")
def result_is_a_series(spark: Any) -> Any:
    return attempt(spark, lambda pdf: pdf["v"])


@scenario(kind="other", expect="error")
def result_is_a_list(spark: Any) -> Any:
    return attempt(spark, lambda pdf: [pdf])


@scenario(expect="error")
def result_has_other_columns(spark: Any) -> Any:
    return attempt(spark, lambda pdf: pdf.rename(columns={"v": "w", "s": "t"}))


@scenario(expect="error")
def result_lacks_a_column(spark: Any) -> Any:
    return attempt(spark, lambda pdf: pdf[["k", "v"]])


@scenario(kind="other", expect="error")
def result_has_too_few_numbered_columns(spark: Any) -> Any:
    return attempt(spark, lambda pdf: pd.DataFrame([[1, 2.5]]))


@scenario(expect="error")
def text_for_a_number(spark: Any) -> Any:
    return attempt(spark, lambda pdf: pdf.assign(v="text"))


@scenario(kind="other", expect="error")
def text_for_a_time(spark: Any) -> Any:
    return attempt(spark, lambda pdf: pd.DataFrame({"t": ["2024-01-01"]}), "t timestamp")


@scenario(kind="other", expect="either")
def text_for_a_date(spark: Any) -> Any:
    return attempt(spark, lambda pdf: pd.DataFrame({"t": ["2024-01-01"]}), "t date")


@scenario(kind="other", expect="error")
def wrong_type_deep_inside(spark: Any) -> Any:
    return attempt(spark, lambda pdf: pd.DataFrame({"a": [[{"x": object()}]]}), "a array<struct<x:int>>")


@scenario(expect="error", conf={"spark.sql.execution.pandas.convertToArrowArraySafely": "true"})
def whole_number_overflows(spark: Any) -> Any:
    return attempt(spark, lambda pdf: pd.DataFrame({"n": [2**40]}), "n int")


@scenario(kind="other", expect="error")
def decimal_overflows(spark: Any) -> Any:
    from decimal import Decimal

    return attempt(spark, lambda pdf: pd.DataFrame({"n": [Decimal("123456.789")]}), "n decimal(5,2)")


@scenario(kind="other", expect="error")
def mixed_objects(spark: Any) -> Any:
    return attempt(spark, lambda pdf: pd.DataFrame({"n": [1, "two", None]}), "n int")


@scenario(kind="other", expect="error")
def wrong_type_after_good_groups(spark: Any) -> Any:
    def late(key: tuple[int], pdf: pd.DataFrame) -> pd.DataFrame:
        return pdf.assign(v="bad") if key[0] > 150 else pdf

    rows = spark.range(400).selectExpr("id % 200 as k", "1.0D as v", "'x' as s")
    return rows.groupBy("k").applyInPandas(late, PAIRS)


@scenario(kind="other", expect="error", grouped=False)
def function_cannot_be_loaded(spark: Any) -> Any:
    class Unloadable:
        def __reduce__(self) -> Any:
            return (int, ("not a number",))

    broken = Unloadable()
    return attempt(spark, lambda pdf: pdf.assign(s=repr(broken)))


@scenario(expect="error", grouped=False)
def input_fails_in_the_jvm(spark: Any) -> Any:
    rows = spark.range(1000).selectExpr("id % 5 as k", "1.0D as v", "if(id = 990, raise_error('bad input'), 'x') as s")
    return rows.coalesce(1).groupBy("k").applyInPandas(lambda pdf: pdf, PAIRS)


@scenario()
def work_goes_on_after_an_error(spark: Any) -> Any:
    def fail(pdf: pd.DataFrame) -> pd.DataFrame:
        raise ValueError("first try")

    try:
        attempt(spark, fail).collect()
    except Exception as error:
        first = type(error).__name__
    return [first, sorted(tuple(row) for row in attempt(spark, lambda pdf: pdf.head(1)).collect())]
