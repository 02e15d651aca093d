"""What kinds of UDF take from a task, and what they put in the place of functions and Series."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from bowstring._spark import hook
from bowstring._spark.kinds import grouped_agg, grouped_map
from bowstring._spark.kinds.scalar import Replay, Resized
from bowstring._spark.lines import _LINES
from bowstring._spark.surface.known import Surface
from bowstring._spark.task_parts import ColumnUdf, TaskParts, is_struct, kinds_by_number, wants_large_types
from pyspark.sql.types import LongType, StructField, StructType
from pyspark.worker import PythonEvalType

STRUCT = StructType([StructField("a", LongType())])
LARGE = "spark.sql.execution.arrow.useLargeVarTypes"


def parts_of(singles: list[Any], wrapped: list[Any], conf: Any = None, version: str = "4.3") -> TaskParts:
    proven: Any = None
    return TaskParts(_LINES[version], proven, (None, None, None, conf), (), singles, wrapped)


def increment(value: Any) -> Any:
    return value + 1


def test_single_udfs_as_each_line_has_them() -> None:
    single = increment, [0], {"b": 1}, LongType()
    assert parts_of([single], []).single_udfs() == [single]
    # Spark 3.5 wraps with the type alone, and returns the offsets first.
    assert parts_of([([0, 1], None)], [("wrap", (increment, LongType()))]).single_udfs() == [
        (increment, [0, 1], {}, LongType())
    ]
    # Spark 4 wraps with offsets and names.
    assert parts_of([(None,)], [("wrap", (*single, {}))]).single_udfs() == [single]
    # One was not wrapped.
    assert parts_of([(None,), (None,)], [("wrap", (*single, {}))]).single_udfs() is None


def test_struct_and_large_types() -> None:
    assert is_struct(STRUCT)
    assert not is_struct(StructType([])) and not is_struct(LongType())
    assert wants_large_types({LARGE: "true"})
    assert not wants_large_types({LARGE: "false"}) and not wants_large_types({}) and not wants_large_types(LongType())


def test_kinds_of_other_lines_are_left_out() -> None:
    kind: Any = increment
    assert kinds_by_number({"SQL_SCALAR_PANDAS_UDF": kind, "SQL_OF_TOMORROW": kind}) == {200: kind}


def test_every_kind_belongs_to_one_family() -> None:
    families = hook._FAMILIES
    assert sum(len(family.KINDS) for family in families) == len(hook._KINDS) == 21
    assert len(set(hook._WRAPS)) == len(hook._WRAPS)


def test_offsets_of_keys_and_values() -> None:
    task = grouped_map.GroupedMap(None, None, [4, 2, 0, 1, 2], True)
    assert (task.key_offsets, task.value_offsets) == ([0, 1], [2])
    sides = grouped_map.CogroupedMap(None, increment, [3, 1, 0, 1, 4, 1, 0, 1, 2], False)
    assert (sides.left.key_offsets, sides.left.value_offsets) == ([0], [1])
    assert (sides.right.key_offsets, sides.right.value_offsets) == ([0], [1, 2])


@pytest.mark.parametrize(
    ("bounds", "offsets", "asks_first", "calls_all"),
    [
        ("bounded", [0, 1], False, True),
        (" Bounded ", [0, 1, 2], False, True),
        ("bounded", [0], False, False),
        ("unbounded", [], False, True),
        ("unbounded", [], True, False),
        ("unbounded", [0], True, True),
        ("sliding", [0, 1], False, False),
    ],
)
def test_windows(bounds: str, offsets: list[int], asks_first: bool, calls_all: bool) -> None:
    udf = ColumnUdf(increment, offsets, {})
    parts = parts_of([], [], {"window_bound_types": bounds})
    assert grouped_agg.find_windows(parts, [udf], asks_first) is calls_all
    assert udf.bounded is (bounds.strip().lower() == "bounded")


def test_windows_are_as_many_as_functions() -> None:
    parts = parts_of([], [], {"pandas_window_bound_types": "bounded,unbounded"})
    with pytest.raises(ValueError):
        grouped_agg.find_windows(parts, [ColumnUdf(increment, [0, 1], {})], False)


def test_a_replay_calls_the_function_once_for_each_unknown_result() -> None:
    calls: list[Any] = []
    replay = Replay(lambda value: calls.append(value) or value + 1)
    replay.results.append((41, True))
    assert [replay(1), replay(1)] == [41, 2]
    assert calls == [1]


def test_a_resized_series_is_as_long_as_the_result_that_fitted() -> None:
    series = pd.Series([1, 2, 3])
    first = Resized(series)
    assert len(first) == 3
    replay = Replay(lambda values, other: len(values) + len(other))
    replay.results.append(([0] * 5, True))
    assert replay(first, other=first) == [0] * 5
    assert len(first) == 5
    replay.results.append(([0] * 5, False))
    replay(first, other=first)
    assert len(first) == 3
    # The function itself gets the Series.
    assert replay(first, other=first) == 6


def test_frames_of_a_group_are_converted_when_they_are_asked_for() -> None:
    converted: list[Any] = []

    def convert(part: Any) -> list[Any]:
        converted.append(part)
        return ["kept", part]

    frames = grouped_map.frames(["kept", "first"], iter(["second"]), convert)
    assert next(frames) == "first" and converted == []
    assert list(frames) == ["second"] and converted == ["second"]
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(grouped_map.first(iter([])))


def test_a_kept_iterator_of_frames_goes_on_with_the_group_at_work() -> None:
    of_group = grouped_map._late_frames()
    kept = of_group(["a"], iter(["b"]), lambda part: [part])
    assert next(kept) == "a"
    assert next(of_group(["c"], iter(["d", "e"]), lambda part: [part])) == "c"
    assert list(kept) == ["d", "e"]


class Stands:
    """What stands around a function."""

    def __init__(self, function: Any) -> None:
        self.function = function


@pytest.fixture
def reading() -> hook._Reading:
    return hook._Reading({200: Stands})


def test_a_function_is_put_into_something_where_it_is_wrapped(reading: hook._Reading) -> None:
    reading.begin(200)
    function, _ = reading.wrap("wrap", (increment, LongType()))
    assert type(function) is Stands and function.function is increment
    assert reading.end(([0], "wrapped")) == ([0], "wrapped")
    assert reading.wrapped == [("wrap", (function, LongType()))] and reading.singles == [([0], "wrapped")]


def test_or_when_it_has_been_read(reading: hook._Reading) -> None:
    reading.begin(200)
    function, *rest = reading.end((increment, [0]))
    assert type(function) is Stands and rest == [[0]]
    reading.begin(201)
    assert reading.end((increment, [0])) == (increment, [0])


class Reader:
    """In the place of `pyspark.worker`, with a function to wrap."""

    def __init__(self) -> None:
        self.worker = SimpleNamespace(
            wrap=lambda function, data_type: function,
            read_single_udf=lambda ser, infile, eval_type: (increment, [0]),
            read_udfs=self.read_udfs,
            read_udtf=lambda *args: ("function", None, "in", "out"),
        )

    def read_udfs(self, ser: Any, infile: Any, eval_type: int) -> tuple[Any, ...]:
        self.worker.wrap(increment, LongType())
        self.worker.read_single_udf(ser, infile, eval_type)
        if infile == "broken":
            raise ValueError("no such task")
        return "function", None, "in", "out"


def test_a_task_is_ours_or_stocks(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[TaskParts] = []

    def kind(parts: TaskParts) -> Any:
        seen.append(parts)
        return None if parts.arguments[1] == "odd" else ("ours", "streams")

    reader = Reader()
    monkeypatch.setattr(hook, "worker", reader.worker)
    monkeypatch.setattr(hook, "_KINDS", {201: kind})
    monkeypatch.setattr(hook, "_WRAPS", ["wrap", "of_another_line"])
    proven: Any = None
    hook._Hook(_LINES["4.3"], proven, Surface({201: "SQL_GROUPED_MAP_PANDAS_UDF"}, {})).install()
    stocks = ("function", None, "in", "out")
    read: Callable[..., Any] = reader.worker.read_udfs
    with pytest.raises(ValueError):
        read(None, "broken", 201)
    assert read(None, "file", 201) == ("ours", None, "streams", "streams")
    assert read(None, "odd", 201) == stocks
    assert read(None, "file", PythonEvalType.SQL_BATCHED_UDF) == stocks
    # What was seen of the task that could not be read is not the next one's.
    assert [(parts.singles, parts.wrapped) for parts in seen] == [
        ([(increment, [0])], [("wrap", (increment, LongType()))])
    ] * 2


def test_what_is_not_known_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    monkeypatch.setattr(hook, "worker", reader.worker)
    monkeypatch.setattr(hook, "_KINDS", {201: increment, 301: increment})
    before = dict(vars(reader.worker))
    proven: Any = None
    kinds = {201: "SQL_GROUPED_MAP_PANDAS_UDF", 301: "SQL_ARROW_TABLE_UDF"}
    surface = Surface(kinds, {"pyspark.worker.read_udfs": [201], "pyspark.worker.read_single_udf": [201]})
    installed = hook._Hook(_LINES["4.3"], proven, surface)
    installed.install()
    replaced = {name for name, value in vars(reader.worker).items() if value is not before[name]}
    assert replaced == {"read_udtf"}
    assert list(installed._kinds) == [301]


def test_spark_does_not_load_our_streams_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_PIPELINED_UDF", "1")
    stocks = ("function", None, "in", "out")
    streams = SimpleNamespace(load_stream=lambda infile: [infile])
    function, _, deserializer, serializer = hook._answer(("ours", streams), stocks)
    assert (function, serializer) == ("ours", streams)
    assert "SPARK_PIPELINED_UDF" not in hook.os.environ
    assert deserializer.load_stream("file") == ["file"]
    assert hook.os.environ["SPARK_PIPELINED_UDF"] == "1"
