"""Wrong conversions on purpose: each is switched on in bowstring's workers only, and the harness has to see it.

They stand between the native half and pandas: `Frames.frame` gets the arrays of a frame's blocks, `Frames.take_apart`
returns the arrays of a result's columns.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from census import preparing
from driver import Case, by_value

by_value(sys.modules[__name__])


def case(name: str) -> Case:
    """What a worker has to run first, to be wrong in this way."""
    return preparing(switch_on, name)


def switch_on(name: str) -> None:
    """Runs in a worker."""

    frames = import_module("_bowstring._worker.frames").Frames
    original_frame, original_take_apart = frames.frame, frames.take_apart
    before, after, result = (table.get(name) for table in (INPUTS, FRAMES, RESULTS))

    def frame(self: Any, layout: Any, arrays: Any, rows: Any) -> Any:
        built = original_frame(self, layout, before(list(arrays)) if before else arrays, rows)
        if after and built is not None:
            after(self, built)
        return built

    def take_apart(frame: Any, positions: Any) -> Any:
        taken = original_take_apart(frame, positions)
        return taken if taken is None or result is None else result(*taken)

    frames.frame, frames.take_apart = frame, staticmethod(take_apart)


def of_kind(kinds: str, change: Callable[[Any], Any]) -> Callable[[list[Any]], list[Any]]:
    """Changes the NumPy arrays whose dtype is of one of the kinds."""

    def changed(arrays: list[Any]) -> list[Any]:
        return [change(a) if isinstance(a, np.ndarray) and a.dtype.kind in kinds else a for a in arrays]

    return changed


def each(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Changes every object of an array."""

    def changed(array: Any) -> Any:
        copy = array.copy()
        for place, value in np.ndenumerate(array):
            copy[place] = change(value)
        return copy

    return changed


def another(value: Any) -> Any:
    """An equal object that is not the same."""
    if isinstance(value, (str, bytes)):
        return value[:1] + value[1:]
    return value.replace() if hasattr(value, "toordinal") else value


def plain_nan(array: Any) -> Any:
    """Every NaN is the usual one."""
    return np.where(np.isnan(array), array.dtype.type(np.nan), array)


def swapped(arrays: list[Any]) -> list[Any]:
    """Two columns change places: rows of a block, or blocks of one row."""
    for index, array in enumerate(arrays):
        if not isinstance(array, np.ndarray) or array.ndim != 2:
            continue
        if len(array) > 1:
            return [*arrays[:index], np.ascontiguousarray(array[::-1]), *arrays[index + 1 :]]
        for other in range(index + 1, len(arrays)):
            if getattr(arrays[other], "dtype", None) == array.dtype:
                arrays[index], arrays[other] = arrays[other], array
                return arrays
    return arrays


def share_labels(frames: Any, frame: Any) -> None:
    """Every frame has the same Index."""
    frame._mgr.axes[0] = frames._columns


def forbid_writing(frames: Any, frame: Any) -> None:
    """No block can be written."""
    for block in frame._mgr.blocks:
        array = getattr(block.values, "_ndarray", block.values)
        if isinstance(array, np.ndarray):
            array.flags.writeable = False


def name_index(frames: Any, frame: Any) -> None:
    """The index has a name."""
    frame.index.name = "index"


INPUTS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "timestamps are one unit late": of_kind("M", lambda a: a + np.timedelta64(1, np.datetime_data(a.dtype)[0])),
    "NaN loses its payload": of_kind("f", plain_nan),
    "-0.0 becomes 0.0": of_kind("f", lambda a: a + a.dtype.type(0)),
    "None becomes NaN": of_kind("O", each(lambda value: float("nan") if value is None else value)),
    "integers become floats": of_kind("i", lambda a: a.astype("float64")),
    "columns are swapped": swapped,
    "equal values are not the same object": of_kind("O", each(another)),
    "numbers are not native bytes": of_kind("i", lambda a: a.astype(a.dtype.newbyteorder())),
}
FRAMES: dict[str, Callable[[Any, Any], None]] = {
    "frames share their labels": share_labels,
    "memory cannot be written": forbid_writing,
    "the index has a name": name_index,
}
RESULTS: dict[str, Callable[[int, list[Any]], Any]] = {
    "the last row is dropped": lambda rows, arrays: (max(0, rows - 1), [a[: max(0, rows - 1)] for a in arrays]),
    "null becomes zero": lambda rows, arrays: (rows, of_kind("f", np.nan_to_num)(arrays)),
    "integers have a wrong bit": lambda rows, arrays: (rows, of_kind("i", lambda a: a ^ 1)(arrays)),
    "rows are in another order": lambda rows, arrays: (rows, [a[::-1] for a in arrays]),
}
NAMES = (*INPUTS, *FRAMES, *RESULTS)
