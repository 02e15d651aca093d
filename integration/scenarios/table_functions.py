"""Table functions: pickled, over Arrow, and of Arrow arrays; arguments, partitions, what they may give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from scenarios.outcomes import outcome_of, rows_in
from scenarios.registry import scenario
from scenarios.tables import VALUES, pairs, typed

BOTH = {
    name: {"spark.sql.execution.pythonUDTF.arrow.enabled": value}
    for name, value in (("pickled", "false"), ("arrow", "true"))
}
ARROW = BOTH["arrow"]
EVERY = {**BOTH, "legacy": {**ARROW, "spark.sql.legacy.execution.pythonUDTF.pandas.conversion.enabled": "true"}}
TYPES = [name for name in VALUES if name not in ("nothing", "span", "nested")]


@scenario(kind="udf", variants=BOTH)
def table_function_of_every_type(spark: Any) -> Any:
    from pyspark.sql.functions import udtf

    @udtf(returnType=", ".join(f"{name} {VALUES[name][0]}" for name in TYPES))
    class Same:
        def eval(self, *values: Any) -> Iterator[tuple[Any, ...]]:
            yield values

    @udtf(returnType="kinds string, said string")
    class Describe:
        def eval(self, *values: Any) -> Iterator[tuple[str, str]]:
            yield str([type(value).__name__ for value in values]), repr(values)

    spark.udtf.register("integration_same", Same)
    spark.udtf.register("integration_describe", Describe)
    typed(spark, TYPES).coalesce(1).createOrReplaceTempView("integration_typed")
    columns = ", ".join(TYPES)
    return [
        rows_in(spark.sql(f"select t.g, t.i, f.* from integration_typed t, lateral {function}({columns}) f"))
        for function in ("integration_same", "integration_describe")
    ]


@scenario(kind="udf", variants=EVERY)
def table_function_of_few_and_many_rows(spark: Any) -> Any:
    from pyspark.sql.functions import lit, udtf

    @udtf(returnType="n int, s string")
    class Various:
        def __init__(self) -> None:
            self.kept: list[int] = []

        def eval(self, n: int) -> Any:
            self.kept.append(n)
            if n == 0:
                return None
            if n == 1:
                return [(1, "list"), (2, None)]
            return ((number, f"of {n}") for number in range(n))

        def terminate(self) -> Iterator[tuple[int, str]]:
            yield len(self.kept), f"terminated {self.kept}"

    @udtf(returnType="n int")
    class Silent:
        def eval(self) -> None:
            return

    spark.udtf.register("integration_various", Various)
    rows = "select t.id, f.* from range(0, 4, 1, 1) t, lateral integration_various(t.id) f"
    return [rows_in(Various(lit(3000))), rows_in(spark.sql(rows)), rows_in(Silent()), rows_in(Various(lit(2)).limit(1))]


@scenario(kind="udf", variants=EVERY)
def table_function_of_plain_rows(spark: Any) -> Any:
    from pyspark.sql.functions import lit, udtf

    @udtf(returnType="n int, big bigint, share double, said string, odd boolean")
    class Spread:
        """Rows of one type in a column, of two, with nulls, and none."""

        def __init__(self) -> None:
            self.calls = 0

        def eval(self, n: int, s: str) -> Iterator[tuple[Any, ...]]:
            self.calls += 1
            for number in range(n % 4):
                empty = n % 3 == 0 and number == 1
                yield number, None if empty else 2**40 + n, number if empty else n / 7, None if empty else s, n % 2 == 1

        def terminate(self) -> Iterator[tuple[Any, ...]]:
            yield self.calls, -1, float("nan"), "", None

        def cleanup(self) -> None:
            self.calls = 0

    spark.udtf.register("integration_spread", Spread)
    words = spark.range(0, 200, 1, 1).selectExpr("cast(id as int) n", "concat('word ', id) s")
    words.createOrReplaceTempView("integration_words")
    return [
        rows_in(spark.sql("select w.n, f.* from integration_words w, lateral integration_spread(w.n, w.s) f")),
        rows_in(spark.sql("select w.n, f.said from integration_words w left join lateral integration_spread(n, s) f")),
        rows_in(Spread(lit(7), lit("x"))),
    ]


@scenario(kind="udf", since="4.0", variants=BOTH)
def table_function_of_a_table(spark: Any) -> Any:
    from pyspark.sql.functions import udtf

    @udtf(returnType="k bigint, rows int, said string")
    class Count:
        def __init__(self) -> None:
            self.rows: list[str] = []
            self.key: int | None = None

        def eval(self, row: Any, word: str = "usual") -> None:
            from pyspark.sql.functions import SkipRestOfInputTableException

            self.key = row["k"]
            self.rows.append(f"{row.s} {word}")
            if len(self.rows) == 3:
                raise SkipRestOfInputTableException("three are enough")

        def terminate(self) -> Iterator[tuple[Any, ...]]:
            yield self.key, len(self.rows), str(self.rows)

    spark.udtf.register("integration_count_table", Count)
    pairs(spark).createOrReplaceTempView("integration_pairs")
    call = "select * from integration_count_table(table(integration_pairs) {}, word => 'named')"
    return [
        rows_in(spark.sql(call.format("partition by k order by s"))),
        rows_in(spark.sql(call.format("with single partition order by (k, s)"))),
    ]


@scenario(kind="udf", since="4.1")
def arrow_table_functions(spark: Any) -> Any:
    from pyspark.sql.functions import arrow_udtf, lit

    @arrow_udtf(returnType="n long, s string")
    class Numbers:
        def eval(self, n: pa.Array, word: pa.Array) -> Iterator[pa.Table]:
            for count, text in zip(n.to_pylist(), word.to_pylist(), strict=True):
                yield pa.table({"n": pa.array(range(count), pa.int64()), "s": pa.array([f"{text} {n.type}"] * count)})

        def terminate(self) -> Iterator[pa.Table]:
            yield pa.table({"n": pa.array([-1], pa.int64()), "s": pa.array(["end"])})

    @arrow_udtf(returnType="said string")
    class Describe:
        def eval(self, rows: pa.RecordBatch) -> Iterator[pa.Table]:
            yield pa.table({"said": [f"{type(rows).__name__} {rows.schema} {rows.to_pylist()}"]})

    spark.udtf.register("integration_numbers", Numbers)
    spark.udtf.register("integration_describe_batches", Describe)
    pairs(spark).coalesce(1).createOrReplaceTempView("integration_pairs")
    return [
        rows_in(Numbers(lit(3), lit("x"))),
        rows_in(
            spark.sql("select * from integration_describe_batches(table(integration_pairs) partition by k order by s)")
        ),
    ]


@scenario(kind="other", variants=BOTH)
def table_functions_that_fail(spark: Any) -> Any:
    from pyspark.sql.functions import lit, udtf

    def of(eval_: Any, ddl: str = "n int, s string") -> Any:
        class Function:
            pass

        Function.eval = eval_
        return outcome_of(udtf(Function, returnType=ddl)(lit(2)))

    def half_way(self: Any, n: int) -> Iterator[tuple[int, str]]:
        yield n, "first"
        raise LookupError("second")

    return [
        of(lambda self, n: iter([(n,)])),
        of(lambda self, n: iter([(n, "a", "more")])),
        of(lambda self, n: iter([("text", "a")])),
        of(lambda self, n: iter([n])),
        of(lambda self, n: n),
        of(lambda self, n: iter([None])),
        of(half_way),
    ]
