"""Streaming queries and data sources that are written in Python."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from scenarios.registry import scenario

ROCKSDB = {
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    )
}
QUIET = {"spark.sql.streaming.stateStore.maintenanceInterval": "1h"}


def lines(spark: Any, directory: Path) -> Any:
    """A stream of `k long, v long` over two files, one micro-batch each."""
    source = directory / "in"
    source.mkdir()
    for number, text in enumerate(("1,10\n2,20\n1,5\n", "1,1\n3,30\n")):
        (source / f"{number}.csv").write_text(text)
    return spark.readStream.schema("k long, v long").option("maxFilesPerTrigger", 1).csv(str(source))


def finish(writer: Any, directory: Path) -> None:
    """Starts the query, lets it read everything that is there, and raises what it raised."""
    query = writer.option("checkpointLocation", str(directory / "checkpoint")).trigger(availableNow=True).start()
    try:
        query.awaitTermination(60)
        if query.isActive:
            raise TimeoutError("the streaming query does not end")
    finally:
        query.stop()


def collect_batches(stream: Any, directory: Path, mode: str) -> list[tuple[int, list[Any]]]:
    """Runs the stream to its end; the rows of each micro-batch."""
    found: list[tuple[int, list[Any]]] = []

    def take(batch: Any, number: int) -> None:
        found.append((number, sorted(tuple(row) for row in batch.collect())))

    finish(stream.writeStream.outputMode(mode).foreachBatch(take), directory)
    return found


@scenario(kind="other", conf=QUIET)
def grouped_map_in_foreach_batch(spark: Any) -> Any:
    directory = Path(tempfile.mkdtemp())
    found: list[Any] = []

    def take(batch: Any, number: int) -> None:
        totals = batch.groupBy("k").applyInPandas(
            lambda pdf: pd.DataFrame({"k": pdf["k"].head(1), "v": [pdf["v"].sum()]}), "k long, v long"
        )
        found.append((number, sorted(tuple(row) for row in totals.collect())))

    finish(lines(spark, directory).writeStream.foreachBatch(take), directory)
    return found


@scenario(kind="other", conf=QUIET)
def apply_in_pandas_with_state(spark: Any) -> Any:
    from pyspark.sql.streaming.state import GroupState, GroupStateTimeout

    def add(key: tuple[int], frames: Iterator[pd.DataFrame], state: GroupState) -> Iterator[pd.DataFrame]:
        total = state.get[0] if state.exists else 0
        total += sum(int(frame["v"].sum()) for frame in frames)
        state.update((total,))
        yield pd.DataFrame({"k": [key[0]], "total": [total]})

    directory = Path(tempfile.mkdtemp())
    stream = (
        lines(spark, directory)
        .groupBy("k")
        .applyInPandasWithState(add, "k long, total long", "total long", "update", GroupStateTimeout.NoTimeout)
    )
    return collect_batches(stream, directory, "update")


@scenario(kind="other", since="4.0", conf={**ROCKSDB, **QUIET}, needs=("google.protobuf",))
def transform_with_state_in_pandas(spark: Any) -> Any:
    from pyspark.sql.streaming.stateful_processor import StatefulProcessor

    class Total(StatefulProcessor):
        def init(self, handle: Any) -> None:
            self.total = handle.getValueState("total", "n long")

        def handleInputRows(self, key: Any, rows: Iterator[pd.DataFrame], timers: Any) -> Iterator[pd.DataFrame]:
            total = self.total.get()[0] if self.total.exists() else 0
            total += sum(int(frame["v"].sum()) for frame in rows)
            self.total.update((total,))
            yield pd.DataFrame({"k": [key[0]], "total": [total]})

        def close(self) -> None:
            pass

    directory = Path(tempfile.mkdtemp())
    stream = (
        lines(spark, directory)
        .groupBy("k")
        .transformWithStateInPandas(Total(), "k long, total long", outputMode="Update", timeMode="None")
    )
    return collect_batches(stream, directory, "update")


@scenario(kind="other", conf=QUIET)
def stream_sink_for_each_row(spark: Any) -> Any:
    directory = Path(tempfile.mkdtemp())
    out = directory / "out"
    out.mkdir()

    class Sink:
        def open(self, partition: int, epoch: int) -> bool:
            self.file = open(out / f"{epoch}-{partition}", "w")  # noqa: SIM115
            return True

        def process(self, row: Any) -> None:
            self.file.write(f"{row.k}:{row.v}\n")

        def close(self, error: Exception | None) -> None:
            self.file.close()

    finish(lines(spark, directory).writeStream.foreach(Sink()), directory)
    return sorted(line for file in out.iterdir() for line in file.read_text().split())


@scenario(kind="other", expect="error", conf=QUIET)
def stream_function_raises(spark: Any) -> Any:
    from pyspark.sql.functions import udf

    directory = Path(tempfile.mkdtemp())
    stream = lines(spark, directory).select(udf(lambda k: 1 // (k - k), "bigint")("k"))
    return collect_batches(stream, directory, "append")


@scenario(kind="other", since="4.0")
def data_source_is_read(spark: Any) -> Any:
    from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

    class Reader(DataSourceReader):
        def partitions(self) -> list[InputPartition]:
            return [InputPartition(number) for number in range(3)]

        def read(self, partition: InputPartition) -> Iterator[tuple[int, str]]:
            for number in range(partition.value + 1):
                yield number, f"part {partition.value}"

    class Source(DataSource):
        @classmethod
        def name(cls) -> str:
            return "integration_source"

        def schema(self) -> str:
            return "n int, s string"

        def reader(self, schema: Any) -> DataSourceReader:
            return Reader()

    spark.dataSource.register(Source)
    return spark.read.format("integration_source").load()


@scenario(kind="other", since="4.0")
def data_source_is_written(spark: Any) -> Any:
    from pyspark.sql.datasource import DataSource, DataSourceWriter, WriterCommitMessage

    directory = tempfile.mkdtemp()

    class Writer(DataSourceWriter):
        def write(self, rows: Iterator[Any]) -> WriterCommitMessage:
            from pyspark import TaskContext

            part = TaskContext.get().partitionId()
            with open(f"{directory}/{part}", "w") as file:
                file.writelines(f"{row.id}\n" for row in rows)
            return WriterCommitMessage()

        def commit(self, messages: list[Any]) -> None:
            with open(f"{directory}/committed", "w") as file:
                file.write(f"{len(messages)} parts\n")

    class Sink(DataSource):
        @classmethod
        def name(cls) -> str:
            return "integration_sink"

        def schema(self) -> str:
            return "id long"

        def writer(self, schema: Any, overwrite: bool) -> DataSourceWriter:
            return Writer()

    spark.dataSource.register(Sink)
    spark.range(5, numPartitions=2).write.format("integration_sink").mode("append").save()
    return sorted((file.name, file.read_text()) for file in Path(directory).iterdir())
