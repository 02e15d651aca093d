"""Exercises `BOWSTRING_NATIVE=verify` and writes down what happened, as one JSON text.

Runs on the interpreter of an environment; `test_verify.py` starts it and judges. First the comparison alone
(`exact.py`), on pairs of values; then a bowstring daemon whose conversions a user's function has spoilt.

usage: verify_cases.py BOWSTRING
"""

from __future__ import annotations

import datetime
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyspark
from pyspark.sql import Row
from pyspark.sql import types as T

from fakejvm.client import Daemon, Reply, spark_environment
from fakejvm.task_bytes import (
    ARROW_BATCHED,
    ARROW_TABLE_UDTF,
    DIALECTS,
    GROUPED_AGG,
    GROUPED_AGG_ARROW,
    GROUPED_AGG_ARROW_ITER,
    GROUPED_AGG_ITER,
    GROUPED_MAP,
    GROUPED_MAP_ARROW_ITER,
    GROUPED_MAP_ITER,
    MAP_ARROW,
    MAP_PANDAS,
    SCALAR_PANDAS,
    WINDOW_AGG_ARROW,
    Task,
    Udf,
    Udtf,
    encode_data,
    encode_preamble,
    grouped_offsets,
    pickle_command,
    pickle_handler,
)

HERE = Path(__file__).resolve().parent


def load_exact() -> Any:
    """`exact.py` as a module."""
    spec = importlib.util.spec_from_file_location(
        "exact", HERE.parent / "python" / "bowstring" / "_spark" / "proof" / "exact.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def nan_of(bits: int, kind: str = "f8") -> Any:
    """A NaN with these bits."""
    return np.array([bits], f"u{kind[1]}").view(kind)


def read_only(array: np.ndarray) -> np.ndarray:
    """The array, no longer writable."""
    array.flags.writeable = False
    return array


def objects(*values: Any) -> np.ndarray:
    """An object column."""
    column = np.empty(len(values), object)
    column[:] = values
    return column


def text_column(*values: Any) -> Any:
    """A text column as this pandas has them."""
    return pd.Series(list(values), dtype="str" if pd.__version__ >= "3" else "string[pyarrow]").array


NAN, OTHER_NAN = 0x7FF8_0000_0000_0000, 0x7FF8_0000_0000_0001
DAY, INSTANT = datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4, 5)

# Pairs of columns with the same values.
EQUAL_COLUMNS = {
    "NaN": lambda: (nan_of(NAN), nan_of(NAN)),
    "objects": lambda: tuple(objects(None, float("nan"), pd.NaT, pd.NA, "é", b"\0", DAY, True) for _ in range(2)),
    "decimals": lambda: (objects(Decimal("1.50")), objects(Decimal("1.50"))),
    "nested": lambda: tuple(
        objects({"a": [1, None], "b": np.array([1.5])}, Row(x=1, y=float("nan")), (1, [objects("x")])) for _ in range(2)
    ),
    "datetimes": lambda: tuple(pd.array(np.array([1, 2], "M8[ns]")) for _ in range(2)),
    "texts": lambda: (text_column("a", None), text_column("a", None)),
    "nothing": lambda: (np.array([], "f8"), np.array([], "f8")),
    "keys": lambda: ([np.float64("nan")], [np.float64("nan")]),
}

# Pairs of columns that differ in the last row, or as a whole.
DIFFERENT_COLUMNS = {
    "numbers": lambda: (np.array([1, 2]), np.array([1, 3])),
    "payload of a NaN": lambda: (nan_of(NAN), nan_of(OTHER_NAN)),
    "payload of a single NaN": lambda: (nan_of(0x7FC0_0000, "f4"), nan_of(0x7FC0_0001, "f4")),
    "sign of zero": lambda: (np.array([1.5, 0.0]), np.array([1.5, -0.0])),
    "sign of zero in an object": lambda: (objects(0.0), objects(-0.0)),
    "dtype": lambda: (np.array([1], "i4"), np.array([1], "i8")),
    "unit": lambda: (np.array([1], "M8[us]"), np.array([1], "M8[ns]")),
    "length": lambda: (np.array([1]), np.array([1, 1])),
    "class of the column": lambda: (np.array([1]), pd.array([1], dtype="Int64")),
    "None and NaN": lambda: (objects("a", None), objects("a", float("nan"))),
    "None and NaT": lambda: (objects(None), objects(pd.NaT)),
    "None and NA": lambda: (objects(None), objects(pd.NA)),
    "int and bool": lambda: (objects(1), objects(True)),
    "bool and NumPy's": lambda: (objects(True), objects(np.True_)),
    "float and NumPy's": lambda: (objects(1.5), objects(np.float64(1.5))),
    "text and bytes": lambda: (objects("a"), objects(b"a")),
    "scale of a decimal": lambda: (objects(Decimal("1.5")), objects(Decimal("1.50"))),
    "date and time": lambda: (objects(DAY), objects(INSTANT)),
    "fold": lambda: (objects(INSTANT), objects(INSTANT.replace(fold=1))),
    "unit of a timestamp": lambda: ([pd.Timestamp(1, unit="s")], [pd.Timestamp(1, unit="s").as_unit("ns")]),
    "zone of a timestamp": lambda: ([pd.Timestamp(0, tz="UTC")], [pd.Timestamp(0)]),
    "list and array": lambda: (objects([1]), objects(np.array([1]))),
    "items of a list": lambda: (objects([1, [2, None]]), objects([1, [2, float("nan")]])),
    "order of a dict": lambda: (objects({"a": 1, "b": 2}), objects({"b": 2, "a": 1})),
    "value in a dict": lambda: (objects({"a": [1]}), objects({"a": [2]})),
    "names of a row": lambda: (objects(Row(x=1)), objects(Row(y=1))),
    "dtype inside": lambda: (objects([np.array([1], "i4")]), objects([np.array([1], "i8")])),
    "writable inside": lambda: (objects([np.array([1])]), objects([read_only(np.array([1]))])),
    "datetimes": lambda: (pd.array(np.array([1, 2], "M8[ns]")), pd.array(np.array([1, 3], "M8[ns]"))),
    "texts": lambda: (text_column("a", "b"), text_column("a", None)),
}

EQUAL_ARRAYS = {
    "floats": lambda: tuple(pa.array([1.5, None, -0.0]) for _ in range(2)),
    "nested": lambda: tuple(pa.array([[{"a": float("nan")}], None]) for _ in range(2)),
    "slices": lambda: (pa.array([0.5, 1.5])[1:], pa.array([1.5])),
    "chunks": lambda: (pa.array(["a"]), pa.chunked_array([["a"]])),
}

DIFFERENT_ARRAYS = {
    "type": lambda: (pa.array([1], pa.int32()), pa.array([1], pa.int64())),
    "zone": lambda: tuple(pa.array([1], pa.timestamp("us", zone)) for zone in ("UTC", "+00:00")),
    "length": lambda: (pa.array([1]), pa.array([1, 1])),
    "null": lambda: (pa.array([1, None]), pa.array([1, 0])),
    "place of a null": lambda: (pa.array([None, 1]), pa.array([1, None])),
    "sign of zero": lambda: (pa.array([1.5, 0.0]), pa.array([1.5, -0.0])),
    "payload of a NaN": lambda: (pa.array(nan_of(NAN)), pa.array(nan_of(OTHER_NAN))),
    "sign of zero inside": lambda: (pa.array([[0.0]]), pa.array([[-0.0]])),
    "text": lambda: (pa.array(["a", "b"]), pa.array(["a", "c"])),
    "a time that Python does not have": lambda: (
        pa.array([2**62], pa.timestamp("s")),
        pa.array([0], pa.timestamp("s")),
    ),
}


def numbers() -> pd.DataFrame:
    """A frame with two blocks of numbers."""
    return pd.DataFrame({"a": [1, 2], "b": [1.5, 2.5]})


def changed(change: Callable[[pd.DataFrame], Any]) -> Callable[[], tuple[pd.DataFrame, pd.DataFrame]]:
    """A frame, and the same after a change."""

    def pair() -> tuple[pd.DataFrame, pd.DataFrame]:
        frame = numbers()
        result = change(frame)
        return numbers(), frame if result is None else result

    return pair


def make_read_only(frame: pd.DataFrame | pd.Series) -> None:
    """Its first block is no longer writable."""
    frame._mgr.blocks[0].values.flags.writeable = False


def changed_series(change: Callable[[pd.Series], Any]) -> Callable[[], tuple[pd.Series, pd.Series]]:
    """A Series, and the same after a change."""

    def pair() -> tuple[pd.Series, pd.Series]:
        series = numbers()["b"].copy()
        result = change(series)
        return numbers()["b"].copy(), series if result is None else result

    return pair


EQUAL_SERIES = {"itself": changed_series(lambda series: None)}

DIFFERENT_SERIES = {
    "value": changed_series(lambda series: series + 1),
    "name": changed_series(lambda series: series.rename("c")),
    "no name": changed_series(lambda series: series.rename(None)),
    "start of the index": changed_series(lambda series: series.set_axis(pd.RangeIndex(1, 3))),
    "class of the index": changed_series(lambda series: series.set_axis([0, 1])),
    "name of the index": changed_series(lambda series: series.rename_axis("i")),
    "rows": changed_series(lambda series: series.iloc[:1]),
    "dtype": changed_series(lambda series: series.astype("f4")),
    "subclass": changed_series(lambda series: type("Series", (pd.Series,), {})(series)),
    "writable": changed_series(make_read_only),
}

EQUAL_FRAMES = {"itself": changed(lambda frame: None)}

DIFFERENT_FRAMES = {
    "label": changed(lambda frame: frame.rename(columns={"a": "A"})),
    "class of the labels": changed(lambda frame: frame.set_axis(range(2), axis=1)),
    "name of the labels": changed(lambda frame: frame.rename_axis(columns="n")),
    "start of the index": changed(lambda frame: frame.set_axis(pd.RangeIndex(1, 3))),
    "class of the index": changed(lambda frame: frame.set_axis([0, 1])),
    "rows": changed(lambda frame: frame.iloc[:1]),
    "dtype": changed(lambda frame: frame.astype({"a": "i4"})),
    "subclass": changed(lambda frame: type("Frame", (pd.DataFrame,), {})(frame)),
    "order of the columns in blocks": changed(lambda frame: frame[["b", "a"]].set_axis(["a", "b"], axis=1)),
    "writable": changed(make_read_only),
}


def differences(compare: Callable[..., Any], cases: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """What a comparison says of each pair."""
    return {name: compare(*pair()) for name, pair in cases.items()}


def compare_pairs() -> dict[str, Any]:
    """All pairs: those that must be equal, and those that must not."""
    exact = load_exact()
    kinds = {
        "columns": (exact.column_difference, EQUAL_COLUMNS, DIFFERENT_COLUMNS),
        "arrays": (exact.arrow_difference, EQUAL_ARRAYS, DIFFERENT_ARRAYS),
        "frames": (exact.frame_difference, EQUAL_FRAMES, DIFFERENT_FRAMES),
        "series": (exact.series_difference, EQUAL_SERIES, DIFFERENT_SERIES),
    }
    return {
        kind: {"equal": differences(compare, equal), "different": differences(compare, different)}
        for kind, (compare, equal, different) in kinds.items()
    }


def run_instead(function: Any, stand_in: Callable[..., Any]) -> Callable[..., Any]:
    """Has another function run in the place of one that the native half has hold of. Returns the original."""

    def call(*arguments, _stand_in):
        return _stand_in(*arguments)

    original = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    original.__kwdefaults__ = function.__kwdefaults__
    function.__code__, function.__defaults__ = call.__code__, None
    function.__kwdefaults__ = {"_stand_in": stand_in}
    return original


def spoil_frames(pdf: pd.DataFrame) -> pd.DataFrame:
    """From the second group on, one value of the frame is another."""
    frames = import_module("_bowstring._worker.frames").Frames

    def spoil(array):
        if not isinstance(array, np.ndarray) or array.dtype != np.float64:
            return array
        changed = array.copy()
        changed[:, -1] = -7.25
        changed.flags.writeable = array.flags.writeable
        return changed

    def spoilt(self, layout, arrays, *rest):
        return frame(self, layout, [spoil(array) for array in arrays], *rest)

    frame = run_instead(frames.frame, spoilt)
    return pdf


def spoil_frames_of_iterator(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """From the second group on, one value of the frame is another."""
    for frame in frames:
        yield spoil_frames(frame)


def spoil_series(values: pd.Series) -> float:
    """From the second group on, one value of the Series is another."""
    module = import_module("_bowstring._worker.frames")

    def spoilt(layout, arrays, rows):
        for array in arrays:
            if array.dtype == np.float64:
                array[:, -1] = -7.25
        return series(layout, arrays, rows)

    series = run_instead(module.series, spoilt)
    return float(values.iloc[0])


def spoil_series_of_batch(values: pd.Series) -> pd.Series:
    """The same for a function that returns a column."""
    spoil_series(values)
    return values


def spoil_series_of_iterator(batches: Iterator[pd.Series]) -> float:
    """The same for an aggregate of an iterator."""
    return [spoil_series(values) for values in batches][0]


def spoil_scalars(values: pd.Series) -> float:
    """Of this group on, stock makes another value of the result."""
    stock = import_module("_bowstring._spark.stock.conversion")
    for name in ("SerializerStock", "ConversionStock"):
        getattr(stock, name).result_column = lambda self, column, index: pa.array([8.0])
    return float(values.iloc[0])


def spoil_column(values: pd.Series) -> pd.Series:
    """Of this batch on, stock makes other values of the result."""
    stock = import_module("_bowstring._spark.stock.conversion").Stock
    whole_batch = stock.whole_batch

    def spoilt(self, batch, started):
        return whole_batch(self, pa.record_batch([pa.array([8.0] * len(batch))], batch.schema.names), started)

    stock.whole_batch = spoilt
    return values


def spoil_comparison(name: str) -> None:
    """From now on, a comparison finds a difference."""
    setattr(import_module("_bowstring._spark.proof.verify"), name, lambda ours, stocks: ("row 7", "this", "that"))


def spoil_values(value: float) -> float:
    """The comparison of values that the next batch is made into."""
    spoil_comparison("column_difference")
    return 1.5


def spoil_value_results(value: float) -> float:
    """The comparison of what the results are made into."""
    spoil_comparison("arrow_difference")
    return 1.5


def spoil_columns(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The comparison of the next frame's columns."""
    for frame in frames:
        spoil_comparison("series_difference")
        yield frame


def spoil_column_results(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The comparison of what the frame's columns are made into."""
    for frame in frames:
        spoil_comparison("arrow_difference")
        yield frame


def spoil_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The comparison of the next batch."""
    for _ in batches:
        spoil_comparison("arrow_difference")
        yield from ()


def spoil_batch_results(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The comparison of what is sent."""
    batch = next(batches)
    spoil_comparison("arrow_difference")
    yield batch


def spoil_arrays(values: pa.Array) -> float:
    """From the second group on, stock reads another value."""
    reader = import_module("_bowstring._spark.stock.arrow").Reader

    def spoilt(self, schema, messages):
        batches = read(self, schema, messages)
        return [pa.record_batch([pa.array([1.5, -7.25])], names=batch.schema.names) for batch in batches]

    read = run_instead(reader.read, spoilt)
    return 1.5


def spoil_arrays_of_iterator(arrays: Iterator[pa.Array]) -> float:
    """The same for a function that gets an iterator."""
    return [spoil_arrays(values) for values in arrays][0]


def spoil_scalars_of_arrays(values: pa.Array) -> float:
    """Of this group on, stock makes another value of the result."""
    stock = import_module("_bowstring._spark.stock.arrow").ArrayStock
    for adapter in (stock, *stock.__subclasses__()):
        run_instead(
            adapter.batch, lambda self, arrays: pa.record_batch([pa.array([8.0] * len(arrays[0]))], self.plain.names)
        )
    return 1.5


class SpoilRows:
    """The comparison of the rows of the second call; those of the first one are always stock's."""

    def eval(self, value: float) -> Iterator[tuple[float]]:
        """A row, as it is."""
        yield (value,)
        spoil_comparison("arrow_difference")


def spoil_keys(key: tuple[Any, ...], pdf: pd.DataFrame) -> pd.DataFrame:
    """From the second group on, the key is another."""
    frames = import_module("_bowstring._worker.frames").Frames
    run_instead(frames.key, lambda columns: ("another",) * len(columns))
    return pdf


def spoil_results(pdf: pd.DataFrame) -> pd.DataFrame:
    """Of this group on, one value of the result is another."""
    frames = import_module("_bowstring._worker.frames").Frames

    def spoilt(frame, positions):
        rows, arrays = take_apart(frame, positions)
        return rows, [np.where(np.arange(rows) == 1, 8, array) if array.dtype == "i8" else array for array in arrays]

    take_apart = run_instead(frames.take_apart, spoilt)
    return pdf


def swap_results(pdf: pd.DataFrame) -> pd.DataFrame:
    """Of this group on, two columns of a result take each other's place."""
    frames = import_module("_bowstring._worker.frames").Frames
    run_instead(frames.positions, lambda self, columns: [0, 2, 1, 3])
    return pdf


def spoil_stock(pdf: pd.DataFrame) -> pd.DataFrame:
    """From the second group on, stock raises for a column that the native path converts."""
    stock = import_module("_bowstring._spark.stock.conversion")

    def fail(self, table, index):
        raise OverflowError("out of range")

    for name in ("SerializerStock", "SerializerStock41", "ConversionStock"):
        getattr(stock, name).column = fail
    return pdf


def count_comparisons(pdf: pd.DataFrame) -> pd.DataFrame:
    """How many groups have been compared, this one included, where the first one's is not counted by itself."""
    module = sys.modules.get("_bowstring._spark.proof.verify")
    if module is None:
        return pdf.assign(n=-1)
    if not hasattr(module, "counted"):
        module.counted = 1

        def counting(self, *arguments):
            module.counted += 1
            return compare(self, *arguments)

        compare = run_instead(module.Verifier.input, counting)
    return pdf.assign(n=module.counted)


def unrepeatable(pdf: pd.DataFrame) -> pd.DataFrame:
    """A result with objects that can be looked at once."""
    return pdf.assign(g=[map(int, [7, 8]) for _ in range(len(pdf))])


GROUPS = 300
COLUMNS = [("k", T.StringType()), ("x", T.DoubleType()), ("y", T.DoubleType()), ("n", T.LongType())]
ITEMS = ("g", T.ArrayType(T.IntegerType()))
FUNCTIONS: dict[str, tuple[Callable[..., Any], int, str]] = {
    "input": (spoil_frames, GROUPED_MAP, "3.5"),
    "key": (spoil_keys, GROUPED_MAP, "3.5"),
    "output": (spoil_results, GROUPED_MAP, "3.5"),
    "columns": (swap_results, GROUPED_MAP, "3.5"),
    "stock raises": (spoil_stock, GROUPED_MAP, "3.5"),
    "aggregate, input": (spoil_series, GROUPED_AGG, "3.5"),
    "aggregate, output": (spoil_scalars, GROUPED_AGG, "3.5"),
    "pandas_udf, input": (spoil_series_of_batch, SCALAR_PANDAS, "3.5"),
    "pandas_udf, output": (spoil_column, SCALAR_PANDAS, "3.5"),
    "udf, input": (spoil_values, ARROW_BATCHED, "3.5"),
    "udf, output": (spoil_value_results, ARROW_BATCHED, "3.5"),
    "mapInPandas, input": (spoil_columns, MAP_PANDAS, "3.5"),
    "mapInPandas, output": (spoil_column_results, MAP_PANDAS, "3.5"),
    "iterator of frames": (spoil_frames_of_iterator, GROUPED_MAP_ITER, "4.1"),
    "iterator of Series": (spoil_series_of_iterator, GROUPED_AGG_ITER, "4.2"),
    "mapInArrow, input": (spoil_batches, MAP_ARROW, "3.5"),
    "mapInArrow, output": (spoil_batch_results, MAP_ARROW, "3.5"),
    "iterator of batches, input": (spoil_batches, GROUPED_MAP_ARROW_ITER, "4.1"),
    "iterator of batches, output": (spoil_batch_results, GROUPED_MAP_ARROW_ITER, "4.1"),
    "arrays": (spoil_arrays, GROUPED_AGG_ARROW, "4.1"),
    "iterator of arrays": (spoil_arrays_of_iterator, GROUPED_AGG_ARROW_ITER, "4.2"),
    "scalars of arrays": (spoil_scalars_of_arrays, GROUPED_AGG_ARROW, "4.1"),
    "scalars of windows": (spoil_scalars_of_arrays, WINDOW_AGG_ARROW, "4.1"),
    "rows": (SpoilRows, ARROW_TABLE_UDTF, "3.5"),
}
"""What is spoilt, the kind of UDF, and the first Spark line that has it."""


def ask(
    daemon: Daemon, function: Callable[..., Any], groups: int, columns: list[Any], kind: int = GROUPED_MAP
) -> Reply:
    """Runs a function on this many groups of two rows, or on the column `x` of each."""
    dialect = DIALECTS[pyspark.__version__]
    data = []
    for group in range(groups):
        values = {"k": pa.array([f"g{group}"] * 2), "x": pa.array([1.5, None]), "y": pa.array([2.5, -0.0])}
        data.append([pa.record_batch({**values, "n": pa.array([group, 2 * group])})])
    if kind in (GROUPED_MAP, GROUPED_MAP_ITER, GROUPED_MAP_ARROW_ITER):
        fields = T.StructType([T.StructField(*column) for column in columns])
        task = Task(Udf(pickle_command(function, fields), grouped_offsets(4, [0])), kind)
    elif kind == MAP_ARROW:
        data = [batch for group in data for batch in group]
        fields = T.StructType([T.StructField(*column) for column in columns])
        task = Task(Udf(pickle_command(function, fields), [0]), kind)
    elif kind == ARROW_TABLE_UDTF:
        data = [batch.select(["y"]) for group in data for batch in group]
        returns = T.StructType([T.StructField("y", T.DoubleType())])
        task = Task(Udtf(pickle_handler(function), returns, [0]), kind, input_type=returns)
    elif kind == MAP_PANDAS:
        data = [pa.record_batch({"d": pa.array([DAY, DAY])}) for _ in data]
        task = Task(Udf(pickle_command(function, T.StructType([T.StructField("d", T.DateType())])), [0]), kind)
    else:
        data = [[batch.select(["y"] if kind == ARROW_BATCHED else ["x"]) for batch in group] for group in data]
        windows = ["unbounded"] if kind == WINDOW_AGG_ARROW else []
        task = Task([Udf(pickle_command(function, T.DoubleType()), [0])], kind, windows=windows)
        if kind in (SCALAR_PANDAS, ARROW_BATCHED):
            data = [batch for group in data for batch in group]
        if kind == ARROW_BATCHED:
            task = replace(task, input_type=T.StructType([T.StructField("y", T.DoubleType())]))
    with daemon.connect() as worker:
        return worker.run(
            encode_preamble(dialect, task), encode_data(dialect, kind, data), timing_longs=dialect.timing_longs
        )


def rows_of(reply: Reply) -> Any:
    """The rows of a reply, or its error."""
    if reply.traceback:
        return reply.traceback
    return pa.ipc.open_stream(bytes(reply.arrow)).read_all().column(0).combine_chunks().to_pylist()


def main(bowstring: str) -> None:
    """Prints what the comparisons say, and what daemons answer under three settings."""
    found: dict[str, Any] = {"pairs": compare_pairs(), "spoilt": {}, "counted": {}, "once": {}}
    command = [bowstring, *DIALECTS[pyspark.__version__].daemon]
    for mode in ("verify", "verify:0.1", "on"):
        environment = spark_environment(Path(sys.executable), BOWSTRING_PYTHON=sys.executable, BOWSTRING_NATIVE=mode)
        with Daemon(command, {**environment, "BOWSTRING_SPARE_WORKERS": "1"}) as daemon:
            if mode == "verify":
                for name, (function, kind, since) in FUNCTIONS.items():
                    if since <= pyspark.__version__:
                        found["spoilt"][name] = rows_of(ask(daemon, function, 3, COLUMNS, kind))
            found["counted"][mode] = rows_of(ask(daemon, count_comparisons, GROUPS, COLUMNS))[-1]["n"]
            found["once"][mode] = rows_of(ask(daemon, unrepeatable, 2, [*COLUMNS, ITEMS]))
    found["versions"] = [pyspark.__version__, pd.__version__, pa.__version__]
    print(json.dumps(found, default=str))


if __name__ == "__main__":
    main(sys.argv[1])
