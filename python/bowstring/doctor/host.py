"""The doctor on one host: this Python, the executable, and what happens when Spark starts them."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import daemons, facts
from .judge import (
    DAEMON_MODULE,
    OURS,
    OWNERS,
    SOCKETS,
    Finding,
    Verdict,
    foreign_daemon,
    judge,
    too_small,
    unix_sockets,
    without_bowstring,
)

SERVER_CONF = "spark-defaults.conf"
WHEEL = "wheel"
STARTS_WITHIN = 60.0
"""Seconds for a Python that does nothing, and for the executable."""


def examine(bowstring: str, tasks: bool = True) -> Iterator[Finding]:
    """Findings in the order of the report, each as soon as it is known."""
    found = facts.gather()
    version = _version(bowstring)
    yield version
    yield from judge({**found, "worker": None})
    if found["Databricks"]:
        yield without_bowstring(found)
    yield from _daemon_modules()
    yield from _unix_sockets()
    if found["packages"]["pyspark"] is None:
        return
    noisy = _noise(sys.executable)
    yield from noisy
    if noisy or too_small(found["memory"]):
        return
    if not tasks:
        if f", {WHEEL}, " in version.text:
            yield from _module()
        return
    started = list(_start(bowstring))
    yield from started
    if not started and found["packages"]["pyarrow"] is not None:
        yield from _tasks(bowstring)


def _version(bowstring: str) -> Finding:
    try:
        done = subprocess.run([bowstring, "--version"], capture_output=True, text=True, timeout=STARTS_WITHIN)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("bowstring", Verdict.BROKEN, str(error), "install bowstring into this environment again")
    if done.returncode:
        text = (done.stderr or done.stdout).strip()
        return Finding("bowstring", Verdict.BROKEN, text, "install bowstring into this environment again")
    form = "with Python inside" if "Python" in done.stdout else WHEEL
    return Finding("bowstring", Verdict.FINE, f"{done.stdout.strip()}, {form}, {bowstring}")


def _daemon_modules() -> Iterator[Finding]:
    """What the configuration files of a Spark on this host name, and whose daemons are installed."""
    for path in _configurations():
        module = dict(_properties(path)).get(DAEMON_MODULE, OURS[0])
        if module not in OURS:
            yield foreign_daemon(module, f" in {path}")
    for package, owner in OWNERS.items():
        if importlib.util.find_spec(package) is not None:
            text = f"{owner} is installed here; where it sets {DAEMON_MODULE} itself, its daemon runs and not bowstring"
            yield Finding("daemon", Verdict.FINE, text)


def _unix_sockets() -> Iterator[Finding]:
    """Of a Spark on this host that is configured to use them."""
    for path in _configurations():
        settings = dict(_properties(path))
        if settings.get(f"{SOCKETS}.enabled", "").lower() == "true":
            # The JVM's temporary folder.
            folder = settings.get(f"{SOCKETS}.dir", "/tmp")
            yield from unix_sockets(facts.unix_sockets(folder), f", which {path} names")


def _configurations() -> list[Path]:
    folders = [os.environ.get("SPARK_CONF_DIR"), os.path.join(os.environ.get("SPARK_HOME", ""), "conf")]
    paths = [Path(folder) / SERVER_CONF for folder in folders if folder and os.path.isabs(folder)]
    return [path for path in paths if path.is_file()]


def _properties(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.strip().replace("=", " ", 1).split(None, 1)
        if len(words) == 2 and not words[0].startswith("#"):
            yield words[0], words[1].strip()


def _noise(python: str) -> list[Finding]:
    try:
        done = subprocess.run([python, "-c", ""], capture_output=True, text=True, timeout=STARTS_WITHIN)
    except subprocess.TimeoutExpired:
        text = f"{python} has not started within {STARTS_WITHIN:.0f} s"
        return [Finding("Python", Verdict.BROKEN, text, "look at sitecustomize.py, usercustomize.py and .pth files")]
    if not done.stdout:
        return []
    text = f"{python} writes {done.stdout[:60]!r} to standard output when it starts; Spark reads the port there"
    cure = "look for print in sitecustomize.py, usercustomize.py and .pth files; write to standard error instead"
    return [Finding("standard output", Verdict.BROKEN, text, cure)]


def _module() -> Iterator[Finding]:
    """Whether this Python can load the wheel's module, which a daemon that starts would tell, too."""
    code = "import bowstring; print(bowstring.__path__[0], flush=True); import bowstring._native"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")
    if done.returncode == 0:
        return
    package = Path(done.stdout.strip() or "bowstring")
    others = sorted(path.name for path in package.glob("_native.*.so"))
    ours = [name for name in others if f".cpython-{sys.version_info[0]}{sys.version_info[1]}-" in name]
    if ours or not others:
        why = done.stderr.strip().rpartition("\n")[2]
    else:
        why = f"{others[0]} is for another CPython"
    cure = f"{sys.executable} -m pip install bowstring, of the version of the executable"
    yield Finding("bowstring", Verdict.BROKEN, f"{package} has nothing for this Python: {why}", cure)


def _start(bowstring: str) -> Iterator[Finding]:
    """Whether the daemon starts at all."""
    command = [bowstring, "-m", "pyspark.daemon", "pyspark.worker"]
    try:
        with daemons.running(command, daemons.environment_for_daemons(sys.executable)):
            return
    except daemons.NotStarted as error:
        yield Finding("daemon", Verdict.BROKEN, str(error), _cure_of(str(error)))


def _tasks(bowstring: str) -> Iterator[Finding]:
    try:
        from . import tasks
    except Exception as error:
        # Packages that are broken, or too old to have what is asked of them.
        text = f"no tasks were tried: {type(error).__name__}: {error}"
        yield Finding("tasks", Verdict.NOT_ALL_NATIVE, text, "install what cannot be imported")
        return
    try:
        answer, outcomes, lines = tasks.compare(bowstring, sys.executable)
    except LookupError as error:
        text = f"{error}: PySpark's own code does all work, in workers that are started faster"
        yield Finding("tasks", Verdict.NOT_ALL_NATIVE, text, "use a Spark of a known line")
        return
    except Exception as error:
        text = f"not even a plain function is answered: {type(error).__name__}: {error}"
        yield Finding("tasks", Verdict.BROKEN, text, "run it again with BOWSTRING_LOG=debug and report what it says")
        return
    yield from (finding for finding in judge(answer) if finding.about in ("surface", "self-test"))
    yield from _warnings(lines)
    yield from _verdicts(outcomes)


def _warnings(lines: list[str]) -> Iterator[Finding]:
    """What bowstring's daemon has to say."""
    crowded = False
    messages = [line.partition(" WARN ")[2] or line.partition(" ERROR ")[2] for line in lines]
    for text in dict.fromkeys(filter(None, messages)):
        if re.search(r"have left \d+ threads", text):
            crowded = True
            cure = "stop what starts a thread on import: sitecustomize.py, a .pth file, BOWSTRING_PREIMPORT"
            yield Finding("threads", Verdict.NOT_ALL_NATIVE, text, cure)
        else:
            yield Finding("log", Verdict.NOT_ALL_NATIVE, text)
    if not crowded:
        yield Finding("threads", Verdict.FINE, "one, when everything is imported: workers can be forked")


def _cure_of(text: str) -> str:
    for name in sorted(os.environ):
        if name.startswith("BOWSTRING_") and name in text:
            return f"set {name} to one of the values that the line names, or leave it out"
    if "pip install" in text or "Python" in text:
        return "install bowstring with the pip of the environment that Spark uses"
    return "the line says what is missing; `bowstring --help` lists the settings"


def _verdicts(outcomes: list[Any]) -> Iterator[Finding]:
    others: dict[str, list[str]] = {}
    for outcome in outcomes:
        if not outcome.agrees:
            cure = "set BOWSTRING_NATIVE=off and report this: an answer that differs is a bug of bowstring's"
            yield Finding("tasks", Verdict.BROKEN, f"{outcome.kind} differs: {outcome.text}", cure)
        elif not outcome.native:
            others.setdefault(outcome.text or "answered by PySpark's own code, as PySpark does", []).append(
                outcome.kind
            )
    for text, kinds in others.items():
        yield Finding("tasks", Verdict.NOT_ALL_NATIVE, f"{text}: {', '.join(kinds)}")
    native = sum(outcome.native and outcome.agrees for outcome in outcomes)
    verdict = Verdict.FINE if native == len(outcomes) else Verdict.NOT_ALL_NATIVE
    yield Finding(
        "tasks", verdict, f"{native} of {len(outcomes)} kinds of functions are native and answer as PySpark does"
    )
