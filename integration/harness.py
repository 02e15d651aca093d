"""Runs programs in an environment of its own process session, with deadlines, and leaves nothing behind.

The pytest side of the harness: it has no PySpark itself. A *session* here is the kernel's: whatever a program starts
stays in it, so that everything can be found and ended even where a daemon makes process groups of its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from environments import ENVIRONMENTS, NEWEST, Environment, build_bowstring, make

HERE = Path(__file__).resolve().parent
WARM_STOCK = """#!/bin/sh
if [ "$2" = pyspark.daemon ]; then
    export PYTHONPATH="{folder}${{PYTHONPATH+:$PYTHONPATH}}"
fi
exec {python} "$@"
"""
"""What Spark is told to be the Python of the stock side: `warm_stock/sitecustomize.py` says why."""

SCENARIO_SECONDS = 90
"""A scenario that runs longer is a hang."""
START_SECONDS = 120
"""For the JVM, the session and the first workers."""
PROGRAM_SECONDS = 180
"""For a session with all its programs."""
END_SECONDS = 8
"""Until everything that a session started has ended after it."""
RESTARTS = 4
"""How often a runner is started again after a hang or a crash."""


@dataclass
class Outcomes:
    """What a runner found: per scenario and side an outcome, why it was skipped, or how it broke."""

    sides: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def environment_variables(environment: Environment, extra: dict[str, str] | None = None) -> dict[str, str]:
    """The variables for a Spark driver: its interpreter, and what bowstring must stand for."""
    python = str(environment.interpreter)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SPARK", "PYSPARK"))}
    return {
        **kept,
        "TZ": "UTC",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
        "BOWSTRING_PYTHON": python,
        **(extra or {}),
    }


def processes_of(session: int) -> dict[int, str]:
    """The living processes of a kernel session: pid and command line. Zombies do not count."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, *numbers = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if state != "Z" and int(numbers[2]) == session:
            found[int(entry.name)] = command.strip()
    return found


def end_session(session: int) -> None:
    """Kills every process of a kernel session."""
    while left := processes_of(session):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


@cache
def list_scenarios() -> list[dict[str, Any]]:
    """Name, kind, first version and expectation of every scenario. The newest environment knows them all."""
    python = make(ENVIRONMENTS[NEWEST])
    listed = subprocess.run([python, HERE / "runner.py", "--list"], capture_output=True, text=True, check=True)
    return json.loads(listed.stdout)


def run_scenarios(environment: Environment, names: list[str], directory: Path) -> Outcomes:
    """Runs the named scenarios on both sides; events and logs go to the directory.

    A hang or a crash costs the scenario in which it happened, no other.
    """
    make(environment)
    bowstring = build_bowstring(environment.python)
    events = directory / "events.jsonl"
    events.write_text("")
    stock = directory / "stock"
    stock.write_text(WARM_STOCK.format(folder=HERE / "warm_stock", python=environment.interpreter))
    stock.chmod(0o755)
    outcomes = Outcomes()
    left = list(names)
    for _ in range(RESTARTS + 1):
        sides = ["--stock", stock, "--bowstring", bowstring]
        command = [environment.interpreter, HERE / "runner.py", *sides, "--out", events, *left]
        with open(directory / "log.txt", "a", encoding="utf-8") as log:
            runner = subprocess.Popen(
                list(map(str, command)),
                cwd=directory,
                env=environment_variables(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        verdict = watch(runner, events)
        end_session(runner.pid)
        broken = collect(read_events(events), outcomes, verdict)
        left = [name for name in left if name not in {*outcomes.sides, *outcomes.skipped, *outcomes.broken}]
        if not left:
            break
        if broken is None:
            outcomes.broken.update(dict.fromkeys(left, f"runner did not get to it: {verdict}; see {directory}/log.txt"))
            break
    return outcomes


def watch(runner: subprocess.Popen[bytes], events: Path) -> str:
    """Waits until the runner ends, or nothing has been reported for too long. Says which, in words."""
    started = time.monotonic()
    size, changed = events.stat().st_size, started
    while runner.poll() is None:
        time.sleep(0.1)
        now = time.monotonic()
        if (grown := events.stat().st_size) != size:
            size, changed = grown, now
        limit = SCENARIO_SECONDS if changed > started else START_SECONDS
        if now - changed > limit:
            return f"hung for {limit} s"
    return f"ended with {runner.returncode}"


def read_events(events: Path) -> list[dict[str, Any]]:
    """The events so far; a half-written last line is left out."""
    return [json.loads(line) for line in events.read_text().splitlines(keepends=True) if line.endswith("\n")]


def collect(events: Iterable[dict[str, Any]], outcomes: Outcomes, verdict: str) -> str | None:
    """Adds what the events tell. Returns the scenario that was running at the end, if one was."""
    running: tuple[str, str] | None = None
    for event in events:
        name = event.get("scenario", "")
        if event["event"] == "start":
            running = (name, event["side"])
        elif event["event"] == "end":
            outcomes.sides.setdefault(name, {})[event["side"]] = event["outcome"]
            running = None
        elif event["event"] == "skip":
            outcomes.skipped[name] = event["reason"]
    if running is None:
        return None
    outcomes.sides.pop(running[0], None)
    outcomes.broken[running[0]] = f"the runner {verdict} in {running[0]} with {running[1]} workers"
    return running[0]


@dataclass(frozen=True)
class Finished:
    """What programs answered, what they and their workers wrote, and which processes were left when they ended."""

    answers: dict[str, Any]
    log: str
    left: dict[int, str]


def run_programs(
    environment: Environment,
    names: list[str],
    directory: Path,
    *,
    master: str = "local[2]",
    conf: dict[str, str] | None = None,
    variables: dict[str, str] | None = None,
) -> Finished:
    """Runs programs in one Spark session whose workers are bowstring.

    `PYSPARK_PYTHON` says so: without `spark-submit`, nobody looks at `spark.pyspark.python`.
    """
    make(environment)
    bowstring = build_bowstring(environment.python)
    out = directory / "answers.json"
    command = [environment.interpreter, HERE / "programs.py", "--out", out, "--master", master]
    for key, value in (conf or {}).items():
        command += ["--conf", f"{key}={value}"]
    with open(directory / "log.txt", "w", encoding="utf-8") as log:
        driver = subprocess.Popen(
            list(map(str, [*command, *names])),
            cwd=directory,
            env=environment_variables(environment, {"PYSPARK_PYTHON": str(bowstring), **(variables or {})}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        driver.wait(PROGRAM_SECONDS)
        deadline = time.monotonic() + END_SECONDS
        while (left := processes_of(driver.pid)) and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        end_session(driver.pid)
    text = (directory / "log.txt").read_text(errors="replace")
    if not out.exists():
        raise AssertionError(f"the programs ended with {driver.returncode}:\n{text[-4000:]}")
    return Finished(json.loads(out.read_text()), text, left)


def is_stand_in(environment: Environment) -> bool:
    """True if `BOWSTRING_BIN` is a script in place of the program, which shows nothing of its own."""
    return build_bowstring(environment.python).read_bytes()[:2] == b"#!"
