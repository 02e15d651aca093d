"""Turns results into the Markdown table that people read."""

from __future__ import annotations

import datetime as dt
import os
import platform
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
    """The version in Cargo.toml."""
    return str(tomllib.loads((project / "Cargo.toml").read_text())["package"]["version"])


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
