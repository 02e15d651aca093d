"""CPU time and memory of a process with everything it has started, read from /proc."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """What one line of `/proc/<pid>/stat` says."""

    pid: int
    parent: int
    group: int
    waited_for: int
    """User and system time of children that were waited for, in clock ticks."""
    ticks: int
    """User and system time of the process and of its children that were waited for, in clock ticks."""


def members(root: int) -> list[Process]:
    """`root`, all its descendants, and whatever else is in its process group."""
    processes = [process for entry in Path("/proc").iterdir() if entry.name.isdigit() and (process := _read(entry))]
    found = {root}
    while True:
        grown = found | {process.pid for process in processes if process.parent in found or process.group == root}
        if grown == found:
            return [process for process in processes if process.pid in found]
        found = grown


def cpu_seconds(root: int) -> float:
    """CPU seconds used so far by the tree of `root`.

    The difference of two calls is right if no process ends between them that its parent does not wait for (a stock
    daemon ignores SIGCHLD, so the time of a worker that ends is lost).
    """
    return sum(process.ticks for process in members(root)) / TICKS


def exact_cpu_seconds(root: int) -> float:
    """The same from the processes' own clocks, which count nanoseconds; only those waited for count in ticks.

    For a few hundred milliseconds in a handful of processes, each of which [cpu_seconds] may round down by twenty.
    """
    total = 0.0
    for process in members(root):
        # `make_process_cpuclock` of the kernel: all threads of the process, those that have ended too.
        with suppress(OSError):
            total += time.clock_gettime((~process.pid << 3) | 2) + process.waited_for / TICKS
    return total


def pss_bytes(root: int) -> int:
    """Proportional set size of the tree of `root`: pages that n processes share count one nth in each."""
    total = 0
    for process in members(root):
        with suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def reset_peaks(root: int) -> None:
    """Has each process of the tree count its peak from here on."""
    for process in members(root):
        with suppress(FileNotFoundError, ProcessLookupError):
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def peak_bytes(root: int) -> int:
    """Peak resident memory of the largest process of the tree, since `reset_peaks`."""
    largest = 0
    for process in members(root):
        with suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    largest = max(largest, int(line.split()[1]) * 1024)
    return largest


def _read(entry: Path) -> Process | None:
    """None if the process is gone."""
    try:
        stat = (entry / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, may hold spaces; what follows it is fixed.
    fields = stat.rpartition(")")[2].split()
    own, waited_for = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
    return Process(int(entry.name), int(fields[1]), int(fields[2]), waited_for, own + waited_for)
