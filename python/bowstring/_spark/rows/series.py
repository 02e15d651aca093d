"""`ARROW_BATCHED` in Spark 3.5 and 4.0, where columns and results are Series: native steps where they are equal.

Source: `wrap_arrow_batch_udf` in `pyspark/worker.py`, and `ArrowStreamPandasUDFSerializer`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark import worker
from pyspark.sql.pandas import serializers
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import BinaryType, StringType
from pyspark.util import fail_on_stopiteration

from ... import _native as native
from ..._worker.frames import has_usual_options
from ..task_parts import SingleUdf

_NUMBERS = {arrow for each in native.types() if each.is_number for arrow in each.arrow}
"""Types of which a Series without nulls gives the same objects as Arrow does."""

SCALARS = {each.classes[0]: each.name for each in native.types() if each.of_scalars}
"""Types whose plain results have a native path, and what the self-test calls them."""


class _Udf:
    def __init__(
        self,
        function: Callable[..., Any],
        offsets: list[int],
        return_type: Any,
        arrow_type: pa.DataType,
        unproven: set[str],
    ) -> None:
        self.offsets = offsets
        self.arrow_type = arrow_type
        # What stock makes of each result before the next call.
        self.text = type(return_type) is StringType
        self.function = _to_bytes(function) if type(return_type) is BinaryType else function
        name = SCALARS.get(type(return_type).__name__, "stock")
        native = name != "stock" and name not in unproven
        self.empty = pa.array([], arrow_type) if native else None


def _to_bytes(function: Callable[..., Any]) -> Callable[..., bytes | None]:
    def converted(*row: Any) -> bytes | None:
        result = function(*row)
        return bytes(result) if result is not None else result

    return converted


Parts = tuple[Callable[..., Any], list[int], Any, pa.DataType]


def parts(wrapped: tuple[Any, ...], single: SingleUdf) -> Parts:
    """Function, offsets, return type and its Arrow type, as stock has wrapped the function."""
    if len(wrapped) == 2:
        # Spark 3.5.
        function, return_type = wrapped
        return function, single[0], return_type, to_arrow_type(return_type)
    function, args, kwargs, return_type, conf = wrapped
    arrow_type = to_arrow_type(return_type, prefers_large_types=worker.use_large_var_types(conf))
    function, offsets = worker.wrap_kwargs_support(function, args, kwargs)
    return function, offsets, return_type, arrow_type


def function(
    udfs: list[Parts], serializer: Any, unproven: set[str]
) -> Callable[[int, Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function of the worker's main loop: record batches in, record batches out. `udfs`: the `parts` of each."""
    mine = [_Udf(*udf, unproven) for udf in udfs]
    names = [f"_{index}" for index in range(len(mine))]
    evaluate: Callable[..., list[Any]] = fail_on_stopiteration(native.evaluate)
    verifier = native.verifier(None)

    def column_of(table: pa.Table, array: pa.Array, index: int) -> list[Any]:
        def ask_stock() -> list[Any]:
            return list(serializer.arrow_to_pandas(table.column(index)))

        if array.type not in _NUMBERS or array.null_count != 0:
            return ask_stock()
        values = native.to_list(array)
        if values is None:
            return ask_stock()
        if verifier is not None and verifier.takes_next():
            verifier.values(array, values, ask_stock)
        return values

    def results_of(udf: _Udf, columns: list[list[Any]], rows: int) -> pd.Series | pa.Array:
        results = evaluate(udf.function, [columns[offset] for offset in udf.offsets], rows, udf.text)
        made = native.series_array(results, udf.empty) if udf.empty is not None and has_usual_options() else None
        if made is None:
            return pd.Series(results)
        if verifier is not None and verifier.takes_next():
            verifier.array(made, lambda: array_of(udf, pd.Series(results)))
        return made

    def array_of(udf: _Udf, results: pd.Series | pa.Array) -> pa.Array:
        if isinstance(results, pa.Array):
            return results
        return serializer._create_batch((results, udf.arrow_type)).column(0)

    def func(split_index: int, data: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in data:
            table = pa.Table.from_batches([batch])
            columns = [column_of(table, array, index) for index, array in enumerate(batch.columns)]
            results = [results_of(udf, columns, batch.num_rows) for udf in mine]
            yield pa.RecordBatch.from_arrays([array_of(*pair) for pair in zip(mine, results)], names)

    return func


class Batched:
    """Stock's serializer for what is in record batches already."""

    def load_stream(self, batches: native.Batches) -> native.Batches:
        return batches

    def dump_stream(self, iterator: Iterator[pa.RecordBatch], stream: object) -> Any:
        # Spark 4.3 has no such class any more.
        return serializers.ArrowStreamPandasUDFSerializer.dump_stream(self, iterator, stream)

    def _create_batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch
