"""What facts mean: for each thing that matters whether it is as it should be, and what to do if it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

Facts = dict[str, Any]

PANDAS = (2, 0)
PYARROW = (11, 0)
"""Below these there is no native path: `docs/compatibility.md`."""

LEAST_MEMORY = 340 << 20
"""After a tiny task a worker has 314 to 334 MiB of address space, most of it imports."""

ADVISED_MEMORY = 512 << 20

LIMITS = ("RLIMIT_AS", "spark.executor.pyspark.memory", "cgroup")

SMALL_SHM = 64 << 20
"""What a container has where nobody asked for more."""

DAEMON_MODULE = "spark.python.daemon.module"
OURS = ("pyspark.daemon", "bowstring.daemon")
OWNERS = {"rapids": "RAPIDS"}
"""Whose a daemon is, by the package that it is in."""

SOCKETS = "spark.python.unix.domain.socket"
LONGEST_FOLDER = 64
"""Bytes: of 108 for the path of a socket one is a zero, and the file's name takes 43."""


class Verdict(IntEnum):
    """How good a thing is; the worst of all is the exit code."""

    FINE = 0
    NOT_ALL_NATIVE = 1
    BROKEN = 2


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    about: str
    verdict: Verdict
    text: str
    cure: str = ""

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "verdict": self.verdict.name.lower().replace("_", " ")}


def judge(facts: Facts) -> Iterator[Finding]:
    """Findings about one process, in the order of the report."""
    yield from _python(facts)
    yield from _packages(facts["packages"])
    yield from _memory(facts["memory"])
    yield from unix_sockets(facts["Unix sockets"])
    yield from _host(facts)
    yield from _worker(facts["worker"])


def too_small(memory: dict[str, int | None]) -> bool:
    """Whether a limit leaves no room for the imports."""
    return any(limit is not None and limit < LEAST_MEMORY for limit in map(memory.get, LIMITS))


def version(text: str) -> tuple[int, ...]:
    """The numbers at the beginning of a version."""
    return tuple(int(number) for number in re.findall(r"\d+", text.partition("+")[0])[:3])


def _python(facts: Facts) -> Iterator[Finding]:
    python = facts["python"]
    name = f"{python['implementation']} {python['version']}, {python['executable']}"
    if python["implementation"] != "cpython":
        cure = "use CPython: bowstring's workers are made of it"
        yield Finding("Python", Verdict.BROKEN, name, cure)
    else:
        library = "shared" if python["shared library"] else "static"
        yield Finding("Python", Verdict.FINE, f"{name} ({library})")
    for link in python["broken links"]:
        cure = "make the environment anew on this image, or pack it with the Python inside"
        yield Finding("environment", Verdict.BROKEN, f"a link leads nowhere: {link}", cure)


def _packages(packages: dict[str, str | None]) -> Iterator[Finding]:
    if packages["pyspark"] is None:
        cure = "install pyspark, or put $SPARK_HOME/python and its py4j zip file on PYTHONPATH as Spark does"
        yield Finding("PySpark", Verdict.BROKEN, "not found", cure)
    else:
        yield Finding("PySpark", Verdict.FINE, packages["pyspark"] or "of a version that it does not tell")
    for name, floor in (("pandas", PANDAS), ("pyarrow", PYARROW)):
        found = packages[name]
        least = ".".join(map(str, floor))
        if found is None:
            cure = f"install {name} {least} or later: without it there is no Arrow-based function, with stock neither"
            yield Finding(name, Verdict.NOT_ALL_NATIVE, "not found", cure)
        elif found and version(found) < floor:
            cure = f"install {name} {least} or later; until then PySpark's own code does the work"
            yield Finding(name, Verdict.NOT_ALL_NATIVE, f"{found} is too old for the native paths", cure)
        else:
            yield Finding(name, Verdict.FINE, found or "of a version that it does not tell")


def _memory(memory: dict[str, int | None]) -> Iterator[Finding]:
    for name in LIMITS:
        limit = memory[name]
        if limit is not None and limit < LEAST_MEMORY:
            cure = f"raise it to {mebibytes(ADVISED_MEMORY)} at least: most of that is needed for imports"
            yield Finding("memory", Verdict.BROKEN, f"{name} is {mebibytes(limit)}", cure)
    limits = ", ".join(f"{name} {mebibytes(limit)}" for name, limit in memory.items() if limit is not None)
    yield Finding("memory", Verdict.FINE, limits or "no limits")


def unix_sockets(found: dict[str, Any] | None, where: str = "") -> Iterator[Finding]:
    """Whether daemons can listen where the settings say."""
    if found is None:
        return
    if found["refused"] is None:
        yield Finding("Unix sockets", Verdict.FINE, f"can be made in {found['folder']}{where}")
        return
    text = f"none can be made in {found['folder']}{where}: {found['refused']}; no daemon starts, PySpark's neither"
    cure = f"set {SOCKETS}.dir to a folder that can be written to and whose path has {LONGEST_FOLDER} bytes at most"
    yield Finding("Unix sockets", Verdict.BROKEN, text, f"{cure}, or leave {SOCKETS}.enabled out")


def foreign_daemon(module: str, where: str = "") -> Finding:
    """Somebody else's daemon stands where bowstring would."""
    owner = OWNERS.get(module.partition(".")[0])
    whose = f", of {owner}" if owner else ""
    cure = f"leave {DAEMON_MODULE} out, or set it to bowstring.daemon; there can be only one daemon"
    return Finding("daemon", Verdict.BROKEN, f"{DAEMON_MODULE} is {module}{whose}{where}", cure)


def without_bowstring(facts: Facts) -> Finding:
    """Why a worker is none of bowstring's, as far as it shows."""
    module = facts["started as"]
    if facts["Databricks"]:
        text = f"this is Databricks {facts['Databricks']}, whose JVM has a way of its own to start workers"
        return Finding("bowstring", Verdict.BROKEN, text, "nothing can be done: bowstring knows Spark's own way alone")
    if module == "pyspark.worker":
        text = "each task starts a Python of its own, for spark.python.use.daemon is false"
        return Finding("bowstring", Verdict.BROKEN, text, "leave spark.python.use.daemon out")
    if module not in (None, *OURS):
        return foreign_daemon(module)
    cure = "set spark.pyspark.python (or spark.sql.execution.pyspark.python) to a bowstring that this host has"
    return Finding("bowstring", Verdict.BROKEN, "this worker is PySpark's own", cure)


def _host(facts: Facts) -> Iterator[Finding]:
    folder = facts["temporary folder"]
    if folder is None:
        cure = "mount a writable folder and name it in TMPDIR, or spark.local.dir"
        text = f"none of {', '.join(dict.fromkeys(facts['temporary folders']))} can be written to"
        yield Finding("temporary folder", Verdict.BROKEN, text, cure)
    else:
        yield Finding("temporary folder", Verdict.FINE, folder)
        for named in facts["folders that cannot be written to"]:
            text = f"{named} cannot be written to; Python takes {folder} instead, Spark fails"
            yield Finding("temporary folder", Verdict.BROKEN, text, "mount it writable, or name another")
    shm = facts["memory"]["/dev/shm"]
    if shm is not None and shm <= SMALL_SHM:
        text = f"{mebibytes(shm)}; bowstring needs none, functions with multiprocessing inside may"
        yield Finding(
            "/dev/shm", Verdict.FINE, text, "for such functions: docker run --shm-size, or a volume in memory"
        )
    threads = ", ".join(f"{name}={value}" for name, value in facts["threads"].items() if value is not None)
    yield Finding("threads", Verdict.FINE, f"{threads or 'OMP_NUM_THREADS is not set'}; {facts['cores']} cores")
    if facts["settings"]:
        text = ", ".join(f"{name}={value}" for name, value in facts["settings"].items())
        yield Finding("settings", Verdict.FINE, text)
    disabled = facts["settings"].get("BOWSTRING_DISABLE") == "1"
    if disabled or facts["settings"].get("BOWSTRING_NATIVE") == "off":
        name = "BOWSTRING_DISABLE" if disabled else "BOWSTRING_NATIVE"
        yield Finding("settings", Verdict.NOT_ALL_NATIVE, f"{name} switches it off", f"leave {name} out")


def _worker(worker: dict[str, Any] | None) -> Iterator[Finding]:
    if worker is None:
        return
    if worker["refused"]:
        cure = "use a Spark of a known line (docs/compatibility.md); PySpark's own code does the work meanwhile"
        yield Finding("surface", Verdict.NOT_ALL_NATIVE, worker["refused"], cure)
    elif worker["unknown"]:
        cure = "report the version and what is named here; PySpark's own code does this work meanwhile"
        for sentence in worker["unknown"]:
            yield Finding("surface", Verdict.NOT_ALL_NATIVE, sentence, cure)
    else:
        yield Finding("surface", Verdict.FINE, "all of PySpark that bowstring touches is known")
    if worker["unproven"]:
        text = f"the self-test found differences for {', '.join(worker['unproven'])}"
        cure = "nothing has to be done: columns of these types go through PySpark's own conversions"
        yield Finding("self-test", Verdict.NOT_ALL_NATIVE, text, cure)
    elif worker["installed"]:
        yield Finding("self-test", Verdict.FINE, "every native conversion equals PySpark's")


def mebibytes(count: int) -> str:
    """A size for a reader."""
    return f"{count >> 20:,} MiB" if count < 100 << 30 else f"{count >> 30:,} GiB"
