"""A client that plays Spark's JVM: starts a Python worker daemon, connects to it, sends tasks, reads replies.

It knows sockets and framing, not what a task means: what is sent is bytes (`task_bytes.py` makes good ones, a test may
make bad ones), what comes back is a `Reply`. Only the standard library is needed.

    with Daemon([python, "-m", "pyspark.daemon", "pyspark.worker"], spark_environment(python)) as daemon:
        with daemon.connect() as worker:
            reply = worker.run(task, timing_longs=6)

To see what a worker does with a stream that is cut, use `send`, `finish_sending` and `read_reply` one by one.

Source: Spark's `PythonWorkerFactory` and `BasePythonRunner`, checked against Spark 3.5.9, 4.0.5, 4.1.4, 4.2.1, 4.3.0.
"""

from __future__ import annotations

import os
import secrets
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    from typing_extensions import Self

END_OF_DATA_SECTION = -1
PYTHON_EXCEPTION_THROWN = -2
TIMING_DATA = -3
END_OF_STREAM = -4
START_ARROW_STREAM = -6

ARROW_CONTINUATION = 0xFFFFFFFF
"""First four bytes, little-endian, of every message of an Arrow IPC stream."""

Bytes = Union[bytes, bytearray, memoryview]


class ConnectionLost(Exception):
    """The worker closed the connection where more bytes were due."""


class ProtocolViolation(Exception):
    """The worker sent something that Spark's JVM would not understand."""


@dataclass
class Reply:
    """One whole answer of a worker to one task."""

    arrow: bytearray = field(default_factory=bytearray)
    """The Arrow IPC stream with its schema and end, or nothing if the worker started none."""
    pickles: list[bytes] = field(default_factory=list)
    """What a kind that is fed pickles answers, one after another."""
    traceback: str | None = None
    """What the JVM would throw as a PythonException; the fields below are then empty."""
    timing: tuple[int, ...] = ()
    accumulators: list[bytes] = field(default_factory=list)
    end: int | None = None
    """`END_OF_STREAM` if the worker may be used again, `END_OF_DATA_SECTION` if it is about to exit."""


def spark_environment(interpreter: Path, **extra: str) -> dict[str, str]:
    """The environment in which an executor starts a daemon of a SQL job; `extra` is added to it.

    `interpreter` is the Python of an environment with pyspark installed; as with Spark, its zipped copy of pyspark is
    on PYTHONPATH. `BOWSTRING_PYTHON` names the same environment.
    """
    archives = sorted(
        interpreter.parent.parent.glob("lib/python*/site-packages/pyspark/python/lib/*.zip"), reverse=True
    )
    if not archives:
        raise FileNotFoundError(f"{interpreter}: no pyspark in the environment of this interpreter")
    return {**executor_environment(interpreter, archives), "OMP_NUM_THREADS": "1", **extra}


def executor_environment(interpreter: str | Path, path: Sequence[str | Path]) -> dict[str, str]:
    """The same where PySpark is found along `path`, and the number of threads is this process's own."""
    return {
        **os.environ,
        "BOWSTRING_PYTHON": str(interpreter),
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONUNBUFFERED": "YES",
        "PYTHON_DAEMON_KILL_WORKER_ON_FLUSH_FAILURE": "1",
        "PYTHON_UDF_BATCH_SIZE": "100",
        "SPARK_AUTH_SOCKET_TIMEOUT": "15",
        "SPARK_BUFFER_SIZE": "65536",
        "SPARK_JOB_ARTIFACT_UUID": "default",
        "SPARK_LOCAL_DIRS": os.environ.get("TMPDIR", "/tmp"),
        "SPARK_PYTHON_RUNTIME": "PYTHON_WORKER",
        "SPARK_REUSE_WORKER": "1",
        "SPARK_SIMPLIFIED_TRACEBACK": "1",
    }


class Daemon:
    """A running daemon and the pipes to it. Leaving the `with` block ends it and every worker of it."""

    def __init__(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        *,
        stderr: IO[Any] | int | None = None,
        timeout: float = 60.0,
    ) -> None:
        """Starts `command` and waits until it has announced its port, at most `timeout` seconds.

        The working directory, and standard error unless `stderr` says otherwise, are this process's own.
        """
        own_group: dict[str, Any] = {"preexec_fn": os.setpgrp}
        if sys.version_info >= (3, 11):
            own_group = {"process_group": 0}
        self.secret = secrets.token_hex(32)
        self.timeout = timeout
        self.process = subprocess.Popen(
            [str(part) for part in command],
            env={**environment, "PYTHON_WORKER_FACTORY_SECRET": self.secret},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            **own_group,
        )
        try:
            self.port = self._read_port(timeout)
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._forward_output, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self.process.pid

    def connect(self) -> Worker:
        """Opens a connection, authenticates, and returns the worker that serves it."""
        worker = self.connect_raw()
        try:
            worker.pid = worker.read_int("pid")
            if worker.pid <= 0:
                raise ProtocolViolation(f"no worker could be started: errno {-worker.pid}")
            answer = worker.authenticate(self.secret)
            if answer != "ok":
                raise ProtocolViolation(f"the right secret was answered with {answer!r}")
        except BaseException:
            worker.close()
            raise
        return worker

    def connect_raw(self) -> Worker:
        """Opens a connection and does nothing on it, not even read the worker's pid."""
        return Worker(socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout))

    def kill_worker(self, pid: int) -> None:
        """Asks the daemon to kill one of its workers, as the JVM does when a task is cancelled."""
        stdin = self._pipe(self.process.stdin)
        stdin.write(struct.pack(">i", pid))
        stdin.flush()

    def close(self, grace: float = 10.0) -> int:
        """Closes standard input, which asks the daemon to end; kills its process group after `grace` seconds.

        Returns the exit code, negative for a signal. Closing twice is allowed.
        """
        with suppress(OSError):
            self._pipe(self.process.stdin).close()
        try:
            return self.process.wait(grace)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            return self.process.wait()

    def _read_port(self, timeout: float) -> int:
        stdout = self._pipe(self.process.stdout)
        deadline = time.monotonic() + timeout
        announced = b""
        while len(announced) < 4:
            ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"the daemon announced no port within {timeout:.0f} s")
            chunk = os.read(stdout.fileno(), 4 - len(announced))
            if not chunk:
                raise ConnectionLost(
                    f"the daemon ended with exit code {self.process.wait()} before it announced a port"
                )
            announced += chunk
        port = int(struct.unpack(">i", announced)[0])
        if not 1 <= port <= 65535:
            raise ProtocolViolation(f"the daemon wrote {announced!r} to standard output where a port is due")
        return port

    def _forward_output(self) -> None:
        """Copies what the daemon prints after the port to standard error, as the JVM does."""
        with suppress(OSError, ValueError):
            shutil.copyfileobj(self._pipe(self.process.stdout), sys.stderr.buffer)

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise ValueError("the daemon was started without this pipe")
        return pipe


class Worker:
    """One connection to a daemon, and so one worker process; serves tasks one after another."""

    pid: int = 0
    """Process that serves this connection, as announced by the daemon; 0 until it is read."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._input = connection.makefile("rb", buffering=1 << 18)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def authenticate(self, secret: str) -> str:
        """Sends the secret and returns the answer, "ok" or "err"."""
        encoded = secret.encode()
        self.send(struct.pack(">i", len(encoded)) + encoded)
        return self._read_bytes("answer to the secret").decode()

    def send(self, data: Bytes) -> None:
        """Sends bytes as they are. Blocks while the worker does not read."""
        self.socket.sendall(data)

    def finish_sending(self) -> None:
        """Closes our direction of the connection: the worker reads the end of the stream here."""
        self.socket.shutdown(socket.SHUT_WR)

    def run(self, *parts: Bytes, timing_longs: int) -> Reply:
        """Sends a whole task and reads the whole reply, at the same time, so that neither side waits for ever.

        Raises `ConnectionLost`, `ProtocolViolation`, or `TimeoutError` if nothing comes for the daemon's `timeout`; the
        connection is then of no further use. An error of sending is not raised: a worker may stop reading, and what it
        replied says why.
        """
        sender = threading.Thread(target=self._send_all, args=(parts,), daemon=True)
        sender.start()
        reply = self.read_reply(timing_longs)
        sender.join(self.socket.gettimeout())
        return reply

    def read_reply(self, timing_longs: int) -> Reply:
        """Reads one reply in Arrow or pickled. `timing_longs` is five to Spark 4.1, six from 4.2 on."""
        reply = Reply()
        marker = self.read_int("first marker of the reply")
        if marker == START_ARROW_STREAM:
            self._read_arrow_stream(reply.arrow)
            marker = self.read_int("marker after the Arrow stream")
        while marker >= 0:
            reply.pickles.append(self._read_exactly(marker, "pickle"))
            marker = self.read_int("marker after the pickle")
        if marker == PYTHON_EXCEPTION_THROWN:
            reply.traceback = self._read_bytes("traceback").decode()
            return reply
        self._expect(marker, TIMING_DATA, "TIMING_DATA")
        reply.timing = struct.unpack(f">{timing_longs}q", self._read_exactly(8 * timing_longs, "timing"))
        self._expect(self.read_int("end of the data"), END_OF_DATA_SECTION, "END_OF_DATA_SECTION")
        updates = self.read_int("number of accumulators")
        reply.accumulators = [self._read_bytes("accumulator") for _ in range(updates)]
        reply.end = self.read_int("end of the reply")
        return reply

    def read_int(self, what: str) -> int:
        """Reads one big-endian `i32`. `what` names it in an error."""
        return int(struct.unpack(">i", self._read_exactly(4, what))[0])

    def close(self) -> None:
        """Closes the connection at once, whatever the worker is doing. Closing twice is allowed."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self._input.close()
        self.socket.close()

    def wait_for_exit(self, timeout: float = 10.0) -> None:
        """Waits until the worker's process is gone. Raises `TimeoutError` if it is still there after `timeout` s."""
        deadline = time.monotonic() + timeout
        while Path(f"/proc/{self.pid}").exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"worker {self.pid} still runs {timeout:.0f} s after its connection was closed")
            time.sleep(0.005)

    def _send_all(self, parts: Sequence[Bytes]) -> None:
        with suppress(OSError):
            for part in parts:
                self.socket.sendall(part)

    def _read_arrow_stream(self, stream: bytearray) -> None:
        """Appends one Arrow IPC stream, its end included, message by message."""
        while True:
            prefix = self._read_exactly(8, "Arrow message")
            continuation, length = struct.unpack("<Ii", prefix)
            if continuation != ARROW_CONTINUATION or length < 0:
                raise ProtocolViolation(
                    f"{prefix!r} where an Arrow message is due, {len(stream)} bytes into the stream"
                )
            stream += prefix
            if length == 0:
                return
            metadata = self._read_exactly(length, "Arrow message header")
            stream += metadata
            stream += self._read_exactly(arrow_body_length(metadata), "Arrow message body")

    def _read_bytes(self, what: str) -> bytes:
        length = self.read_int(f"length of the {what}")
        if length < 0:
            raise ProtocolViolation(f"length {length} of the {what}")
        return self._read_exactly(length, what)

    def _read_exactly(self, length: int, what: str) -> bytes:
        try:
            data: bytes = self._input.read(length)
        except ConnectionResetError as error:
            raise ConnectionLost(f"connection reset where {what} is due") from error
        if len(data) < length:
            raise ConnectionLost(f"{len(data)} of {length} bytes of {what}, then the end of the stream")
        return data

    @staticmethod
    def _expect(found: int, wanted: int, name: str) -> None:
        if found != wanted:
            raise ProtocolViolation(f"{found} where {name} ({wanted}) is due")


def arrow_body_length(metadata: bytes) -> int:
    """`bodyLength` of the flatbuffer table `Message` (its fourth field), in bytes; 0 if it is left out."""
    (table,) = struct.unpack_from("<I", metadata, 0)
    (back,) = struct.unpack_from("<i", metadata, table)
    vtable = table - back
    (size,) = struct.unpack_from("<H", metadata, vtable)
    slot = 4 + 2 * 3
    if size <= slot:
        return 0
    (offset,) = struct.unpack_from("<H", metadata, vtable + slot)
    return int(struct.unpack_from("<q", metadata, table + offset)[0]) if offset else 0
