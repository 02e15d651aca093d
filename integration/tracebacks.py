"""Runs functions that fail in stock workers and in bowstring's, and writes down both error texts, as JSON lines.

Runs on the interpreter of an environment; `test_tracebacks.py` starts it and compares.

usage: tracebacks.py BOWSTRING
"""

from __future__ import annotations

import builtins
import datetime
import decimal
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyspark
from pyspark.sql import types as T

from fakejvm.client import ConnectionLost, Daemon, spark_environment
from fakejvm.task_bytes import (
    DIALECTS,
    SCALAR_PANDAS_ITER,
    Task,
    Udf,
    encode_data,
    encode_groups,
    encode_preamble,
    grouped_offsets,
    pickle_command,
)

# A worker that fails ends, so each task gets a new one; this daemon's need not import everything again.
STOCK = """
import runpy, pyarrow.pandas_compat, pyspark.worker, pyspark.sql.pandas.serializers, pyspark.sql.pandas.conversion
from pyspark.sql.pandas.utils import require_minimum_pandas_version
require_minimum_pandas_version()
runpy.run_module("pyspark.daemon", run_name="__main__", alter_sys=True)
"""

SETTINGS = {
    "simplified": {"SPARK_SIMPLIFIED_TRACEBACK": "1"},
    "full": {"SPARK_SIMPLIFIED_TRACEBACK": ""},
    "simplified with locals": {"SPARK_SIMPLIFIED_TRACEBACK": "1", "SPARK_TRACEBACK_WITH_LOCALS": "1"},
    "full with locals": {"SPARK_SIMPLIFIED_TRACEBACK": "", "SPARK_TRACEBACK_WITH_LOCALS": "1"},
    "simplified and hidden": {"SPARK_SIMPLIFIED_TRACEBACK": "1", "SPARK_HIDE_TRACEBACK": "1"},
}
"""Names and variables; a version that does not know a variable ignores it, on both sides."""

WITHOUT_NOTES = ("simplified", "full")
"""Settings under which the notes are switched off as well."""

WITH_CRASHES = "full"
"""The setting under which workers crash, too."""

PAIRS = T.StructType([T.StructField("s", T.StringType()), T.StructField("v", T.DoubleType())])
DAYS = [datetime.date(2020, 1, 2)] * 3


@dataclass(frozen=True)
class Case:
    """A task that fails."""

    function: Callable[..., Any]
    returns: T.StructType = PAIRS
    columns: Mapping[str, pa.Array] | None = None
    """Columns of a group beside the usual ones."""
    keys: tuple[int, ...] = (0, 1)


CASES: dict[str, Case] = {}


def case(**facts: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes the function a case of its name."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        CASES[function.__name__] = Case(function, **facts)
        return function

    return register


def returning(name: str, result: Callable[[pd.DataFrame], Any], *types: T.DataType) -> None:
    """A case whose function returns what it should not. With `types` these are declared as columns a, b, …."""
    fields = [T.StructField(letter, data_type) for letter, data_type in zip("abc", types)]
    CASES[name] = Case(lambda pdf: result(pdf), T.StructType(fields) if fields else PAIRS)


@case()
def raises_deep_inside(pdf):
    def ratio(left, right):
        return left / right

    return pdf.assign(v=ratio(len(pdf), 0))


@case()
def raises_with_the_key(key, pdf):
    name, day = key
    raise ValueError(f"{name} on {day}")


@case(keys=())
def raises_for_all_rows(pdf):
    raise ValueError("no keys")


@case()
def raises_in_the_second_group(key, pdf):
    if key[0] != "a":
        raise RuntimeError("second")
    return pdf[["s", "v"]]


@case()
def raises_inside_pandas(pdf):
    return pdf.groupby("nothing of that name").sum()


@case()
def raises_with_a_cause(pdf):
    class Trouble(ValueError):
        pass

    try:
        return {}["missing"]
    except KeyError as error:
        raise Trouble("žádný\nsecond line\n\nafter a blank line") from error


@case()
def raises_while_handling(pdf):
    try:
        return {}["missing"]
    except KeyError:
        return int("not a number")


@case()
def raises_with_a_noted_cause(pdf):
    cause = KeyError("x")
    cause.add_note("a note of the cause")
    raise ValueError("y") from cause


@case()
def raises_a_group(pdf):
    def fail(number):
        raise ValueError(number)

    errors = []
    for number in range(2):
        try:
            fail(number)
        except ValueError as error:
            errors.append(error)
    raise builtins.ExceptionGroup("two errors", errors)


@case()
def raises_with_notes(pdf):
    error = ValueError("noted")
    error.add_note("first note\nof two lines")
    error.add_note("second note")
    raise error


@case()
def raises_what_bears_our_note(pdf):
    error = ValueError("kept from an earlier group")
    error.add_note("a note")
    error.add_note("bowstring: group k='other', 1 row")
    raise error


@case()
def raises_what_takes_no_notes(pdf):
    error = ValueError("closed")
    error.__notes__ = ("a tuple",)
    raise error


@case()
def raises_what_refuses_notes(pdf):
    class Closed(Exception):
        def __setattr__(self, name, value):
            if name == "__notes__":
                raise AttributeError("no notes")
            super().__setattr__(name, value)

    raise Closed("closed")


@case()
def raises_what_cannot_be_shown(pdf):
    class Silent(Exception):
        def __str__(self):
            raise ValueError("no text")

    raise Silent


@case()
def raises_with_own_add_note(pdf):
    class Proud(Exception):
        def add_note(self, note):
            raise RuntimeError("not called")

    raise Proud("own method")


@case()
def raises_with_arguments(pdf):
    class Coded(Exception):
        def __init__(self, code, hint):
            super().__init__(code, hint)

    raise Coded(7, {"hint": [1, 2]})


@case()
def exits(pdf):
    sys.exit("leaving")


@case()
def exits_quietly(pdf):
    sys.exit(0)


@case()
def is_interrupted(pdf):
    raise KeyboardInterrupt


@case()
def stops_iteration(pdf):
    raise StopIteration("enough")


@case()
def recurses(pdf):
    return recurses(pdf)


@case()
def has_a_syntax_error(pdf):
    compile("a b", "<text>", "exec")


@case()
def raises_pyspark_error(pdf):
    from pyspark.errors import PySparkValueError

    raise PySparkValueError("of PySpark's own class")


@case()
def asserts(pdf):
    assert len(pdf) > 3, "too few rows"


returning("result is None", lambda pdf: None)
returning("result is a number", lambda pdf: 7)
returning("result is a list", lambda pdf: [pdf])
returning("result is a series", lambda pdf: pdf["v"])
returning("result is an array", lambda pdf: pdf.to_numpy())
returning("result is an Arrow table", lambda pdf: pa.table({"a": [1]}))
returning("result is a class", lambda pdf: pd.DataFrame)
returning("columns are missing", lambda pdf: pdf[["s"]])
returning("columns are unexpected", lambda pdf: pdf[["s", "v"]].assign(w=1, x=2))
returning("columns have other names", lambda pdf: pdf[["s", "v"]].rename(columns={"s": "S", "v": "V"}))
returning("columns are too few by position", lambda pdf: pd.DataFrame([["x"]]))
returning("columns are too many by position", lambda pdf: pd.DataFrame([["x", 1.5, 2]]))
returning("text for a double", lambda pdf: pdf[["s"]].assign(v="text"))
returning("number for a text", lambda pdf: pd.DataFrame({"a": [1]}), T.StringType())
returning("text for an int", lambda pdf: pd.DataFrame({"a": ["x"]}), T.IntegerType())
returning("mixed objects for an int", lambda pdf: pd.DataFrame({"a": [1, "two", None]}), T.IntegerType())
returning("too large for an int", lambda pdf: pd.DataFrame({"a": [2**40]}), T.IntegerType())
returning(
    "too large for a byte in the second column",
    lambda pdf: pd.DataFrame({"a": [1], "b": [999]}),
    T.LongType(),
    T.ByteType(),
)
returning("fraction for a long", lambda pdf: pd.DataFrame({"a": [1.5]}), T.LongType())
returning("object for a boolean", lambda pdf: pd.DataFrame({"a": [object]}), T.BooleanType())
returning("text for a binary", lambda pdf: pd.DataFrame({"a": [7]}, dtype=object), T.BinaryType())
returning("text for a date", lambda pdf: pd.DataFrame({"a": ["2024-01-01"]}), T.DateType())
returning("text for a timestamp", lambda pdf: pd.DataFrame({"a": ["never"]}), T.TimestampType())
returning("number for an interval", lambda pdf: pd.DataFrame({"a": ["x"]}), T.DayTimeIntervalType())
returning(
    "decimal that does not fit", lambda pdf: pd.DataFrame({"a": [decimal.Decimal("123456.789")]}), T.DecimalType(5, 2)
)
returning("float for a decimal", lambda pdf: pd.DataFrame({"a": [1.5]}), T.DecimalType(5, 2))
returning("text for an array", lambda pdf: pd.DataFrame({"a": [7]}, dtype=object), T.ArrayType(T.IntegerType()))
returning(
    "wrong type deep inside",
    lambda pdf: pd.DataFrame({"a": [[{"x": object()}]]}),
    T.ArrayType(T.StructType([T.StructField("x", T.IntegerType())])),
)
returning("category for an int", lambda pdf: pd.DataFrame({"a": pd.Categorical(["x"])}), T.IntegerType())

CASES["input has a date after 9999"] = Case(
    lambda pdf: pdf[["s", "v"]], columns={"x": pa.array([2_932_897] * 3, pa.int32()).cast(pa.date32())}
)
CASES["input has a timestamp out of range"] = Case(
    lambda pdf: pdf[["s", "v"]], columns={"x": pa.array([2**62] * 3, pa.int64()).cast(pa.timestamp("us"))}
)
CASES["input has a key after 9999"] = Case(
    lambda pdf: pdf[["s", "v"]],
    columns={"x": pa.array([2_932_897] * 3, pa.int32()).cast(pa.date32())},
    keys=(4,),
)
CASES["key is nested and the group large"] = Case(
    lambda pdf: pdf["nothing"],
    columns={
        "x": pa.array([{"a": [1, 2], "b": None}] * 3),
        "y": pa.array(["y" * 50_000] * 3),
    },
    keys=(0, 4),
)
CASES["key is long"] = Case(lambda pdf: pdf["nothing"], columns={"x": pa.array(["x" * 400] * 3)}, keys=(4,))
CASES["key is odd"] = Case(
    lambda pdf: pdf["nothing"], columns={"line\nbreak": pa.array(["a\nb\u2028c"] * 3), "n": pa.nulls(3)}, keys=(4, 5)
)


def encode(case: Case) -> tuple[bytes, bytes]:
    """Preamble and data: two groups of three rows."""
    dialect = DIALECTS[pyspark.__version__]
    groups = []
    for name in ("a", "b"):
        usual = {
            "k": pa.array([name] * 3),
            "day": pa.array(DAYS),
            "s": pa.array(["x", None, "z"]),
            "v": pa.array([1.5, None, 2.5]),
        }
        groups.append([pa.record_batch({**usual, **(case.columns or {})})])
    width = groups[0][0].num_columns
    offsets = grouped_offsets(width, list(case.keys))
    task = Task(
        Udf(pickle_command(case.function, case.returns), offsets),
        conf={"spark.sql.execution.pandas.convertToArrowArraySafely": "true"},
    )
    return encode_preamble(dialect, task), encode_groups(dialect, groups)


def crashes(pdf):
    """Dies as a function of compiled code does that reads where nothing is."""
    os.kill(os.getpid(), signal.SIGSEGV)


def crashes_in_its_loop(batches):
    """The same, for an iterator."""
    for batch in batches:
        yield crashes(batch)


def crash_reports(daemon: Daemon, folder: str) -> dict[str, str]:
    """What the fault handler writes of a worker that crashes: in a task with groups, and in one that is a stream."""
    dialect = DIALECTS[pyspark.__version__]
    batch = pa.record_batch({"v": pa.array([1, 2, 3])})
    stream = Task(Udf(pickle_command(crashes_in_its_loop, T.LongType()), [0]), SCALAR_PANDAS_ITER)
    tasks = {
        "groups": encode(Case(crashes)),
        "stream": (encode_preamble(dialect, stream), encode_data(dialect, SCALAR_PANDAS_ITER, [batch])),
    }
    reports = {}
    for name, parts in tasks.items():
        with daemon.connect() as worker:
            try:
                worker.run(*parts, timing_longs=dialect.timing_longs)
            except ConnectionLost:
                worker.wait_for_exit()
            reports[name] = (Path(folder) / str(worker.pid)).read_text()
    return reports


def main(bowstring: str) -> None:
    """Sends every case to a stock daemon, to bowstring's, and to one without notes, for each setting."""
    dialect = DIALECTS[pyspark.__version__]
    tasks = {name: encode(case) for name, case in CASES.items()}
    stock = [sys.executable, "-c", STOCK, *dialect.daemon[2:]]
    native = [bowstring, *dialect.daemon]
    for setting, variables in SETTINGS.items():
        environment = spark_environment(Path(sys.executable), BOWSTRING_PYTHON=sys.executable, **variables)
        # PySpark out of its archive, which every task would read again.
        environment["PYTHONPATH"] = ""
        commands = {"stock": (stock, environment), "bowstring": (native, environment)}
        if setting in WITHOUT_NOTES:
            commands["without notes"] = (native, {**environment, "BOWSTRING_ERROR_NOTES": "off"})
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            if setting == WITH_CRASHES:
                environment["PYTHON_FAULTHANDLER_DIR"] = folder
            daemons = {side: stack.enter_context(Daemon(*how)) for side, how in commands.items()}
            for name, parts in tasks.items():
                texts = {}
                for side, daemon in daemons.items():
                    with daemon.connect() as worker:
                        texts[side] = worker.run(*parts, timing_longs=dialect.timing_longs).traceback
                print(json.dumps({"case": name, "setting": setting, **texts}), flush=True)
            if setting == WITH_CRASHES:
                reports = {side: crash_reports(daemons[side], folder) for side in ("stock", "bowstring")}
                print(json.dumps({"crashes": reports}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
