"""applyInPandas over every column type, without nulls, with some, and with nothing but nulls."""

from __future__ import annotations

from typing import Any

import pandas as pd

from scenarios.registry import scenario
from scenarios.tables import FAMILIES, schema, typed

SAFETY = {
    name: {"spark.sql.execution.pandas.convertToArrowArraySafely": value}
    for name, value in (("checked", "true"), ("unchecked", "false"))
}
"""A bigint with a null comes as float64; checked, its way back is an error where the value is too large."""
FACTS = "g string, fact string, value string"


def register_family(family: str, columns: list[str]) -> None:
    """Identity, identity with the key, and what the function sees, for one family of types."""

    def identity(spark: Any) -> Any:
        return typed(spark, columns).groupBy("g").applyInPandas(lambda pdf: pdf, schema(columns))

    def facts(spark: Any) -> Any:
        return typed(spark, columns).groupBy("g").applyInPandas(describe, FACTS)

    def by_key(spark: Any) -> Any:
        def tell(key: tuple[Any, ...], pdf: pd.DataFrame) -> pd.DataFrame:
            return pd.DataFrame({"g": [str(len(pdf))], "fact": ["key"], "value": [repr([(type(k), k) for k in key])]})

        keys = [column for column in columns if column not in ("map", "nested", "nothing")]
        return typed(spark, columns).groupBy(*keys).applyInPandas(tell, FACTS)

    for name, function in (("identity", identity), ("frame_of", facts), ("key_of", by_key)):
        function.__name__ = f"{name}_{family}"
    scenario(variants=SAFETY, expect="either" if family == "numbers" else "rows")(identity)
    scenario()(facts)
    scenario()(by_key)


def describe(pdf: pd.DataFrame) -> pd.DataFrame:
    """Dtypes, index, and the type and repr of every value."""
    facts: list[tuple[str, str]] = [("index", repr(pdf.index)), ("columns", repr(pdf.columns))]
    for name in pdf.columns:
        column = pdf[name]
        facts.append((f"{name} dtype", repr(column.dtype)))
        facts += [(f"{name} {row}", f"{type(value).__name__} {value!r}") for row, value in enumerate(column)]
    return pd.DataFrame({"g": pdf["g"].iloc[0], "fact": [f for f, _ in facts], "value": [v for _, v in facts]})


for _family, _columns in FAMILIES.items():
    register_family(_family, _columns)


@scenario(since="4.1", variants=SAFETY, conf={"spark.sql.timeType.enabled": "true"})
def times_of_day(spark: Any) -> Any:
    """As keys, as they arrive, and as they are returned."""

    def tell(key: tuple[Any, ...], pdf: pd.DataFrame) -> pd.DataFrame:
        return pdf.assign(fact=f"{key!r} {pdf.dtypes.to_dict()} {pdf['t'].tolist()}")

    times = spark.sql(
        "select g, cast(t as time(6)) as t from values (1, '12:34:56.123456'), (1, null), (2, '00:00:00'), "
        "(2, '23:59:59.999999'), (3, null) as t(g, t)"
    )
    by_time = times.groupBy("t").applyInPandas(tell, "g int, t time(6), fact string")
    return by_time.union(times.groupBy("g").applyInPandas(tell, "g int, t time(6), fact string"))


@scenario(conf=SAFETY["unchecked"])
def identity_of_all_types_together(spark: Any) -> Any:
    return typed(spark).groupBy("g").applyInPandas(lambda key, pdf: pdf, schema())
