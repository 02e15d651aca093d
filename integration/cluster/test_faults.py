"""Hosts and processes die while grouped maps run: the job ends with the right rows, or as stock's does.

Each fault is brought about once under stock and once under bowstring, in the same session, with the same job. Times and
outcomes go to a table in pytest's temporary folder, which docs/operations.md shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .applications import Application, Ending
from .conftest import WORKERS
from .hosts import Cluster, Host, Process, wait_for

JOB = {"groups": 96, "rows": 40, "partitions": 24, "nap": 0.15}
"""Twenty-four tasks of over half a second on six cores: some three seconds in all, if nothing happens."""
UNDER_WAY = 4
"""Tasks that have ended when the fault comes."""


@dataclass
class Stage:
    """Where a fault is brought about, and what is to be undone."""

    cluster: Cluster
    application: Application
    side: str
    undo: list[Callable[[], object]] = field(default_factory=list)

    def victim(self) -> Host:
        """A host whose executor has a daemon of this side with workers."""

        def found() -> Host | None:
            return next((host for host in self.cluster.workers() if self.below(host)), None)

        return wait_for("a host with Python workers", found, 30)

    def daemon(self, host: Host) -> Process | None:
        """The process that the executor has started: pyspark.daemon or bowstring's supervisor."""
        processes = host.processes()
        executors = {process.pid for process in processes if process.is_executor}
        started = [process for process in processes if process.is_python_side and process.parent in executors]
        is_ours = self.side == "bowstring"
        return next((process for process in started if process.program.endswith("bowstring") == is_ours), None)

    def below(self, host: Host) -> list[Process]:
        """The processes below the daemon, parents first."""
        daemon = self.daemon(host)
        found = [daemon] if daemon else []
        processes = host.python_side()
        for parent in found:
            found += [process for process in processes if process.parent == parent.pid]
        return found[1:]


def host_is_killed(stage: Stage) -> None:
    host = stage.victim()
    host.kill()
    stage.undo.append(host.start)


def host_is_cut_off(stage: Stage) -> None:
    """For half a minute, which is beyond everybody's patience."""
    heal = stage.cluster.cut_off(stage.victim())
    healed_at = time.monotonic() + 30
    stage.undo += [lambda: time.sleep(max(0.0, healed_at - time.monotonic())), heal]


def host_is_paused(stage: Stage) -> None:
    """Longer than heartbeats may be missing."""
    host = stage.victim()
    host.pause()
    woken_at = time.monotonic() + 20
    stage.undo += [lambda: time.sleep(max(0.0, woken_at - time.monotonic())), host.unpause]


def executor_is_killed(stage: Stage) -> None:
    host = stage.victim()
    host.kill_process(host.executors()[0].pid)


def daemon_is_killed(stage: Stage) -> None:
    host = stage.victim()
    daemon = stage.daemon(host)
    assert daemon
    host.kill_process(daemon.pid)


def zygote_is_killed(stage: Stage) -> None:
    """Stock has none: its daemon forks workers itself."""
    if stage.side == "stock":
        daemon_is_killed(stage)
        return
    host = stage.victim()
    daemon = stage.daemon(host)
    below = stage.below(host)
    parents = {process.parent for process in below}
    [zygote] = [process for process in below if daemon and process.parent == daemon.pid and process.pid in parents]
    host.kill_process(zygote.pid)


def worker_is_killed(stage: Stage) -> None:
    """One that has a task, if any has."""
    host = stage.victim()
    below = stage.below(host)
    parents = {process.parent for process in below}
    workers = [process for process in below if process.pid not in parents]
    host.kill_process(next((process for process in workers if process.connected), workers[-1]).pid)


FAULTS: dict[str, Callable[[Stage], None]] = {
    "a worker host is killed": host_is_killed,
    "a host is cut off for 30 s": host_is_cut_off,
    "a host is paused for 20 s": host_is_paused,
    "an executor is killed": executor_is_killed,
    "the daemon is killed": daemon_is_killed,
    "the zygote is killed": zygote_is_killed,
    "a Python worker is killed": worker_is_killed,
}
SAID = {
    "the zygote is killed": "the zygote died of signal 9 (SIGKILL); another is started",
    "a Python worker is killed": "died of signal 9 (SIGKILL)",
}
"""What bowstring's log says of it, on the host where it happened."""


@pytest.fixture(scope="module")
def application(cluster: Cluster) -> Iterator[Application]:
    with Application(cluster) as started:
        yield started


@pytest.fixture(scope="module")
def right(application: Application) -> Ending:
    """What the job answers where nothing happens, which is the same on both sides."""
    stock, ours = (application.run("grouped", side, **JOB) for side in ("stock", "bowstring"))
    assert stock.error is None, stock.text
    assert ours.answer == stock.answer
    return stock


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Ending]]]:
    """Collects endings, and prints them as a table of Markdown."""
    endings: dict[str, dict[str, Ending]] = {}
    yield endings
    lines = ["| Fault | stock | bowstring |", "|---|---|---|"]
    for fault, sides in endings.items():
        cells = [f"{ending.error or 'right rows'}, {ending.seconds:.0f} s" for ending in sides.values()]
        lines.append(f"| {fault} | {' | '.join(cells)} |")
    text = "\n".join(lines)
    Path(tmp_path_factory.getbasetemp(), "faults.md").write_text(text + "\n")
    print(f"\n{text}")


def settle(cluster: Cluster) -> None:
    """Waits until all hosts are back, with an executor each, and asserts that nobody has left anything."""
    cluster.wait_for_workers(WORKERS)
    for host in cluster.workers():
        wait_for(f"{host.name} has an executor", lambda host=host: len(host.executors()) == 1, 60)
        wait_for(f"{host.name} has no orphans: {host.orphans()}", lambda host=host: not host.orphans(), 15)


@pytest.mark.parametrize("fault", FAULTS)
def test_rows_are_right_after(
    fault: str, cluster: Cluster, application: Application, right: Ending, table: dict[str, dict[str, Ending]]
) -> None:
    for side in ("stock", "bowstring"):
        settle(cluster)
        stage = Stage(cluster, application, side)
        application.begin("grouped", side, **JOB)
        application.wait_until(lambda progress: progress["done"] >= UNDER_WAY and progress["active"] > 0)
        try:
            FAULTS[fault](stage)
            ending = application.end()
        finally:
            for step in stage.undo:
                step()
        table.setdefault(fault, {})[side] = ending
        assert ending.answer == right.answer, f"{side}: {ending.text}"
    settle(cluster)
    if fault in SAID:
        logs = "".join(host.log_of_executors(application.id) for host in cluster.workers())
        assert SAID[fault] in logs


def test_a_function_that_takes_more_memory_than_its_host_has(
    cluster: Cluster, application: Application, right: Ending, table: dict[str, dict[str, Ending]]
) -> None:
    """The kernel kills its process; the task is tried again, and takes less."""
    for side in ("stock", "bowstring"):
        settle(cluster)
        ending = application.run("grouped", side, **JOB, glutton=7, bytes=4 << 30)
        table.setdefault("a function takes all memory", {})[side] = ending
        assert ending.answer == right.answer, f"{side}: {ending.text}"
    settle(cluster)
    logs = "".join(host.log_of_executors(application.id) for host in cluster.workers())
    assert "look for the kernel's out-of-memory killer" in logs


def test_no_space_in_the_local_folders(
    cluster: Cluster, application: Application, table: dict[str, dict[str, Ending]]
) -> None:
    """The job fails as it does with stock, and the next one is right."""
    shuffle = {"megabytes": 24, "partitions": 6}
    whole = application.run("spilling", "stock", **shuffle)
    assert whole.error is None, whole.text
    fill = "head -c 200M /dev/zero > /var/spark/local/full || true"
    for side in ("stock", "bowstring"):
        settle(cluster)
        for host in cluster.workers():
            host.run("bash", "-c", fill)
        try:
            ending = application.run("spilling", side, **shuffle)
        finally:
            for host in cluster.workers():
                host.run("rm", "-f", "/var/spark/local/full")
        table.setdefault("no space in the local folders", {})[side] = ending
        assert ending.error is not None
        assert "No space left on device" in ending.text
        assert application.run("spilling", side, **shuffle).answer == whole.answer
    settle(cluster)


def test_a_rolling_restart_of_all_workers(
    cluster: Cluster, application: Application, right: Ending, table: dict[str, dict[str, Ending]]
) -> None:
    """One host after the other, while jobs go on."""
    for side in ("stock", "bowstring"):
        settle(cluster)
        application.begin("grouped", side, **{**JOB, "groups": 480})
        application.wait_until(lambda progress: progress["done"] >= UNDER_WAY)
        for host in cluster.workers():
            host.kill()
            host.start()
            cluster.wait_for_workers(WORKERS)
        ending = application.end()
        table.setdefault("all workers are restarted in turn", {})[side] = ending
        assert (ending.rows, ending.error) == (480, None), f"{side}: {ending.text}"
    sums = {ending.checksum for ending in table["all workers are restarted in turn"].values()}
    assert len(sums) == 1
    settle(cluster)


def test_nothing_is_left_when_the_application_has_ended(cluster: Cluster, application: Application) -> None:
    """Last, because it ends it."""
    assert application.process.stdin
    application.process.stdin.close()
    application.process.wait(60)
    for host in cluster.workers():
        wait_for(f"no process is left on {host.name}", lambda host=host: not host.python_side(), 30)
        assert host.files_of_ours() == []
