"""The other end of `application.py`: starts it on the client's host and reads what it says."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from .hosts import SPARK_MASTER, Cluster

PROGRAM = "/project/integration/cluster/application.py"
START_SECONDS = 90
JOB_SECONDS = 300
"""A job that takes longer is a hang: no fault here costs more than the waits that `QUICK` sets."""

PYTHONS = {"stock": "/opt/venv/bin/python", "bowstring": "/opt/venv/bin/bowstring"}

QUICK = {
    "spark.executor.heartbeatInterval": "2s",
    "spark.network.timeout": "12s",
    "spark.network.timeoutInterval": "2s",
    "spark.storage.blockManagerHeartbeatTimeoutMs": "12s",
    "spark.shuffle.io.maxRetries": "2",
    "spark.shuffle.io.retryWait": "1s",
    "spark.rpc.askTimeout": "12s",
    "spark.task.maxFailures": "8",
    "spark.stage.maxConsecutiveAttempts": "12",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "4",
    "spark.executor.memory": "512m",
    "spark.python.worker.faulthandler.enabled": "false",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
"""Spark's own patience, which is minutes, made seconds: the same for both sides."""


@dataclass(frozen=True)
class Ending:
    """How a job ended."""

    seconds: float
    rows: int | None
    checksum: str | None
    error: str | None
    text: str

    @property
    def answer(self) -> tuple[int | None, str | None, str | None]:
        """What must be equal on both sides."""
        return self.rows, self.checksum, self.error


class Application:
    """A Spark application on a cluster, with a session that goes from job to job."""

    def __init__(self, cluster: Cluster, **conf: str) -> None:
        settings = {**QUICK, **conf, "spark.master": SPARK_MASTER}
        client = cluster.host("client")
        settings["spark.driver.host"] = client.address()
        options = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
        # /project is read-only.
        command = ["docker", "exec", "--interactive", "--env", "PYTHONDONTWRITEBYTECODE=1", client.name]
        self.process = subprocess.Popen(
            [*command, PYTHONS["stock"], PROGRAM, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.said: list[str] = []
        self.readers = [threading.Thread(target=read, daemon=True) for read in (self._read_events, self._read_log)]
        for reader in self.readers:
            reader.start()
        try:
            self.id: str = self._next(START_SECONDS)["application"]
        except BaseException:
            self.process.kill()
            print("".join(self.said[-100:]))
            raise

    def __enter__(self) -> Application:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the session. What the driver wrote to standard error is shown where a test has failed."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            for reader in self.readers:
                reader.join()
            if kind is not None:
                print("".join(self.said[-200:]))

    def _read_events(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("{"):
                self.events.put(json.loads(line))
        self.events.put(None)

    def _read_log(self) -> None:
        assert self.process.stderr
        self.said.extend(self.process.stderr)

    def _next(self, seconds: float) -> dict[str, Any]:
        event = self.events.get(timeout=seconds)
        if event is None:
            raise RuntimeError(f"the driver ended: {''.join(self.said)[-4000:]}")
        return event

    def begin(self, job: str, side: str, **wanted: Any) -> None:
        """Starts a job; `end` waits for it."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"job": job, "python": PYTHONS[side], **wanted}) + "\n")
        self.process.stdin.flush()

    def wait_until(self, happens: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first progress of which that is true. Raises `RuntimeError` if the job ends before."""
        while True:
            event = self._next(JOB_SECONDS)
            if event["event"] == "end":
                raise RuntimeError(f"the job ended too early: {event}")
            if happens(event):
                return event

    def end(self) -> Ending:
        """Waits for the end of the job."""
        deadline = time.monotonic() + JOB_SECONDS
        while (event := self._next(max(1.0, deadline - time.monotonic())))["event"] != "end":
            continue
        return Ending(
            event["seconds"], event.get("rows"), event.get("checksum"), event.get("error"), event.get("text", "")
        )

    def run(self, job: str, side: str, **wanted: Any) -> Ending:
        """A job from beginning to end."""
        self.begin(job, side, **wanted)
        return self.end()
