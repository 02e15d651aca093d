"""What each kind of UDF needs of PySpark: the roots, from which `closure.py` goes on.

Names are dotted paths in PySpark's sources. A name that a Spark line has not is left out there, so one table does for
all lines where nothing changes its meaning.
"""

from __future__ import annotations

from collections.abc import Iterator

from bowstring._spark.surface import DAEMON, SELF_TEST

WORKER, SERIALIZERS = "pyspark.worker", "pyspark.sql.pandas.serializers"
CONVERSION, PANDAS_TYPES, TYPES = "pyspark.sql.conversion", "pyspark.sql.pandas.types", "pyspark.sql.types"

KINDS = {
    101: "SQL_ARROW_BATCHED_UDF",
    200: "SQL_SCALAR_PANDAS_UDF",
    201: "SQL_GROUPED_MAP_PANDAS_UDF",
    202: "SQL_GROUPED_AGG_PANDAS_UDF",
    203: "SQL_WINDOW_AGG_PANDAS_UDF",
    204: "SQL_SCALAR_PANDAS_ITER_UDF",
    205: "SQL_MAP_PANDAS_ITER_UDF",
    206: "SQL_COGROUPED_MAP_PANDAS_UDF",
    207: "SQL_MAP_ARROW_ITER_UDF",
    209: "SQL_GROUPED_MAP_ARROW_UDF",
    210: "SQL_COGROUPED_MAP_ARROW_UDF",
    215: "SQL_GROUPED_MAP_ARROW_ITER_UDF",
    216: "SQL_GROUPED_MAP_PANDAS_ITER_UDF",
    217: "SQL_GROUPED_AGG_PANDAS_ITER_UDF",
    250: "SQL_SCALAR_ARROW_UDF",
    251: "SQL_SCALAR_ARROW_ITER_UDF",
    252: "SQL_GROUPED_AGG_ARROW_UDF",
    253: "SQL_WINDOW_AGG_ARROW_UDF",
    254: "SQL_GROUPED_AGG_ARROW_ITER_UDF",
    301: "SQL_ARROW_TABLE_UDF",
    302: "SQL_ARROW_UDTF",
}
"""Every kind with a native path in some Spark line, by its number on the wire."""

_TABLE_FUNCTIONS = {301, 302}
_PANDAS = {101, 200, 201, 202, 203, 204, 205, 206, 216, 217, 301}
_FRAMES = {200, 201, 204, 205, 206, 216}

_EVERY = {
    WORKER: "main invoke_udf chain RunnerConf EvalConf assign_cols_by_name use_large_var_types add_path",
    "pyspark.worker_util": "Conf add_path setup_spark_files",
    "pyspark.serializers": "SpecialLengths write_int Serializer",
    SERIALIZERS: "SpecialLengths ArrowStreamSerializer",
    "pyspark.util": "PythonEvalType fail_on_stopiteration try_simplify_traceback",
    "pyspark.rdd": "PythonEvalType",
    "pyspark.logger.worker_io": "context_provider",
    "pyspark.sql.pandas.utils": "require_minimum_pandas_version require_minimum_pyarrow_version",
    PANDAS_TYPES: "to_arrow_type",
    TYPES: "DataType ArrayType MapType StructType StructField UserDefinedType BinaryType BooleanType ByteType"
    " DoubleType IntegerType LongType ShortType StringType TimestampType Row _create_row",
}
"""What `_spark` asks of PySpark before it knows the kind, and what PySpark does around every native path."""

_TESTED_TYPES = (
    "DateType DayTimeIntervalType DecimalType FloatType NullType TimeType TimestampNTZType BinaryType BooleanType"
    " ByteType DoubleType IntegerType LongType ShortType StringType TimestampType ArrayType MapType"
)

_WRAPS = {
    101: "wrap_arrow_batch_udf",
    200: "wrap_scalar_pandas_udf",
    201: "wrap_grouped_map_pandas_udf",
    202: "wrap_grouped_agg_pandas_udf",
    203: "wrap_window_agg_pandas_udf",
    204: "wrap_pandas_batch_iter_udf",
    205: "wrap_pandas_batch_iter_udf",
    206: "wrap_cogrouped_map_pandas_udf",
    207: "wrap_arrow_batch_iter_udf",
    209: "wrap_grouped_map_arrow_udf",
    210: "wrap_cogrouped_map_arrow_udf",
    215: "wrap_grouped_map_arrow_iter_udf",
    216: "wrap_grouped_map_pandas_iter_udf",
    217: "wrap_grouped_agg_pandas_iter_udf",
    250: "wrap_scalar_arrow_udf",
    251: "wrap_arrow_array_iter_udf",
    252: "wrap_grouped_agg_arrow_udf",
    253: "wrap_window_agg_arrow_udf",
}

_VERIFIES = (
    "verify_result verify_return_type verify_result_row_count verify_scalar_result verify_iterator_exhausted"
    " verify_output_row_limit verify_output_row_count verify_iter_result_row_count"
)
"""Spark 4.2 on: what `read_udfs` checks results with, whatever the kind."""

_ARROW_RESULTS = "verify_arrow_result verify_arrow_table verify_arrow_batch"

_UDF = "ArrowStreamPandasUDFSerializer"
_SERIALIZERS: dict[str, dict[int, str]] = {
    "3.5": {
        **dict.fromkeys((101, 200, 201, 202, 203, 204, 205), _UDF),
        206: "CogroupUDFSerializer",
        207: "ArrowStreamUDFSerializer",
        301: "ArrowStreamPandasUDTFSerializer",
    },
    "4.0": {
        **dict.fromkeys((101, 200, 201, 202, 203, 204, 205), _UDF),
        206: "CogroupPandasUDFSerializer",
        207: "ArrowStreamUDFSerializer",
        209: "ArrowStreamGroupUDFSerializer",
        210: "CogroupArrowUDFSerializer",
        301: "ArrowStreamPandasUDTFSerializer",
    },
    "4.1": {
        101: f"ArrowBatchUDFSerializer {_UDF}",
        **dict.fromkeys((200, 204, 205), _UDF),
        **dict.fromkeys((201, 202, 203), "GroupPandasUDFSerializer"),
        206: "CogroupPandasUDFSerializer",
        207: "ArrowStreamUDFSerializer",
        **dict.fromkeys((209, 215), "GroupArrowUDFSerializer"),
        210: "CogroupArrowUDFSerializer",
        216: "GroupPandasIterUDFSerializer",
        **dict.fromkeys((250, 251), "ArrowStreamArrowUDFSerializer"),
        **dict.fromkeys((252, 253), "ArrowStreamAggArrowUDFSerializer"),
        301: "ArrowStreamUDTFSerializer ArrowStreamPandasUDTFSerializer",
        302: "ArrowStreamArrowUDTFSerializer",
    },
    "4.2": {
        **dict.fromkeys((101, 207, 250, 251), "ArrowStreamSerializer"),
        **dict.fromkeys((200, 204, 205), _UDF),
        **dict.fromkeys((201, 209, 215, 252, 253, 254), "ArrowStreamGroupSerializer"),
        **dict.fromkeys((202, 203, 217), "ArrowStreamAggPandasUDFSerializer"),
        206: "CogroupPandasUDFSerializer",
        210: "CogroupArrowUDFSerializer",
        216: "GroupPandasUDFSerializer",
        301: "ArrowStreamUDTFSerializer ArrowStreamPandasUDTFSerializer",
        302: "ArrowStreamArrowUDTFSerializer",
    },
    "4.3": {
        **dict.fromkeys((101, 200, 204, 205, 207, 250, 251, 301, 302), "ArrowStreamSerializer"),
        **dict.fromkeys((201, 202, 203, 209, 215, 216, 217, 252, 253, 254), "ArrowStreamGroupSerializer"),
        **dict.fromkeys((206, 210), "ArrowStreamCoGroupSerializer"),
    },
}
"""What `read_udfs` and `read_udtf` give to each kind. A kind that is not here the line does not know."""

LINES = list(_SERIALIZERS)


def kinds_of(line: str) -> list[int]:
    """The kinds that a line has."""
    return sorted(_SERIALIZERS[line])


def roots_of(line: str, kind: int | str) -> Iterator[str]:
    """Where a kind begins."""
    if kind == DAEMON:
        yield from _names("pyspark.daemon", "manager worker shutdown compute_real_exit_code")
        return
    if kind == SELF_TEST or kind in _PANDAS:
        yield from _names(PANDAS_TYPES, "_check_series_convert_timestamps_internal to_arrow_type from_arrow_schema")
    converts_in_functions = line in ("4.2", "4.3")
    if kind == SELF_TEST:
        yield from _names(WORKER, "verify_pandas_result")
        yield from _names(TYPES, _TESTED_TYPES)
        yield from _names(SERIALIZERS, "" if converts_in_functions else f"{_UDF} GroupPandasUDFSerializer")
        yield from _names(CONVERSION, "ArrowArrayToPandasConversion PandasToArrowConversion ArrowBatchTransformer")
        return
    assert isinstance(kind, int)
    for module, names in _EVERY.items():
        yield from _names(module, names)
    yield from _names(SERIALIZERS, _SERIALIZERS[line][kind])
    if kind in _TABLE_FUNCTIONS:
        yield from _names(WORKER, "read_udtf")
    else:
        yield from _names(WORKER, f"read_udfs read_single_udf wrap_kwargs_support {_VERIFIES} {_WRAPS.get(kind, '')}")
    if kind in _FRAMES:
        yield from _names(WORKER, "verify_pandas_result")
    if kind in (209, 210, 215):
        yield from _names(WORKER, _ARROW_RESULTS)
    if converts_in_functions:
        yield from _names(
            f"{CONVERSION}.ArrowBatchTransformer", "flatten_struct wrap_struct enforce_schema select_columns"
        )
        if kind in _PANDAS:
            yield f"{CONVERSION}.ArrowBatchTransformer.to_pandas"
        if kind in _PANDAS - {101, 301}:
            yield from _names(CONVERSION, "ArrowArrayToPandasConversion PandasToArrowConversion")
    if kind in (101, 301):
        yield from _names(CONVERSION, "LocalDataToArrowConversion ArrowTableToRowsConversion")


def _names(module: str, names: str) -> Iterator[str]:
    return (f"{module}.{name}" for name in names.split())
