"""UDTFs over Arrow, eval type 301: what a call has given becomes a record batch of its own.

Stock's functions stay, but for the step from a call to its batches: rows of which the same is known to come are sent by
the native half, and stock's writer never sees them. The first batch of a task is always stock's, and with it the schema
of the answer.

Source: `read_udtf` in `pyspark/worker.py`, SQL_ARROW_TABLE_UDF.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from types import CellType, GeneratorType
from typing import Any

import pyarrow as pa
from pyspark.sql.types import Row

from ... import _native as native
from ..._worker.frames import has_usual_options
from ..patches.streams import OneBatchSink, Sink
from .lists import EXACT
from .series import SCALARS

_AskStock = Callable[[list[Any]], Iterator[Any]]
"""What stock makes of rows."""


def cells(function: Any) -> dict[str, CellType]:
    """What a function of stock's has from the one around it: cells by name."""
    return dict(zip(function.__code__.co_freevars, function.__closure__ or ()))


def _are_exact(fields: Sequence[Any]) -> bool:
    return all(type(field.dataType) in EXACT for field in fields)


def value(function: Any, name: str) -> Any:
    """What is in one of its cells."""
    return cells(function)[name].cell_contents


class TableRows:
    """The rows of one task."""

    # Names in stock: what evaluates a method, and what then makes batches or checks them.
    evaluated: tuple[str, ...] = ("eval", "terminate")
    converts = "convert_to_arrow"

    def __init__(self, unproven: set[str]) -> None:
        self._sink: Any = None
        self._serializer: Any = None
        self._verifier = native.verifier(None)
        self._unproven = unproven
        self._fields: Sequence[Any] = ()
        self._send: Callable[[list[Any], _AskStock], bool] | None = None

    def take_over(self, function: Any) -> None:
        """Has stock's function send what can be sent."""
        mine = [cell for name, cell in cells(function).items() if name in self.evaluated and cell.cell_contents]
        # Others belong to PySpark's legacy conversion.
        if all(self.converts in cells(cell.cell_contents) for cell in mine):
            self._fields = value(value(mine[0].cell_contents, self.converts), "return_type").fields
            if self._fields and self.takes(self._fields):
                for cell in mine:
                    cell.cell_contents = self.evaluation(cell.cell_contents)

    def takes(self, fields: Sequence[Any]) -> bool:
        """Whether rows of these fields have a native path."""
        # What stock's converters make of the others must not be made twice.
        return self._verifier is None or _are_exact(fields)

    def start(self, sink: Sink, serializer: Any) -> None:
        """Before the first of the rows. `serializer`: what stock gives its batches to."""
        self._sink, self._serializer = sink, serializer

    def send(self, rows: list[Any], arrow_type: pa.DataType, ask_stock: _AskStock) -> bool:
        """Whether the rows are sent.

        `arrow_type`: the one that stock declares for them; `ask_stock`: makes of them what it gives its serializer.
        """
        # PARITY: after an error, Spark 3.5 calls `terminate`, and its first batch is an error, too.
        if self._sink.schema is None or self._sink.closed:
            return False
        if self._send is None:
            self._send = self._sender(arrow_type)
        return self._send(rows, ask_stock)

    def _sender(self, arrow_type: pa.DataType) -> Callable[[list[Any], _AskStock], bool]:
        schema = pa.schema([pa.field("_0", arrow_type)])
        if not self._sink.schema.equals(schema):
            return lambda rows, ask_stock: False
        make, write = self.maker(schema)

        def send(rows: list[Any], ask_stock: _AskStock) -> bool:
            made = make(rows)
            if made is None:
                return False
            if self._verifier is not None and self._verifier.takes_next():
                batch = pa.ipc.read_record_batch(pa.py_buffer(made), schema)
                self._verifier.whole(self._stocks, (ask_stock(rows),), batch)
            write(made)
            return True

        return send

    def _stocks(self, given: Any) -> tuple[pa.Array, bool]:
        one = OneBatchSink()
        self._serializer.dump_stream(given, one)
        return one.batch.column(0), not one.batch.schema.equals(self._sink.schema)

    def maker(self, schema: pa.Schema) -> tuple[Callable[[list[Any]], Any], Callable[[Any], object]]:
        """What makes something of rows, and what writes that."""
        if _are_exact(self._fields):
            return native.TableRows(schema, False, Row).encode, self._sink.write
        return _Columns(self._fields, list(schema.types[0])).batch, self._sink.write_batch

    def evaluation(self, stock: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        """Spark 4.1 and 4.2: in place of stock's evaluation of a method for each row."""
        call, convert = value(stock, "func"), value(stock, self.converts)
        check, arrow_type = value(convert, "check_return_value"), value(stock, "arrow_return_type")

        def ask_stock(rows: list[Any]) -> Iterator[Any]:
            for batch in convert(rows):
                yield batch, arrow_type

        def evaluate(*args: Any, num_rows: int = 1) -> Iterator[Any]:
            for row in zip(*args) if args else repeat((), num_rows):
                rows = list(check(call(*row)))
                if not self.send(rows, arrow_type, ask_stock):
                    yield from ask_stock(rows)

        return evaluate


class TableRows43(TableRows):
    """Spark 4.3: one evaluation for all methods."""

    evaluated = ("evaluate_rows",)
    converts = "convert_rows_to_arrow"

    def evaluation(self, stock: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        convert = value(stock, self.converts)
        check, arrow_type = value(convert, "check_return_value"), value(convert, "arrow_return_type")

        def evaluate_rows(method: Any, *args: Any, num_rows: int = 1) -> Iterator[Any]:
            def ask_stock(rows: list[Any]) -> Any:
                return again(lambda: rows)

            def again(outcome: Any) -> Any:
                outcome.__name__ = method.__name__
                return stock(outcome)

            for row in zip(*args) if args else repeat((), num_rows):
                try:
                    given = method(*row)
                except BaseException as error:
                    yield from again(_raising(error))
                else:
                    rows = list(check(given, method.__name__))
                    if not self.send(rows, arrow_type, ask_stock):
                        yield from ask_stock(rows)

        return evaluate_rows


class FrameRows(TableRows):
    """Spark 3.5 and 4.0: a frame is made of the rows."""

    converts = "verify_result"

    def takes(self, fields: Sequence[Any]) -> bool:
        names = [type(field.dataType).__name__ for field in fields]
        # PARITY: only a batch without rows has a schema that says which fields are declared without null. Where there
        # are some, stock refuses its own batches.
        return all(field.nullable for field in fields) and all(
            name in SCALARS and SCALARS[name] not in self._unproven for name in names
        )

    def maker(self, schema: pa.Schema) -> tuple[Callable[[list[Any]], Any], Callable[[Any], object]]:
        return native.TableRows(schema, True, Row).encode, self._sink.write

    def send(self, rows: list[Any], arrow_type: pa.DataType, ask_stock: _AskStock) -> bool:
        return has_usual_options() and super().send(rows, arrow_type, ask_stock)

    def evaluation(self, stock: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        call, check, verify = (value(stock, name) for name in ("func", "check_return_value", self.converts))
        arrow_type, pd = value(stock, "arrow_return_type"), value(stock, "pd")
        # Spark 4.0.
        checks_rows = inspect.isgeneratorfunction(check)

        def ask_stock(given: Any) -> Iterator[Any]:
            yield verify(pd.DataFrame(given)), arrow_type

        def evaluate(*args: Any) -> Iterator[Any]:
            for row in zip(*args) if args else ((),):
                given = call(*row)
                checked = check(given)
                if checks_rows:
                    given = checked
                if type(given) is GeneratorType:
                    try:
                        given = list(given)
                    except BaseException as error:
                        # Through pandas, as in stock: it is seen in the traceback.
                        given = _generating(_raising(error))
                if type(given) is not list or not self.send(given, arrow_type, ask_stock):
                    yield from ask_stock(given)

        return evaluate


class _Columns:
    """Rows of which some fields need stock's converters. Those are made once, and not for each batch."""

    def __init__(self, fields: Sequence[Any], arrow_fields: list[pa.Field]) -> None:
        from pyspark.sql.conversion import LocalDataToArrowConversion

        create = LocalDataToArrowConversion._create_converter
        self._fields = arrow_fields
        self._parts = [
            (
                create(field.dataType, field.nullable, none_on_identity=True),
                pa.array([], arrow.type) if field.nullable and type(field.dataType) in EXACT else None,
            )
            for field, arrow in zip(fields, arrow_fields)
        ]

    def batch(self, rows: list[Any]) -> pa.RecordBatch | None:
        """The batch that stock makes of them; None if it has to be asked."""
        width = len(self._fields)
        if not all(type(row) in (tuple, Row) and len(row) == width for row in rows):
            return None
        columns: Iterable[Sequence[Any]] = zip(*rows) if rows else [()] * width
        try:
            converted = [self._converted(list(column), *parts) for column, parts in zip(columns, self._parts)]
            arrays = [
                values if isinstance(values, pa.Array) else pa.array(values, field.type)
                for values, field in zip(converted, self._fields)
            ]
            struct = pa.StructArray.from_arrays(arrays, fields=self._fields)
        except Exception:
            # Stock raises it, with all that it says around it.
            return None
        return pa.RecordBatch.from_arrays([struct], ["_0"])

    def _converted(self, values: list[Any], convert: Callable[[Any], Any] | None, empty: pa.Array | None) -> Any:
        array = None if empty is None else native.to_array(values, empty)
        if array is not None:
            return array
        return values if convert is None else [convert(value) for value in values]


def _raising(error: BaseException) -> Callable[[], Any]:
    """A function that raises what another has raised."""
    traceback = error.__traceback__ and error.__traceback__.tb_next

    def again() -> Any:
        raise error.with_traceback(traceback)

    return again


def _generating(function: Callable[[], Any]) -> Iterator[Any]:
    yield function()
