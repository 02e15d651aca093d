"""Whom the records of `python_worker_logs()` name: PySpark looks for the user's function on the stack."""

from __future__ import annotations

import types
import uuid
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import pandas as pd
import pyarrow as pa

from scenarios.registry import scenario
from scenarios.tables import pairs

PAIRS = "k long, v double, s string"
LOGGED = {"spark.sql.pyspark.worker.logging.enabled": "true", "spark.sql.execution.arrow.maxRecordsPerBatch": "2"}
LEGACY = {
    "spark.sql.legacy.execution.pythonUDF.pandas.conversion.enabled": "true",
    "spark.sql.legacy.execution.pythonUDTF.pandas.conversion.enabled": "true",
}


def speaker(token: str) -> Callable[[str], None]:
    """A function that says something in every way that ends up in the logs."""

    def say(what: str) -> None:
        import logging
        import sys

        from pyspark.logger import PySparkLogger

        print(f"{token} {what}: print")
        print(f"{token} {what}: error", file=sys.stderr)
        logging.getLogger("integration").warning("%s %s: logging", token, what)
        PySparkLogger.getLogger("integration_pyspark").warning(f"{token} {what}: logger", own=what)

    return say


def in_module(function: Any, module: str) -> Any:
    """The same function, or class with functions, as if it were of another module."""
    if isinstance(function, type):
        methods = {name: in_module(each, module) for name, each in vars(function).items() if callable(each)}
        return type(function.__name__, (), {**methods, "__module__": module})
    names = {**function.__globals__, "__name__": module}
    moved = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    moved.__annotations__ = function.__annotations__
    moved.__module__ = module
    return moved


def records(spark: Any, token: str) -> list[tuple[Any, ...]]:
    """What has been logged under the token; windows and aggregates say some things again."""
    found = spark.tvf.python_worker_logs().where(f"msg like '%{token}%'").collect()
    facts = {(row.msg.replace(token, ""), row.level, row.logger, str(sorted(row.context.items()))) for row in found}
    return sorted(facts)


def of_columns(spark: Any, say: Any, moved: Any) -> list[Any]:
    """Functions of columns, each under the name that the records should have."""
    from pyspark.sql import functions as F

    def plain(v: float) -> float:
        say("plain")
        return v

    def optimised(v: float) -> float:
        say("optimised")
        return v

    def series(v: pd.Series) -> pd.Series:
        say("series")
        return v

    def series_iterator(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        say("series_iterator")
        for batch in batches:
            say("series_iterator in its loop")
            yield batch

    def arrays(v: pa.Array) -> pa.Array:
        say("arrays")
        return v

    def arrays_iterator(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        say("arrays_iterator")
        for batch in batches:
            say("arrays_iterator in its loop")
            yield batch

    class Callable_:
        def __call__(self, v: float) -> float:
            say("callable")
            return v

    functions = [
        F.udf(moved(plain), "double"),
        F.udf(moved(Callable_)(), "double"),
        F.udf(moved(optimised), "double", useArrow=True),
        F.udf(moved(Callable_)(), "double", useArrow=True),
        F.pandas_udf(moved(series), "double"),
        F.pandas_udf(moved(series_iterator), "double"),
        F.arrow_udf(moved(arrays), "double"),
        F.arrow_udf(moved(arrays_iterator), "double"),
    ]
    return [pairs(spark).coalesce(1).select(function("v")) for function in functions]


def of_groups_of_columns(spark: Any, say: Any, moved: Any) -> list[Any]:
    """Aggregates and windows."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    def series_total(v: pd.Series) -> float:
        say("series_total")
        return float(v.sum())

    def arrays_count(v: pa.Array) -> float:
        say("arrays_count")
        return float(len(v))

    def series_totals(batches: Iterator[pd.Series]) -> float:
        return float(sum((say("series_totals"), batch.sum())[1] for batch in batches))

    def arrays_counts(batches: Iterator[pa.Array]) -> float:
        total = 0.0
        for batch in batches:
            say("arrays_counts")
            total += len(batch)
        return total

    partitions = Window.partitionBy("k")
    windows = [partitions, partitions.orderBy("s").rowsBetween(-1, 0)]
    rows, found = pairs(spark).coalesce(1), []
    for function in (F.pandas_udf(moved(series_total), "double"), F.arrow_udf(moved(arrays_count), "double")):
        found += [
            rows.groupBy("k").agg(function("v")),
            *(rows.select(function("v").over(window)) for window in windows),
        ]
    if spark.version >= "4.2":
        iterators = (F.pandas_udf(moved(series_totals), "double"), F.arrow_udf(moved(arrays_counts), "double"))
        found += [rows.groupBy("k").agg(function("v")) for function in iterators]
    return found


def of_frames(spark: Any, say: Any, moved: Any) -> list[Any]:
    """Functions of whole frames and tables."""

    def frames(taken: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in taken:
            say("frames")
            yield frame

    def batches(taken: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in taken:
            say("batches")
            yield batch

    def grouped(pdf: pd.DataFrame) -> pd.DataFrame:
        say("grouped")
        return pdf

    def keyed(key: Any, pdf: pd.DataFrame) -> pd.DataFrame:
        say("keyed")
        return pdf

    def table(rows: pa.Table) -> pa.Table:
        say("table")
        return rows

    def both(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
        say("both")
        # As object: stock cannot send what pandas 3 makes of `str` columns here.
        return left.astype({"s": object})

    def both_tables(left: pa.Table, right: pa.Table) -> pa.Table:
        say("both_tables")
        return left

    rows = pairs(spark).coalesce(1)
    groups = rows.groupBy("k")
    return [
        rows.mapInPandas(moved(frames), PAIRS),
        rows.mapInArrow(moved(batches), PAIRS),
        groups.applyInPandas(moved(grouped), PAIRS),
        groups.applyInPandas(moved(keyed), PAIRS),
        groups.applyInPandas(moved(frames), PAIRS),
        groups.applyInArrow(moved(table), PAIRS),
        groups.applyInArrow(moved(batches), PAIRS),
        groups.cogroup(groups).applyInPandas(moved(both), PAIRS),
        groups.cogroup(groups).applyInArrow(moved(both_tables), PAIRS),
    ]


def of_tables(spark: Any, say: Any, moved: Any) -> list[Any]:
    """Table functions."""
    from pyspark.sql import functions as F

    class Rows:
        def __init__(self) -> None:
            say("rows init")

        def eval(self, k: int) -> Iterator[Any]:
            say("rows eval")
            yield (k,)

        def terminate(self) -> Iterator[Any]:
            say("rows terminate")
            yield (-1,)

    class Arrays:
        def eval(self, k: pa.Array) -> Iterator[pa.Table]:
            say("arrays eval")
            yield pa.table({"n": k})

    functions = [
        F.udtf(moved(Rows), returnType="n long", useArrow=False),
        F.udtf(moved(Rows), returnType="n long", useArrow=True),
        F.arrow_udtf(moved(Arrays), returnType="n long"),
    ]
    return [function(F.lit(1)) for function in functions]


def said(spark: Any, families: list[Any], main: bool = False) -> Any:
    """What the records of every function say, if the functions are of a module of their own or of the main one."""
    token = uuid.uuid4().hex
    say = speaker(token)

    def moved(function: Any) -> Any:
        return in_module(function, "__main__") if main else function

    frames = [frame for family in families for frame in family(spark, moved(say), moved)]
    # One job of many tasks, for speed.
    reduce(
        lambda left, right: left.union(right), (frame.selectExpr("to_json(struct(*))") for frame in frames)
    ).collect()
    return records(spark, token)


@scenario(kind="udf", since="4.1", conf=LOGGED)
def log_records_name_the_function(spark: Any) -> Any:
    found = said(spark, [of_columns, of_groups_of_columns, of_frames, of_tables])
    contexts = {context for *_, context in found}
    assert not any(name in context for context in contexts for name in ("dump_stream", "load_stream", "windows"))
    return found


@scenario(kind="udf", since="4.1", conf={**LOGGED, **LEGACY})
def log_records_name_the_function_after_older_conversions(spark: Any) -> Any:
    return said(spark, [of_columns, of_tables])


@scenario(kind="other", since="4.2", conf=LOGGED)
def log_records_of_the_main_module(spark: Any) -> Any:
    # Spark takes such functions for its own, because the worker's main module is `pyspark.daemon`.
    return said(spark, [of_columns, of_groups_of_columns, of_frames, of_tables], main=True)
