"""The record of what the self-test finds, one line for each environment: `python/bowstring/_spark/proof/record.json`.

`python3 integration/record_self_test.py` writes it anew for the environments that are made; lines of others stay. `make
self-test` makes them all before.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from environments import ENVIRONMENTS, Environment, build_bowstring

HERE = Path(__file__).resolve().parent
RECORD = HERE.parent / "python" / "bowstring" / "_spark" / "proof" / "record.json"
PROGRAM = HERE / "parity" / "findings.py"


def ask(command: list[Path], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs one of the programs in `parity`."""
    environment = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)


def run(environment: Environment) -> dict[str, Any] | None:
    """What `parity/findings.py` prints there; None if there is no native path."""
    done = ask([environment.interpreter, PROGRAM, build_bowstring(environment.python)], {})
    if "PySpark's own conversions are used for every task" in done.stderr:
        return None
    if done.returncode:
        raise SystemExit(f"{environment.name}: {done.stderr[-3_000:]}")
    return json.loads(done.stdout)


def main() -> None:
    """Runs the self-test everywhere, writes the record."""
    record = json.loads(RECORD.read_text())
    for environment in ENVIRONMENTS.values():
        if not environment.name.startswith("spark-") or not environment.interpreter.exists():
            continue
        outcome = run(environment)
        if outcome is None:
            print(f"{environment.name}: no native path")
            continue
        record[outcome["combination"]] = outcome["found"]
        print(f"{environment.name}: {outcome['combination']}")
    lines = [f"{json.dumps(name)}: {json.dumps(record[name])}" for name in sorted(record)]
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
