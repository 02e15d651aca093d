"""Starts daemons as an executor does."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .._fakejvm.client import ConnectionLost, Daemon, ProtocolViolation, executor_environment

TIMEOUT = 60.0
"""Seconds without a byte after which a worker hangs; the imports of a cold disk are the longest."""


class NotStarted(Exception):
    """A daemon that did not announce its port, with what it wrote to standard error."""


def environment_for_daemons(python: str) -> dict[str, str]:
    """As an executor has it. PySpark comes from where an import here would find it."""
    found = importlib.util.find_spec("pyspark")
    package = Path(found.origin).parent if found and found.origin else Path()
    archives = sorted(map(str, (package / "python" / "lib").glob("*.zip")), reverse=True)
    if not archives:
        archives = [entry for entry in sys.path if entry and os.path.exists(entry)]
    own = {
        "BOWSTRING_LOG": os.environ.get("BOWSTRING_LOG", "warn"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "SPARK_LOCAL_DIRS": tempfile.gettempdir(),
    }
    return {**executor_environment(python, archives), **own}


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[tuple[Daemon, list[str]]]:
    """A daemon, and the lines that it and its workers write to standard error, as they come."""
    reading, writing = os.pipe()
    lines: list[str] = []
    file = os.fdopen(reading, encoding="utf-8", errors="replace")
    reader = threading.Thread(target=keep, args=(file, lines), daemon=True)
    reader.start()
    try:
        daemon = Daemon(command, environment, stderr=writing, timeout=TIMEOUT)
    except (ConnectionLost, ProtocolViolation, TimeoutError, OSError) as error:
        os.close(writing)
        reader.join(2)
        raise NotStarted(" ".join(lines[-3:]) or str(error)) from error
    os.close(writing)
    with daemon:
        yield daemon, lines


def keep(file: IO[str], lines: list[str]) -> None:
    """Appends the lines that are not empty, as they come."""
    for line in file:
        if line.strip():
            lines.append(line.rstrip())
