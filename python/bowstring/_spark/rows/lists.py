"""`ARROW_BATCHED` from Spark 4.1 on: stock's way through a batch, with native steps where they are equal.

Source: SQL_ARROW_BATCHED_UDF without the legacy conversion, in `read_udfs` of `pyspark/worker.py`; for Spark 4.1
`wrap_arrow_batch_udf_arrow` there, and `ArrowBatchUDFSerializer`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyspark import worker
from pyspark.sql import types
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.util import fail_on_stopiteration

from ... import _native as native
from ..task_parts import SingleUdf

EXACT = tuple(getattr(types, each.classes[0]) for each in native.types() if each.is_exact)
"""Types whose results stock's converters leave as they are, if they are exactly of the type's own class."""


class _Udf:
    def __init__(self, single: SingleUdf, conf: Any, **types: Any) -> None:
        from pyspark.sql.conversion import LocalDataToArrowConversion

        function, args, kwargs, return_type = single
        self.function, self.offsets = worker.wrap_kwargs_support(function, args, kwargs)
        self.arrow_type = to_arrow_type(return_type, prefers_large_types=conf.use_large_var_types, **types)
        self.convert = LocalDataToArrowConversion._create_converter(
            return_type,
            none_on_identity=True,
            int_to_decimal_coercion_enabled=conf.int_to_decimal_coercion_enabled,
        )
        self.empty = pa.array([], self.arrow_type) if type(return_type) in EXACT else None


_Function = Callable[[int, Iterable[pa.RecordBatch]], Iterator[Any]]


def function(singles: list[SingleUdf], conf: Any, input_type: Any) -> _Function:
    """The function of the worker's main loop: record batches in, record batches out. Spark 4.2 on."""
    udfs = [_Udf(single, conf, timezone="UTC") for single in singles]
    names = [f"_{index}" for index in range(len(udfs))]
    evaluate, columns_of, array_of = _steps(conf, [field.dataType for field in input_type])

    def func(split_index: int, data: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in data:
            columns = columns_of(batch)
            arrays = [array_of(udf, evaluate(udf, columns, batch.num_rows)) for udf in udfs]
            yield pa.RecordBatch.from_arrays(arrays, names)

    return func


def typed_function(singles: list[SingleUdf], conf: Any, input_types: Sequence[Any]) -> _Function:
    """The same for Spark 4.1: arrays with their types out; results are converted after all functions' calls."""
    udfs = [_Udf(single, conf) for single in singles]
    evaluate, columns_of, array_of = _steps(conf, input_types)

    def func(split_index: int, data: Iterable[pa.RecordBatch]) -> Iterator[list[tuple[pa.Array, pa.DataType]]]:
        for batch in data:
            columns = columns_of(batch)
            results = [evaluate(udf, columns, batch.num_rows) for udf in udfs]
            yield [(array_of(udf, values), udf.arrow_type) for udf, values in zip(udfs, results)]

    return func


class Above:
    """A serializer of stock's without the steps that are its own class's: what this inherits from."""

    def __init__(self, serializer: Any) -> None:
        above: Any = super(type(serializer), serializer)
        self.load_stream, self.dump_stream = above.load_stream, above.dump_stream


def _steps(
    conf: Any, input_types: Sequence[Any]
) -> tuple[
    Callable[[_Udf, list[list[Any]], int], list[Any]],
    Callable[[pa.RecordBatch], list[list[Any]]],
    Callable[[_Udf, list[Any]], pa.Array],
]:
    """What is done to each batch: the calls of one UDF, and the conversions before and after."""
    from pyspark.sql.conversion import ArrowTableToRowsConversion

    converters = [
        ArrowTableToRowsConversion._create_converter(
            data_type, none_on_identity=True, binary_as_bytes=conf.binary_as_bytes
        )
        for data_type in input_types
    ]
    to_list = getattr(ArrowTableToRowsConversion, "_to_pylist", pa.Array.to_pylist)
    call: Callable[..., list[Any]] = fail_on_stopiteration(native.evaluate)

    def evaluate(udf: _Udf, columns: list[list[Any]], rows: int) -> list[Any]:
        return call(udf.function, [columns[offset] for offset in udf.offsets], rows)

    verifier = native.verifier(None)

    def column_of(array: pa.Array, convert: Callable[[Any], Any] | None) -> list[Any]:
        values = native.to_list(array)
        if values is None:
            values = to_list(array)
        elif verifier is not None and verifier.takes_next():
            verifier.values(array, values, lambda: to_list(array))
        return values if convert is None else [convert(value) for value in values]

    def columns_of(batch: pa.RecordBatch) -> list[list[Any]]:
        return [column_of(array, convert) for array, convert in zip(batch.itercolumns(), converters)]

    def array_of(udf: _Udf, results: list[Any]) -> pa.Array:
        array = None if udf.empty is None else native.to_array(results, udf.empty)
        if array is None:
            return stock_array_of(udf, results)
        if verifier is not None and verifier.takes_next():
            verifier.array(array, lambda: stock_array_of(udf, results))
        return array

    def stock_array_of(udf: _Udf, results: list[Any]) -> pa.Array:
        converted = results if udf.convert is None else [udf.convert(result) for result in results]
        try:
            return pa.array(converted, type=udf.arrow_type)
        except pa.lib.ArrowInvalid:
            return pa.array(converted).cast(target_type=udf.arrow_type, safe=conf.safecheck)

    return evaluate, columns_of, array_of
