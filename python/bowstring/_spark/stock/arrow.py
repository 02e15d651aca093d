"""Stock PySpark's own ways with Arrow tables, one adapter per Spark line.

For kinds of UDFs whose functions take and return pyarrow's objects. As in `conversion.py`, what these return or raise
is stock's word; a `plain` result needs none of them.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import worker
from pyspark.sql.pandas.types import to_arrow_type

from ... import _native as native


class Reader:
    """Stock's reader of groups, and its writer's check."""

    def __init__(self) -> None:
        # By message: both sides of cogroups ask.
        self._schemas: dict[bytes, pa.Schema] = {}

    def whole_schema(self, schema: bytes) -> pa.Schema:
        """A schema from its IPC message."""
        return pa.ipc.read_schema(pa.py_buffer(schema))

    def read(self, schema: bytes, messages: list[bytes]) -> list[pa.RecordBatch]:
        """The record batches of a group from its IPC messages."""
        known = self._schemas.get(schema)
        if known is None:
            known = self._schemas[schema] = self.whole_schema(schema)
        return [pa.ipc.read_record_batch(pa.py_buffer(message), known) for message in messages]

    def agree(self, batch: pa.RecordBatch, schema: pa.Schema) -> None:
        """Raises what stock's writer raises for a batch that has not the schema of the answer."""
        if not batch.schema.equals(schema):
            pa.RecordBatchStreamWriter(pa.BufferOutputStream(), schema).write_batch(batch)


class ArrowStock(Reader):
    """What all lines share. One object per task."""

    def __init__(self, fields: list[tuple[str, pa.DataType]], by_name: bool) -> None:
        """`fields`: (name, Arrow type) of a declared result."""
        super().__init__()
        self.by_name = by_name
        # PARITY: whatever is declared, stock sends fields that may be null and have no metadata.
        self.plain = pa.schema([pa.field(name, arrow_type) for name, arrow_type in fields])

    def select(self, schema: bytes, messages: list[bytes], offsets: Sequence[int]) -> list[pa.RecordBatch]:
        """Columns of a group, batch by batch."""
        return [_columns(batch, offsets) for batch in self._flat(self.read(schema, messages))]

    def schema(self, schema: bytes, offsets: Sequence[int]) -> pa.Schema:
        """The schema that these columns have."""
        names, types = self._names_and_types(pa.ipc.read_schema(pa.py_buffer(schema)))
        return pa.schema([pa.field(names[offset], types[offset]) for offset in offsets])

    def _flat(self, batches: list[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        return batches

    def _names_and_types(self, schema: pa.Schema) -> tuple[list[str], list[pa.DataType]]:
        return schema.names, schema.types

    def wrapped(self) -> pa.Schema:
        """The schema of an answer with plain results."""
        return pa.schema([pa.field("_0", pa.struct(list(self.plain)))])

    def first_key(self, batches: list[pa.RecordBatch]) -> tuple[pa.Scalar, ...]:
        """The key of a group, from the key columns of its batches."""
        return tuple(column[0] for column in batches[0].columns)

    def key_of_sides(self, left: list[pa.RecordBatch], right: list[pa.RecordBatch]) -> tuple[pa.Scalar, ...]:
        """The key of a cogroup, from the key columns of the batches of both sides."""
        table = pa.Table.from_batches(left)
        if table.num_rows == 0:
            table = pa.Table.from_batches(right)
        return tuple(column[0] for column in table.columns)

    def feed(
        self, first: pa.RecordBatch, parts: Iterator[object], convert: Callable[[Any], pa.RecordBatch]
    ) -> tuple[Iterator[pa.RecordBatch], Iterator[pa.RecordBatch]]:
        """The iterator that a function gets, and the one that stock exhausts afterwards."""
        values = (batch for batch in itertools.chain((first,), map(convert, parts)))
        return values, values

    def exhaust(self, rest: Iterator[object]) -> None:
        """After the results of a group."""
        for _ in rest:
            pass

    def iterate(self, result: Any) -> Iterator[Any]:
        """The batches of a result that should be an iterator."""
        return iter(result)

    def convert(self, result: Any) -> Iterator[pa.RecordBatch]:
        """Checks a result and makes the batches of it that are sent."""
        self.verify(result)
        for batch in result.to_batches():
            yield self._reorder_and_wrap(batch)

    def convert_batch(self, batch: Any) -> pa.RecordBatch:
        """The same for one batch of an iterator."""
        self.verify_batch(batch)
        return self._reorder_and_wrap(batch)

    def verify(self, result: Any) -> None:
        """Raises what stock raises for a result that is no such table."""
        raise NotImplementedError

    def verify_batch(self, batch: Any) -> None:
        """The same for one batch of an iterator."""
        raise NotImplementedError

    def wrap(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch of one struct column that is sent."""
        raise NotImplementedError

    def _reorder_and_wrap(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self.by_name:
            names = self.plain.names
            batch = pa.RecordBatch.from_arrays([batch.column(name) for name in names], names=names)
        return self.wrap(batch)

    def _expected(self) -> Any:
        expected = list(zip(self.plain.names, self.plain.types))
        return dict(expected) if self.by_name else expected


class ArrowStock40(ArrowStock):
    """Spark 4.0: one check for all."""

    def __init__(self, return_type: Any, conf: Any) -> None:
        # Raises what stock may raise after each call of the function, so the task is left to stock.
        to_arrow_type(return_type)
        fields = [(field.name, to_arrow_type(field.dataType)) for field in return_type.fields]
        super().__init__(fields, worker.assign_cols_by_name(conf))

    def verify(self, result: Any) -> None:
        worker.verify_arrow_result(result, self.by_name, self._expected())

    def wrap(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        struct = pa.StructArray.from_arrays(batch.columns, fields=pa.struct(list(batch.schema)))
        return pa.RecordBatch.from_arrays([struct], ["_0"])


class ArrowStock41(ArrowStock40):
    """Spark 4.1: a check for tables and one for batches."""

    def verify(self, result: Any) -> None:
        worker.verify_arrow_table(result, self.by_name, self._expected())

    def verify_batch(self, batch: Any) -> None:
        worker.verify_arrow_batch(batch, self.by_name, self._expected())

    def feed(
        self, first: pa.RecordBatch, parts: Iterator[object], convert: Callable[[Any], pa.RecordBatch]
    ) -> tuple[Iterator[pa.RecordBatch], Iterator[pa.RecordBatch]]:
        # PARITY: what the function has not taken of the first batch stays where it is.
        rest = map(convert, parts)
        return (batch for batch in itertools.chain((first,), rest)), rest

    def wrap(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if batch.num_columns == 0:
            return pa.RecordBatch.from_arrays([pa.array([{}] * batch.num_rows)], ["_0"])
        return super().wrap(batch)


class ArrowStock42(ArrowStock41):
    """Spark 4.2: the conf is an object."""

    feed = ArrowStock.feed

    def __init__(self, return_type: Any, conf: Any) -> None:
        to_arrow_type(return_type, timezone="UTC")
        fields = [(field.name, to_arrow_type(field.dataType, timezone="UTC")) for field in return_type.fields]
        ArrowStock.__init__(self, fields, conf.assign_cols_by_name)


class ArrowStock43(ArrowStock):
    """Spark 4.3: results are checked and reordered in one step."""

    def __init__(self, return_type: Any, conf: Any) -> None:
        from pyspark.sql.conversion import ArrowBatchTransformer

        arrow_type = to_arrow_type(return_type, timezone="UTC", prefers_large_types=conf.use_large_var_types)
        super().__init__([(field.name, field.type) for field in arrow_type], conf.assign_cols_by_name)
        self._declared = pa.schema(list(arrow_type))
        self._enforce = ArrowBatchTransformer.enforce_schema
        self._wrap = ArrowBatchTransformer.wrap_struct

    def convert(self, result: Any) -> Iterator[pa.RecordBatch]:
        worker.verify_return_type(result, pa.Table)
        for batch in self._reordered(result).to_batches():
            yield self._wrap(batch)

    def iterate(self, result: Any) -> Iterator[Any]:
        checked: Iterator[Any] = worker.verify_return_type(result, Iterator[pa.RecordBatch])
        return checked

    def convert_batch(self, batch: Any) -> pa.RecordBatch:
        return self._wrap(self._reordered(batch))

    def _reordered(self, result: Any) -> Any:
        return self._enforce(result, self._declared, arrow_cast=False, reorder_by_name=self.by_name)


def in_struct(stock_class: Any) -> Any:
    """The same for kinds whose columns the JVM puts into one struct column."""

    class InStruct(stock_class):
        def _flat(self, batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            if not batches:
                # PARITY: stock takes the first batch inside of a generator.
                next(iter(batches))
            for batch in batches:
                struct = batch.column(0)
                yield pa.RecordBatch.from_arrays(struct.flatten(), schema=pa.schema(struct.type))

        def _names_and_types(self, schema: pa.Schema) -> Any:
            return super()._names_and_types(pa.schema(schema.types[0]))

    return InStruct


def _columns(batch: pa.RecordBatch, offsets: Sequence[int]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [batch.columns[offset] for offset in offsets], [batch.schema.names[offset] for offset in offsets]
    )


class ArrayStock(Reader):
    """What stock makes of the results of functions that get arrays and return scalars. Spark 4.2 on."""

    # A group without batches has no result.
    skips_empty = True
    # An array is made of a result before the next function is called; that of a window always is.
    eager = False

    def __init__(self, return_types: list[Any], conf: Any, unproven: set[str]) -> None:
        """`unproven`: names of types that scalars must not be converted to natively."""
        super().__init__()
        from pyspark.sql.conversion import ArrowBatchTransformer

        self._declare(return_types, unproven, timezone="UTC", prefers_large_types=conf.use_large_var_types)
        self._enforce = ArrowBatchTransformer.enforce_schema

    def _declare(self, return_types: list[Any], unproven: set[str], **options: Any) -> None:
        types = [to_arrow_type(return_type, **options) for return_type in return_types]
        # PARITY: whatever is declared, stock sends fields that may be null.
        self.plain = pa.schema([pa.field(f"_{index}", arrow_type) for index, arrow_type in enumerate(types)])
        self.unproven = sorted(unproven)

    def join(self, batches: list[pa.RecordBatch]) -> pa.RecordBatch:
        """The batch that functions get the columns of."""
        if hasattr(pa, "concat_batches"):
            return pa.concat_batches(batches)
        # As stock before pyarrow 19.
        return pa.RecordBatch.from_struct_array(pa.concat_arrays([batch.to_struct_array() for batch in batches]))

    def arguments(self, offsets: Sequence[int]) -> Callable[[pa.RecordBatch], Any]:
        """What makes of a batch what a function of an iterator gets."""
        if len(offsets) == 1:
            return lambda batch: batch.column(offsets[0])
        return lambda batch: tuple(batch.column(offset) for offset in offsets)

    iterate = staticmethod(map)

    def windows(
        self, function: Callable[..., Any], batch: pa.RecordBatch, offsets: Sequence[int], named: dict[str, int]
    ) -> list[Any]:
        """What the function returns for each window, whose bounds are the first two columns."""
        begins, ends, *columns = map(batch.column, offsets)
        named_columns = {name: batch.column(offset) for name, offset in named.items()}
        results = []
        for offset, end in zip(begins.to_pylist(), ends.to_pylist()):
            length = end - offset
            cut = [column.slice(offset=offset, length=length) for column in columns]
            named_cut = {name: column.slice(offset=offset, length=length) for name, column in named_columns.items()}
            results.append(function(*cut, **named_cut))
        return results

    # An array of results, and one of a result that stands for so many rows.
    array = staticmethod(pa.array)
    repeated = staticmethod(pa.repeat)

    def batch(self, arrays: list[pa.Array]) -> pa.RecordBatch:
        """The batch that is sent."""
        return self._enforce(pa.RecordBatch.from_arrays(arrays, self.plain.names), self.plain)


class ArrayStock41(ArrayStock):
    """Spark 4.1: the serializer casts arrays."""

    skips_empty = False
    eager = True

    def __init__(self, return_types: list[Any], serializer: Any, large_types: bool, unproven: set[str]) -> None:
        Reader.__init__(self)
        self._declare(return_types, unproven, prefers_large_types=large_types)
        self._serializer = serializer

    def batch(self, arrays: list[pa.Array]) -> pa.RecordBatch:
        create, casts = self._serializer._create_array, self._serializer._arrow_cast
        arrays = [create(array, arrow_type, casts) for array, arrow_type in zip(arrays, self.plain.types)]
        return pa.RecordBatch.from_arrays(arrays, self.plain.names)


_SCALARS: dict[str, tuple[pa.DataType, list[Any], list[Any]]] = {
    "boolean": (pa.bool_(), [True, False], [np.bool_]),
    "byte": (pa.int8(), [1, -128], [np.int8, np.int64]),
    "short": (pa.int16(), [1, -32768], [np.int16, np.int32]),
    "int": (pa.int32(), [1, -(2**31)], [np.int32, np.int64]),
    "long": (pa.int64(), [1, -(2**63)], [np.int64]),
    "float": (pa.float32(), [1.5, 1e-320, 1e300, float("-inf")], [np.float64]),
    "double": (pa.float64(), [1.5, -0.0, 1e300, float("-inf"), float("nan")], [np.float64]),
    "string": (pa.string(), ["a", "é😀\0z", ""], []),
}
"""By name of a type: what is declared, results, and classes of NumPy's that they may have as well."""


def unproven_scalars() -> set[str]:
    """Names of the types for which pyarrow makes something else of scalars than the native path."""
    # Only some Spark lines have such functions.
    if not hasattr(worker.PythonEvalType, "SQL_GROUPED_AGG_ARROW_UDF"):
        return set()
    return {name for name, (arrow_type, *_) in _SCALARS.items() if not _proves(name, arrow_type)}


def _proves(name: str, arrow_type: pa.DataType) -> bool:
    _, values, classes = _SCALARS[name]
    samples = [values, [None, *values], [None], [pa.scalar(value, arrow_type) for value in values]]
    samples += [[pa.scalar(None, arrow_type)], [pa.scalar(values[0])]]
    samples += [[numpy_class(value) for value in values] for numpy_class in classes]
    for results in samples:
        ours = native.array_of_scalars(pa.schema([pa.field("_0", arrow_type)]), results)
        try:
            stocks = pa.array(results).cast(arrow_type)
            repeated = pa.repeat(results[0], 2).cast(arrow_type)
        except (pa.ArrowException, TypeError, ValueError):
            # Such as its own scalars, to an old pyarrow.
            return False
        if ours is None or _shown(ours.column(0)) != _shown(stocks) or repeated[1] != stocks[0]:
            return False
    return True


def _shown(array: pa.Array) -> str:
    # With the sign of zero, and NaN equal to itself.
    return repr(array.to_pylist())
