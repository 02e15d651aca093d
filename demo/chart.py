"""Draws the demo's results as bars."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt  # the backend comes first

Timings = dict[str, dict[str, float]]

COLOURS = {"stock": "#9aa0a6", "bowstring": "#1a73e8"}
BAR = 0.38


def total(timings: Timings) -> dict[str, float]:
    """Each column summed over the steps."""
    return {column: sum(row[column] for row in timings.values()) for column in next(iter(timings.values()))}


def draw(timings: Timings, path: Path, subtitle: str) -> Path:
    """Two bars a step, the function's own share hatched in each. Returns the path of the PNG."""
    figure, axes = plt.subplots(figsize=(9, 1.6 + 1.1 * len(timings)), layout="constrained")
    rows = {**timings, "all": total(timings)}
    for position, row in enumerate(rows.values()):
        for side, offset in (("stock", -BAR / 2), ("bowstring", BAR / 2)):
            label = side if position == 0 else None
            axes.barh(position + offset, row[side], BAR, color=COLOURS[side], label=label)
            own = min(row["function"], row[side])
            label = "of it the function's own work" if position == 0 and side == "bowstring" else None
            axes.barh(position + offset, own, BAR, color="none", edgecolor="black", hatch="///", lw=0.4, label=label)
            speed = f"  {row[side]:.1f} s" + (f"   {row['stock'] / row[side]:.1f}×" if side == "bowstring" else "")
            axes.text(row[side], position + offset, speed, va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel("seconds, shorter is better")
    axes.set_title(f"groupBy().applyInPandas, stock PySpark and bowstring\n{subtitle}", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return path
