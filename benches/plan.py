"""What is measured: the cases, their sizes and their targets. Data only, no imports beyond the standard library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatch

SPARK_VERSIONS = ("4.3.0", "3.5.9")

EARLIER_SPARK = 2 / 3
"""Share of a target that holds for Spark before 4.3, whose stock worker does less work for each group."""


LARGE_CPU, LARGE_WALL, LARGE_PEAK = 1 / 0.7, 1 / 0.8, 1.0
"""Stock's CPU, wall time and peak memory divided by ours, at least, in a task of large groups, on every Spark."""


@dataclass(frozen=True)
class Case:
    """One line of the report."""

    id: str
    kind: str
    """`first` (a daemon's first answer), `task` (worker alone, CPU per group), `large` (CPU, wall time and peak
    memory of a whole task), `latency`, `memory` or `end-to-end`."""
    what: str
    unit: str
    digits: int
    target: float | None = None
    """Stock's figure divided by ours, at least, on Spark 4.3.0."""
    udf: str = "grouped-map"
    """Of a task: its kind, see `workloads.py`."""
    since: str = "3.5"
    """The first Spark line that has this kind."""
    function: str = "identity"
    layout: str = "numeric"
    groups: int = 0
    rows: int = 0
    """Rows of each group, or of each batch where there are no groups."""
    quick_groups: int = 0
    batch_rows: int = 10_000
    """Rows of one batch at most: `spark.sql.execution.arrow.maxRecordsPerBatch`."""

    def size(self, quick: bool) -> int:
        """Number of groups."""
        return self.quick_groups if quick else self.groups

    @property
    def per_row(self) -> bool:
        """Whether CPU time is given for each row and not for each group."""
        return self.unit.endswith("/row")

    def title(self, quick: bool) -> str:
        if not self.groups:
            return self.what
        return f"{self.what}, {self.size(quick):,} × {self.rows:,} rows"

    def target_for(self, spark: str) -> float | None:
        if self.target is None or self.kind == "large" or spark == SPARK_VERSIONS[0]:
            return self.target
        return min(self.target, max(1.0, self.target * EARLIER_SPARK))

    def matches(self, pattern: str | None) -> bool:
        """Whether `pattern` is found in the id; it may hold `*` and `?`."""
        return pattern is None or fnmatch(self.id, f"*{pattern}*")


def _task(id: str, what: str, groups: int, rows: int, quick_groups: int, **more: object) -> Case:
    return Case(id, "task", what, "CPU ms/group", 3, groups=groups, rows=rows, quick_groups=quick_groups, **more)  # type: ignore[arg-type]


def _rows(id: str, what: str, batches: int, quick_batches: int, **more: object) -> Case:
    """A kind that gets batches, 10,000 rows each."""
    return Case(
        id,
        "task",
        what,
        "CPU ns/row",
        0,
        groups=batches,
        rows=10_000,
        quick_groups=quick_batches,
        **more,  # type: ignore[arg-type]
    )


def _large(id: str, what: str, groups: int, rows: int, **more: object) -> Case:
    """A task of large groups, or of large batches: what a user loses a job to."""
    return Case(
        f"large/{id}-{groups}x{rows}",
        "large",
        f"worker alone, {what}",
        "CPU s",
        2,
        groups=groups,
        rows=rows,
        quick_groups=1,
        target=LARGE_CPU,
        **more,  # type: ignore[arg-type]
    )


def _size(groups: int, rows: int) -> Case:
    """Groups of one size, for the chart over all sizes: nowhere above stock."""
    return replace(_large("size", "5 numbers, identity", groups, rows), id=f"size/{rows}", target=1.0)


def _kind(udf: str, what: str, groups: int, rows: int, since: str = "3.5") -> Case:
    """A kind of UDF that must not be slower than with stock."""
    return _session(
        f"session/{udf}", f"end to end, {what}", groups, rows, groups // 20, udf=udf, since=since, target=1.0
    )


def _session(id: str, what: str, groups: int, rows: int, quick_groups: int, **more: object) -> Case:
    return Case(id, "end-to-end", what, "s", 2, groups=groups, rows=rows, quick_groups=quick_groups, **more)  # type: ignore[arg-type]


def _first(id: str, what: str, target: float = 1.0) -> Case:
    """From the start of a daemon to the end of its first task."""
    runner, _, cpu = id.partition("-")
    title = f"first answer of a new {runner.upper()} daemon, {what}"
    return Case(f"worker/first-{id}", "first", title, "CPU ms" if cpu else "ms", 0, target=target)


CASES = (
    _task("worker/identity-20000x10", "worker alone, identity", 20_000, 10, 1_000, target=30.0),
    _task("worker/identity-2000x1000", "worker alone, identity", 2_000, 1_000, 200),
    _task("worker/identity-20x100000", "worker alone, identity", 20, 100_000, 4),
    _task("worker/znorm-20000x10", "worker alone, z-norm", 20_000, 10, 1_000, function="znorm"),
    _task("worker/znorm-2000x1000", "worker alone, z-norm", 2_000, 1_000, 200, function="znorm"),
    _task("worker/znorm-20x100000", "worker alone, z-norm", 20, 100_000, 4, function="znorm"),
    _task("worker/strings-10000x10", "worker alone, identity, 4 strings", 10_000, 10, 500, layout="strings"),
    _task(
        "worker/mixed-2000x25", "worker alone, identity, 20 mixed columns", 2_000, 25, 100, layout="mixed", target=15.0
    ),
    _task(
        "worker/nested-2000x25",
        "worker alone, identity, a struct, an array and a map",
        2_000,
        25,
        100,
        layout="nested",
        target=5.0,
    ),
    _task(
        "worker/cogrouped-map-10000x2x10",
        "worker alone, cogroup, its left side of two",
        10_000,
        10,
        500,
        udf="cogrouped-map",
        target=12.0,
    ),
    _task(
        "worker/grouped-map-arrow-20000x10",
        "worker alone, applyInArrow, identity",
        20_000,
        10,
        1_000,
        udf="grouped-map-arrow",
        since="4.0",
        target=5.0,
    ),
    _task(
        "worker/grouped-map-arrow-iter-20000x10",
        "worker alone, applyInArrow of iterators, identity",
        20_000,
        10,
        1_000,
        udf="grouped-map-arrow-iter",
        since="4.1",
        target=1.0,
    ),
    _task(
        "worker/cogrouped-map-arrow-10000x2x10",
        "worker alone, applyInArrow of a cogroup, its left side",
        10_000,
        10,
        500,
        udf="cogrouped-map-arrow",
        since="4.0",
        target=1.0,
    ),
    _task(
        "worker/grouped-agg-arrow-20000x10",
        "worker alone, two means of arrays",
        20_000,
        10,
        1_000,
        udf="grouped-agg-arrow",
        since="4.1",
        target=1.0,
    ),
    _task(
        "worker/grouped-agg-arrow-iter-20000x10",
        "worker alone, mean of an iterator of arrays",
        20_000,
        10,
        1_000,
        udf="grouped-agg-arrow-iter",
        since="4.2",
        target=1.0,
    ),
    _task(
        "worker/window-agg-arrow-5000x20",
        "worker alone, unbounded window, mean of an array",
        5_000,
        20,
        250,
        udf="window-agg-arrow",
        since="4.1",
        target=1.0,
    ),
    _task(
        "worker/window-agg-arrow-bounded-1000x20",
        "worker alone, bounded window, mean of an array",
        1_000,
        20,
        50,
        udf="window-agg-arrow",
        function="bounded",
        since="4.1",
        target=1.0,
    ),
    _task("worker/grouped-agg-20000x10", "worker alone, two means", 20_000, 10, 1_000, udf="grouped-agg", target=4.0),
    _task(
        "worker/grouped-map-iter-20000x10",
        "worker alone, applyInPandas of iterators, identity",
        20_000,
        10,
        1_000,
        udf="grouped-map-iter",
        since="4.1",
        target=12.0,
    ),
    _task(
        "worker/grouped-agg-iter-20000x10",
        "worker alone, mean of an iterator",
        20_000,
        10,
        1_000,
        udf="grouped-agg-iter",
        since="4.2",
        target=4.0,
    ),
    _task(
        "worker/window-agg-5000x20",
        "worker alone, unbounded window, mean",
        5_000,
        20,
        250,
        udf="window-agg",
        target=5.0,
    ),
    _task(
        "worker/window-agg-bounded-1000x20",
        "worker alone, bounded window, mean",
        1_000,
        20,
        50,
        udf="window-agg",
        function="bounded",
        target=1.0,
    ),
    _rows(
        "worker/arrow-batched-long", "worker alone, Arrow-optimised udf, x + 1", 100, 5, udf="arrow-batched", target=1.5
    ),
    Case(
        "worker/udtf-rows",
        "task",
        "worker alone, Arrow-optimised udtf, 3 rows of each",
        "CPU ns/row",
        0,
        groups=20,
        rows=1_000,
        quick_groups=2,
        udf="udtf",
        target=8.0,
    ),
    _rows(
        "worker/scalar-pandas-long",
        "worker alone, pandas_udf, x + 1",
        500,
        5,
        udf="scalar-pandas",
        function="plus one",
        target=1.0,
    ),
    _rows(
        "worker/scalar-pandas-string",
        "worker alone, pandas_udf, str.upper",
        500,
        5,
        udf="scalar-pandas",
        function="upper",
        layout="strings",
        target=1.0,
    ),
    _rows(
        "worker/scalar-pandas-iter-long",
        "worker alone, pandas_udf of an iterator, x + 1",
        500,
        5,
        udf="scalar-pandas-iter",
        target=1.0,
    ),
    _rows(
        "worker/scalar-arrow-long",
        "worker alone, arrow_udf, x + 1",
        100,
        5,
        udf="scalar-arrow",
        since="4.1",
        target=1.0,
    ),
    _rows(
        "worker/scalar-arrow-iter-long",
        "worker alone, arrow_udf of an iterator, x + 1",
        100,
        5,
        udf="scalar-arrow-iter",
        since="4.1",
        target=1.0,
    ),
    _rows(
        "worker/arrow-udtf-long",
        "worker alone, arrow_udtf, identity",
        100,
        5,
        udf="arrow-udtf",
        since="4.1",
        target=1.0,
    ),
    _rows(
        "worker/map-pandas-mixed",
        "worker alone, mapInPandas, 20 mixed columns",
        50,
        2,
        udf="map-pandas",
        layout="mixed",
        target=1.0,
    ),
    _rows("worker/map-pandas-numeric", "worker alone, mapInPandas", 200, 5, udf="map-pandas", target=1.0),
    _rows(
        "worker/map-pandas-nested",
        "worker alone, mapInPandas, a struct, an array and a map",
        20,
        2,
        udf="map-pandas",
        layout="nested",
        target=1.0,
    ),
    _rows(
        "worker/map-arrow-mixed",
        "worker alone, mapInArrow, 20 mixed columns",
        500,
        2,
        udf="map-arrow",
        layout="mixed",
        target=1.0,
    ),
    _rows("worker/pickled-long", "worker alone, pickled udf, x + 1", 100, 5, udf="pickled", target=1.0),
    _rows("worker/rdd-map", "worker alone, map of an RDD", 100, 5, udf="rdd-map", target=1.0),
    _large("identity", "5 numbers, identity", 2, 2_000_000),
    _large("znorm", "5 numbers, z-norm", 2, 2_000_000, function="znorm"),
    _large("strings", "4 strings, identity", 2, 500_000, layout="strings"),
    _large("mixed", "20 mixed columns, identity", 2, 200_000, layout="mixed"),
    _large("identity", "5 numbers, identity", 8, 500_000),
    _large("identity", "5 numbers, identity", 20, 100_000),
    _large("grouped-map-arrow", "applyInArrow, identity", 2, 2_000_000, udf="grouped-map-arrow", since="4.0"),
    _large("cogrouped-map", "cogroup, its left side", 2, 1_000_000, udf="cogrouped-map"),
    _large("cogrouped-map-arrow", "applyInArrow of a cogroup", 2, 1_000_000, udf="cogrouped-map-arrow", since="4.0"),
    _large("grouped-agg", "two means", 2, 2_000_000, udf="grouped-agg"),
    _large("grouped-agg-arrow", "two means of arrays", 2, 2_000_000, udf="grouped-agg-arrow", since="4.1"),
    _large("window-agg", "unbounded window, mean", 2, 2_000_000, udf="window-agg"),
    _large("window-agg-arrow", "unbounded window of arrays", 2, 2_000_000, udf="window-agg-arrow", since="4.1"),
    _large("map-pandas", "mapInPandas", 4, 1_000_000, udf="map-pandas", batch_rows=1_000_000),
    _large("map-arrow", "mapInArrow", 4, 1_000_000, udf="map-arrow", batch_rows=1_000_000),
    _large(
        "map-pandas-mixed",
        "mapInPandas, 20 mixed columns",
        4,
        200_000,
        udf="map-pandas",
        layout="mixed",
        batch_rows=200_000,
    ),
    _large(
        "scalar-pandas",
        "pandas_udf, x + 1",
        4,
        1_000_000,
        udf="scalar-pandas",
        function="plus one",
        batch_rows=1_000_000,
    ),
    _large(
        "scalar-pandas-string",
        "pandas_udf, str.upper",
        4,
        500_000,
        udf="scalar-pandas",
        function="upper",
        layout="strings",
        batch_rows=500_000,
    ),
    _large("scalar-arrow", "arrow_udf, x + 1", 4, 1_000_000, udf="scalar-arrow", since="4.1", batch_rows=1_000_000),
    _large("arrow-batched", "Arrow-optimised udf, x + 1", 2, 200_000, udf="arrow-batched", batch_rows=200_000),
    _size(20_000, 1),
    _size(20_000, 10),
    _size(20_000, 100),
    _size(2_000, 1_000),
    _size(200, 10_000),
    _size(20, 100_000),
    _size(2, 1_000_000),
    _size(1, 10_000_000),
    Case("worker/cold", "latency", "cold worker: connect to end of a tiny task", "ms", 1, target=8.0),
    Case("worker/warm", "latency", "warm worker: one tiny task", "ms", 2, target=4.0),
    _first("sql", "a tiny group"),
    _first("sql-cpu", "a tiny group", target=1 / 1.1),
    _first("rdd", "a few pickled rows"),
    _first("rdd-cpu", "a few pickled rows", target=1 / 1.1),
    Case("worker/memory", "memory", "memory of a daemon with 8 workers (PSS)", "MiB", 0, target=2.0),
    _session("session/identity-20000x10", "end to end, identity", 20_000, 10, 1_000, target=8.0),
    _session("session/znorm-20000x10", "end to end, z-norm", 20_000, 10, 1_000, function="znorm", target=4.0),
    _session("session/identity-2000x1000", "end to end, identity", 2_000, 1_000, 200, target=2.5),
    _session("session/identity-20x100000", "end to end, identity", 20, 100_000, 4, target=1.0),
    _kind("cogrouped-map", "cogroup, its left side", 2_000, 10),
    _kind("grouped-map-iter", "applyInPandas of iterators, identity", 5_000, 10, since="4.1"),
    _kind("grouped-map-arrow", "applyInArrow, identity", 10_000, 10, since="4.0"),
    _kind("grouped-map-arrow-iter", "applyInArrow of iterators, identity", 10_000, 10, since="4.1"),
    _kind("cogrouped-map-arrow", "applyInArrow of a cogroup, its left side", 5_000, 10, since="4.0"),
    _kind("grouped-agg", "two means", 5_000, 10),
    _kind("grouped-agg-iter", "mean of an iterator", 5_000, 10, since="4.2"),
    _kind("window-agg", "unbounded window, mean", 5_000, 10),
    _kind("grouped-agg-arrow", "two means of arrays", 10_000, 10, since="4.1"),
    _kind("grouped-agg-arrow-iter", "mean of an iterator of arrays", 10_000, 10, since="4.2"),
    _kind("window-agg-arrow", "unbounded window, mean of an array", 10_000, 10, since="4.1"),
    _kind("arrow-batched", "Arrow-optimised udf, x + 1", 100, 20_000),
    _kind("scalar-pandas", "pandas_udf, x + 1", 100, 50_000),
    _kind("scalar-pandas-iter", "pandas_udf of an iterator, x + 1", 100, 50_000),
    _kind("scalar-arrow", "arrow_udf, x + 1", 100, 50_000, since="4.1"),
    _kind("scalar-arrow-iter", "arrow_udf of an iterator, x + 1", 100, 50_000, since="4.1"),
    _kind("map-pandas", "mapInPandas, identity", 100, 50_000),
    _kind("map-arrow", "mapInArrow, identity", 100, 50_000),
    _kind("udtf", "udtf, three rows for each", 100, 200),
    _kind("arrow-udtf", "arrow_udtf, identity", 100, 20_000, since="4.1"),
    _kind("pickled", "pickled udf, x + 1", 100, 20_000),
    _kind("pickled-udtf", "pickled udtf, three rows for each", 100, 200),
    _kind("rdd-map", "map of an RDD", 100, 20_000),
    _kind("map-with-state", "applyInPandasWithState, a sum", 10_000, 10),
    _kind("transform-with-state", "transformWithStateInPandas, a sum", 1_000, 10, since="4.0"),
)


def chosen(pattern: str | None, *kinds: str) -> list[Case]:
    """The cases of these kinds whose id matches."""
    return [case for case in CASES if case.kind in kinds and case.matches(pattern)]
