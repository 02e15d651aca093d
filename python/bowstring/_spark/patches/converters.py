"""Native columns inside stock's conversions, for kinds whose data are one Arrow stream each way.

Stock's converters convert column after column. Those named in `install` ask here first, while a task of such a kind
runs; what gets no answer they convert as ever, and then raise what there is to raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.core.arrays import DatetimeArray
from pandas.core.internals.managers import BlockManager
from pyspark.sql.pandas import serializers

from ... import _native as native
from ..._worker.frames import _DEFAULT_OPTIONS, _options, takes_infinite_for_null
from ..proof.record import SelfTest
from ..stock.conversion import ConversionStock, Stock, is_plain, refuses_chunks
from ..surface.known import Surface

try:
    from pyspark.sql.pandas.types import is_variant
except ImportError:
    # Before Spark 4.0.
    def is_variant(arrow_type: pa.DataType) -> bool:
        return False


_USUAL = {each.classes[0] for each in native.types() if each.in_series}
_OLDER = {each.classes[0] for each in native.types() if each.in_older_series}


def _read_only(values: np.ndarray) -> np.ndarray:
    # PARITY: a view of an Arrow buffer in stock, see `frames.py`.
    values.flags.writeable = False
    return values[:]


_MAKERS: dict[str, Callable[..., Any]] = {
    "objects": lambda values: values,
    "datetimes": lambda values: DatetimeArray._simple_new(values, dtype=values.dtype),
    "datetimes read-only": lambda values: DatetimeArray._simple_new(_read_only(values), dtype=values.dtype),
    "integers": pd.arrays.IntegerArray,
}


class TaskColumns:
    """The native columns of one task."""

    def __init__(self, stock: Stock, proven: SelfTest, plain_results: bool = False) -> None:
        """`plain_results`: the declared types are plain, so that of results the Arrow types say all."""
        self.plain_results = plain_results
        self._verifier = native.verifier(stock)
        self._usual = native.Columns(stock, proven, None)
        unit = proven.older_unit
        self._legacy = native.Columns(stock.legacy(), proven, unit) if unit else None
        # Columns of a frame are verified one by one.
        self._frames = native.StructFrames(stock, proven) if self._verifier is None else None
        # id(Spark type): (Spark type, its Arrow type or None)
        self._types: dict[int, tuple[Any, pa.DataType | None]] = {}

    def frame(self, array: pa.StructArray) -> pd.DataFrame | None:
        """The frame that stock makes of a struct array in Spark 3.5, 4.0 and 4.1. None: ask stock."""
        return None if self._frames is None else self._frames.frame(array)

    def series(self, array: pa.Array, data_type: Any, name: object, legacy: bool = False) -> pd.Series | None:
        """The column that stock makes of an Arrow array. None: ask stock.

        `data_type`: of Spark; None where the Arrow type says all.
        """
        if data_type is not None:
            if type(data_type).__name__ not in (_OLDER if legacy else _USUAL):
                return None
        if _options() != _DEFAULT_OPTIONS:
            return None
        columns = self._legacy if legacy else self._usual
        made = None if columns is None else columns.values(array)
        if made is None:
            return None
        return _series(made, name)

    def array(self, series: Any, arrow_type: pa.DataType, nested: bool = True) -> pa.Array | None:
        """The Arrow array that stock makes of a result's column. None: ask stock.

        `nested`: the type says all about what it holds, too.
        """
        return self.array_of(series._values, arrow_type, nested) if type(series) is pd.Series else None

    def array_of(self, values: Any, arrow_type: pa.DataType, nested: bool = True) -> pa.Array | None:
        """The same for what is inside the column."""
        if takes_infinite_for_null():
            return None
        # pyarrow takes its own columns as they are, or casts them faster than anybody copies them.
        return None if hasattr(values, "_pa_array") else self._usual.array(values, arrow_type, nested)

    def verified_series(self, array: pa.Array, series: pd.Series, convert: Callable[[], Any]) -> pd.Series:
        """The Series, compared with stock's if the user wants that."""
        if self._verifier is not None and self._verifier.takes_next():
            self._verifier.column(array, series, convert)
        return series

    def verified_array(self, array: pa.Array, convert: Callable[[], Any]) -> pa.Array:
        """The Arrow array, compared with stock's if the user wants that."""
        if self._verifier is not None and self._verifier.takes_next():
            self._verifier.array(array, convert)
        return array

    def batch(self, columns: object) -> Any:
        """What takes the place of the batch that stock makes of these columns. None: go on."""
        return None

    def arrow_type(self, data_type: Any, to_arrow_type: Callable[[Any], pa.DataType]) -> pa.DataType | None:
        """The Arrow type of a Spark type; None if stock has to convert all of its values."""
        known = self._types.get(id(data_type))
        if known is None:
            try:
                found = to_arrow_type(data_type) if is_plain(data_type) else None
            except Exception:
                # Stock says so.
                found = None
            # It is kept, so that no other gets its id.
            known = self._types[id(data_type)] = data_type, found
        return known[1]


def _series(made: tuple[str, tuple[Any, ...]], name: object) -> pd.Series:
    maker, parts = made
    values = _MAKERS[maker](*parts)
    return pd.Series(values, dtype=values.dtype, name=name, copy=False)


def is_proven(
    proven: SelfTest, kinds: dict[str, tuple[pa.DataType, Any, list[Any]]], stock_of: Callable[[str], ConversionStock]
) -> bool:
    """Compares the older way of Spark 4.2 and 4.3, which grouped maps do not take, for the self-test.

    `kinds`: (Arrow type, Spark type, values) by name; `stock_of`: name to the `Stock` of a task.
    """
    from pyspark.sql.conversion import ArrowArrayToPandasConversion

    convert = ArrowArrayToPandasConversion.convert_legacy
    for name, (arrow, spark, values) in kinds.items():
        if name in proven.unproven_input:
            continue
        stock = stock_of(name)
        columns = native.Columns(stock.legacy(), proven, proven.older_unit)
        for sample in (values, [values[0], None, values[2]], [None, None, None]):
            array = pa.array(sample, arrow)
            made = columns.values(array)
            if made is None:
                continue
            ours = _series(made, None)
            theirs = convert(array, spark, timezone=stock.timezone, struct_in_pandas="dict")
            if ours.dtype != theirs.dtype or list(map(repr, ours)) != list(map(repr, theirs)):
                return False
    return True


_active: TaskColumns | None = None


class active:
    """While a task with these native columns runs."""

    def __init__(self, columns: TaskColumns | None) -> None:
        self._columns = columns

    def __enter__(self) -> None:
        global _active
        _active = self._columns

    def __exit__(self, *_: object) -> None:
        global _active
        _active = None


def install(surface: Surface) -> None:
    """Has those of stock's converters that are known ask for native columns. No native kind needs another."""
    try:
        from pyspark.sql.conversion import ArrowArrayToPandasConversion, PandasToArrowConversion
    except ImportError:
        if surface.knows(f"{_SERIALIZER}.arrow_to_pandas", f"{_SERIALIZER}._create_array"):
            _install_in_serializer(serializers.ArrowStreamPandasSerializer)
        if surface.knows("pyspark.sql.pandas.serializers.ArrowStreamPandasUDFSerializer.arrow_to_pandas"):
            _install_frames(serializers.ArrowStreamPandasUDFSerializer)
    else:
        if surface.knows(f"{_TO_PANDAS}.convert_numpy", f"{_TO_PANDAS}.convert_legacy"):
            _install_in_input(ArrowArrayToPandasConversion)
        if surface.knows("pyspark.sql.conversion.PandasToArrowConversion.convert"):
            _install_in_output(PandasToArrowConversion)


_SERIALIZER = "pyspark.sql.pandas.serializers.ArrowStreamPandasSerializer"
_TO_PANDAS = "pyspark.sql.conversion.ArrowArrayToPandasConversion"


def _are(labels: pd.Index, names: list[str]) -> bool:
    """Whether these are the labels, each of them once."""
    return labels.tolist() == names and len(set(names)) == len(names)


def observe_older_unit() -> str | None:
    """The unit of timestamps that stock converts in its older way; None where it has no other way, before Spark 4.2."""
    try:
        from pyspark.sql.conversion import ArrowArrayToPandasConversion
    except ImportError:
        return None
    from pyspark.sql.types import TimestampType

    array = pa.array([0], pa.timestamp("us", "UTC"))
    convert = ArrowArrayToPandasConversion.convert_legacy
    name: str = convert(array, TimestampType(), timezone="UTC", struct_in_pandas="dict").dtype.name
    return name[-3:-1]


def _install_in_serializer(serializer: Any) -> None:
    """Spark 3.5, 4.0 and 4.1: the conversions are methods of the serializer."""
    arrow_to_pandas, create_array = serializer.arrow_to_pandas, serializer._create_array

    def to_pandas(self: Any, arrow_column: pa.ChunkedArray, *args: Any, **kwargs: Any) -> Any:
        if _active is not None and kwargs.get("spark_type") is None and arrow_column.num_chunks == 1:
            array = arrow_column.chunk(0)
            series = _active.series(array, None, arrow_column._name)
            if series is not None:
                return _active.verified_series(
                    array, series, lambda: arrow_to_pandas(self, arrow_column, *args, **kwargs)
                )
        return arrow_to_pandas(self, arrow_column, *args, **kwargs)

    def to_array(
        self: Any, series: Any, arrow_type: pa.DataType | None, spark_type: Any = None, arrow_cast: bool = False
    ) -> Any:
        def ask_stock() -> Any:
            return create_array(self, series, arrow_type, spark_type=spark_type, arrow_cast=arrow_cast)

        if _active is not None and arrow_type is not None and (spark_type is None or is_plain(spark_type)):
            array = _active.array(series, arrow_type, spark_type is not None or _active.plain_results)
            if array is not None:
                return _active.verified_array(array, ask_stock)
        return ask_stock()

    serializer.arrow_to_pandas = to_pandas
    serializer._create_array = to_array


def _install_frames(serializer: Any) -> None:
    """The same for struct columns that become frames."""
    arrow_to_pandas = serializer.arrow_to_pandas

    def to_pandas(self: Any, arrow_column: pa.ChunkedArray, *args: Any) -> Any:
        if (
            _active is not None
            and self._df_for_struct
            and pa.types.is_struct(arrow_column.type)
            and not is_variant(arrow_column.type)
            and getattr(self, "_input_types", None) is None
            and arrow_column.num_chunks == 1
        ):
            frame = _active.frame(arrow_column.chunk(0))
            if frame is not None:
                return frame
        return arrow_to_pandas(self, arrow_column, *args)

    serializer.arrow_to_pandas = to_pandas


def _install_in_input(conversion: Any) -> None:
    """Spark 4.2 and 4.3: two ways, for a whole struct always the same."""

    def ask_first(name: str, legacy: bool) -> None:
        stock = getattr(conversion, name).__func__

        def convert(
            cls: type[Any], /, arr: Any, spark_type: Any, *, ser_name: str | None = None, **options: Any
        ) -> Any:
            if not legacy:
                options["ser_name"] = ser_name
            if _active is not None and type(spark_type).__name__ != "StructType" and isinstance(arr, pa.Array):
                label = arr._name if legacy or ser_name is None else ser_name
                series = _active.series(arr, spark_type, label, legacy)
                if series is not None:
                    return _active.verified_series(arr, series, lambda: stock(cls, arr, spark_type, **options))
            return stock(cls, arr, spark_type, **options)

        setattr(conversion, name, classmethod(convert))

    ask_first("convert_numpy", False)
    ask_first("convert_legacy", True)


def _install_in_output(conversion: Any) -> None:
    """Spark 4.2 and 4.3: one function converts all columns, and asks itself for those of a frame."""
    from pyspark.sql.conversion import ArrowBatchTransformer
    from pyspark.sql.pandas.types import to_arrow_type
    from pyspark.sql.types import StructType

    stock = conversion.convert.__func__

    def convert(cls: type[Any], /, data: Any, schema: Any, **options: Any) -> Any:
        task_columns = _active
        if task_columns is None or len(schema.fields) == 0:
            return stock(cls, data, schema, **options)
        batch = task_columns.batch(data)
        if batch is not None:
            return batch
        values = None
        if type(data) is pd.DataFrame and len(data.columns):
            by_name = options.get("assign_cols_by_name", False)
            if by_name and any(isinstance(name, str) for name in data.columns) and not _are(data.columns, schema.names):
                data = data[schema.names]
            if type(data._mgr) is BlockManager and len(schema.fields) <= len(data.columns):
                # A Series of each column would cost more than its conversion.
                values = [data._mgr.iget_values(index) for index in range(len(schema.fields))]
        elif type(data) is not list:
            return stock(cls, data, schema, **options)

        def column_at(index: int) -> Any:
            return data[index] if type(data) is list else data.iloc[:, index]

        def arrow_type(data_type: Any) -> pa.DataType:
            return to_arrow_type(
                data_type,
                timezone=options.get("timezone"),
                prefers_large_types=options.get("prefers_large_types", False),
            )

        def made_natively(index: int, field: Any) -> pa.Array | None:
            wanted = task_columns.arrow_type(field.dataType, arrow_type)
            if wanted is None:
                return None
            if values is not None:
                return task_columns.array_of(values[index], wanted)
            return task_columns.array(column_at(index), wanted)

        def array(index: int, field: Any) -> pa.Array | None:
            if values is None:
                column = column_at(index)
                if type(column) is pd.DataFrame and type(field.dataType) is StructType:
                    nested = convert(cls, column, field.dataType, **options)
                    return ArrowBatchTransformer.wrap_struct(nested).column(0)

            def ask_stock() -> Any:
                return stock(cls, [column_at(index)], StructType([field]), **options).column(0)

            made = made_natively(index, field)
            if made is not None:
                return task_columns.verified_array(made, ask_stock)
            try:
                return ask_stock()
            except TypeError as error:
                if not refuses_chunks(error):
                    raise
                return None

        count = min(len(data), len(schema.fields)) if type(data) is list else len(schema.fields)
        arrays = []
        for index, field in enumerate(schema.fields[:count]):
            made = array(index, field)
            if made is None:
                # Stock refuses this only after the last column, and that one may be refused before.
                return stock(cls, data, schema, **options)
            arrays.append(made)
        return pa.RecordBatch.from_arrays(arrays, schema.names)

    conversion.convert = classmethod(convert)
