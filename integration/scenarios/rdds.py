"""RDD functions, and what a task has around it: accumulators, broadcasts, files, barriers, its context."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from scenarios.registry import scenario
from scenarios.tables import pairs


@scenario(kind="other")
def rdd_transformations(spark: Any) -> Any:
    numbers = spark.sparkContext.parallelize(range(20), 3)
    words = spark.sparkContext.parallelize(["a", "b", "ž"], 2)
    keyed = numbers.map(lambda n: (n % 3, n))
    return [
        numbers.map(lambda n: (n, str(n), {"n": float(n)})).collect(),
        numbers.mapPartitionsWithIndex(lambda index, part: [(index, sum(part))]).collect(),
        sorted(numbers.cartesian(words).collect()),
        numbers.zip(numbers.map(lambda n: n * n)).collect(),
        words.zipWithIndex().collect(),
        words.pipe("cat").collect(),
        numbers.sortBy(lambda n: -n).take(5),
        numbers.aggregate((0, 0), lambda pair, n: (pair[0] + n, pair[1] + 1), lambda a, b: (a[0] + b[0], a[1] + b[1])),
        sorted(keyed.reduceByKey(lambda a, b: a + b).collect()),
        sorted((key, sorted(values)) for key, values in keyed.groupByKey().collect()),
        sorted(keyed.join(keyed.mapValues(str)).collect()),
        numbers.treeReduce(lambda a, b: a + b),
        numbers.glom().map(len).collect(),
        numbers.sample(False, 0.5, seed=3).collect(),
        numbers.stats().mean(),
        numbers.first(),
        numbers.isEmpty(),
    ]


@scenario(kind="other")
def rdd_of_many_and_large_records(spark: Any) -> Any:
    rows = spark.sparkContext.parallelize(range(4), 2).flatMap(lambda n: [(n, m, "x" * (m % 50)) for m in range(5000)])
    large = spark.sparkContext.parallelize([3_000_000], 1).map(lambda size: b"\x00\xff" * size)
    return [rows.map(lambda row: len(row[2])).sum(), rows.count(), len(large.first())]


@scenario(kind="other")
def rdd_take_stops_early(spark: Any) -> Any:
    endless = spark.sparkContext.parallelize([0], 1).mapPartitions(lambda part: iter(int, 1))
    return [endless.take(3), endless.take(1)]


@scenario(kind="other")
def rdd_to_dataframe(spark: Any) -> Any:
    rows = spark.sparkContext.parallelize(range(5)).map(lambda n: {"n": n, "s": None if n % 2 else str(n)})
    return spark.createDataFrame(rows, "n int, s string")


@scenario(kind="other", expect="error")
def rdd_function_raises(spark: Any) -> Any:
    def fail(number: int) -> int:
        raise LookupError(f"nothing for {number}")

    return spark.sparkContext.parallelize([1], 1).map(fail).collect()


@scenario(kind="other")
def accumulators(spark: Any) -> Any:
    from pyspark.accumulators import AccumulatorParam

    class Longest(AccumulatorParam):  # type: ignore[type-arg]
        def zero(self, value: str) -> str:
            return ""

        def addInPlace(self, one: str, other: str) -> str:
            return max(one, other, key=lambda text: (len(text), text))

    total = spark.sparkContext.accumulator(0)
    longest = spark.sparkContext.accumulator("", Longest())

    def add(pdf: pd.DataFrame) -> pd.DataFrame:
        nonlocal total
        total += len(pdf)
        longest.add("x" * int(pdf["k"].iloc[0]))
        return pdf

    rows = pairs(spark).groupBy("k").applyInPandas(add, "k long, v double, s string").count()
    spark.sparkContext.parallelize(range(10), 2).foreach(lambda n: total.add(n))
    return [rows, total.value, longest.value]


@scenario(kind="other")
def broadcasts(spark: Any) -> Any:
    small = spark.sparkContext.broadcast({1: "one", 2: "two"})
    large = spark.sparkContext.broadcast(list(range(200_000)))

    def look(pdf: pd.DataFrame) -> pd.DataFrame:
        return pdf.assign(s=pdf["k"].map(small.value), v=float(large.value[-1]))

    ddl = "k long, v double, s string"
    first = [tuple(row) for row in pairs(spark).groupBy("k").applyInPandas(look, ddl).collect()]
    small.unpersist(blocking=True)
    second = [tuple(row) for row in pairs(spark).groupBy("k").applyInPandas(look, ddl).collect()]
    rdd = spark.sparkContext.parallelize(range(4), 2).map(lambda n: (small.value.get(n), large.value[n])).collect()
    large.destroy(blocking=True)
    again = spark.sparkContext.broadcast("again")
    third = spark.sparkContext.parallelize(range(2), 2).map(lambda n: (again.value, small.value.get(n))).collect()
    return [sorted(first), sorted(second), rdd, third]


@scenario(kind="other")
def files_sent_along(spark: Any) -> Any:
    directory = Path(tempfile.mkdtemp())
    name = f"sent_along_{abs(hash(directory.name))}"
    (directory / f"{name}.py").write_text("def double(n):\n    return 2 * n\n")
    (directory / f"{name}.txt").write_text("contents")
    spark.sparkContext.addPyFile(str(directory / f"{name}.py"))
    spark.sparkContext.addFile(str(directory / f"{name}.txt"))

    def use(pdf: pd.DataFrame) -> pd.DataFrame:
        import importlib

        from pyspark import SparkFiles

        with open(SparkFiles.get(f"{name}.txt"), encoding="utf-8") as file:
            return pdf.assign(k=importlib.import_module(name).double(pdf["k"]), s=file.read())

    return pairs(spark).groupBy("k").applyInPandas(use, "k long, v double, s string")


@scenario(kind="other")
def barrier_tasks(spark: Any) -> Any:
    def meet(part: Iterator[int]) -> Iterator[Any]:
        from pyspark import BarrierTaskContext

        context = BarrierTaskContext.get()
        context.barrier()
        said = context.allGather(f"I am {context.partitionId()}")
        yield list(part), said, len(context.getTaskInfos())

    return spark.sparkContext.parallelize(range(4), 2).barrier().mapPartitions(meet).collect()


@scenario(kind="other")
def task_context(spark: Any) -> Any:
    def facts() -> list[Any]:
        from pyspark import BarrierTaskContext, TaskContext

        context = TaskContext.get()
        return [
            type(context).__name__,
            context.partitionId(),
            context.attemptNumber(),
            context.cpus(),
            context.getLocalProperty("integration.word"),
            context.resources(),
            context.stageId() >= 0,
            context.taskAttemptId() >= 0,
            type(BarrierTaskContext._taskContext).__name__,
        ]

    spark.sparkContext.setLocalProperty("integration.word", "slovo")
    grouped = (
        pairs(spark)
        .groupBy()
        .applyInPandas(lambda pdf: pd.DataFrame({"fact": [repr(fact) for fact in facts()]}), "fact string")
    )
    found = [
        [row.fact for row in grouped.collect()],
        spark.sparkContext.parallelize([0], 1).map(lambda _: facts()).collect(),
    ]
    spark.sparkContext.setLocalProperty("integration.word", None)
    return found
