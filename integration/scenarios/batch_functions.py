"""Functions of columns in batches, pandas and Arrow, as they are and as iterators: what they get and may return."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scenarios.outcomes import outcome_of, rows_in
from scenarios.registry import scenario
from scenarios.tables import VALUES, no_rows, pairs, typed

BATCHES_OF_TWO = {"spark.sql.execution.arrow.maxRecordsPerBatch": "2"}
BATCHES_OF_FIVE = {"spark.sql.execution.arrow.maxRecordsPerBatch": "5"}
TYPES = [name for name in VALUES if name not in ("nothing", "nested")]


def one_task(spark: Any) -> Any:
    """The rows of `pairs` in one task."""
    return pairs(spark).coalesce(1)


@scenario(kind="udf", conf=BATCHES_OF_FIVE)
def series_of_every_type(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("string")
    def describe(*values: pd.Series) -> pd.Series:
        said = []
        for each in values:
            if isinstance(each, pd.DataFrame):
                said.append([type(each).__name__, list(map(str, each.dtypes)), each.to_dict("list")])
            else:
                flag = each.to_numpy(copy=False).flags.writeable
                said.append([each.name, str(each.dtype), repr(each.index), flag, each.tolist()])
        return pd.Series([f"{number} {said}" for number in range(len(values[0]))])

    rows = typed(spark, TYPES).coalesce(1)
    return rows.select("g", "i", *(describe(name).alias(name) for name in TYPES), describe("whole", "text", "record"))


@scenario(kind="udf")
def series_of_every_type_returned(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf

    def same(values: pd.Series) -> pd.Series:
        return values

    def same_struct(values: pd.DataFrame) -> pd.DataFrame:
        return values

    for name in TYPES:
        function = same_struct if name == "record" else same
        spark.udf.register(f"same_{name}", pandas_udf(function, VALUES[name][0]))

    def returned(rows: Any, names: list[str]) -> list[str]:
        return rows_in(rows.selectExpr("g", "i", *(f"same_{name}({name}) as {name}" for name in names)))

    # Among nulls a large whole number is not what it was, and stock says so.
    rows, exact = typed(spark, TYPES), [name for name in TYPES if name != "big"]
    return [returned(rows.where("g = 'none'"), TYPES), returned(rows.coalesce(1), exact)]


@scenario(kind="udf", since="4.1", conf=BATCHES_OF_FIVE)
def arrays_of_every_type(spark: Any) -> Any:
    from pyspark.sql.functions import arrow_udf

    @arrow_udf("string")
    def describe(*values: pa.Array) -> pa.Array:
        said = [[type(v).__name__, str(v.type), v.null_count, v.offset, v.to_pylist()] for v in values]
        return pa.array([f"{number} {said}" for number in range(len(values[0]))])

    def same(values: pa.Array) -> pa.Array:
        return values

    for name in VALUES:
        spark.udf.register(f"same_{name}", arrow_udf(same, VALUES[name][0]))
    rows = typed(spark).coalesce(1)
    described = rows.select("g", "i", *(describe(name) for name in VALUES), describe("whole", "text", "record"))
    return [rows_in(described), rows_in(rows.selectExpr("g", "i", *(f"same_{name}({name})" for name in VALUES)))]


@scenario(kind="udf", conf=BATCHES_OF_TWO)
def pandas_functions_beside_each_other(spark: Any) -> Any:
    from pyspark.sql.functions import col, lit, pandas_udf, struct

    @pandas_udf("double")
    def plus(v: pd.Series, w: pd.Series) -> pd.Series:
        return v + w

    @pandas_udf("string")
    def size(v: pd.Series) -> pd.Series:
        return pd.Series([f"{i} of {len(v)}" for i in range(len(v))], index=range(100, 100 + len(v)))

    @pandas_udf("a long, b string")
    def split(k: pd.Series, s: pd.Series) -> pd.DataFrame:
        return pd.DataFrame({"b": s, "a": -k})

    @pandas_udf("string")
    def inner(f: pd.DataFrame) -> pd.Series:
        return pd.Series([f"{list(f.columns)} {list(row)}" for row in f.itertuples(index=False)])

    rows = one_task(spark).where(plus("v", lit(1.0)) != 5.0)
    return rows.select(
        plus("v", "v"),
        plus(plus("v", lit(0.5)), col("k") * 2.0),
        size("k"),
        size(size("s")),
        split("k", "s"),
        split("k", "s")["b"],
        inner(split("k", "s")),
        inner(struct(col("k").alias("a"), col("s").alias("b"))),
        col("s"),
    )


@scenario(kind="udf", since="4.0")
def keyword_arguments(spark: Any) -> Any:
    from pyspark.sql.functions import col, lit, pandas_udf, udf

    @pandas_udf("string")
    def batch(k: pd.Series, v: pd.Series, s: pd.Series) -> pd.Series:
        return k.astype(str) + "|" + v.astype(str) + "|" + s.fillna("none")

    @udf("string")
    def one(k: int, *rest: Any, v: float = 0.5, **more: Any) -> str:
        return repr((k, rest, v, more))

    @pandas_udf("double")
    def total(v: pd.Series, k: pd.Series) -> float:
        return float(v.sum() + 100 * k.sum())

    rows = one_task(spark)
    spark.udf.register("integration_keywords", batch)
    return [
        rows_in(rows.select(batch(s="s", k="k", v="v"), batch("k", s=lit("x"), v=col("v") + 1))),
        rows_in(rows.select(one("k"), one("k", v="v"), one(k="k", s="s"), one("k", "s", "v", v=lit(1.0), w="k"))),
        rows_in(rows.selectExpr("integration_keywords(v => v, s => s, k => k + 1)")),
        rows_in(rows.groupBy("k").agg(total(k="k", v="v"), total("v", k="k"))),
    ]


@scenario(kind="udf", conf=BATCHES_OF_TWO)
def pandas_iterators(spark: Any) -> Any:
    from pyspark.sql.functions import col, pandas_udf, struct

    @pandas_udf("string")
    def numbered(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for number, batch in enumerate(batches):
            yield pd.Series([f"{number} {batch.dtype} {value}" for value in batch])

    @pandas_udf("string")
    def several(batches: Iterator[tuple[pd.Series, pd.DataFrame]]) -> Iterator[pd.Series]:
        for number, (series, frame) in enumerate(batches):
            yield series.astype(str) + f" {number} {frame.to_dict('list')}"

    @pandas_udf("n long, s string")
    def structs(batches: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        seen = 0
        for batch in batches:
            seen += len(batch)
            yield pd.DataFrame({"n": seen, "s": batch})

    @pandas_udf("long")
    def ahead(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        before = next(batches)
        for batch in batches:
            yield before
            before = batch
        yield before

    rows = one_task(spark)
    return rows.select(
        numbered("s"), several("k", struct("v", "s")), structs("s"), ahead("k"), numbered(ahead(col("k") + 1))
    )


@scenario(kind="udf", since="4.1", conf=BATCHES_OF_TWO)
def arrow_functions_beside_each_other(spark: Any) -> Any:
    from pyspark.sql.functions import arrow_udf, col, lit, struct

    @arrow_udf("double")
    def plus(v: pa.Array, w: pa.Array) -> pa.Array:
        return pc.add(v, w)

    @arrow_udf("struct<a:bigint,b:string>")
    def split(k: pa.Array, s: pa.Array) -> pa.Array:
        return pa.StructArray.from_arrays([pc.negate(k), s], names=["a", "b"])

    @arrow_udf("string")
    def describe(f: pa.Array) -> pa.Array:
        return pa.array([f"{f.type} {value}" for value in f.to_pylist()])

    @arrow_udf("string")
    def numbered(batches: Iterator[tuple[pa.Array, pa.Array]]) -> Iterator[pa.Array]:
        for number, (one, other) in enumerate(batches):
            yield pa.array([f"{number} {a} {b}" for a, b in zip(one.to_pylist(), other.to_pylist(), strict=True)])

    @arrow_udf("long")
    def ahead(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        yield from list(batches)

    rows = one_task(spark)
    chosen = rows.select(
        plus("v", v_plus := lit(0.5)),
        plus(plus("v", v_plus), col("k") * 2.0),
        split("k", "s"),
        describe(split("k", "s")),
        describe(struct("k", "v")),
    )
    return [rows_in(chosen), rows_in(rows.select(plus(w="v", v=lit(2.0)), numbered("k", "s"), ahead("k")))]


@scenario(kind="udf", conf=BATCHES_OF_TWO, expect="error")
def pandas_iterator_ends_early(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("long")
    def first(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        yield next(batches)

    return one_task(spark).select(first("k"))


@scenario(kind="udf", conf=BATCHES_OF_TWO, expect="error")
def pandas_iterator_yields_too_much(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("long")
    def more(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        yield from batches
        yield pd.Series([1])

    return one_task(spark).select(more("k"))


@scenario(kind="udf")
def batch_functions_over_no_rows(spark: Any) -> Any:
    from pyspark.sql.functions import pandas_udf

    @pandas_udf("long")
    def each(k: pd.Series) -> pd.Series:
        return k + 1

    @pandas_udf("long")
    def iterated(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        yield from batches

    return no_rows(spark).select(each("k"), "s").union(no_rows(spark).select(iterated("k"), "s"))


@scenario(kind="udf")
def series_in_other_shapes(spark: Any) -> Any:
    from pyspark.sql.functions import col, pandas_udf

    def of(function: Any, ddl: str, column: str = "k") -> Any:
        function.__annotations__ = {"v": pd.Series, "return": pd.Series}
        return pandas_udf(function, ddl)(col(column))

    return one_task(spark).select(
        of(lambda v: v.astype("int32"), "long"),
        of(lambda v: v.astype("float64"), "long"),
        of(lambda v: v.astype("Int64").where(v != 2), "long"),
        of(lambda v: v == 2, "boolean"),
        of(lambda v: v.astype(object).where(v != 2, None), "long"),
        of(lambda v: pd.to_datetime(v, unit="D"), "timestamp"),
        of(lambda v: pd.to_datetime(v, unit="D").dt.date, "date"),
        of(lambda v: pd.Series([[n] * n for n in v]), "array<long>"),
        of(lambda v: pd.Series([{"a": n} for n in v]), "map<string,long>"),
        of(lambda v: pd.to_timedelta(v, unit="s"), "interval day to second"),
        of(lambda v: v.sort_values(ascending=False), "double", "v"),
    )


@scenario(kind="other")
def series_of_what_they_must_not_be(spark: Any) -> Any:
    from pyspark.sql.functions import col, pandas_udf

    def attempt(function: Any, ddl: str = "long") -> Any:
        return outcome_of(one_task(spark).select(pandas_udf(function, ddl)(col("k"))))

    def failing(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        yield next(batches)
        raise OSError("second batch")

    return [
        attempt(lambda v: None),
        attempt(lambda v: 1),
        attempt(lambda v: v.head(1)),
        attempt(lambda v: v.astype(str) + "x"),
        attempt(lambda v: v, "a long, b long"),
        attempt(lambda v: pd.DataFrame({"a": v}), "a long, b long"),
        attempt(lambda v: pd.DataFrame({"a": v, "b": v}).head(1), "a long, b long"),
        attempt(lambda v: v.to_numpy() * 2),
        attempt(lambda v: list(v)),
        attempt(failing),
    ]


@scenario(kind="other", since="4.1")
def arrays_of_what_they_must_not_be(spark: Any) -> Any:
    from pyspark.sql.functions import arrow_udf, col

    def attempt(function: Any, ddl: str = "long") -> Any:
        function.__annotations__ = {"v": pa.Array, "return": pa.Array}
        return outcome_of(one_task(spark).select(arrow_udf(function, ddl)(col("k"))))

    @arrow_udf("long")
    def early(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        yield next(batches).slice(0, 1)

    @arrow_udf("long")
    def late(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        yield from batches
        yield pa.array([1])

    return [
        attempt(lambda v: None),
        attempt(lambda v: v.slice(0, 1)),
        attempt(lambda v: v.cast(pa.int32())),
        attempt(lambda v: v.cast(pa.string())),
        attempt(lambda v: pc.add(v, 1), "string"),
        attempt(lambda v: v.to_pylist()),
        attempt(lambda v: pa.chunked_array([v])),
        outcome_of(one_task(spark).select(early("k"))),
        outcome_of(one_task(spark).select(late("k"))),
    ]
