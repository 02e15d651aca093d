"""Both conversions side by side on the same groups (`BOWSTRING_NATIVE=verify`): nobody notices."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

from scenarios.registry import scenario
from scenarios.tables import VALUES, pairs, schema, typed


@contextmanager
def verifying(spark: Any) -> Iterator[None]:
    """Functions made within have workers of their own, which verify."""
    environment = spark.sparkContext.environment
    before = environment.get("BOWSTRING_NATIVE")
    environment["BOWSTRING_NATIVE"] = "verify"
    try:
        yield
    finally:
        environment.pop("BOWSTRING_NATIVE")
        if before is not None:
            environment["BOWSTRING_NATIVE"] = before


def rows_and_calls(spark: Any, table: Any, ddl: str) -> list[Any]:
    """The mode that the workers run in, the calls of the function, and the rows that came back."""
    calls = spark.sparkContext.accumulator(0)

    def count(key: tuple[Any, ...], pdf: pd.DataFrame) -> pd.DataFrame:
        calls.add(1)
        return pdf

    def mode(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"mode": [os.environ["BOWSTRING_NATIVE"]]})

    with verifying(spark):
        said = spark.range(1).groupBy("id").applyInPandas(mode, "mode string").collect()
        rows = table.groupBy(table.columns[0]).applyInPandas(count, ddl).collect()
    return [*said, calls.value, *sorted(rows, key=repr)]


@scenario()
def verified_types(spark: Any) -> Any:
    # A long beyond 2^53 beside a null comes back as a float that does not fit, which is an error in stock.
    columns = [name for name in VALUES if name != "big"]
    return rows_and_calls(spark, typed(spark, columns), schema(columns))


@scenario()
def verified_groups(spark: Any) -> Any:
    return rows_and_calls(spark, pairs(spark), "k long, v double, s string")


@scenario(expect="error")
def verified_error(spark: Any) -> Any:
    with verifying(spark):
        return pairs(spark).groupBy("k").applyInPandas(lambda pdf: pdf.assign(v="text"), "k long, v double, s string")
