"""The record of what the self-test finds, one line for each environment: `python/bowstring/_spark/proof/record.json`.

`python3 integration/record_self_test.py` writes it anew for the environments that are made; lines of others stay. `make
self-test` makes them all before. Releases that `make releases` has fetched and whose conversions are not those of an
environment get a line, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from integration import releases
from integration.environments import ENVIRONMENTS, PYTHON, Environment, build_bowstring

HERE = Path(__file__).resolve().parent
RECORD = HERE.parent / "python" / "bowstring" / "_spark" / "proof" / "record.json"
PROGRAM = HERE / "parity" / "findings.py"


def ask(command: list[Path], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs one of the programs in `parity`."""
    environment = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)


def run(environment: Environment) -> dict[str, Any] | None:
    """What `parity/findings.py` prints there; None if there is no native path."""
    return find(environment.name, environment.interpreter, build_bowstring(environment.python))


def find(name: str, interpreter: Path, bowstring: Path) -> dict[str, Any] | None:
    """The same with this interpreter."""
    done = ask([interpreter, PROGRAM, bowstring], {})
    if "PySpark's own conversions are used for every task" in done.stderr:
        return None
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-3_000:]}")
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
        print(f"{environment.name}: {outcome['combination']}", flush=True)
    for release in filter(releases.is_here, releases.RELEASES):
        outcome = find(release, releases.interpreter(release), build_bowstring(PYTHON))
        if outcome is not None and outcome["combination"] not in record:
            record[outcome["combination"]] = outcome["found"]
            print(f"{release}: {outcome['combination']}", flush=True)
    lines = [f"{json.dumps(name)}: {json.dumps(record[name])}" for name in sorted(record)]
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
