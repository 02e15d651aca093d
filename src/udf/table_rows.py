"""UDTFs over Arrow, eval type 301: what a call has given becomes a record batch of its own.

Stock's functions stay, but for the step from a call to its batches: rows of which the same is known to come are sent by
the native half, and stock's writer never sees them. The first batch of a task is always stock's, and with it the schema
of the answer.

Source: `read_udtf` in `pyspark/worker.py`, SQL_ARROW_TABLE_UDF.
"""

import inspect
from itertools import repeat
from types import GeneratorType

import pyarrow as pa
from _bowstring_arrow_batched_series import SCALARS
from _bowstring_frames import has_usual_options
from pyspark.sql.types import Row

_NAMES = {**SCALARS, "BinaryType": "binary"}
"""Types of fields, and what the self-test calls them."""


def cells(function):
    """What a function of stock's has from the one around it: cells by name."""
    return dict(zip(function.__code__.co_freevars, function.__closure__ or ()))


def value(function, name):
    """What is in one of its cells."""
    return cells(function)[name].cell_contents


class TableRows:
    """The rows of one task. `sink` is set before the first of them."""

    # Values as pandas takes them, or as Arrow does.
    in_frames = False
    without = {"FloatType"}
    # Names in stock: what evaluates a method, and what then makes batches or checks them.
    evaluated = ("eval", "terminate")
    converts = "convert_to_arrow"

    def __init__(self, native, unproven):
        self.sink = None
        self._native = native
        self._unproven = unproven
        self._encode = None

    def send(self, rows, arrow_type):
        """Whether the rows are sent; `arrow_type` is the one that stock declares for them."""
        if self._encode is None:
            if self.sink.schema is None:
                return False
            self._encode = self._encoder(arrow_type)
        message = self._encode(rows)
        if message is None:
            return False
        self.sink.write(message)
        return True

    def _encoder(self, arrow_type):
        schema = pa.schema([pa.field("_0", arrow_type)])
        if not self.sink.schema.equals(schema):
            return lambda rows: None
        return self._native.TableRows(schema, self.in_frames, Row).encode

    def take_over(self, function):
        """Has stock's function send what can be sent."""
        mine = {name: cell for name, cell in cells(function).items() if name in self.evaluated and cell.cell_contents}
        if all(self._knows(cell.cell_contents) for cell in mine.values()):
            for cell in mine.values():
                cell.cell_contents = self.evaluation(cell.cell_contents)

    def _knows(self, stock):
        """Whether this is the evaluation that is meant, and all fields of its results have a native path."""
        if self.converts not in cells(stock):
            # PySpark's legacy conversion.
            return False
        names = [type(field.dataType).__name__ for field in value(value(stock, self.converts), "return_type").fields]
        return len(names) > 0 and all(
            name in _NAMES and name not in self.without and _NAMES[name] not in self._unproven for name in names
        )

    def evaluation(self, stock):
        """Spark 4.1 and 4.2: in place of stock's evaluation of a method for each row."""
        call, convert = value(stock, "func"), value(stock, self.converts)
        check, arrow_type = value(convert, "check_return_value"), value(stock, "arrow_return_type")

        def evaluate(*args, num_rows=1):
            for row in zip(*args) if args else repeat((), num_rows):
                rows = list(check(call(*row)))
                if not self.send(rows, arrow_type):
                    for batch in convert(rows):
                        yield batch, arrow_type

        return evaluate


class TableRows43(TableRows):
    """Spark 4.3: one evaluation for all methods."""

    evaluated = ("evaluate_rows",)
    converts = "convert_rows_to_arrow"

    def evaluation(self, stock):
        convert = value(stock, self.converts)
        check, arrow_type = value(convert, "check_return_value"), value(convert, "arrow_return_type")

        def evaluate_rows(method, *args, num_rows=1):
            for row in zip(*args) if args else repeat((), num_rows):
                try:
                    given = method(*row)
                except BaseException as error:
                    outcome = _raising(error)
                else:
                    rows = list(check(given, method.__name__))
                    if self.send(rows, arrow_type):
                        continue
                    outcome = _returning(rows)
                outcome.__name__ = method.__name__
                yield from stock(outcome)

        return evaluate_rows


class FrameRows(TableRows):
    """Spark 3.5 and 4.0: a frame is made of the rows."""

    in_frames = True
    without = {"BinaryType"}
    converts = "verify_result"

    def send(self, rows, arrow_type):
        return has_usual_options() and super().send(rows, arrow_type)

    def evaluation(self, stock):
        call, check, verify = (value(stock, name) for name in ("func", "check_return_value", self.converts))
        arrow_type, pd = value(stock, "arrow_return_type"), value(stock, "pd")
        # Spark 4.0.
        checks_rows = inspect.isgeneratorfunction(check)

        def evaluate(*args):
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
                if type(given) is not list or not self.send(given, arrow_type):
                    yield verify(pd.DataFrame(given)), arrow_type

        return evaluate


def _raising(error):
    """A function that raises what another has raised."""
    traceback = error.__traceback__.tb_next

    def again():
        raise error.with_traceback(traceback)

    return again


def _returning(rows):
    return lambda: rows


def _generating(function):
    yield function()
