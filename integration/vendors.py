"""What a worker does with a PySpark as vendors change it, on the interpreter of an environment. Prints a line of JSON.

For each change of the installed PySpark a daemon gets tasks of two kinds on one connection, until they go the way that
they should or patience ends: a grouped map of frames, and `mapInArrow`; after a while the grouped map again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyspark
from pyspark.sql.types import StringType, StructField, StructType

from fakejvm.client import Daemon, spark_environment
from fakejvm.task_bytes import (
    DIALECTS,
    GROUPED_MAP,
    KINDS,
    Task,
    Udf,
    encode_data,
    encode_preamble,
    grouped_offsets,
    pickle_command,
)

DIALECT = DIALECTS[pyspark.__version__]
MAP_ARROW = next(number for number, kind in KINDS.items() if kind.name == "map-arrow-iter")
RESULT = StructType([StructField("way", StringType())])
PATIENCE_SECONDS = 60.0

SERIALIZERS = "pyspark/sql/pandas/serializers.py"
CONVERSION = "pyspark/sql/conversion.py"
WORKER = "pyspark/worker.py"
OLD = pyspark.__version__ < "4.2"


def frames(pdf: object) -> object:
    """Runs in the worker, for a grouped map. Natively no Python is between PySpark's `process` and this."""
    import sys

    import pandas as pd

    names, frame = [], sys._getframe()
    while frame is not None:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return pd.DataFrame({"way": ["stock" if "dump_stream" in names else "native"]})


def batches(iterator: object) -> object:
    """The same for `mapInArrow`: natively stock's function is called from our streams."""
    import sys

    import pyarrow as pa

    for _ in iterator:
        ours, frame = False, sys._getframe()
        while frame is not None:
            ours |= frame.f_code.co_name == "dump_stream" and "bowstring" in frame.f_code.co_filename
            frame = frame.f_back
        yield pa.RecordBatch.from_pydict({"way": ["native" if ours else "stock"]})


def task(eval_type: int) -> list[bytes]:
    """Preamble and data of a task with one row."""
    batch = pa.RecordBatch.from_pydict({"k": pa.array([1])})
    function, offsets = (frames, grouped_offsets(1, [0])) if eval_type == GROUPED_MAP else (batches, [0])
    function.__module__ = "__main__"
    udf = Udf(pickle_command(function, RESULT), offsets)
    data = [[batch]] if eval_type == GROUPED_MAP else [batch]
    return [encode_preamble(DIALECT, Task(udf, eval_type)), encode_data(DIALECT, eval_type, data, batch.schema)]


def changes() -> dict[str, tuple[str, Callable[[str], str]]]:
    """By name: a file of PySpark's, and what becomes of its text."""
    return {
        "line": ("pyspark/version.py", lambda text: replaced(text, r"(?m)^(__version__.*?)\d\.\d", r"\g<1>9.9")),
        "version": ("pyspark/version.py", lambda text: replaced(text, r"(?m)^(__version__.*\d)", r"\1+amzn.0")),
        "comment": (WORKER, lambda text: replaced(text, "\ndef read_udfs", "\n# Of the vendor.\ndef read_udfs")),
        "conversion": (SERIALIZERS if OLD else CONVERSION, converted),
        "read_udfs": (WORKER, vendored),
    }


def replaced(text: str, pattern: str, by: str) -> str:
    """The text with the pattern replaced, which must be there."""
    changed, count = re.subn(pattern, by, text)
    assert count, pattern
    return changed


def converted(text: str) -> str:
    """Another conversion to Arrow, with the same results."""
    class_name = "class ArrowStreamPandasSerializer(" if OLD else "class PandasToArrowConversion"
    start = text.index(class_name)
    method = text.index("def _create_array(" if OLD else "def convert(", start)
    # After the docstring.
    body = text.index('"""', text.index('"""', method) + 3) + 3
    return f"{text[:body]}\n        vendors = True\n{text[body:]}"


def vendored(text: str) -> str:
    """`read_udfs` with one more argument in front, where it is defined and where it is called."""
    changed = replaced(text, r"def read_udfs\(", "def read_udfs(vendors, ")
    return replaced(changed, r"(?<!def )\bread_udfs\((?!vendors)", "read_udfs(None, ")


def changed(archive: Path, directory: Path, file: str, change: Callable[[str], str]) -> str:
    """A copy of the archive with a changed file."""
    copy = directory / archive.name
    shutil.copyfile(archive, copy)
    with zipfile.ZipFile(copy, "a", zipfile.ZIP_DEFLATED) as files, warnings.catch_warnings():
        # The name is there twice then, and the last one counts.
        warnings.simplefilter("ignore")
        files.writestr(file, change(files.read(file).decode()))
    return str(copy)


def ways(bowstring: str, pyspark_path: str, expected: dict[str, str], log: Path) -> dict[str, Any]:
    """Which way tasks of a daemon go in the end, and what it says about that."""
    environment = spark_environment(Path(sys.executable), PYTHONPATH=pyspark_path, BOWSTRING_LOG="warn")
    deadline = time.monotonic() + PATIENCE_SECONDS
    found: dict[str, str] = {}
    with (
        log.open("w") as stderr,
        Daemon([bowstring, *DIALECT.daemon], environment, stderr=stderr) as daemon,
        daemon.connect() as worker,
    ):
        while found != expected and time.monotonic() < deadline:
            for name, eval_type in (("frames", GROUPED_MAP), ("batches", MAP_ARROW)):
                reply = worker.run(*task(eval_type), timing_longs=DIALECT.timing_longs)
                if reply.traceback:
                    raise SystemExit(reply.traceback)
                column = pa.ipc.open_stream(bytes(reply.arrow)).read_all().column(0).combine_chunks()
                found[name] = column.field(0)[0].as_py()
            time.sleep(0.05)
        # A second look: what is stock's stays stock's, when the daemon has said why.
        while "stock" in expected.values() and not said(log) and time.monotonic() < deadline:
            time.sleep(0.05)
        reply = worker.run(*task(GROUPED_MAP), timing_longs=DIALECT.timing_longs)
        column = pa.ipc.open_stream(bytes(reply.arrow)).read_all().column(0).combine_chunks()
        return {**found, "again": column.field(0)[0].as_py(), "said": said(log)}


def said(log: Path) -> list[str]:
    """Warnings about what is stock's."""
    lines = [line for line in log.read_text().splitlines() if " WARN " in line and "PySpark's own" in line]
    return [line.partition("bowstring_worker::spark: ")[2] for line in lines]


EXPECTED = {
    "line": {"frames": "stock", "batches": "stock"},
    "version": {"frames": "native", "batches": "native"},
    "comment": {"frames": "native", "batches": "native"},
    "conversion": {"frames": "stock", "batches": "native"},
    "read_udfs": {"frames": "stock", "batches": "stock"},
}


def main() -> None:
    """Asks a daemon for each change."""
    path = spark_environment(Path(sys.executable))["PYTHONPATH"]
    (archive,) = [Path(part) for part in path.split(os.pathsep) if part.endswith("pyspark.zip")]
    outcome = {}
    for name, (file, change) in changes().items():
        with tempfile.TemporaryDirectory() as directory:
            copy = changed(archive, Path(directory), file, change)
            print(name, file=sys.stderr, flush=True)
            log = Path(directory) / "log.txt"
            outcome[name] = ways(sys.argv[1], path.replace(str(archive), copy), EXPECTED[name], log)
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
