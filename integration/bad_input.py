"""Sends malformed tasks to a bowstring daemon and writes down what came back, as JSON lines.

Runs on the interpreter of an environment; `test_bad_input.py` starts it and judges the answers.

usage: bad_input.py BOWSTRING
"""

from __future__ import annotations

import json
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyspark
from pyspark.sql.pandas.types import from_arrow_schema

from fakejvm.client import ConnectionLost, Daemon, ProtocolViolation, spark_environment
from fakejvm.task_bytes import DIALECTS, Task, Udf, encode_groups, encode_preamble, grouped_offsets, pickle_command

MUTATIONS = 150
"""Random changes of single bytes; the seed is fixed."""

END_OF_STREAM = struct.pack(">i", -4)


def identity(pdf):
    """The function of every task here."""
    return pdf


def good_task() -> tuple[bytes, bytes]:
    """A preamble and the data of a few groups, one of them in two batches where the dialect has that."""
    dialect = DIALECTS[pyspark.__version__]
    table = {"k": pa.array([1, 1, 1]), "v": pa.array([1.5, None, 2.5]), "s": pa.array(["a", None, "é😀"])}
    groups = [[pa.record_batch(table)] for _ in range(4)]
    command = pickle_command(identity, from_arrow_schema(groups[0][0].schema))
    task = Task(Udf(command, grouped_offsets(3, [0])))
    return encode_preamble(dialect, task), encode_groups(dialect, groups)


def malformed(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Names of defects and the data sections that have them."""
    first = data.index(b"\xff\xff\xff\xff")
    yield "no data section", b""
    for cut in sorted({*range(0, len(data), max(1, len(data) // 40)), len(data) - 1, len(data) - 4, len(data) - 5}):
        # The data are whole without the last four bytes: the task is answered, the worker not used again.
        yield ("end of stream missing" if cut >= len(data) - len(END_OF_STREAM) else f"cut at {cut}"), data[:cut]
    yield "negative metadata length", data[: first + 4] + struct.pack("<i", -5) + data[first + 8 :]
    yield "absurd metadata length", data[: first + 4] + struct.pack("<i", 2**31 - 1) + data[first + 8 :]
    yield "noise instead of metadata", data[: first + 8] + bytes(range(256)) * 8
    yield "no continuation marker", data[:first] + b"\0\0\0\0" + data[first + 4 :]
    second = data.index(b"\xff\xff\xff\xff", first + 8)
    metadata = second + 8
    (length,) = struct.unpack_from("<i", data, second + 4)
    for claimed in (2**40, -1, 2**62):
        body = data[metadata : metadata + length]
        for at in body_length_positions(body):
            yield f"body of {claimed} bytes", data[: metadata + at] + struct.pack("<q", claimed)
    if first == 4:
        for marker in (2, -1, 2**31 - 1):
            yield f"group marker {marker}", struct.pack(">i", marker) + data[4:]
    yield "noise", bytes(random.Random(7).randbytes(5_000))
    generator = random.Random(20)
    for number in range(MUTATIONS):
        changed = bytearray(data)
        for _ in range(generator.randint(1, 3)):
            changed[generator.randrange(len(changed))] = generator.randrange(256)
        yield f"mutation {number}", bytes(changed)


def body_length_positions(metadata: bytes) -> list[int]:
    """Where the flatbuffer table `Message` holds `bodyLength`."""
    (root,) = struct.unpack_from("<I", metadata)
    (back,) = struct.unpack_from("<i", metadata, root)
    (offset,) = struct.unpack_from("<H", metadata, root - back + 4 + 2 * 3)
    return [root + offset] if offset else []


def try_one(daemon: Daemon, timing_longs: int, *parts: bytes) -> dict[str, str]:
    """What a worker makes of these bytes, followed by the end of the stream from our side."""
    with daemon.connect() as worker:
        try:
            worker.send(b"".join(parts))
            worker.finish_sending()
            reply = worker.read_reply(timing_longs)
            answer = {"kind": "error", "text": reply.traceback} if reply.traceback else {"kind": "reply", "text": ""}
        except (ConnectionLost, ConnectionError) as error:
            answer = {"kind": "closed", "text": str(error)}
        except (ProtocolViolation, TimeoutError) as error:
            answer = {"kind": type(error).__name__, "text": str(error)}
        worker.close()
        try:
            worker.wait_for_exit()
        except TimeoutError as error:
            answer = {"kind": "left behind", "text": str(error)}
    return answer


def main(bowstring: str) -> None:
    """Tries every defect, and a good task after each few on a worker that was there from the start."""
    dialect = DIALECTS[pyspark.__version__]
    preamble, data = good_task()
    environment = spark_environment(Path(sys.executable), BOWSTRING_PYTHON=sys.executable)
    command = [bowstring, *dialect.daemon]
    with Daemon(command, environment) as daemon, daemon.connect() as bystander:
        for number, (defect, changed) in enumerate(malformed(data)):
            answer = try_one(daemon, dialect.timing_longs, preamble, changed)
            print(json.dumps({"defect": defect, **answer}), flush=True)
            if number % 20 == 0:
                reply = bystander.run(preamble, data, timing_longs=dialect.timing_longs)
                kind = "bystander fine" if not reply.traceback else "bystander hurt"
                print(json.dumps({"defect": "none", "kind": kind, "text": reply.traceback or ""}), flush=True)
        noise = random.Random(1).randbytes(3_000)
        print(json.dumps({"defect": "noise as a task", **try_one(daemon, dialect.timing_longs, noise)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
