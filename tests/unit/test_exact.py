"""Values, columns, frames and Arrow arrays that nobody can tell apart are the same; all others are not."""

import datetime
import decimal
import struct
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from bowstring._spark.proof import exact
from pyspark.sql import Row

QUIET, OTHER = (struct.unpack("d", struct.pack("Q", 0x7FF8_0000_0000_0000 + payload))[0] for payload in (0, 1))
FIVE, ALSO_FIVE = decimal.Decimal("5"), decimal.Decimal("5.0")
NEW_YORK = "America/New_York"


class Plain:
    """Has no `__eq__`, as classes of users do not."""

    def __init__(self, value: Any) -> None:
        self.value = value


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1),
        ("é", "é"),
        (QUIET, struct.unpack("d", struct.pack("d", QUIET))[0]),
        (np.float32(1.5), np.float32(1.5)),
        ([1, [None, "a"]], [1, [None, "a"]]),
        ({"a": 1.5}, {"a": 1.5}),
        (np.array([1, 2]), np.array([1, 2])),
        (decimal.Decimal("5.0"), ALSO_FIVE),
        (pd.Timestamp(1, unit="us"), pd.Timestamp(1, unit="us")),
        (Row(a=1), Row(a=1)),
        (Plain([0.0]), Plain([0.0])),
        (pd.NaT, pd.NaT),
    ],
)
def test_the_same(left: Any, right: Any) -> None:
    assert exact.same(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, True),
        (1, 1.0),
        (1, np.int64(1)),
        (True, np.True_),
        (0.0, -0.0),
        (QUIET, OTHER),
        (None, QUIET),
        (None, pd.NaT),
        (pd.NaT, pd.NA),
        (np.float64(0.0), np.float64(-0.0)),
        (np.int32(1), np.int64(1)),
        ([0.0], [-0.0]),
        ([1], (1,)),
        ([1], [1, 1]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1}, {"a": True}),
        (FIVE, ALSO_FIVE),
        (complex(0.0, 0.0), complex(0.0, -0.0)),
        (np.array([1, 2]), np.array([1, 2], dtype="int32")),
        (np.zeros((2, 3)), np.zeros((2, 3), order="F")),
        (np.array([0.0]), np.array([-0.0])),
        (pd.Timestamp(1, unit="us"), pd.Timestamp(1, unit="us").as_unit("ns")),
        (pd.Timestamp(0, tz="UTC"), pd.Timestamp(0, tz=NEW_YORK)),
        (datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, fold=1)),
        (Row(a=1), Row(b=1)),
        (Plain([0.0]), Plain([-0.0])),
    ],
)
def test_not_the_same(left: Any, right: Any) -> None:
    assert not exact.same(left, right)


def test_an_array_that_cannot_be_written_to_is_another() -> None:
    left, right = np.array([1]), np.array([1])
    right.flags.writeable = False
    assert not exact.same(left, right)


@pytest.mark.parametrize(
    ("left", "right", "difference"),
    [
        (np.array([1, 2]), np.array([1, 2]), None),
        (np.array([1, 2]), np.array([1, 3]), ("row 1", "np.int64(2)", "np.int64(3)")),
        (np.array([1]), np.array([1], dtype="int8"), ("dtype", "dtype('int64')", "dtype('int8')")),
        (np.array([1]), np.array([1, 2]), ("length", "1", "2")),
        ([1, None], [1, QUIET], ("row 1", "None (NoneType)", "nan (float)")),
        ([1], np.array([1]), ("class", "list", "numpy.ndarray")),
        (pd.array([1, None], "Int64"), pd.array([1, 2], "Int64"), None),
    ],
)
def test_columns(left: Any, right: Any, difference: exact.Contrast | None) -> None:
    found = exact.column_difference(left, right)
    if isinstance(left, pd.arrays.IntegerArray):
        assert found is not None and found[0] == "row 1"
    else:
        assert found == difference


def test_bits_are_shown_where_texts_are_equal() -> None:
    found = exact.column_difference(np.array([QUIET]), np.array([OTHER]))
    assert found is not None
    assert found[0] == "row 0"
    assert found[1].endswith("with the bits 7ff8000000000000") and found[2].endswith("with the bits 7ff8000000000001")


def test_chunks_of_text_are_part_of_a_column() -> None:
    whole, parts = pa.chunked_array([["a", "b"]]), pa.chunked_array([["a"], ["b"]])
    left, right = (pd.array(chunks, dtype=pd.ArrowDtype(pa.string())) for chunks in (whole, parts))
    assert exact.column_difference(left, left.copy()) is None
    assert exact.column_difference(left, right) == ("chunks", "1 of string", "2 of string")


@pytest.mark.parametrize(
    ("left", "right", "what"),
    [
        (pa.array([1, None]), pa.array([1, None]), None),
        (pa.array([1, 2]), pa.array([1, None]), "row 1"),
        (pa.array([1]), pa.array([1], pa.int8()), "type"),
        (pa.array([1]), pa.array([1, 1]), "length"),
        (pa.array([0.0]), pa.array([-0.0]), "row 0"),
        (pa.array([QUIET]), pa.array([QUIET]), None),
        (pa.array([[0.0]]), pa.array([[-0.0]]), "row 0"),
        (pa.chunked_array([["a"], ["b"]]), pa.array(["a", "b"]), None),
    ],
)
def test_arrow_arrays(left: Any, right: Any, what: str | None) -> None:
    found = exact.arrow_difference(left, right)
    assert (found and found[0]) == what


def test_frames_have_labels_index_and_blocks() -> None:
    frame = pd.DataFrame({"a": [1], "b": [2]})
    assert exact.frame_difference(frame, pd.DataFrame({"a": [1], "b": [2]})) is None
    named = exact.frame_difference(frame, frame.rename(columns={"b": "c"}))
    indexed = exact.frame_difference(frame, frame.set_axis([7]))
    split = frame.copy()
    split["b"] = split["b"].copy()
    assert named is not None and named[0] == "labels"
    assert indexed is not None and indexed[0] == "index"
    apart = exact.frame_difference(frame, split)
    assert apart is not None and apart[0].endswith(("blocks", "block 0"))


def test_series_have_names_and_values() -> None:
    series = pd.Series([1, 2], name="a")
    assert exact.series_difference(series, pd.Series([1, 2], name="a")) is None
    assert exact.series_difference(series, series.rename("b")) == ("name", "'a'", "'b'")
    assert exact.series_difference(series, pd.Series([1, 3], name="a")) == ("row 1", "np.int64(2)", "np.int64(3)")


def test_what_is_shown_is_short_and_never_fails() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise ValueError("no")

    assert exact.shown("x" * 1_000) == "'" + "x" * 199 + "…"
    assert exact.shown(Odd()) == "a Odd that cannot be shown"
