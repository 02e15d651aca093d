"""`ARROW_BATCHED` in Spark 4.2 and 4.3: stock's way through a batch, with native steps where they are equal.

Source: `read_udfs` in `pyspark/worker.py`, SQL_ARROW_BATCHED_UDF without the legacy conversion.
"""

import pyarrow as pa
from pyspark import worker
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    ByteType,
    DoubleType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
)
from pyspark.util import fail_on_stopiteration

_EXACT = (BinaryType, BooleanType, ByteType, DoubleType, IntegerType, LongType, ShortType, StringType)
"""Types whose results stock's converters leave as they are, if they are exactly of the type's own class."""


class _Udf:
    def __init__(self, single, conf):
        from pyspark.sql.conversion import LocalDataToArrowConversion

        function, args, kwargs, return_type = single
        self.function, self.offsets = worker.wrap_kwargs_support(function, args, kwargs)
        self.arrow_type = to_arrow_type(return_type, timezone="UTC", prefers_large_types=conf.use_large_var_types)
        self.convert = LocalDataToArrowConversion._create_converter(
            return_type,
            none_on_identity=True,
            int_to_decimal_coercion_enabled=conf.int_to_decimal_coercion_enabled,
        )
        self.empty = pa.array([], self.arrow_type) if type(return_type) in _EXACT else None


def function(singles, conf, input_type, native):
    """The function of the worker's main loop: record batches in, record batches out."""
    from pyspark.sql.conversion import ArrowTableToRowsConversion

    udfs = [_Udf(single, conf) for single in singles]
    names = [f"_{index}" for index in range(len(udfs))]
    converters = [
        ArrowTableToRowsConversion._create_converter(
            field.dataType, none_on_identity=True, binary_as_bytes=conf.binary_as_bytes
        )
        for field in input_type
    ]
    evaluate = fail_on_stopiteration(native.evaluate)

    def column_of(array, convert):
        values = native.to_list(array)
        if values is None:
            values = ArrowTableToRowsConversion._to_pylist(array)
        return values if convert is None else [convert(value) for value in values]

    def array_of(udf, results):
        array = None if udf.empty is None else native.to_array(results, udf.empty)
        if array is not None:
            return array
        converted = results if udf.convert is None else [udf.convert(result) for result in results]
        try:
            return pa.array(converted, type=udf.arrow_type)
        except pa.lib.ArrowInvalid:
            return pa.array(converted).cast(target_type=udf.arrow_type, safe=conf.safecheck)

    def func(split_index, data):
        for batch in data:
            columns = [column_of(array, convert) for array, convert in zip(batch.itercolumns(), converters)]
            arrays = [
                array_of(udf, evaluate(udf.function, [columns[offset] for offset in udf.offsets], batch.num_rows))
                for udf in udfs
            ]
            yield pa.RecordBatch.from_arrays(arrays, names)

    return func
