"""Measures workers without Spark: one daemon of stock PySpark, one of bowstring, and this client in the JVM's place.

Runs on the interpreter under test; `run.py` starts it. Results go to a file as JSON, progress to standard output, and
what daemons and JVM have to say to standard error.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyspark

from benches import frames, process_tree
from benches.plan import Case, chosen
from benches.versions import versions
from benches.workloads import Workload, workload
from fakejvm.client import END_OF_STREAM, Daemon, Reply, Worker, spark_environment
from fakejvm.task_bytes import DIALECTS, Dialect

SIDES = ("stock", "bowstring")
SAMPLE_SECONDS = 1.0
"""A sample of CPU time is made of so many tasks that it takes about this long: /proc counts in hundredths."""
MOST_TASKS = 20
PAUSE_SECONDS = 0.3
"""Between two cold starts: an executor seldom needs a new worker, and a daemon may prepare one meanwhile."""
WORKERS_KEPT = 8
TINY = Case("tiny", "task", "one small group", "ms", 2, groups=1, rows=10, quick_groups=1)
TINY_RDD = Case("tiny-rdd", "task", "a few pickled rows", "ms", 2, udf="rdd-map", groups=1, rows=10, quick_groups=1)
FIRST = {"sql": TINY, "rdd": TINY_RDD}
"""The first task of a daemon, by whose runner has started it."""
FIRST_STARTS = 20

Result = dict[str, Any]


class Bench:
    """Both daemons, and the way one task is run and checked on either."""

    def __init__(
        self, programs: dict[str, str | Path], environment: dict[str, str], dialect: Dialect, repeat: int, quick: bool
    ) -> None:
        """`programs` and `environment` are what daemons are started with; nothing is started here."""
        self.programs = programs
        self.environment = environment
        self.daemons: dict[str, Daemon] = {}
        self.dialect = dialect
        self.repeat = repeat
        self.quick = quick
        self.tiny = workload(TINY, quick).encode(dialect)
        self._first: dict[str, tuple[Result, Result]] = {}

    def start(self, stack: ExitStack) -> None:
        """Starts the daemons that all but the first cases share, unless they run."""
        if not self.daemons:
            self.daemons = {
                side: stack.enter_context(Daemon([program, *self.dialect.daemon], self.environment))
                for side, program in self.programs.items()
            }

    def first(self, case: Case) -> Result:
        """Of [run_first](Bench.run_first), which runs once for both, what the case asks for."""
        kind, _, figure = case.id.removeprefix("worker/first-").partition("-")
        if kind not in self._first:
            self._first[kind] = self.run_first(kind)
        return self._first[kind][figure == "cpu"]

    def answer(self, worker: Worker, task: bytes) -> Reply:
        """Runs one task. Raises if the reply is not that of a good task."""
        reply = worker.run(task, timing_longs=self.dialect.timing_longs)
        if reply.traceback is not None:
            raise RuntimeError(f"the worker raised:\n{reply.traceback}")
        if reply.end != END_OF_STREAM:
            raise RuntimeError(f"the worker ended its reply with {reply.end} instead of {END_OF_STREAM}")
        return reply

    def sample(self, side: str, worker: Worker, task: bytes, tasks: int) -> tuple[float, float, Reply]:
        """CPU and wall seconds of one task, mean of `tasks` of them, and the last reply."""
        root = self.daemons[side].pid
        cpu, wall = process_tree.cpu_seconds(root), time.perf_counter()
        for _ in range(tasks):
            reply = self.answer(worker, task)
        wall = time.perf_counter() - wall
        return (process_tree.cpu_seconds(root) - cpu) / tasks, wall / tasks, reply

    def run_task(self, case: Case) -> Result:
        """CPU time per group, or per row, on both sides in turn, and of the bare function."""
        work = workload(case, self.quick)
        task = work.encode(self.dialect)
        count, second = (work.rows, 1e9) if case.per_row else (case.size(self.quick), 1e3)
        cpu: dict[str, list[float]] = {side: [] for side in SIDES}
        wall: dict[str, list[float]] = {side: [] for side in SIDES}
        limits: list[float] = []
        sums: dict[str, tuple[int, str]] = {}
        with ExitStack() as stack:
            workers = {side: stack.enter_context(self.daemons[side].connect()) for side in SIDES}
            tasks = dict.fromkeys(SIDES, 1)
            for side in SIDES:
                self.answer(workers[side], self.tiny)
                used, _, reply = self.sample(side, workers[side], task, 1)
                sums[side] = checksum(reply)
                tasks[side] = min(MOST_TASKS, math.ceil(SAMPLE_SECONDS / max(used, 0.01)))
            check_equal(case, sums, work.rows)
            for _ in range(self.repeat):
                limits.append(bare_loop(work) * second / count)
                for side in SIDES:
                    used, elapsed, reply = self.sample(side, workers[side], task, tasks[side])
                    if checksum(reply) != sums[side]:
                        raise SystemExit(f"{case.id}: {side} answered the same task in two ways")
                    cpu[side].append(used * second / count)
                    wall[side].append(elapsed * second / count)
        for side in SIDES:
            workers[side].wait_for_exit()
        return {
            **medians(cpu),
            "limit": statistics.median(limits),
            "wall": {side: statistics.median(wall[side]) for side in SIDES},
            "rows": sums["stock"][0],
            "checksum": sums["stock"][1],
        }

    def run_large(self, case: Case) -> Result:
        """CPU and wall seconds of a whole task, and the peak memory of the largest process, on warm workers in turn."""
        work = workload(case, self.quick)
        task = work.encode(self.dialect)
        samples: dict[str, dict[str, list[float]]] = {
            figure: {side: [] for side in SIDES} for figure in ("cpu", "wall", "peak")
        }
        sums: dict[str, tuple[int, str]] = {}
        with ExitStack() as stack:
            workers = {side: stack.enter_context(self.daemons[side].connect()) for side in SIDES}
            tasks = dict.fromkeys(SIDES, 1)
            for side in SIDES:
                used, _, reply = self.sample(side, workers[side], task, 1)
                sums[side] = checksum(reply)
                tasks[side] = min(MOST_TASKS, math.ceil(SAMPLE_SECONDS / max(used, 0.01)))
            check_equal(case, sums, work.rows)
            for _ in range(self.repeat):
                for side in SIDES:
                    process_tree.reset_peaks(self.daemons[side].pid)
                    used, elapsed, _ = self.sample(side, workers[side], task, tasks[side])
                    peak = process_tree.peak_bytes(self.daemons[side].pid) / 2**20
                    for figure, value in (("cpu", used), ("wall", elapsed), ("peak", peak)):
                        samples[figure][side].append(value)
        for side in SIDES:
            workers[side].wait_for_exit()
        figures = {figure: medians(of_sides) for figure, of_sides in samples.items()}
        return {**figures["cpu"], "wall": figures["wall"], "peak": figures["peak"], "checksum": sums["stock"][1]}

    def run_cold(self) -> Result:
        """Milliseconds from connecting to the end of a tiny task, on a new worker each time."""
        times: dict[str, list[float]] = {side: [] for side in SIDES}
        for turn in range(1 + (3 if self.quick else 10)):
            for side in SIDES:
                time.sleep(PAUSE_SECONDS)
                started = time.perf_counter()
                with self.daemons[side].connect() as worker:
                    self.answer(worker, self.tiny)
                    elapsed = time.perf_counter() - started
                worker.wait_for_exit()
                if turn:
                    times[side].append(elapsed * 1000)
        return medians(times)

    def run_first(self, kind: str) -> tuple[Result, Result]:
        """Wall and CPU milliseconds from starting a daemon to the end of its first task, a new daemon each time.

        CPU time is that of all its processes until then, so what a daemon puts off until later is not in it.
        """
        task = workload(FIRST[kind], self.quick).encode(self.dialect)
        # Runners of RDDs do not set what tells SQL daemons.
        left_out = () if kind == "sql" else ("SPARK_SIMPLIFIED_TRACEBACK",)
        environment = {name: value for name, value in self.environment.items() if name not in left_out}
        wall: dict[str, list[float]] = {side: [] for side in SIDES}
        cpu: dict[str, list[float]] = {side: [] for side in SIDES}
        for turn in range(1 + (3 if self.quick else FIRST_STARTS)):
            for side in SIDES if turn % 2 else SIDES[::-1]:
                time.sleep(PAUSE_SECONDS)
                started = time.perf_counter()
                with Daemon([self.programs[side], *self.dialect.daemon], environment) as daemon:
                    with daemon.connect() as worker:
                        self.answer(worker, task)
                        elapsed = time.perf_counter() - started
                        used = process_tree.exact_cpu_seconds(daemon.pid)
                    if turn:
                        wall[side].append(elapsed * 1000)
                        cpu[side].append(used * 1000)
        return medians(wall), medians(cpu)

    def run_warm(self) -> Result:
        """Milliseconds of a tiny task on a worker that has served some, one after another without a pause."""
        times: dict[str, list[float]] = {side: [] for side in SIDES}
        with ExitStack() as stack:
            workers = {side: stack.enter_context(self.daemons[side].connect()) for side in SIDES}
            for turn in range(5 + (10 if self.quick else 50)):
                for side in SIDES:
                    # The task before leaves garbage to collect; a worker does that before it reads the next one.
                    self.answer(workers[side], self.tiny)
                    started = time.perf_counter()
                    self.answer(workers[side], self.tiny)
                    if turn >= 5:
                        times[side].append((time.perf_counter() - started) * 1000)
        for side in SIDES:
            workers[side].wait_for_exit()
        return medians(times)

    def run_memory(self) -> Result:
        """MiB of each daemon with all its processes, while eight workers that have served a task stay open."""
        mebibytes: dict[str, list[float]] = {}
        for side in SIDES:
            with ExitStack() as stack:
                workers = [stack.enter_context(self.daemons[side].connect()) for _ in range(WORKERS_KEPT)]
                for worker in workers:
                    self.answer(worker, self.tiny)
                mebibytes[side] = [process_tree.pss_bytes(self.daemons[side].pid) / 2**20]
            for worker in workers:
                worker.wait_for_exit()
        return medians(mebibytes)


def bare_loop(work: Workload) -> float:
    """CPU seconds of the functions alone, called on what is ready: the limit that no worker can beat."""
    call = work.bare()
    started = time.process_time()
    call()
    return time.process_time() - started


def checksum(reply: Reply) -> tuple[int, str]:
    """Rows of a reply, and a hash of what they hold."""
    return frames.checksum_of_pickles(reply.pickles) if reply.pickles else frames.checksum(reply.arrow)


def check_equal(case: Case, sums: dict[str, tuple[int, str]], expected_rows: int) -> None:
    """Stops the program unless both sides answered all rows, and the same rows."""
    for side, (rows, _) in sums.items():
        if rows != expected_rows:
            raise SystemExit(f"{case.id}: {side} answered {rows:,} rows instead of {expected_rows:,}")
    if len(set(sums.values())) != 1:
        raise SystemExit(f"{case.id}: the answers differ: {sums}")


def medians(samples: dict[str, list[float]]) -> Result:
    return {**{side: statistics.median(samples[side]) for side in SIDES}, "samples": samples}


def main() -> None:
    """Runs the chosen cases, writes their results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bowstring", type=Path, required=True, help="the binary")
    parser.add_argument("--stock", type=Path, default=sys.executable, help="what to compare with; default stock")
    parser.add_argument("--output", type=Path, required=True, help="file for the results")
    parser.add_argument("--only", help="part of the ids of the cases to run")
    parser.add_argument("--repeat", type=int, default=3, help="samples of each side")
    parser.add_argument("--quick", action="store_true", help="few groups")
    options = parser.parse_args()

    dialect = DIALECTS[pyspark.__version__]
    environment = spark_environment(Path(sys.executable))
    programs = {"stock": options.stock, "bowstring": options.bowstring}
    results: dict[str, Result] = {}
    with ExitStack() as stack:
        bench = Bench(programs, environment, dialect, options.repeat, options.quick)
        special = {"worker/cold": bench.run_cold, "worker/warm": bench.run_warm, "worker/memory": bench.run_memory}
        cases = chosen(options.only, "first", "task", "large", "latency", "memory")
        # Beside daemons that do nothing yet the first answers are alone.
        for case in sorted(cases, key=lambda case: case.kind != "first"):
            if case.since > dialect.checked_against:
                continue
            if case.kind != "first":
                bench.start(stack)
            started = time.monotonic()
            print(f"  {case.title(options.quick)} …", end="", flush=True)
            run = {"first": bench.first, "task": bench.run_task, "large": bench.run_large}.get(case.kind)
            result = run(case) if run else special[case.id]()
            results[case.id] = result
            figures = " / ".join(f"{result[side]:.{case.digits}f}" for side in SIDES)
            if case.kind == "large":
                figures += "".join(
                    f", {name} {result[name]['stock']:.{digits}f} / {result[name]['bowstring']:.{digits}f}"
                    for name, digits in (("wall", 2), ("peak", 0))
                )
            print(f" {figures} {case.unit} ({time.monotonic() - started:.0f} s)", flush=True)
    options.output.write_text(json.dumps({"versions": versions(), "results": results}))


if __name__ == "__main__":
    main()
