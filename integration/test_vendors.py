"""A PySpark that a vendor has changed: native but for the kinds that need what was changed, and working in any case."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from environments import Environment, build_bowstring, make

PROGRAM = Path(__file__).resolve().parent / "vendors.py"


def test_a_vendors_pyspark_is_native_but_for_what_it_has_changed(environment: Environment) -> None:
    """A grouped map of frames (`frames`, and `again` after a while) and `mapInArrow` (`batches`)."""
    command = [make(environment), PROGRAM, build_bowstring(environment.python)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    native = {"frames": "native", "batches": "native", "again": "native"}
    assert json.loads(done.stdout) == {
        "version": native,
        "comment": native,
        "conversion": {"frames": "stock", "batches": "native", "again": "stock"},
        "read_udfs": {"frames": "stock", "batches": "stock", "again": "stock"},
    }
