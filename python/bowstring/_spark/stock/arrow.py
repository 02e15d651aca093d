"""Stock PySpark's own ways with Arrow tables, one adapter per Spark line.

For kinds of UDFs whose functions take and return pyarrow's objects. As in `stock.py`, what these return or raise is
stock's word; a `plain` result needs none of them.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark import worker
from pyspark.sql.pandas.types import to_arrow_type


class Reader:
    """Stock's reader of groups, and its writer's check."""

    def __init__(self):
        # By message: both sides of cogroups ask.
        self._schemas = {}

    def whole_schema(self, schema):
        """A schema from its IPC message."""
        return pa.ipc.read_schema(pa.py_buffer(schema))

    def read(self, schema, messages):
        """The record batches of a group from its IPC messages."""
        known = self._schemas.get(schema)
        if known is None:
            known = self._schemas[schema] = self.whole_schema(schema)
        return [pa.ipc.read_record_batch(pa.py_buffer(message), known) for message in messages]

    def agree(self, batch, schema):
        """Raises what stock's writer raises for a batch that has not the schema of the answer."""
        if not batch.schema.equals(schema):
            pa.RecordBatchStreamWriter(pa.BufferOutputStream(), schema).write_batch(batch)


class ArrowStock(Reader):
    """What all lines share. One object per task."""

    def __init__(self, fields, by_name):
        """`fields`: (name, Arrow type) of a declared result."""
        super().__init__()
        self.by_name = by_name
        # PARITY: whatever is declared, stock sends fields that may be null and have no metadata.
        self.plain = pa.schema([pa.field(name, arrow_type) for name, arrow_type in fields])

    def select(self, schema, messages, offsets):
        """Columns of a group, batch by batch."""
        return [_columns(batch, offsets) for batch in self._flat(self.read(schema, messages))]

    def schema(self, schema, offsets):
        """The schema that these columns have."""
        names, types = self._names_and_types(pa.ipc.read_schema(pa.py_buffer(schema)))
        return pa.schema([pa.field(names[offset], types[offset]) for offset in offsets])

    def _flat(self, batches):
        return batches

    def _names_and_types(self, schema):
        return schema.names, schema.types

    def wrapped(self):
        """The schema of an answer with plain results."""
        return pa.schema([pa.field("_0", pa.struct(list(self.plain)))])

    def first_key(self, batches):
        """The key of a group, from the key columns of its batches."""
        return tuple(column[0] for column in batches[0].columns)

    def key_of_sides(self, left, right):
        """The key of a cogroup, from the key columns of the batches of both sides."""
        left, right = pa.Table.from_batches(left), pa.Table.from_batches(right)
        return tuple(column[0] for column in (left if left.num_rows > 0 else right).columns)

    def feed(self, first, parts, convert):
        """The iterator that a function gets, and the one that stock exhausts afterwards."""
        values = (batch for batch in itertools.chain((first,), map(convert, parts)))
        return values, values

    def exhaust(self, rest):
        """After the results of a group."""
        for _ in rest:
            pass

    def iterate(self, result):
        """The batches of a result that should be an iterator."""
        return iter(result)

    def convert(self, result):
        """Checks a result and makes the batches of it that are sent."""
        self.verify(result)
        for batch in result.to_batches():
            yield self._reorder_and_wrap(batch)

    def convert_batch(self, batch):
        """The same for one batch of an iterator."""
        self.verify_batch(batch)
        return self._reorder_and_wrap(batch)

    def _reorder_and_wrap(self, batch):
        if self.by_name:
            names = self.plain.names
            batch = pa.RecordBatch.from_arrays([batch.column(name) for name in names], names=names)
        return self.wrap(batch)

    def _expected(self):
        expected = list(zip(self.plain.names, self.plain.types))
        return dict(expected) if self.by_name else expected


class ArrowStock40(ArrowStock):
    """Spark 4.0: one check for all."""

    def __init__(self, return_type, conf):
        # Raises what stock may raise after each call of the function, so the task is left to stock.
        to_arrow_type(return_type)
        fields = [(field.name, to_arrow_type(field.dataType)) for field in return_type.fields]
        super().__init__(fields, worker.assign_cols_by_name(conf))

    def verify(self, result):
        worker.verify_arrow_result(result, self.by_name, self._expected())

    def wrap(self, batch):
        struct = pa.StructArray.from_arrays(batch.columns, fields=pa.struct(list(batch.schema)))
        return pa.RecordBatch.from_arrays([struct], ["_0"])


class ArrowStock41(ArrowStock40):
    """Spark 4.1: a check for tables and one for batches."""

    def verify(self, result):
        worker.verify_arrow_table(result, self.by_name, self._expected())

    def verify_batch(self, batch):
        worker.verify_arrow_batch(batch, self.by_name, self._expected())

    def feed(self, first, parts, convert):
        # PARITY: what the function has not taken of the first batch stays where it is.
        rest = map(convert, parts)
        return (batch for batch in itertools.chain((first,), rest)), rest

    def wrap(self, batch):
        if batch.num_columns == 0:
            return pa.RecordBatch.from_arrays([pa.array([{}] * batch.num_rows)], ["_0"])
        return super().wrap(batch)


class ArrowStock42(ArrowStock41):
    """Spark 4.2: the conf is an object."""

    feed = ArrowStock.feed

    def __init__(self, return_type, conf):
        to_arrow_type(return_type, timezone="UTC")
        fields = [(field.name, to_arrow_type(field.dataType, timezone="UTC")) for field in return_type.fields]
        ArrowStock.__init__(self, fields, conf.assign_cols_by_name)


class ArrowStock43(ArrowStock):
    """Spark 4.3: results are checked and reordered in one step."""

    def __init__(self, return_type, conf):
        from pyspark.sql.conversion import ArrowBatchTransformer

        arrow_type = to_arrow_type(return_type, timezone="UTC", prefers_large_types=conf.use_large_var_types)
        super().__init__([(field.name, field.type) for field in arrow_type], conf.assign_cols_by_name)
        self._declared = pa.schema(list(arrow_type))
        self._enforce = ArrowBatchTransformer.enforce_schema
        self._wrap = ArrowBatchTransformer.wrap_struct

    def convert(self, result):
        worker.verify_return_type(result, pa.Table)
        for batch in self._reordered(result).to_batches():
            yield self._wrap(batch)

    def iterate(self, result):
        return worker.verify_return_type(result, Iterator[pa.RecordBatch])

    def convert_batch(self, batch):
        return self._wrap(self._reordered(batch))

    def _reordered(self, result):
        return self._enforce(result, self._declared, arrow_cast=False, reorder_by_name=self.by_name)


def in_struct(stock_class):
    """The same for kinds whose columns the JVM puts into one struct column."""

    class InStruct(stock_class):
        def _flat(self, batches):
            if not batches:
                # PARITY: stock takes the first batch inside of a generator.
                next(iter(batches))
            for batch in batches:
                struct = batch.column(0)
                yield pa.RecordBatch.from_arrays(struct.flatten(), schema=pa.schema(struct.type))

        def _names_and_types(self, schema):
            return super()._names_and_types(pa.schema(schema.types[0]))

    return InStruct


def _columns(batch, offsets):
    return pa.RecordBatch.from_arrays(
        [batch.columns[offset] for offset in offsets], [batch.schema.names[offset] for offset in offsets]
    )


class ArrayStock(Reader):
    """What stock makes of the results of functions that get arrays and return scalars. Spark 4.2 on."""

    # A group without batches has no result.
    skips_empty = True
    # An array is made of a result before the next function is called; that of a window always is.
    eager = False

    def __init__(self, return_types, conf, unproven):
        """`unproven`: names of types that scalars must not be converted to natively."""
        super().__init__()
        from pyspark.sql.conversion import ArrowBatchTransformer

        self._declare(return_types, unproven, timezone="UTC", prefers_large_types=conf.use_large_var_types)
        self._enforce = ArrowBatchTransformer.enforce_schema

    def _declare(self, return_types, unproven, **options):
        types = [to_arrow_type(return_type, **options) for return_type in return_types]
        # PARITY: whatever is declared, stock sends fields that may be null.
        self.plain = pa.schema([pa.field(f"_{index}", arrow_type) for index, arrow_type in enumerate(types)])
        self.unproven = sorted(unproven)

    def join(self, batches):
        """The batch that functions get the columns of."""
        if hasattr(pa, "concat_batches"):
            return pa.concat_batches(batches)
        # As stock before pyarrow 19.
        return pa.RecordBatch.from_struct_array(pa.concat_arrays([batch.to_struct_array() for batch in batches]))

    def arguments(self, offsets):
        """What makes of a batch what a function of an iterator gets."""
        if len(offsets) == 1:
            return lambda batch: batch.column(offsets[0])
        return lambda batch: tuple(batch.column(offset) for offset in offsets)

    iterate = staticmethod(map)

    def windows(self, function, batch, offsets, named):
        """What the function returns for each window, whose bounds are the first two columns."""
        begins, ends, *columns = map(batch.column, offsets)
        named = {name: batch.column(offset) for name, offset in named.items()}
        results = []
        for offset, end in zip(begins.to_pylist(), ends.to_pylist()):
            length = end - offset
            cut = [column.slice(offset=offset, length=length) for column in columns]
            named_cut = {name: column.slice(offset=offset, length=length) for name, column in named.items()}
            results.append(function(*cut, **named_cut))
        return results

    # An array of results, and one of a result that stands for so many rows.
    array = staticmethod(pa.array)
    repeated = staticmethod(pa.repeat)

    def batch(self, arrays):
        """The batch that is sent."""
        return self._enforce(pa.RecordBatch.from_arrays(arrays, self.plain.names), self.plain)


class ArrayStock41(ArrayStock):
    """Spark 4.1: the serializer casts arrays."""

    skips_empty = False
    eager = True

    def __init__(self, return_types, serializer, large_types, unproven):
        Reader.__init__(self)
        self._declare(return_types, unproven, prefers_large_types=large_types)
        self._serializer = serializer

    def batch(self, arrays):
        create, casts = self._serializer._create_array, self._serializer._arrow_cast
        arrays = [create(array, arrow_type, casts) for array, arrow_type in zip(arrays, self.plain.types)]
        return pa.RecordBatch.from_arrays(arrays, self.plain.names)


_SCALARS = {
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


def unproven_scalars(native):
    """Names of the types for which pyarrow makes something else of scalars than the native path."""
    # Only some Spark lines have such functions.
    if not hasattr(worker.PythonEvalType, "SQL_GROUPED_AGG_ARROW_UDF"):
        return set()
    return {name for name, (arrow_type, *_) in _SCALARS.items() if not _proves(native, name, arrow_type)}


def _proves(native, name, arrow_type):
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


def _shown(array):
    # With the sign of zero, and NaN equal to itself.
    return repr(array.to_pylist())
