"""The pandas half of building and taking apart frames: private constructors, kept in one place.

Runs once per group, so everything that can be looked up once is looked up in `Frames.__init__`.
The self-test of the seam compares what this makes with what stock makes, for the installed pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas._config import config as pandas_config
from pandas._libs.internals import BlockPlacement
from pandas.arrays import IntegerArray
from pandas.core.arrays import DatetimeArray, TimedeltaArray
from pandas.core.arrays.string_arrow import ArrowStringArray
from pandas.core.dtypes import missing
from pandas.core.internals.blocks import new_block
from pandas.core.internals.managers import BlockManager, SingleBlockManager

if int(pd.__version__.split(".")[0]) < 2:
    raise ImportError(f"pandas {pd.__version__} is older than 2.0")

PANDAS_3 = int(pd.__version__.split(".")[0]) >= 3

# Only pandas 2 has an option that makes infinite numbers null, which its users' functions may set.
_MAY_TAKE_INFINITE_FOR_NULL = hasattr(missing, "INF_AS_NA")

# Options that change what stock builds. Read per group: the user's function may set them.
_Maker = Callable[..., Any]
"""Makes a block of values, their placement and, where it may have two, the number of dimensions."""

_OPTIONS = [("future", "infer_string"), ("mode", "string_storage")] + ([] if PANDAS_3 else [("mode", "copy_on_write")])


# Where pandas has them: it writes to these dictionaries, and never replaces them. pandas 2.0 has not all.
_SECTIONS: dict[str, Any] = pandas_config._global_config
_PLACES = [(_SECTIONS[section], name) for section, name in _OPTIONS if name in _SECTIONS.get(section, ())]


def _options() -> list[Any]:
    return [section[name] for section, name in _PLACES]


_DEFAULT_OPTIONS = _options()


def has_usual_options() -> bool:
    """Whether no option of pandas is set that changes how plain values become a Series and its nulls."""
    return _options() == _DEFAULT_OPTIONS and not takes_infinite_for_null()


def takes_infinite_for_null() -> bool:
    """Whether the option is set."""
    return _MAY_TAKE_INFINITE_FOR_NULL and missing.INF_AS_NA


def _plain(values: Any, placement: Any, ndim: int = 2) -> Any:
    return new_block(values, placement=placement, ndim=ndim)


def _maker(values: Any) -> _Maker:
    """What makes blocks of such values: their class, if it takes the same arguments, without a search by dtype."""
    try:
        usual = _plain(values, BlockPlacement(0))
        make = type(usual)
        made = make(values, BlockPlacement(0), 2)
        same = made.values is usual.values and made.ndim == 2 and type(made.refs) is type(usual.refs)
    except Exception:
        same = False
    return make if same else _plain


def _datetimes(values: Any, placement: Any, ndim: int = 2) -> Any:
    return _datetime_block(DatetimeArray._simple_new(values, dtype=values.dtype), placement, ndim)


def _timedeltas(values: Any, placement: Any, ndim: int = 2) -> Any:
    return _timedelta_block(TimedeltaArray._simple_new(values, dtype=values.dtype), placement, ndim)


def _string_array(values: Any) -> Any:
    # PARITY: stock's column without rows has no chunk at all.
    return _column_of_chunks(pa.chunked_array([values], _LARGE_STRING) if len(values) else _NO_STRINGS)


def _maker_of_text() -> Callable[[Any], Any]:
    """What makes a column of chunks: pandas 3.1 has a way without checks for its own results, if it is the same."""

    def usual(chunks: Any) -> Any:
        return ArrowStringArray(chunks, dtype=_STR)

    if not PANDAS_3:
        return usual
    example = usual(_NO_STRINGS)
    try:
        unchecked = example._from_pyarrow_array
        made = unchecked(_NO_STRINGS)
        same = type(made) is ArrowStringArray and vars(made) == vars(example)
    except Exception:
        same = False
    return unchecked if same else usual


def _first_text(values: Any) -> Any:
    try:
        return values[0]
    except UnicodeDecodeError:
        # PARITY: what is not UTF-8 is refused where pandas looks at it, and users see where.
        pass
    return pd.Series(values).iloc[0]


def _strings(values: Any, placement: Any, ndim: int = 2) -> Any:
    return _string_block(_string_array(values), placement, ndim)


def _stock(values: Any, placement: Any, ndim: int = 2) -> Any:
    # A one-dimensional column of NumPy's is a block of one row, be it wrapped.
    if isinstance(values, np.ndarray) and values.ndim == 1:
        values = values.reshape(1, -1)
        if values.dtype.kind == "M":
            return _datetimes(values, placement)
        if values.dtype.kind == "m":
            return _timedeltas(values, placement)
    return new_block(values, placement=placement, ndim=ndim)


_STR = pd.StringDtype(na_value=float("nan")) if PANDAS_3 else None
_LARGE_STRING = pa.large_string()
_NO_STRINGS = pa.chunked_array([], _LARGE_STRING)
_column_of_chunks = _maker_of_text()

_plain_makers = {
    _maker(np.zeros((1, 1), dtype))
    for dtype in ("bool", "int8", "int16", "int32", "int64", "float32", "float64", "object")
}
_datetime_block = _maker(DatetimeArray._simple_new(np.zeros((1, 1), "M8[ns]"), dtype=np.dtype("M8[ns]")))
_timedelta_block = _maker(TimedeltaArray._simple_new(np.zeros((1, 1), "m8[ns]"), dtype=np.dtype("m8[ns]")))
_string_block = _maker(_column_of_chunks(_NO_STRINGS)) if PANDAS_3 else _plain

_MAKERS: dict[str, _Maker] = {
    "plain": _plain_makers.pop() if len(_plain_makers) == 1 else _plain,
    "datetime": _datetimes,
    "timedelta": _timedeltas,
    "string": _strings,
    "stock": _stock,
}
"""What makes a block of (values, placement, 2), by how the native half calls the values."""

# PARITY: while stock calls the function, every block of a pandas 3 frame is shared with the
# column that it was made from, so writes copy. One block that lives for ever stands for those, or one for each frame.
_SHARED = _plain(pd.DataFrame({"a": [0]})._mgr.blocks[0].values, BlockPlacement(0))


_range_index = pd.RangeIndex._simple_new

# pandas 2.1 on; before, the constructor takes a manager as it is.
_frame_of = getattr(pd.DataFrame, "_from_mgr", lambda manager, axes: pd.DataFrame(manager))
_series_of = getattr(pd.Series, "_from_mgr", lambda manager, axes: pd.Series(manager))


class _Layout:
    """Of the frames of one task whose blocks are alike."""

    __slots__ = ("blocks", "_locations", "_numbers")

    def __init__(self, blocks: list[tuple[_Maker, Any]]) -> None:
        """`blocks`: (maker, placement) of each."""
        self.blocks = blocks
        self._numbers: Any = None
        self._locations: Any = None

    def tell(self, manager: Any) -> None:
        """Tells a manager where each of its columns is, which it would find out when it is asked for one.

        It gets arrays of its own: it writes to them when the user gives it other columns.
        """
        if self._numbers is None:
            self._numbers, self._locations = manager.blknos.copy(), manager.blklocs.copy()
        else:
            manager._blknos, manager._blklocs = self._numbers.copy(), self._locations.copy()


def _first(maker: str, values: Any) -> Any:
    if maker == "datetime":
        return DatetimeArray._simple_new(values[0], dtype=values.dtype)[0]
    if maker == "timedelta":
        return TimedeltaArray._simple_new(values[0], dtype=values.dtype)[0]
    if maker == "string":
        return _first_text(_string_array(values))
    return values[0, 0]


class Frames:
    """Builds the input frames of one task and takes its results apart."""

    def __init__(self, names: list[str], fields: Iterable[str], by_name: bool) -> None:
        """`names`: labels of the input columns; `fields`: of the declared result."""
        # The Index that stock's concat makes for these names: its class and dtype depend on pandas.
        self._columns = pd.concat([pd.Series([], dtype=object, name=name) for name in names], axis=1).columns
        self._own_labels = self._columns.dtype == object
        self._fields = list(fields)
        self._ambiguous = len(set(self._fields)) != len(self._fields)
        self._by_name = by_name

    @staticmethod
    def layout(blocks: list[tuple[str, Any]]) -> _Layout:
        """What `frame` needs to know of blocks [(maker, column positions)], for all groups alike."""
        return _Layout([(_MAKERS[maker], BlockPlacement(columns)) for maker, columns in blocks])

    @staticmethod
    def columns() -> Any:
        """What stands for the columns of one frame, as long as it lives."""
        return _plain(_SHARED.values, BlockPlacement(0))

    def frame(self, layout: _Layout, arrays: list[Any], rows: int, columns: Any = _SHARED) -> pd.DataFrame | None:
        """A DataFrame of these arrays, shared with `columns`. None if the user has changed an option that matters."""
        if _options() != _DEFAULT_OPTIONS:
            return None
        blocks = tuple([make(values, placement, 2) for (make, placement), values in zip(layout.blocks, arrays)])
        if PANDAS_3 and columns is not None:
            for block in blocks:
                block.refs.add_reference(columns)
        # What the user does to one frame's labels must not appear in the next: a view has a name of
        # its own, and an array of objects, into which one can write, is copied.
        columns = pd.Index._simple_new(self._columns._values.copy()) if self._own_labels else self._columns.view()
        axes = [columns, _range_index(range(rows))]
        manager = BlockManager(blocks, axes, False)
        layout.tell(manager)
        return _frame_of(manager, axes)

    @staticmethod
    def key(columns: list[tuple[str, Any]]) -> tuple[Any, ...]:
        """The first values of blocks [(maker, values)] of one column, as `Series.iloc[0]` gives them."""
        return tuple([_first(maker, values) for maker, values in columns])

    def positions(self, columns: Any) -> list[int] | None:
        """Positions of the declared fields among the labels of a result, or None: ask stock."""
        if self._ambiguous:
            return None
        if type(columns) is not pd.Index and type(columns) is not pd.RangeIndex:
            return None
        labels = columns.tolist()
        position = {label: index for index, label in enumerate(labels)}
        if len(labels) != len(self._fields) or len(position) != len(labels):
            return None
        kinds = {type(label) for label in labels}
        if kinds == {int}:
            return list(range(len(labels)))
        if kinds != {str}:
            return None
        if not self._by_name:
            return list(range(len(labels)))
        if any(field not in position for field in self._fields):
            return None
        return [position[field] for field in self._fields]

    @staticmethod
    def take_apart(frame: pd.DataFrame, positions: list[int]) -> tuple[int, list[Any]] | None:
        """Row count and the arrays at `positions`, or None: ask stock."""
        manager = frame._mgr
        if type(manager) is not BlockManager or takes_infinite_for_null():
            return None
        blocks = manager.blocks
        numbers, rows = manager.blknos.tolist(), manager.blklocs.tolist()
        return len(manager.axes[1]), [_column(blocks[numbers[at]], rows[at]) for at in positions]


def _column(block: Any, row: int) -> Any:
    values = block.values
    # Without an object for the column about which nothing more is to be known than its values.
    if type(values) in _TIMES and values.ndim == 2 and type(values.dtype) is not pd.DatetimeTZDtype:
        return values._ndarray[row]
    return block.iget(row)


_TIMES = (DatetimeArray, TimedeltaArray)


def _plain_series(values: Any, placement: Any) -> Any:
    return new_block(values[0], placement=placement, ndim=1)


def _datetime_series(values: Any, placement: Any) -> Any:
    return new_block(DatetimeArray._simple_new(values[0], dtype=values.dtype), placement=placement, ndim=1)


def _timedelta_series(values: Any, placement: Any) -> Any:
    return new_block(TimedeltaArray._simple_new(values[0], dtype=values.dtype), placement=placement, ndim=1)


def _string_series(values: Any, placement: Any) -> Any:
    return new_block(_string_array(values), placement=placement, ndim=1)


def _read_only_series(make: _Maker) -> _Maker:
    def make_read_only(values: Any, placement: Any) -> Any:
        values.flags.writeable = False
        return make(values, placement)

    return make_read_only


_SERIES_MAKERS: dict[str, _Maker] = {
    "plain": _plain_series,
    "datetime": _datetime_series,
    "timedelta": _timedelta_series,
    "string": _string_series,
    "plain read-only": _read_only_series(_plain_series),
    "datetime read-only": _read_only_series(_datetime_series),
}


def series_layout(columns: list[tuple[str, Any]]) -> list[tuple[_Maker, Any]]:
    """What `series` needs to know of columns [(maker, name)], for all groups alike."""
    return [(_SERIES_MAKERS[maker], name) for maker, name in columns]


def series(layout: list[tuple[_Maker, Any]], arrays: list[Any], rows: int) -> list[pd.Series] | None:
    """A Series of each array, which has two dimensions and one row unless it is text.

    None if the user has changed an option that matters.
    """
    if _options() != _DEFAULT_OPTIONS:
        return None
    placement = BlockPlacement(slice(0, rows, 1) if rows else [])
    made = []
    for (make, name), values in zip(layout, arrays):
        manager = SingleBlockManager(make(values, placement), pd.RangeIndex._simple_new(range(rows)))
        column = _series_of(manager, manager.axes)
        # Without the search that pandas makes for each attribute.
        object.__setattr__(column, "_name", name)
        made.append(column)
    return made


def result_values(result: Any, first: Any, rows: int) -> Any:
    """The values of a Series that has so many rows, or None: ask stock.

    `first`: the function's first argument. Some Spark lines want the result to be as long as that is then.
    """
    if type(result) is not pd.Series or takes_infinite_for_null():
        return None
    manager = result._mgr
    if type(manager) is not SingleBlockManager or len(manager.axes[0]) != rows or first is None or len(first) != rows:
        return None
    return manager.blocks[0].values


def series_values(result: Any) -> tuple[Any, int] | None:
    """The values of a Series and how many rows it has, or None: ask stock."""
    if type(result) is not pd.Series:
        return None
    rows = len(result)
    values = result_values(result, result, rows)
    return None if values is None else (values, rows)


def windows(
    function: Callable[..., Any], begin: Any, end: Any, columns: list[Any], named: dict[str, Any]
) -> tuple[list[Any], tuple[list[Any], dict[str, Any]]]:
    """What the function returns for each window, rows `begin` to `end` of each column, and the last window."""
    results, cut, named_cut = [], [], {}
    begins, ends = begin.values, end.values
    cut_rows = _by_position
    if begins.dtype == ends.dtype == np.int32:
        # Python's integers are faster than NumPy's, and pandas need not look at them. What else there may be it judges.
        begins, ends, cut_rows = begins.tolist(), ends.tolist(), _without_look
    for first, last in zip(begins, ends):
        rows = slice(first, last)
        cut = [cut_rows(column, rows) for column in columns]
        named_cut = {name: cut_rows(column, rows) for name, column in named.items()}
        results.append(function(*cut, **named_cut))
    return results, (cut, named_cut)


def _by_position(column: Any, rows: slice) -> Any:
    return column.iloc[rows]


# What `iloc` ends in for a slice of integers.
_without_look = getattr(pd.Series, "_slice", _by_position)


def masked(values: Any, mask: Any) -> tuple[Any, str]:
    """One of pandas' own arrays of integers, and the name of its dtype."""
    array = IntegerArray(values, mask)
    return array, str(array.dtype)


class _Nowhere:
    """No column is of this class."""


@cache
def _casts_text() -> bool:
    """Whether pyarrow casts Arrow-backed text to the type that is asked for. Before pyarrow 19 or so it does not."""
    # What pandas 2.2 on has in its own text columns, and others in those of users.
    text = pd.array(["a"], dtype=pd.ArrowDtype(pa.large_string()))
    return bool(pa.array(text, type=pa.string()).type == pa.string())


class Classes:
    """What the native half compares result columns with."""

    def __init__(self) -> None:
        arrays = pd.arrays
        casts = _casts_text()
        self.data_frame = pd.DataFrame
        self.na = pd.NA
        self.nat = pd.NaT
        self.decimal = Decimal
        self.datetime_array = DatetimeArray
        self.timedelta_array = TimedeltaArray
        # PARITY: what pyarrow does not cast, Spark lines refuse or send as it is.
        self.arrow_string_array = ArrowStringArray if casts else _Nowhere
        self.arrow_extension_array = arrays.ArrowExtensionArray if casts else _Nowhere
        self.string_array = arrays.StringArray
        self.categorical = pd.Categorical
        self.masked_arrays = [arrays.IntegerArray, arrays.FloatingArray, arrays.BooleanArray]


def block_values(series: Any) -> tuple[Any, str]:
    """The array inside a column that stock has made, and its dtype's name."""
    values = series._mgr.blocks[0].values
    if (
        isinstance(values, (DatetimeArray, TimedeltaArray))
        and values.dtype.kind in "mM"
        and getattr(values, "tz", None) is None
    ):
        return values._ndarray, str(values.dtype)
    return values, str(values.dtype)
