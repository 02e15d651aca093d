"""What a grouped-map function may return, and what becomes of it."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scenarios.registry import scenario
from scenarios.tables import pairs

UNCHECKED = {"spark.sql.execution.pandas.convertToArrowArraySafely": "false"}
BY_POSITION = {"spark.sql.legacy.execution.pandas.groupedMap.assignColumnsByName": "false"}
PAIRS = "k long, v double, s string"


@scenario()
def columns_in_another_order(spark: Any) -> Any:
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf[["s", "k", "v"]], PAIRS)


@scenario(kind="other", expect="either")
def columns_too_many(spark: Any) -> Any:
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf.assign(more=1), PAIRS)


@scenario()
def fewer_columns_declared(spark: Any) -> Any:
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf[["v"]], "v double")


@scenario(conf=BY_POSITION)
def columns_by_position(spark: Any) -> Any:
    return (
        pairs(spark)
        .groupBy("k")
        .applyInPandas(lambda pdf: pdf.rename(columns={"k": "z"}), "a long, b double, c string")
    )


@scenario()
def columns_labelled_by_numbers(spark: Any) -> Any:
    def number(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame([[1, 2.5, "x"], [len(pdf), 0.5, None]])

    return pairs(spark).groupBy("k").applyInPandas(number, PAIRS)


@scenario()
def dtypes_wider_or_narrower_than_declared(spark: Any) -> Any:
    def cast(pdf: pd.DataFrame) -> pd.DataFrame:
        count = len(pdf)
        return pd.DataFrame(
            {
                "a": np.arange(count, dtype="int8"),
                "b": np.arange(count, dtype="int64"),
                "c": np.arange(count, dtype="uint16"),
                "d": np.arange(count, dtype="float64"),
                "e": np.arange(count, dtype="int64"),
                "f": np.arange(count, dtype="float32"),
                "g": np.arange(count, dtype="float64") / 4,
                "h": [None if n % 2 else n for n in range(count)],
            }
        )

    ddl = "a long, b int, c short, d int, e double, f double, g float, h int"
    return pairs(spark).groupBy("k").applyInPandas(cast, ddl)


@scenario(conf=UNCHECKED, expect="either")
def values_cut_off_when_unchecked(spark: Any) -> Any:
    def cast(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"a": [2**40, -(2**40) + 7], "b": [1.9, -1.9], "c": [300, -300]})

    return pairs(spark).groupBy("k").applyInPandas(cast, "a int, b int, c tinyint")


@scenario(kind="other", expect="either")
def numbers_become_strings(spark: Any) -> Any:
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf.assign(s=pdf["v"]), PAIRS)


@scenario(expect="either")
def numbers_become_booleans(spark: Any) -> Any:
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pd.DataFrame({"b": [0, 1, 2]}), "b boolean")


@scenario()
def python_objects_become_values(spark: Any) -> Any:
    def build(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "a": [decimal.Decimal("1.5"), None],
                "b": [datetime.date(2024, 2, 29), None],
                "c": [datetime.datetime(2024, 2, 29, 1, 2, 3, 4), None],
                "d": [datetime.timedelta(days=1, microseconds=1), None],
                "e": [b"\x00\xff", None],
                "f": [True, None],
                "g": ["ž", None],
                "h": [[1, None], None],
                "i": [{"a": 1}, None],
                "j": [{"x": 1, "y": "z"}, None],
                "l": [np.array([1, 2]), None],
            }
        )

    ddl = (
        "a decimal(10,2), b date, c timestamp, d interval day to second, e binary, f boolean, g string, "
        "h array<int>, i map<string,int>, j struct<x:int,y:string>, l array<bigint>"
    )
    return pairs(spark).groupBy("k").applyInPandas(build, ddl)


@scenario()
def missing_values_of_every_sort(spark: Any) -> Any:
    def build(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "a": pd.Series([1.5, None, np.nan, pd.NA], dtype=object),
                "b": pd.Series(["x", None, np.nan, pd.NA], dtype=object),
                "c": pd.Series([pd.Timestamp("2024-01-01"), pd.NaT, None, pd.NaT]),
                "d": [np.nan, 1.0, np.inf, -0.0],
                "e": pd.Series([1, None, np.nan, 4], dtype=object),
            }
        )

    return pairs(spark).groupBy("k").applyInPandas(build, "a double, b string, c timestamp, d double, e long")


@scenario(expect="either")
def extension_dtypes(spark: Any) -> Any:
    def build(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "a": pd.array([1, None], dtype="Int64"),
                "b": pd.array([True, None], dtype="boolean"),
                "c": pd.array(["x", None], dtype="string"),
                "d": pd.array([1.5, None], dtype="Float64"),
                "e": pd.Categorical(["p", None], categories=["q", "p"]),
                "f": pd.array([1, None], dtype=pd.ArrowDtype(pa.int32())),
                "g": pd.array(["x", None], dtype=pd.ArrowDtype(pa.string())),
            }
        )

    ddl = "a long, b boolean, c string, d double, e string, f int, g string"
    return pairs(spark).groupBy("k").applyInPandas(build, ddl)


@scenario()
def category_of_numbers(spark: Any) -> Any:
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf.assign(k=pdf["k"].astype("category")), PAIRS)


@scenario()
def times_with_zones_and_units(spark: Any) -> Any:
    def build(pdf: pd.DataFrame) -> pd.DataFrame:
        moment = pd.Timestamp("2024-11-03 01:30:00.123456")
        return pd.DataFrame(
            {
                "a": pd.Series([moment, None]).dt.tz_localize("Asia/Kolkata"),
                "b": pd.Series([moment, None]).astype("datetime64[s]"),
                "c": pd.Series([moment, None]).astype("datetime64[ms]"),
                "d": pd.Series([moment, None]).astype("datetime64[us]"),
                "e": pd.Series([pd.Timedelta(days=1, milliseconds=5), None]).astype("timedelta64[ms]"),
            }
        )

    ddl = "a timestamp, b timestamp, c timestamp_ntz, d timestamp_ntz, e interval day to second"
    return pairs(spark).groupBy("k").applyInPandas(build, ddl)


@scenario()
def some_groups_give_no_rows(spark: Any) -> Any:
    def drop(key: tuple[int], pdf: pd.DataFrame) -> pd.DataFrame:
        return {1: pdf.iloc[:0], 2: pdf, 3: pd.DataFrame(columns=["k", "v", "s"])}[key[0]]

    return pairs(spark).groupBy("k").applyInPandas(drop, PAIRS)


@scenario(expect="either")
def frames_without_columns(spark: Any) -> Any:
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pd.DataFrame(), PAIRS)


@scenario(kind="other", expect="either")
def empty_frames_of_other_dtypes(spark: Any) -> Any:
    empty = pd.DataFrame({"k": pd.Series(dtype=object), "v": pd.Series(dtype="int64"), "s": pd.Series(dtype="float64")})
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: empty, PAIRS)


@scenario(kind="other", expect="either")
def duplicate_columns_returned(spark: Any) -> Any:
    def build(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([pdf, pdf[["s"]]], axis=1)

    return pairs(spark).groupBy("k").applyInPandas(build, PAIRS)


@scenario()
def subclass_of_dataframe(spark: Any) -> Any:
    class Special(pd.DataFrame):
        @property
        def _constructor(self) -> type[pd.DataFrame]:
            return Special

    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: Special(pdf), PAIRS)


@scenario()
def nested_results(spark: Any) -> Any:
    def build(pdf: pd.DataFrame) -> pd.DataFrame:
        moments = [datetime.datetime(2024, 1, 1), None]
        return pd.DataFrame(
            {
                "a": [[[1], None, []], None],
                "b": [{"k": [1.5, None]}, None],
                "c": [[{"x": 1, "y": {"z": "q"}}], None],
                "d": [moments, None],
            }
        )

    ddl = (
        "a array<array<int>>, b map<string,array<double>>, c array<struct<x:int,y:struct<z:string>>>, "
        "d array<timestamp>"
    )
    return pairs(spark).groupBy("k").applyInPandas(build, ddl)


@scenario(kind="other", expect="either")
def map_as_list_of_pairs(spark: Any) -> Any:
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pd.DataFrame({"m": [[("k", 1)]]}), "m map<string,int>")


@scenario(kind="other", expect="either")
def numbers_of_the_other_byte_order(spark: Any) -> Any:
    return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pd.DataFrame({"n": np.arange(3, dtype=">i4")}), "n int")


@scenario()
def instants_just_before_midnight_for_dates(spark: Any) -> Any:
    def before(pdf: pd.DataFrame) -> pd.DataFrame:
        nanos = np.array([-1, 0, 86_400_000_000_000 - 1, -86_400_000_000_001], dtype="datetime64[ns]")
        return pd.DataFrame({"d": nanos})

    return pairs(spark).groupBy("k").applyInPandas(before, "d date")


@scenario()
def booleans_with_every_kind_of_null(spark: Any) -> Any:
    def nulls(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"b": pd.Series([True, None, False, float("nan"), pd.NA, pd.NaT], dtype=object)})

    return pairs(spark).groupBy("k").applyInPandas(nulls, "b boolean")
