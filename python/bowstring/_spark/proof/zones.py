"""The offsets of a named time zone, as the installed stock applies them.

pytz, zoneinfo and Arrow have data and rules of their own, and stock mixes them: which of them it
asks depends on the versions of Spark and pandas. So nothing is looked up here. Stock's own
function is observed on a grid of instants, and between two points with different offsets the step
is searched for to the microsecond.

A table is (starts, offsets, end): from each start on, in microseconds, the offset east of UTC
holds, up to the next start or the end. Times outside a table are left to stock.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from ..stock.conversion import Stock

Table = tuple[np.ndarray, np.ndarray, int]

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND

# Two steps that cancel each other between two points of the grid would be missed. In the time zone
# database (2026) no two steps of a zone are nearer than 3.9 days: Africa/Freetown in 1939.
_GRID = np.arange(
    np.datetime64("1899-01-01", "us").astype("int64"), np.datetime64("2101-01-01", "us").astype("int64") + 1, _DAY
)

# What has no instant, because the clock is put forward over it. Stock raises.
_GAP = np.iinfo("int64").min

# Where an offset could go wrong around a start: beside it, within a shift of the clock, and a day
# away, which is how far pandas looks for transitions.
_AROUND = np.array(
    [sign * delta for delta in (1, 600 * _SECOND, 1_800 * _SECOND, 3_600 * _SECOND, _DAY) for sign in (-1, 1)] + [0]
)

_inputs: dict[Any, Table | None] = {}
_outputs: dict[Any, Table | None] = {}


def input_table(stock: Stock) -> Table | None:
    """Offsets by instant, for columns that the function gets. None if stock has to convert them."""
    return _remember(_inputs, stock, lambda: _observe(stock.local_times))


def output_table(stock: Stock) -> Table | None:
    """Offsets by local time, for columns without a time zone that the function returns."""
    return _remember(_outputs, stock, lambda: _observe_output(stock))


def _remember(tables: dict[Any, Table | None], stock: Stock, observe: Callable[[], Table | None]) -> Table | None:
    zone = stock.timezone, stock.is_legacy
    if zone not in tables:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tables[zone] = observe()
            except Exception:
                # Such as an unknown name. Stock says so when it converts the column.
                tables[zone] = None
    return tables[zone]


def _observe(local_times: Callable[[np.ndarray], np.ndarray]) -> Table | None:
    """The table of a function from instants to local times; None if it is not made of steps."""
    offsets = local_times(_GRID) - _GRID
    changes = np.flatnonzero(offsets[1:] != offsets[:-1])
    before, after = offsets[changes], offsets[changes + 1]
    low, high = _GRID[changes], _GRID[changes + 1]
    while len(changes) and (high - low).max() > _SECOND:
        middle = (low + high) // 2 // _SECOND * _SECOND
        unchanged = local_times(middle) - middle == before
        low, high = np.where(unchanged, middle, low), np.where(unchanged, high, middle)
    # Steps lie on whole seconds in every database.
    if (local_times(high - 1) - high + 1 != before).any() or (local_times(high) - high != after).any():
        return None
    return np.append(_GRID[:1], high), np.append(offsets[:1], after), int(_GRID[-1])


def _observe_output(stock: Stock) -> Table | None:
    """The table of stock's localization, made from pandas' conversion the other way and proven."""
    zone = stock.timezone

    def local_times(instants: np.ndarray) -> np.ndarray:
        utc = pd.Series(instants.astype("datetime64[us]")).dt.tz_localize("UTC")
        return utc.dt.tz_convert(zone).dt.tz_localize(None).to_numpy().astype("int64")

    table = _observe(local_times)
    if table is None:
        return None
    starts, offsets, end = table
    # A day within the ends, so that every instant that a local time may mean is in the table.
    edges, held = [int(starts[0]) + _DAY], [int(offsets[0])]
    for start, before, after in zip(starts[1:].tolist(), offsets[:-1].tolist(), offsets[1:].tolist()):
        if after > before:
            edges.append(start + before)
            held.append(_GAP)
        # PARITY: `ambiguous=False` is the second of two instants, whatever is called summer time.
        edges.append(start + after)
        held.append(after)
    table = np.array(edges), np.array(held), end - _DAY
    return table if _is_proven(stock, table) else None


def _is_proven(stock: Stock, table: Table) -> bool:
    starts, offsets, end = table
    if (np.diff(starts) <= 0).any():
        return False
    times = np.unique((starts[:, None] + _AROUND).ravel())
    times = times[(times >= starts[0]) & (times < end)]
    applied = offsets[np.searchsorted(starts, times, side="right") - 1]
    exists = applied != _GAP
    times, applied = times[exists], applied[exists]
    return all((stock.instants(times, unit) == times - applied).all() for unit in ("us", "ns"))
