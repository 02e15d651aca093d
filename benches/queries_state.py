"""The queries of the end-to-end cases of functions with state. They are streams: all rows come in one micro-batch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame

from benches.plan import Case

TOTALS = "k long, total double"
FILES: list[tempfile.TemporaryDirectory[str]] = []
ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"


def stream_of(table: DataFrame) -> DataFrame:
    """The table as a stream, from files that last as long as this process."""
    directory = tempfile.TemporaryDirectory(prefix="bowstring-bench-")
    FILES.append(directory)
    table.write.mode("overwrite").parquet(directory.name)
    return table.sparkSession.readStream.schema(table.schema).parquet(directory.name)


def map_with_state(table: DataFrame, case: Case) -> DataFrame:
    """The sum of each key so far."""
    from pyspark.sql.streaming.state import GroupState, GroupStateTimeout

    def add(key: tuple[int], parts: Iterator[pd.DataFrame], state: GroupState) -> Iterator[pd.DataFrame]:
        total = state.get[0] if state.exists else 0.0
        total += sum(float(part["v"].sum()) for part in parts)
        state.update((total,))
        yield pd.DataFrame({"k": [key[0]], "total": [total]})

    groups = stream_of(table).groupBy("k")
    return groups.applyInPandasWithState(add, TOTALS, "total double", "update", GroupStateTimeout.NoTimeout)


def transform_with_state(table: DataFrame, case: Case) -> DataFrame:
    """The same with a `StatefulProcessor`."""
    from pyspark.sql.streaming.stateful_processor import StatefulProcessor

    class Total(StatefulProcessor):
        def init(self, handle: Any) -> None:
            self.total = handle.getValueState("total", "n double")

        def handleInputRows(self, key: Any, rows: Iterator[pd.DataFrame], timers: Any) -> Iterator[pd.DataFrame]:
            total = self.total.get()[0] if self.total.exists() else 0.0
            total += sum(float(part["v"].sum()) for part in rows)
            self.total.update((total,))
            yield pd.DataFrame({"k": [key[0]], "total": [total]})

        def close(self) -> None:
            pass

    table.sparkSession.conf.set("spark.sql.streaming.stateStore.providerClass", ROCKSDB)
    groups = stream_of(table).groupBy("k")
    return groups.transformWithStateInPandas(Total(), TOTALS, outputMode="Update", timeMode="None")


QUERIES: dict[str, Callable[[DataFrame, Case], DataFrame]] = {
    "map-with-state": map_with_state,
    "transform-with-state": transform_with_state,
}
