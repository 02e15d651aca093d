"""Compares what the native path makes with what stock makes, on the user's own data: `BOWSTRING_NATIVE=verify`.

Loaded only if that is asked for. The first difference ends the task with a text that says what to keep. Stock's frame
is made before the function is called, and stock's conversion of a result sees it as the function has returned it; the
function itself is called once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa
import pyspark

from .exact import Contrast, arrow_difference, column_difference, frame_difference, series_difference


class Difference(RuntimeError):
    """The native path and stock disagree."""


class Verifier:
    """One object per task."""

    def __init__(self, stock: Any, share: float, version: str) -> None:
        """`stock`: the task's `Stock`; `share`: of the groups to compare; `version`: bowstring's."""
        self._stock = stock
        self._share = share
        self._version = version
        # The numbers are the same in every task, so that a task that is tried again compares the same groups.
        self._random = random.Random(share)
        self._first = True

    def takes_next(self) -> bool:
        """Whether the next group is compared: a task's first always is."""
        first, self._first = self._first, False
        return first or self._random.random() < self._share

    def input(
        self,
        table: pa.Table,
        converted: list[pd.Series | None],
        value_offsets: Sequence[int],
        key_offsets: Sequence[int],
        frame: pd.DataFrame,
        key: tuple[Any, ...] | None,
    ) -> None:
        """`converted`: by position in the table, what stock has converted already; None for a native column."""
        wanted = [*value_offsets, *(key_offsets if key is not None else ())]
        native = {
            offset: _column("input", table.schema.field(offset)) for offset in wanted if converted[offset] is None
        }
        columns = dict(enumerate(converted))
        for offset, where in native.items():
            columns[offset] = self._ask(where, self._stock.column, table, offset)
        expected = self._ask("input frame", self._stock.frame, columns, value_offsets)
        self._judge("input frame", frame_difference(frame, expected))
        for position, offset in enumerate(value_offsets):
            if offset in native:
                ours, stocks = frame._mgr.iget_values(position), expected._mgr.iget_values(position)
                self._judge(native[offset], column_difference(ours, stocks))
        for value, offset in zip(key or (), key_offsets):
            if offset in native:
                where = native[offset].replace("input", "key", 1)
                first: Any = columns[offset]
                difference = column_difference([value], [first.iloc[0]])
                self._judge(where, difference and ("first value", *difference[1:]))

    def series(self, schema: bytes, messages: list[bytes], columns: list[int], ours: list[pd.Series]) -> None:
        """The native Series of a group's or a batch's columns, before a function gets them."""
        fields = pa.ipc.read_schema(pa.py_buffer(schema))
        stocks = self._ask("input", self._stock.series, schema, messages, columns)
        if not len(columns) == len(ours) == len(stocks):
            self._fail("input", f"has {len(ours)} Series", f"has {len(stocks)} for {len(columns)} columns")
        for index, left, right in zip(columns, ours, stocks):
            self._judge(_column("input", fields.field(index)), series_difference(left, right))

    def table(self, ours: pa.Table, stocks: pa.Table) -> None:
        """Two tables that a function gets, or would."""
        for what, facts in _TABLE_FACTS:
            if facts(ours) != facts(stocks):
                self._fail(f"input table, {what}", f"has {facts(ours)}", f"has {facts(stocks)}")
        for field, left, right in zip(stocks.schema, ours.columns, stocks.columns):
            self._judge(_column("input", field), arrow_difference(left, right))

    def batches(self, ours: list[pa.RecordBatch], stocks: list[pa.RecordBatch]) -> None:
        """Batches of fields, and stock's of one struct column."""
        structs = [batch.column(0) for batch in stocks]
        if len(ours) != len(structs):
            self._fail("output batches", f"has {len(ours)}", f"has {len(structs)}")
        for batch, struct in zip(ours, structs):
            if not pa.struct(list(batch.schema)).equals(struct.type):
                self._fail("output", f"has {batch.schema}", f"has {struct.type}")
            for field, left, right in zip(batch.schema, batch.columns, struct.flatten()):
                self._judge(_column("output", field), arrow_difference(left, right))

    def flat(self, ours: pa.RecordBatch, stocks: pa.RecordBatch | Exception) -> None:
        """A batch with a column for each field, and stock's or what stock has raised in its place."""
        if isinstance(stocks, Exception):
            self._fail("output", "raised nothing", _raised(stocks))
        if ours.schema != stocks.schema:
            self._fail("output", f"has {ours.schema}", f"has {stocks.schema}")
        for field, left, right in zip(ours.schema, ours.columns, stocks.columns):
            self._judge(_column("output", field), arrow_difference(left, right))

    def output(
        self, result: pd.DataFrame, positions: Sequence[int], native: Sequence[int], batch: pa.RecordBatch
    ) -> None:
        """`positions`: of the fields in `result`; `native`: fields converted natively; `batch`: what will be sent."""
        ours, fields = batch.column(0), self._stock.fields()
        if len(native) == len(fields):
            stocks = self._ask("output", self._stock.batch, result).column(0)
            if ours.type != stocks.type:
                self._fail("output", f"has {ours.type}", f"has {stocks.type}")
            whole = dict(enumerate(stocks.flatten()))
        else:
            # What the other columns hold may allow to be looked at only once, as a generator does.
            self._ask("output", self._stock.verify, result)
            whole = {}
        for index in native:
            where = _column("output", fields.field(index))
            stocks = whole.get(index)
            if stocks is None:
                stocks = self._ask(where, self._stock.field, result, positions[index], index)
            self._judge(where, arrow_difference(ours.field(index), stocks))

    def fields(self, native: Sequence[int], series: list[pd.Series], batch: pa.RecordBatch) -> None:
        """`native`: fields converted natively, of results that `series` hold for stock; `batch`: what will be sent."""
        if len(native) != len(series):
            self._fail("output", f"has {len(native)} columns", f"has {len(series)}")
        for index, column in zip(native, series):
            where = _column("output", self._stock.fields().field(index))
            stocks = self._ask(where, self._stock.result_column, column, index)
            self._judge(where, arrow_difference(batch.column(0).field(index), stocks))

    def whole(self, convert: Callable[..., Any], arguments: tuple[Any, ...], batch: pa.RecordBatch) -> None:
        """`convert`: what gives stock's struct column, and whether its schema is odd; `batch`: what will be sent."""
        stocks, odd_schema = self._ask("output", convert, *arguments)
        ours = batch.column(0)
        if odd_schema or ours.type != stocks.type:
            self._fail("output", f"has {ours.type}", f"has {stocks.type}")
        for field, left, right in zip(stocks.type, ours.flatten(), stocks.flatten()):
            self._judge(_column("output", field), arrow_difference(left, right))

    def values(self, array: pa.Array, ours: list[Any], convert: Callable[[], Any]) -> None:
        """Values that a function gets one by one, and what makes stock's."""
        where = f"input column ({array.type})"
        self._judge(where, column_difference(ours, self._ask(where, convert)))

    def column(self, array: pa.Array, ours: pd.Series, convert: Callable[[], Any]) -> None:
        """A Series that stands for an Arrow array, and what makes stock's."""
        # What stock takes out of a struct has a name later, or none.
        name = "" if ours.name is None else f"'{ours.name}' "
        where = f"input column {name}({array.type})"
        self._judge(where, series_difference(ours, self._ask(where, convert)))

    def array(self, ours: pa.Array, convert: Callable[[], Any]) -> None:
        """An Arrow array of results, and what makes stock's."""
        where = f"output column ({ours.type})"
        self._judge(where, arrow_difference(ours, self._ask(where, convert)))

    def _ask(self, where: str, convert: Callable[..., Any], *arguments: Any) -> Any:
        """What stock makes. An exception is a difference, because the native path has raised none."""
        try:
            return convert(*arguments)
        except Exception as error:
            raised = _raised(error)
        self._fail(where, "raised nothing", raised)

    def _judge(self, where: str, difference: Contrast | None) -> None:
        if difference:
            what, ours, stocks = difference
            self._fail(f"{where}, {what}", f"has {ours}", f"has {stocks}")

    def _fail(self, where: str, ours: str, stocks: str) -> NoReturn:
        libraries = f"PySpark {pyspark.__version__}, pandas {pd.__version__}, pyarrow {pa.__version__}"
        raise Difference(
            f"bowstring {self._version} verify: {libraries}: {where}: bowstring {ours}, PySpark {stocks}.\n"
            "Keep the line above, the type of the column and the value: docs/troubleshooting.md of bowstring says why. "
            "Set BOWSTRING_NATIVE=off to go on without bowstring's conversions."
        )


_TABLE_FACTS: tuple[tuple[str, Callable[[pa.Table], Any]], ...] = (
    ("schema", lambda table: table.schema.to_string(show_field_metadata=True)),
    ("chunks", lambda table: [[len(chunk) for chunk in column.chunks] for column in table.columns]),
)


def _raised(error: BaseException) -> str:
    return f"raised {type(error).__name__}: {error}"


def _column(direction: str, field: pa.Field) -> str:
    return f"{direction} column '{field.name}' ({field.type})"
