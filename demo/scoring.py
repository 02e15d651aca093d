"""Scores a million rows on Spark with pandas functions, with stock PySpark and with bowstring, and compares.

A risk model is trained on a sample of scikit-learn's breast-cancer table; then, on Spark:

  1. score    every row, one pandas call for each partition of the data      few large groups
  2. cohorts  risk and rank of every patient within a cohort                 tens of thousands of small groups
  3. models   one model for each clinic                                      some hundred groups, all model fitting

Each step runs on stock PySpark and on bowstring, in one Spark session, over the same cached table. The only difference
is the executable that Spark starts for Python. Both must return the same rows to the last bit, or the demo fails.

    make demo, or the environment's own `python demo/scoring.py [--rows N] [--quick] [--master URL --shared FOLDER]`
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.pipeline import Pipeline

import chart
import functions
from data import LEVELS, make_table, write_table
from integration import environments

PROJECT = Path(__file__).resolve().parent.parent
OUTPUT = PROJECT / "demo-output"
ENVIRONMENT = environments.ENVIRONMENTS[environments.NEWEST]
CORES = 2
PARTITIONS = 4 * CORES
SIDES = ("stock", "bowstring")
FEWEST_ROWS = 10_000
PROBED_GROUPS = 200
"""Groups on which the cost of a function alone is measured."""


@dataclass(frozen=True)
class Step:
    """One pandas function over the groups of some key columns."""

    name: str
    keys: tuple[str, ...]
    """A prefix of the columns that the cached table is sorted by, so that no step has to shuffle."""
    function: Callable[[pd.DataFrame], pd.DataFrame]
    schema: str


@dataclass(frozen=True)
class Outcome:
    """What one run of a step gave."""

    seconds: float
    rows: int
    checksum: str
    """Of all values of all rows, whatever their order."""


def say(text: str) -> None:
    print(text, flush=True)


def find_executables() -> dict[str, str]:
    """The program that Spark starts for Python on either side. Exits with a sentence if one is missing."""
    if environments.form() == environments.WHEEL:
        # As a user has it: beside the Python that it is installed for.
        binary = Path(sys.executable).with_name("bowstring")
    else:
        binary = environments.build_bowstring(ENVIRONMENT.python)
    if not os.access(binary, os.X_OK):
        raise SystemExit(f"demo: {binary} is not an executable file; unset BOWSTRING_BIN to build bowstring")
    return {"stock": sys.executable, "bowstring": str(binary)}


def start_session(master: str, output: Path) -> SparkSession:
    """A session. What Spark and its local workers warn about goes to spark.log."""
    output.mkdir(exist_ok=True)
    screen = os.dup(2)
    with (output / "spark.log").open("wb") as log:
        os.dup2(log.fileno(), 2)
    sys.stderr = os.fdopen(screen, "w", buffering=1)
    os.environ["BOWSTRING_PYTHON"] = os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master(master)
        .appName("bowstring demo")
        .config("spark.driver.memory", "4g")
        .config("spark.executor.memory", "1500m")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    return session


def load(session: SparkSession, directory: Path, rows: int) -> DataFrame:
    """The table, cached, clustered and sorted by its levels: both sides read the same rows in the same order."""
    table = session.read.parquet(str(directory)).repartitionByRange(PARTITIONS, LEVELS[0])
    table = table.sortWithinPartitions(*LEVELS, "user_id").cache()
    found = table.count()
    if found != rows:
        raise SystemExit(f"demo: {found:,} rows were cached instead of {rows:,}")
    return table


def run(table: DataFrame, step: Step, executable: str) -> Outcome:
    """Runs a step and hashes every row that comes back. The hash is the JVM's: it costs a few ms on either side."""
    table.sparkSession.sparkContext.pythonExec = executable
    started = time.perf_counter()
    result = table.groupBy(*step.keys).applyInPandas(step.function, step.schema)
    hashes = result.select(F.xxhash64(*result.columns).alias("h"))
    row = hashes.agg(F.count("h"), F.sum(F.col("h").cast("decimal(20,0)")), F.bit_xor("h")).first()
    seconds = time.perf_counter() - started
    if row is None:
        raise SystemExit("demo: an aggregate came back empty")
    return Outcome(seconds, int(row[0]), f"{row[1]} {row[2]}")


def cost_of_function(frame: pd.DataFrame, step: Step) -> float:
    """Seconds that the function itself needs for all groups of a step on all cores, from a plain loop over some."""
    groups = list(frame.groupby(list(step.keys), sort=False).indices.values())
    taken = [frame.iloc[rows].reset_index(drop=True) for rows in groups[:PROBED_GROUPS]]
    # Of a block for each column, as PySpark's are: choosing columns takes several times as long as with a single block.
    probed = [pd.concat([group[name] for name in group.columns], axis=1) for group in taken]
    step.function(probed[0])
    started = time.process_time()
    for group in probed:
        step.function(group)
    return (time.process_time() - started) / sum(map(len, probed)) * len(frame) / CORES


def compare(table: DataFrame, step: Step, executables: dict[str, str]) -> dict[str, float]:
    """Times a step on both sides. Exits if their rows differ."""
    edges = table.select(LEVELS[0]).agg(F.min(LEVELS[0]), F.max(LEVELS[0])).first()
    sample = table.where(F.col(LEVELS[0]).isin(list(edges or ())))
    outcomes = {}
    for side in SIDES:
        run(sample, step, executables[side])  # warm-up: workers start, import scikit-learn; the JVM compiles
        outcomes[side] = outcome = run(table, step, executables[side])
        say(f"    {side:10} {outcome.rows:>10,} rows back  {outcome.seconds:7.2f} s")
    if len({(outcome.rows, outcome.checksum) for outcome in outcomes.values()}) != 1:
        raise SystemExit(f"demo: step {step.name}: the rows differ: {outcomes}")
    say("    same rows to the last bit")
    return {side: outcomes[side].seconds for side in SIDES}


def make_steps(model: Pipeline) -> list[Step]:
    """The three steps; the trained model travels inside the functions."""
    keys = {level: tuple(LEVELS[: position + 1]) for position, level in enumerate(LEVELS)}
    return [
        Step("score", keys["partition_id"], functions.make_scorer(model), functions.SCORE_SCHEMA),
        Step("cohorts", keys["cohort_id"], functions.make_ranker(model), functions.RANK_SCHEMA),
        Step("models", keys["clinic_id"], functions.fit_clinic, functions.FIT_SCHEMA),
    ]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, help="rows of the table (default: 900,000, or 45,000 with --quick)")
    parser.add_argument("--master", default=f"local[{CORES}]", help="Spark's master; it should have two cores")
    parser.add_argument("--shared", type=Path, help="a folder that all hosts of the master share, for the table")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for the chart and the log")
    parser.add_argument("--quick", action="store_true", help="a small table: shows that it works, not how fast")
    options = parser.parse_args()
    options.rows = options.rows or (45_000 if options.quick else 900_000)
    if options.rows < FEWEST_ROWS:
        parser.error(f"--rows must be at least {FEWEST_ROWS:,}")
    return options


def main() -> None:
    """Prepares data and model, runs the steps, prints the table, draws the chart."""
    options = parse()
    warnings.simplefilter("ignore", FutureWarning)
    executables = find_executables()
    began = time.monotonic()
    frame = make_table(options.rows)
    sizes = {level: frame[list(LEVELS[: n + 1])].drop_duplicates().shape[0] for n, level in enumerate(LEVELS)}
    say(f"data: {len(frame):,} rows; " + ", ".join(f"{count:,} {level[:-3]}s" for level, count in sizes.items()))
    model, accuracy = functions.train(frame)
    say(f"model: logistic regression, {accuracy:.1%} of held-out rows right")

    session = start_session(options.master, options.output)
    timings: dict[str, dict[str, float]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="bowstring-demo-", dir=options.shared) as directory:
            # Executors may be somebody else.
            os.chmod(directory, 0o755)
            write_table(frame, Path(directory), PARTITIONS)
            table = load(session, Path(directory), len(frame))
            say(f"Spark {session.version}, {options.master}, table cached ({time.monotonic() - began:.0f} s so far)\n")
            for number, step in enumerate(make_steps(model), start=1):
                groups = sizes[step.keys[-1]]
                say(f"{number}. {step.name}: {groups:,} groups of about {len(frame) // groups:,} rows")
                own = cost_of_function(frame, step)
                timings[f"{step.name} ({groups:,} groups)"] = {**compare(table, step, executables), "function": own}
    finally:
        session.stop()

    say("\n" + render(timings))
    title = f"{len(frame):,} rows, Spark {session.version}, {options.master}"
    picture = chart.draw(timings, options.output / "scoring.png", title)
    say(f"\nchart: {os.path.relpath(picture)}   total: {time.monotonic() - began:.0f} s")
    if options.quick:
        say("a quick run shows that it works, not how fast")


def render(timings: dict[str, dict[str, Any]]) -> str:
    """The table of results as text."""
    lines = [f"{'step':26}{'stock':>10}{'bowstring':>12}{'speed-up':>11}{'function alone':>17}"]
    for name, row in {**timings, "all": chart.total(timings)}.items():
        ratio = row["stock"] / row["bowstring"]
        lines.append(
            f"{name:26}{row['stock']:>8.2f} s{row['bowstring']:>10.2f} s{ratio:>10.1f}×{row['function']:>15.2f} s"
        )
    lines.append("")
    lines.append("function alone: the pandas and scikit-learn work itself, estimated from a loop without Spark;")
    lines.append("it is part of both times and no worker can make it shorter.")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
