"""Executors come and go under a load of small queries: every host ends as it began."""

from __future__ import annotations

import os
import time

from .applications import Application
from .conftest import WORKERS
from .hosts import Cluster, Host, wait_for

SECONDS = float(os.environ.get("CLUSTER_LOAD_SECONDS", "60"))
"""Ten minutes are 600."""
ELASTIC = {
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.timeout": "4s",
    "spark.dynamicAllocation.minExecutors": "0",
    "spark.dynamicAllocation.maxExecutors": str(WORKERS),
    "spark.dynamicAllocation.executorIdleTimeout": "3s",
    "spark.dynamicAllocation.schedulerBacklogTimeout": "1s",
    "spark.decommission.enabled": "true",
    "spark.storage.decommission.enabled": "true",
    "spark.executor.cores": "2",
}
PAUSE_SECONDS = 7
"""After each burst: long enough for all executors to be given back."""
QUERIES = 6
DESCRIPTORS = 16
"""More than that is a leak: a JVM opens and closes some of its own."""


def facts(host: Host) -> tuple[int, int]:
    """Processes of a host, and descriptors of its worker."""
    processes = host.processes()
    [worker] = [process for process in processes if process.is_java and "worker.Worker" in process.command]
    return len(processes), worker.descriptors


def nobody(cluster: Cluster) -> bool:
    """No executor is left, and no Python of one."""
    return not any(host.executors() or host.python_side() for host in cluster.workers())


def test_hosts_end_as_they_began(cluster: Cluster) -> None:
    cluster.wait_for_workers(WORKERS)
    wait_for("no executor of an application before", lambda: nobody(cluster), 60)
    before = {host.name: facts(host) for host in cluster.workers()}
    sides = ("stock", "bowstring")
    seen: set[str] = set()
    gone = 0
    with Application(cluster, **ELASTIC) as application:
        deadline = time.monotonic() + SECONDS
        burst = 0
        while time.monotonic() < deadline or gone == 0:
            for number in range(QUERIES):
                # Mostly ours, for whose sake this is; stock's beside it in the same executors.
                side = sides[number > 0]
                ending = application.run("small", side, partitions=6, quiet=True)
                assert (ending.rows, ending.error) == (24, None), ending.text
            seen |= {f"{host.name}/{process.pid}" for host in cluster.workers() for process in host.executors()}
            burst += 1
            if burst == 2:
                # SIGPWR is what a cloud's notice of the end of a host becomes. Spark takes the host out of service, and
                # its worker ends.
                host = next(host for host in cluster.workers() if host.executors())
                [worker] = [process for process in host.processes() if "worker.Worker" in process.command]
                host.kill_process(worker.pid, "PWR")
                ending = application.run("small", "bowstring", partitions=6, quiet=True)
                assert (ending.rows, ending.error) == (24, None), ending.text
                wait_for(f"{host.name} has ended", lambda host=host: not host.is_running(), 60)
                host.start()
                cluster.wait_for_workers(WORKERS)
            time.sleep(PAUSE_SECONDS)
            gone += nobody(cluster)
        wait_for("all executors have been given back", lambda: nobody(cluster), 60)
    assert len(seen) > WORKERS, "executors were never given back"
    after = {host.name: facts(host) for host in cluster.workers()}
    for name, (processes, descriptors) in after.items():
        assert processes <= before[name][0], name
        assert descriptors <= before[name][1] + DESCRIPTORS, name
    for host in cluster.workers():
        assert host.files_of_ours() == []
    print(f"{len(seen)} executors came and went; processes and descriptors before {before}, after {after}")
