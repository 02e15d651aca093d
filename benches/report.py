"""Turns results into the Markdown tables that people read: the report of a run, and those of BENCHMARKS.md."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from pathlib import Path
from typing import Any

import tomllib

from benches.plan import CASES, LARGE_PEAK, LARGE_WALL, Case

HEADINGS = ("case", "unit", "stock", "bowstring", "ratio", "limit", "overhead, stock / bowstring", "target")


LARGE_HEADINGS = ("case", "CPU s", "ratio", "wall s", "ratio", "peak MiB", "ratio", "target")
"""Figures are stock's and bowstring's; peaks of the largest process."""
BAR = 40
"""Characters that stand for stock's CPU time in the chart."""


def machine() -> str:
    """Processor and number of cores this process may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def bowstring_version(project: Path) -> str:
    """The version in Cargo.toml, which all crates share."""
    return str(tomllib.loads((project / "Cargo.toml").read_text())["workspace"]["package"]["version"])


def render(runs: dict[str, dict[str, Any]], project: Path, quick: bool) -> str:
    """The whole report: a heading with date, machine and versions, and a table for each Spark version."""
    now = dt.datetime.now(dt.UTC)
    lines = [
        "# Benchmarks",
        "",
        f"{now:%Y-%m-%d %H:%M} UTC; {machine()}; Linux {platform.release()}; bowstring {bowstring_version(project)}.",
        "Medians, stock PySpark and bowstring in turn in one run. What the columns mean: `benches/README.md`.",
    ]
    if quick:
        lines += ["", "**A quick run: too few groups to judge by. Targets are for full runs.**"]
    for spark, run in runs.items():
        installed = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
        lines += ["", f"## Spark {spark}", "", f"{installed}.", "", _row(HEADINGS), _row(["---"] * len(HEADINGS))]
        measured = [case for case in CASES if case.id in run["results"]]
        lines += [
            _row(_cells(case, run["results"][case.id], spark, quick)) for case in measured if case.kind != "large"
        ]
        large = [case for case in measured if case.kind == "large"]
        if large:
            lines += ["", "Large groups and batches:", "", _row(LARGE_HEADINGS), _row(["---"] * len(LARGE_HEADINGS))]
            lines += [_row(_large_cells(case, run["results"][case.id], quick)) for case in large]
        lines += _chart({case: run["results"][case.id] for case in large if case.id.startswith("size/")})
    return "\n".join(lines) + "\n"


def _cells(case: Case, result: dict[str, Any], spark: str, quick: bool) -> list[str]:
    def figure(value: float) -> str:
        return f"{value:.{case.digits}f}"

    stock, ours = result["stock"], result["bowstring"]
    ratio = stock / ours if ours else float("inf")
    limit = result.get("limit")
    target = case.target_for(spark)
    verdict = "–" if target is None else f"{target:.3g}×"
    if target is not None and not quick:
        verdict += " met" if ratio >= target else " **missed**"
    return [
        case.title(quick),
        case.unit,
        figure(stock),
        figure(ours),
        f"**{ratio:.1f}×**",
        "–" if limit is None else figure(limit),
        "–" if limit is None else f"{figure(stock - limit)} / {figure(ours - limit)}",
        verdict,
    ]


def _large_cells(case: Case, result: dict[str, Any], quick: bool) -> list[str]:
    figures = [(result, 2), (result["wall"], 2), (result["peak"], 0)]
    ratios = [figure["stock"] / figure["bowstring"] if figure["bowstring"] else float("inf") for figure, _ in figures]
    wanted = [case.target or 1.0, LARGE_WALL if case.target != 1.0 else 1.0, LARGE_PEAK]
    named = zip(("CPU", "wall", "peak"), ratios, wanted, strict=True)
    missed = [name for name, ratio, target in named if ratio < target]
    verdict = "–" if quick else f"**missed: {', '.join(missed)}**" if missed else "met"
    cells = [case.title(quick)]
    for (figure, digits), ratio in zip(figures, ratios, strict=True):
        cells += [f"{figure['stock']:.{digits}f} / {figure['bowstring']:.{digits}f}", f"**{ratio:.1f}×**"]
    return [*cells, verdict]


def _chart(results: dict[Case, dict[str, Any]]) -> list[str]:
    """CPU time by the size of the groups: bowstring's as a bar, whose whole width is stock's."""
    if not results:
        return []
    lines = ["", "CPU of a task, groups of one to ten million rows; `|` is stock's:", "", "```text"]
    for case, result in results.items():
        share = result["bowstring"] / result["stock"]
        bar = ("█" * round(share * BAR)).ljust(BAR)
        lines.append(f"{case.rows:>10,} rows {bar}| {share:.2f}")
    return [*lines, "```"]


def _row(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


# What BENCHMARKS.md writes as code.
_CODE = re.compile(r"\b(\w+In(?:Pandas|Arrow)\w*|\w+_udt?f|udt?f|str\.upper|x \+ 1)(?![\w-])")
START, END = "<!-- benchmark table -->", "<!-- end of benchmark table -->"


def joined(runs: dict[str, dict[str, Any]]) -> str:
    """The tables of BENCHMARKS.md: a row for each case, with the figures of all Spark versions side by side."""
    sparks = list(runs)
    heads = [head for spark in sparks for head in (f"stock {spark}", "bowstring", "ratio")]
    measured = [case for case in CASES if any(case.id in run["results"] for run in runs.values())]
    lines = ["", _row(["Case", *heads]), "|---" * (len(heads) + 1) + "|"]
    for case in (case for case in measured if case.kind != "large"):
        cells = [_joined_title(case, {spark: runs[spark]["results"].get(case.id, {}) for spark in sparks})]
        for spark in sparks:
            cells += _joined_cells(case, runs[spark]["results"].get(case.id))
        lines.append(_row(cells))
    large = [case for case in measured if case.kind == "large"]
    if large:
        heads = [head for spark in sparks for head in (f"CPU s, {spark}", "wall s", "peak MiB")]
        lines += ["", "Large groups and batches, stock / bowstring: a whole task of a worker that is warm.", ""]
        lines += [_row(["Case", *heads]), "|---" * (len(heads) + 1) + "|"]
        for case in large:
            results = [runs[spark]["results"].get(case.id) for spark in sparks]
            title = case.title(quick=False).removeprefix("worker alone, ")
            lines.append(_row([title, *(cell for result in results for cell in _sides(result))]))
    return "\n".join(lines) + "\n\n"


def _joined_title(case: Case, results: dict[str, dict[str, Any]]) -> str:
    limits = {spark: result["limit"] for spark, result in results.items() if result.get("limit") is not None}
    title = _CODE.sub(r"`\1`", case.title(quick=False)) + f", {case.unit}"
    if not limits:
        return title
    # The first version is the one that the table is about.
    first = next(iter(results))
    named = [f"{'' if spark == first else f'{spark}: '}{value:.{case.digits}f}" for spark, value in limits.items()]
    return f"{title} (the function alone: {'; '.join(named)})"


def _joined_cells(case: Case, result: dict[str, Any] | None) -> list[str]:
    if result is None:
        return ["", "", ""]
    stock, ours = result["stock"], result["bowstring"]
    ratio = stock / ours if ours else float("inf")
    return [f"{stock:,.{case.digits}f}", f"{ours:,.{case.digits}f}", f"{ratio:.{0 if ratio >= 9.95 else 1}f}×"]


def _sides(result: dict[str, Any] | None) -> list[str]:
    if result is None:
        return ["", "", ""]
    figures = ((result, 2), (result["wall"], 2), (result["peak"], 0))
    return [f"{figure['stock']:.{digits}f} / {figure['bowstring']:.{digits}f}" for figure, digits in figures]


def put_into(page: Path, tables: str) -> None:
    """Replaces what lies between the two marks of BENCHMARKS.md. What is said around them is written by hand."""
    before, start, rest = page.read_text().partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise SystemExit(f"{page}: it has no {START} … {END}")
    page.write_text(f"{before}{START}\n{tables}{END}{after}")
