"""Functions of a whole partition: mapInPandas and mapInArrow, what they get and what they may yield."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa

from scenarios.outcomes import outcome_of, rows_in
from scenarios.registry import scenario
from scenarios.tables import VALUES, no_rows, pairs, schema, typed

PAIRS = "k long, v double, s string"
FACTS = "fact string, value string"
BATCHES_OF_TWO = {"spark.sql.execution.arrow.maxRecordsPerBatch": "2"}
TYPES = [name for name in VALUES if name not in ("nothing", "nested")]


def one_task(spark: Any) -> Any:
    """The rows of `pairs` in one task."""
    return pairs(spark).coalesce(1)


@scenario(kind="udf", conf={"spark.sql.execution.arrow.maxRecordsPerBatch": "5"})
def frames_of_a_partition(spark: Any) -> Any:
    def describe(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for number, frame in enumerate(frames):
            said = {
                "type": type(frame).__name__,
                "index": repr(frame.index),
                "dtypes": [str(dtype) for dtype in frame.dtypes],
                "blocks": [(str(b.dtype), b.shape, list(b.mgr_locs)) for b in frame._mgr.blocks],
                "flags": [frame[name].to_numpy(copy=False).flags.writeable for name in frame.columns],
                "kinds": [[type(value).__name__ for value in frame[name]] for name in frame.columns],
            }
            yield pd.DataFrame({"fact": [f"{number} {fact}" for fact in said], "value": list(map(str, said.values()))})

    return typed(spark, TYPES).coalesce(1).mapInPandas(describe, FACTS)


@scenario(kind="udf", conf={"spark.sql.execution.arrow.maxRecordsPerBatch": "5"})
def batches_of_a_partition(spark: Any) -> Any:
    def describe(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for number, batch in enumerate(batches):
            said = {
                "type": type(batch).__name__,
                "schema": batch.schema.to_string(show_field_metadata=True),
                "nullable": [field.nullable for field in batch.schema],
                "rows": batch.num_rows,
                "nulls": [column.null_count for column in batch.columns],
                "offsets": [column.offset for column in batch.columns],
            }
            texts = [f"{number} {fact}" for fact in said], [str(value) for value in said.values()]
            yield pa.RecordBatch.from_arrays(list(map(pa.array, texts)), names=["fact", "value"])

    return typed(spark).coalesce(1).mapInArrow(describe, FACTS)


@scenario(kind="udf")
def map_in_arrow_of_every_type(spark: Any) -> Any:
    return typed(spark).mapInArrow(lambda batches: batches, schema())


@scenario(kind="udf", conf=BATCHES_OF_TWO)
def map_functions_take_batches_when_they_ask(spark: Any) -> Any:
    def frames(taken: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        seen = 0
        for frame in taken:
            seen += 1
            yield frame.assign(s=f"batch {seen}")
            if seen == 2:
                skipped = len(next(taken)) + len(next(taken))
                yield frame.assign(s=f"left out {skipped}")
                seen += 2
        yield pd.DataFrame({"k": [seen], "v": [0.5], "s": [f"then {next(taken, None)} and {next(taken, None)}"]})

    def batches(taken: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        kept = list(taken)
        yield from reversed(kept)
        yield kept[0].slice(1, 1)

    return one_task(spark).mapInPandas(frames, PAIRS).union(one_task(spark).mapInArrow(batches, PAIRS))


@scenario(kind="udf", conf=BATCHES_OF_TWO)
def map_functions_that_end_before_their_input(spark: Any) -> Any:
    def first(batches: Iterator[Any]) -> Iterator[Any]:
        yield next(batches)

    def nothing(batches: Iterator[Any]) -> Iterator[Any]:
        return iter(())

    def unread(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield pd.DataFrame({"id": [1, 2, 3]})

    numbers = spark.range(2000).coalesce(1)
    return [
        rows_in(numbers.mapInArrow(first, "id long")),
        rows_in(numbers.mapInPandas(nothing, "id long")),
        rows_in(numbers.mapInPandas(unread, "id long")),
        numbers.mapInArrow(lambda batches: batches, "id long").limit(3).count(),
    ]


@scenario(kind="udf")
def map_functions_over_no_rows(spark: Any) -> Any:
    def counted(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield pd.DataFrame({"n": [sum(1 for _ in frames)]})

    def always(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pydict({"n": pa.array([sum(1 for _ in batches)], pa.int64())})

    nothing = no_rows(spark)
    return nothing.mapInPandas(counted, "n long").union(nothing.mapInArrow(always, "n long"))


@scenario(kind="udf")
def frames_in_other_shapes(spark: Any) -> Any:
    def shapes(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            yield frame[["s", "v", "k"]]
            yield frame.assign(more=1).head(1)
            yield frame.iloc[::-2]
            yield frame.set_index(pd.Index(list("abcdefghij"), name="k2"))
            yield frame.iloc[:0]
            yield pd.DataFrame()
            yield frame.astype({"k": "int32", "v": "float32"}).tail(1)
            yield frame.convert_dtypes(convert_string=False).head(2)
            yield pd.concat([frame.astype({"s": object})] * 3)

    return one_task(spark).mapInPandas(shapes, PAIRS)


@scenario(kind="udf", conf=BATCHES_OF_TWO, expect="either")
def batches_in_other_shapes(spark: Any) -> Any:
    def shapes(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch.slice(0, 0)
            yield batch.select(["s", "k", "v"])
            yield batch.slice(1)

    return one_task(spark).mapInArrow(shapes, PAIRS)


@scenario(kind="other")
def map_in_pandas_yields_what_it_must_not(spark: Any) -> Any:
    def attempt(*yielded: Any) -> Any:
        def function(frames: Iterator[pd.DataFrame]) -> Iterator[Any]:
            yield from yielded
            yield from frames

        return outcome_of(spark.range(3).coalesce(1).mapInPandas(function, "id long"))

    return [
        attempt(None),
        attempt(pd.Series([1])),
        attempt(pd.DataFrame({"other": [1]})),
        attempt(pd.DataFrame({"id": ["text"]})),
        attempt(pd.DataFrame({"id": [1]}), {"id": [2]}),
        outcome_of(spark.range(3).mapInPandas(lambda frames: None, "id long")),
        outcome_of(spark.range(3).mapInPandas(lambda frames: pd.DataFrame({"id": [1]}), "id long")),
        outcome_of(spark.range(3).coalesce(1).mapInPandas(lambda frames: list(frames), "id long")),
    ]


@scenario(kind="other")
def map_in_arrow_yields_what_it_must_not(spark: Any) -> Any:
    def attempt(*yielded: Any) -> Any:
        def function(batches: Iterator[pa.RecordBatch]) -> Iterator[Any]:
            yield from yielded
            yield from batches

        return outcome_of(spark.range(3).coalesce(1).mapInArrow(function, "id long"))

    def of(name: str, values: list[Any]) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([pa.array(values)], names=[name])

    return [
        attempt(None),
        attempt(pa.table({"id": [1]})),
        attempt(of("other", [1])),
        attempt(of("id", ["text"])),
        attempt(of("id", [1]), pd.DataFrame({"id": [1]})),
        outcome_of(spark.range(3).mapInArrow(lambda batches: None, "id long")),
    ]


@scenario(kind="other", conf=BATCHES_OF_TWO)
def map_functions_fail_half_way(spark: Any) -> Any:
    def raises(batches: Iterator[Any]) -> Iterator[Any]:
        yield next(batches)
        raise KeyError("second batch")

    def past_the_end(batches: Iterator[Any]) -> Iterator[Any]:
        while True:
            yield next(batches)

    def caught(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        try:
            for frame in frames:
                yield frame.assign(v=1 // (2 - len(frame)))
        except ZeroDivisionError as error:
            yield pd.DataFrame({"k": [0], "v": [0.0], "s": [str(error)]})

    rows = one_task(spark)
    return [
        outcome_of(rows.mapInPandas(raises, PAIRS)),
        outcome_of(rows.mapInArrow(raises, PAIRS)),
        outcome_of(rows.mapInPandas(past_the_end, PAIRS)),
        outcome_of(rows.mapInArrow(past_the_end, PAIRS)),
        outcome_of(rows.mapInPandas(caught, PAIRS)),
    ]


@scenario(kind="udf")
def barrier_map_in_arrow(spark: Any) -> Any:
    def meet(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import BarrierTaskContext

        context = BarrierTaskContext.get()
        said = context.allGather(f"part {context.partitionId()}")
        for batch in batches:
            yield pa.RecordBatch.from_arrays([batch.column(0), pa.array([str(said)] * len(batch))], ["id", "said"])

    return spark.range(4, numPartitions=2).mapInArrow(meet, "id long, said string", barrier=True)


@scenario(kind="udf", conf=BATCHES_OF_TWO)
def map_functions_after_each_other(spark: Any) -> Any:
    def more(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            yield frame.assign(v=frame["v"] + 1)

    def fewer(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch.slice(0, 1)

    return one_task(spark).mapInPandas(more, PAIRS).mapInArrow(fewer, PAIRS).mapInPandas(more, PAIRS)
