"""What Spark's own settings do, for stock PySpark and for bowstring: each as it is by default and changed, in turn.

    python3 -m benches.settings                          the table of spark-conf/README.md; some twenty minutes
    python3 -m benches.settings --quick                  every setting once and small: shows that it works, not how fast
    python3 -m benches.settings --only reuse --spark 4.3.0

Two sessions are open at the same time, one with the default and one with the change, and each asks with both workers:
the four take turns at being first. A first round warms up, and compares the answers of all four. Figures are medians.
The table goes to standard output as Markdown, all samples to bench-output/settings.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from benches.plan import Case
from benches.report import bowstring_version, machine
from integration import environments

PROJECT = Path(__file__).resolve().parent.parent
OUTPUT = PROJECT / "bench-output"
SIDES = ("stock", "bowstring")
STATES = ("off", "on")
"""As it is by default, and changed."""


@dataclass(frozen=True)
class Setting:
    """A row of the table: what is set, to what, and the query that shows it."""

    id: str
    off: dict[str, str]
    on: dict[str, str]
    case: Case
    since: str = "3.5"
    """The first Spark line that has it."""

    def confs(self, state: str) -> dict[str, str]:
        """Of the session for that state."""
        return self.off if state == "off" else self.on

    def title(self) -> str:
        """The settings with both values, and what else both sessions have."""
        both = {name: value for name, value in self.off.items() if self.on.get(name) == value}
        cells = [
            f"`{name}` {self.off.get(name, 'not set')} → {self.on.get(name, 'not set')}"
            for name in self.names()
            if name not in both
        ]
        return ", with ".join(["<br>".join(cells), *(f"`{name}` {value}" for name, value in both.items())])

    def names(self) -> list[str]:
        return list(dict.fromkeys([*self.off, *self.on]))


def _case(what: str, groups: int, rows: int, quick_groups: int, udf: str = "grouped-map", **more: Any) -> Case:
    return Case(
        "settings", "end-to-end", what, "s", 2, udf=udf, groups=groups, rows=rows, quick_groups=quick_groups, **more
    )


SMALL = _case("applyInPandas, z-norm", 20_000, 10, 1_000, function="znorm")
MIDDLE = _case("applyInPandas, identity", 2_000, 1_000, 100)
LARGE = _case("applyInPandas, identity", 20, 100_000, 4)
BATCHES = _case("mapInPandas, identity", 100, 50_000, 4, udf="map-pandas")
SHUFFLED = _case("applyInPandas after a shuffle, z-norm", 20_000, 10, 1_000, udf="shuffled", function="znorm")
MANY_TASKS = _case("mapInPandas in 200 tasks", 200, 10, 20, udf="tasks")
MATRICES = _case("applyInPandas, a matrix product", 100, 400, 8, udf="matrices")

SHUFFLE = {"spark.sql.shuffle.partitions": "200"}
"""Spark's default; the session of `end_to_end.py` has fewer."""

SETTINGS = (
    Setting(
        "unix-sockets",
        *({"spark.python.unix.domain.socket.enabled": value} for value in ("false", "true")),
        BATCHES,
        "4.1",
    ),
    Setting(
        "pipelined", *({"spark.python.udf.pipelined.enabled": value} for value in ("false", "true")), BATCHES, "4.3"
    ),
    Setting(
        "pipelined-groups",
        *({"spark.python.udf.pipelined.enabled": value} for value in ("false", "true")),
        MIDDLE,
        "4.3",
    ),
    Setting(
        "records", *({"spark.sql.execution.arrow.maxRecordsPerBatch": value} for value in ("10000", "100000")), BATCHES
    ),
    Setting(
        "records-groups",
        *({"spark.sql.execution.arrow.maxRecordsPerBatch": value} for value in ("10000", "100000")),
        LARGE,
    ),
    # A batch of 100,000 rows of these columns has 4 MB.
    Setting(
        "bytes",
        {"spark.sql.execution.arrow.maxRecordsPerBatch": "100000"},
        {"spark.sql.execution.arrow.maxRecordsPerBatch": "100000", "spark.sql.execution.arrow.maxBytesPerBatch": "1m"},
        BATCHES,
        "4.0",
    ),
    Setting("reuse", *({"spark.python.worker.reuse": value} for value in ("true", "false")), MANY_TASKS),
    Setting(
        "coalescing",
        *({**SHUFFLE, "spark.sql.adaptive.coalescePartitions.enabled": value} for value in ("true", "false")),
        SHUFFLED,
    ),
    Setting(
        "coalescing-limit",
        SHUFFLE,
        {**SHUFFLE, "spark.sql.adaptive.coalescePartitions.maxReducerPartitionsPerTask": "100"},
        SHUFFLED,
        "4.3",
    ),
    Setting("task-cpus", *({"spark.task.cpus": value} for value in ("1", "2")), MATRICES),
    Setting("omp", *({"spark.executorEnv.OMP_NUM_THREADS": value} for value in ("1", "2")), MATRICES),
    Setting("memory", {}, {"spark.executor.pyspark.memory": "4g"}, LARGE),
)


class Session:
    """A Spark with one state of a setting, in a process of its own, which answers one question a line."""

    def __init__(self, interpreter: Path, binary: Path, setting: Setting, state: str, quick: bool, log: Any) -> None:
        confs = [f"--conf={name}={value}" for name, value in setting.confs(state).items()]
        command = [interpreter, "-m", "benches.settings", "--answer", setting.id, state, "--bowstring", binary]
        self.process = subprocess.Popen(
            [*command, *(["--quick"] if quick else [])],
            env={**os.environ, "PYSPARK_SUBMIT_ARGS": " ".join([*confs, "pyspark-shell"])},
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

    def ask(self, question: str) -> Any:
        """What the process says to `print SIDE` or `time SIDE`."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{question}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("ANSWER "):
                return json.loads(line.removeprefix("ANSWER "))
        raise SystemExit(f"a session ended at {question!r}; its log is in {OUTPUT}/settings.log")

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)


def measure(setting: Setting, spark: str, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each state and side, and in how many tasks the function ran."""
    environment = environments.ENVIRONMENTS[f"spark-{spark}"]
    interpreter = environments.make(environment)
    binary = environments.build_bowstring(environment.python)
    with (OUTPUT / "settings.log").open("ab") as log:
        sessions = {state: Session(interpreter, binary, setting, state, options.quick, log) for state in STATES}
        four = list(product(STATES, SIDES))
        prints = {(state, side): sessions[state].ask(f"print {side}") for state, side in four}
        if len({json.dumps(found["rows"]) for found in prints.values()}) != 1:
            raise SystemExit(f"{setting.id}: the answers differ: {prints}")
        seconds: dict[tuple[str, str], list[float]] = {key: [] for key in four}
        for turn in range(options.repeat):
            # Who comes later may find garbage of the others', so they change places.
            at = turn % len(four)
            for state, side in four[at:] + four[:at]:
                seconds[state, side].append(sessions[state].ask(f"time {side}"))
        for session in sessions.values():
            session.end()
    return {
        "tasks": {state: prints[state, "stock"]["tasks"] for state in STATES},
        **{side: {state: seconds[state, side] for state in STATES} for side in SIDES},
    }


def render(results: dict[str, dict[str, Any]], spark: str, quick: bool) -> str:
    """The Markdown table."""
    lines = [
        f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC; {machine()}; Spark {spark}; bowstring "
        f"{bowstring_version(PROJECT)}. Medians, seconds, in turn.",
        "",
        *(["**A quick run: it shows that the program works, and nothing else.**", ""] if quick else []),
        "| Setting, default → changed | Query | Tasks | Stock: default → changed | bowstring: default → changed |",
        "|---|---|---|---|---|",
    ]
    for setting in SETTINGS:
        if setting.id in results:
            found = results[setting.id]
            tasks = " → ".join(str(found["tasks"][state]) for state in STATES)
            cells = [setting.title(), setting.case.title(quick), tasks, *(effect(found[side]) for side in SIDES)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def effect(samples: dict[str, list[float]]) -> str:
    """Both medians, and what the second is more or less than the first."""
    off, on = (statistics.median(samples[state]) for state in STATES)
    return f"{off:.2f} → {on:.2f} ({(on / off - 1) * 100:+.0f} %)"


# In the process of a session, on the interpreter under test.


def answer(setting: Setting, state: str, binary: str, quick: bool) -> None:
    """Reads questions until there are none."""
    from benches.end_to_end import drop, fingerprint, start_session

    os.environ["BOWSTRING_PYTHON"] = os.environ["PYSPARK_PYTHON"] = sys.executable
    executables = {"stock": sys.executable, "bowstring": binary}
    session = start_session()
    for name, value in setting.confs(state).items():
        # Once more: some of them the session sets itself.
        if name.startswith("spark.sql."):
            session.conf.set(name, value)
    table = make_table(session, setting.case, quick)
    for line in sys.stdin:
        question, side = line.split()
        session.sparkContext.pythonExec = executables[side]
        asked = make_query(table, setting.case)
        if question == "print":
            rows = fingerprint(asked)
            # Where Spark adapts, it shuffles once more to know.
            found: Any = {"rows": rows, "tasks": asked.rdd.getNumPartitions()}
        else:
            started = time.perf_counter()
            drop(asked)
            found = time.perf_counter() - started
        print("ANSWER", json.dumps(found), flush=True)
    session.stop()


def make_table(session: Any, case: Case, quick: bool) -> Any:
    """The input: partitioned by its key as in `end_to_end.py`, or not where a shuffle is what is asked for."""
    from pyspark.sql import functions as F

    from benches import frames
    from benches.end_to_end import PARTITIONS, make_input

    if case.udf not in ("shuffled", "tasks"):
        return make_input(session, case, quick)
    total = case.size(quick) * case.rows
    values = [F.randn(frames.SEED + n).alias(name) for n, name in enumerate(("v", "a", "b", "c"))]
    partitions = PARTITIONS if case.udf == "shuffled" else case.size(quick)
    table = session.range(0, total, 1, partitions).select(F.floor(F.col("id") / case.rows).alias("k"), *values).cache()
    table.count()
    return table


def make_query(table: Any, case: Case) -> Any:
    """A query of `queries.py`, or one of those below."""
    import dataclasses

    from benches.queries import QUERIES

    def product_of_matrices(pdf: Any) -> Any:
        # Threads of the BLAS of NumPy are what `OMP_NUM_THREADS` is about.
        import numpy as np

        square = np.resize(pdf["v"].to_numpy(), (400, 400)) / 400
        for _ in range(10):
            square = square @ square.T
            square /= np.abs(square).max()
        # Sums of many threads differ in their last bits.
        return pdf.assign(v=np.round(square[0, 0], 6))

    if case.udf == "matrices":
        return table.groupBy("k").applyInPandas(product_of_matrices, table.schema)
    udf = {"shuffled": "grouped-map", "tasks": "map-pandas"}.get(case.udf, case.udf)
    return QUERIES[udf](table, dataclasses.replace(case, udf=udf))


def main() -> None:
    """Parses arguments, measures, prints the table; or is the process of a session."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="settings: " + ", ".join(setting.id for setting in SETTINGS),
    )
    parser.add_argument("--quick", action="store_true", help="few groups, one repetition")
    parser.add_argument("--only", metavar="TEXT", help="settings whose id holds TEXT")
    parser.add_argument("--spark", default=environments.NEWEST.removeprefix("spark-"), help="Spark version")
    parser.add_argument("--repeat", type=int, metavar="N", help="samples of each (default: 3, or 1 with --quick)")
    parser.add_argument("--answer", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--bowstring", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        name, state = options.answer
        [setting] = [setting for setting in SETTINGS if setting.id == name]
        answer(setting, state, options.bowstring, options.quick)
        return
    options.repeat = options.repeat or (1 if options.quick else 3)
    wanted = [setting for setting in SETTINGS if (options.only or "") in setting.id and setting.since <= options.spark]
    if not wanted:
        parser.error(f"no setting of Spark {options.spark} matches {options.only!r}")
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / "settings.log").write_bytes(b"")
    results = {}
    for setting in wanted:
        started = time.monotonic()
        print(f"  {setting.id} …", end="", file=sys.stderr, flush=True)
        results[setting.id] = measure(setting, options.spark, options)
        said = ", ".join(f"{side} {effect(results[setting.id][side])}" for side in SIDES)
        print(f" {said} ({time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True)
        (OUTPUT / "settings.json").write_text(json.dumps(results, indent=2))
    print(render(results, options.spark, options.quick), end="")


if __name__ == "__main__":
    main()
