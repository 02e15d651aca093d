"""Timestamps of many time zones, in and out: native beside stock, in one worker.

Instants lie everywhere from 1850 to 2150, on a grid of six hours where the native path has offsets, and around each
step. Values, dtypes and blocks must be equal, and what is within the native range must not have been left to stock,
except for zones that stock itself does not know. Prints one line of JSON.

usage: zone_cases.py BOWSTRING [--all | ZONE …]
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

from in_worker import run_in_worker

SAMPLE = (
    "America/New_York America/Los_Angeles America/Sao_Paulo America/St_Johns America/Caracas America/Anchorage "
    "America/Havana America/Argentina/San_Luis America/Godthab Africa/Cairo Africa/Casablanca Africa/Freetown "
    "Africa/Monrovia Antarctica/Troll Antarctica/Casey Asia/Kolkata Asia/Kathmandu Asia/Shanghai Asia/Tehran "
    "Asia/Gaza Asia/Pyongyang Asia/Manila Australia/Lord_Howe Australia/Sydney Europe/Dublin Europe/London "
    "Europe/Berlin Europe/Amsterdam Europe/Moscow Europe/Volgograd Pacific/Apia Pacific/Kwajalein Pacific/Kiritimati "
    "Pacific/Chatham EST EST5EDT CET Etc/GMT+5 Etc/GMT-14 GMT Zulu +05:30 -03:00 Factory Z GMT+5 UTC+3 No/Where"
).split()
"""Every kind of rule, and names that only some or no library knows."""
NOWHERE = {"+05:30", "-03:00", "Factory", "Z", "GMT+5", "UTC+3", "No/Where", "localtime"}
"""Names that at least one of the libraries does not know, in some version."""


def compare(zones: list[str]) -> dict[str, Any]:
    """Runs in the worker."""
    import warnings

    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from pyspark.sql import types as T

    warnings.simplefilter("ignore")
    install, kinds = (
        import_module("_bowstring._spark.hook"),
        import_module("_bowstring._spark.kinds.grouped_map"),
    )
    columns = import_module("_bowstring._spark.patches.converters")
    make_stock, tables = (
        install.self_test().make_stock,
        import_module("_bowstring._spark.proof.zones"),
    )
    native, line, proven = install.INSTALLED
    return_type = T.StructType([T.StructField("c", T.TimestampType())])
    second, day = 1_000_000, 86_400_000_000
    tried, converted, differences, left = 0, 0, [], []

    def micros(text: str) -> int:
        return int(np.datetime64(text, "us").astype("int64"))

    def outcome(convert: Any) -> tuple[str, Any]:
        try:
            return "value", convert()
        except Exception as error:
            return "error", f"{type(error).__name__}: {error}"

    def counted(zone: str, safe: bool) -> tuple[Any, list[str]]:
        """An adapter that notes what is left to it."""
        adapter, calls = make_stock(line, return_type, zone, safe), []
        for name in ("column", "field"):
            method = getattr(adapter, name)
            setattr(adapter, name, lambda *args, m=method, n=name: calls.append(n) or m(*args))
        return adapter, calls

    def task_of(adapter: Any) -> Any:
        return native.GroupedMap(kinds.GroupedMap(adapter, None, [2, 0, 0], False), line.framing, proven)

    def blocks(frame: Any) -> list[Any]:
        return [(block.values.shape, str(block.dtype)) for block in frame._mgr.blocks]

    def same_frames(ours: Any, stocks: Any) -> bool:
        if ours[0] != stocks[0] or ours[0] == "error":
            return ours == stocks
        return ours[1].equals(stocks[1]) and blocks(ours[1]) == blocks(stocks[1])

    def same_batches(ours: Any, stocks: Any) -> bool:
        if ours[0] != stocks[0] or ours[0] == "error":
            return ours == stocks
        return ours[1].column(0).field(0).equals(stocks[1].column(0).field(0))

    def take_in(zone: str, what: str, chunks: list[Any], must: bool) -> None:
        """One group of so many batches."""
        nonlocal tried, converted
        arrow = pa.timestamp("us", zone)
        batches = [pa.RecordBatch.from_pydict({"a": pa.array(chunk, arrow)}) for chunk in chunks]
        messages = [batch.serialize().to_pybytes() for batch in batches]
        adapter, calls = counted(zone, True)
        task = task_of(adapter)
        ours = outcome(lambda: task.frame(batches[0].schema.serialize().to_pybytes(), messages))
        other = make_stock(line, return_type, zone, True)
        converted += "column" not in calls and ours[0] == "value"
        table = pa.Table.from_batches(batches).combine_chunks()
        stocks = outcome(lambda: other.frame([other.column(table, 0)], [0]))
        tried += 1
        if not same_frames(ours, stocks):
            differences.append([zone, "in", what, str(ours[1])[-300:], str(stocks[1])[-300:]])
        if must and "column" in calls:
            left.append([zone, "in", what])

    def take_in_legacy(zone: str, what: str, chunk: Any, must: bool) -> None:
        """One column in the older way of Spark 4.2 and 4.3, whose zones are those of another library."""
        nonlocal tried, converted
        if proven.older_unit is None:
            return
        from pyspark.sql.conversion import ArrowArrayToPandasConversion

        array = pa.array(chunk, pa.timestamp("us", zone))
        convert = ArrowArrayToPandasConversion.convert_legacy
        stocks = outcome(lambda: convert(array, T.TimestampType(), timezone=zone, struct_in_pandas="dict"))
        adapter = make_stock(line, return_type, zone, True).legacy()
        made = native.Columns(adapter, proven, proven.older_unit).values(array)
        tried += 1
        if made is None:
            if must:
                left.append([zone, "legacy", what])
            return
        converted += 1
        ours = columns._series(made, None)
        if stocks[0] == "error" or stocks[1].dtype != ours.dtype or not stocks[1].equals(ours):
            differences.append([zone, "legacy", what, str(ours)[-300:], str(stocks[1])[-300:]])

    def give_out(zone: str, what: str, series: Any, must: bool, safe: bool = True) -> None:
        nonlocal tried, converted
        frame = pd.DataFrame({"c": series})
        adapter, calls = counted(zone, safe)
        ours = outcome(lambda: task_of(adapter).convert(frame))
        converted += "field" not in calls and ours[0] == "value"
        stocks = outcome(lambda: make_stock(line, return_type, zone, safe).batch(frame))
        tried += 1
        if not same_batches(ours, stocks):
            differences.append([zone, "out", what, str(series.dtype), safe, str(ours[1])[-300:], str(stocks[1])[-300:]])
        if must and "field" in calls:
            left.append([zone, "out", what, str(series.dtype)])

    def datetimes(values: Any, unit: str) -> Any:
        return pd.Series(values.astype("datetime64[us]").astype(f"datetime64[{unit}]"))

    start, end = micros("1899-01-01"), micros("2101-01-01")
    grid = np.arange(start, end, day // 4)
    near = np.array([-day, -3_600 * second, -1_800 * second, -second, -1, 0, 1, second, 1_800 * second, day])
    everywhere = np.random.default_rng(2026).integers(micros("1850-01-01"), micros("2150-01-01"), 3_000)

    for zone in zones:
        # Steps on the way in and edges on the way out, if there is a table at all.
        probe = make_stock(line, return_type, zone, True)
        steps = tables.input_table(probe)
        edges = tables.output_table(probe)
        # The self-test proves "±HH:MM" both ways or not at all; older pyarrows cannot give those to a function.
        known_in = steps is not None
        known_out = edges is not None and (known_in or zone[0] not in "+-")
        if not (known_in and known_out) and zone not in NOWHERE:
            left.append([zone, "no table", known_in, known_out])

        around = (steps[0][1:, None] + near).ravel() if known_in else grid[:10]
        inside = np.concatenate([grid, around, everywhere[(everywhere >= start) & (everywhere < end)]])
        np.random.default_rng(7).shuffle(inside)
        take_in(zone, "inside", [inside], known_in)
        take_in(zone, "in order", [np.sort(inside)[:5_000], np.sort(inside)[5_000:]], known_in)
        some = pa.array(inside[:100], mask=np.arange(100) % 3 == 0)
        take_in(zone, "nulls", [some, some.slice(3, 5)], known_in)
        take_in(zone, "all null", [[None, None]], known_in)
        take_in(zone, "empty", [[]], known_in)
        take_in(zone, "everywhere", [everywhere], False)
        take_in_legacy(zone, "inside", inside, known_in)
        take_in_legacy(zone, "nulls", some, known_in)
        take_in_legacy(zone, "everywhere", everywhere, False)
        for value in (start, start - 1, end - 1, end, micros("0001-01-02"), micros("9999-12-30"), 2**62, -(2**62)):
            take_in(zone, f"one {value}", [[value]], known_in and start <= value < end)

        around = (edges[0][:, None] + near).ravel() if edges is not None else grid[:10]
        inside = np.concatenate([grid, around, everywhere])
        inside = inside[(inside >= start + day) & (inside < end - day)]
        np.random.default_rng(8).shuffle(inside)
        exists = np.ones(len(inside), bool)
        if edges is not None:
            localized = datetimes(inside, "us").dt.tz_localize(zone, ambiguous=False, nonexistent="NaT")
            exists = ~localized.isna().to_numpy()
        for unit in ("ns", "us", "ms", "s"):
            series = datetimes(inside[exists], unit)
            if unit in ("ms", "s"):
                # What is cut off may lie in a gap.
                series = datetimes(inside[exists & (inside % second == 0)], unit)
            give_out(zone, "inside", series, known_out)
            series[::3] = pd.NaT
            give_out(zone, "NaT", series[:100], known_out)
            give_out(zone, "everywhere", datetimes(everywhere, unit), False)
            give_out(zone, "all NaT", series[:1], known_out)
            give_out(zone, "empty", series[:0], False)
        for value in inside[~exists][:12].tolist():
            give_out(zone, f"gap {value}", datetimes(np.array([value]), "ns"), False)
            give_out(zone, f"gap {value}", datetimes(np.array([value]), "us"), False)
        for value in (start + day, end - day - 1, start, end, micros("1677-09-22"), micros("2262-04-10")):
            give_out(zone, f"one {value}", datetimes(np.array([value]), "ns"), False)
            give_out(zone, f"one {value}", datetimes(np.array([value]), "us"), False)
        for safe in (True, False):
            for value in (0, 500, -500, 999, 1_593_604_800_123_456_789, -1_500_000_000_000_000_001):
                series = pd.Series(np.array([value], dtype="datetime64[ns]"))
                give_out(zone, f"digits {value}", series, False, safe)
                give_out(zone, f"aware {value}", series.dt.tz_localize("Asia/Tokyo"), False, safe)
    return {"tried": tried, "native": converted, "differences": differences, "left": left}


def main(bowstring: str, *zones: str) -> None:
    """Sends all zones to one worker."""
    import zoneinfo

    names = list(zones or SAMPLE)
    if names == ["--all"]:
        names = sorted(zoneinfo.available_timezones() | set(SAMPLE))
    print(run_in_worker(bowstring, lambda: json.dumps(compare(names)), timeout=3_600))


if __name__ == "__main__":
    main(*sys.argv[1:])
