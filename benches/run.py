"""Benchmarks: bowstring beside stock PySpark, with the worker alone and through Spark. See README.md beside this file.

python3 -m benches.run                       everything, most of an hour
python3 -m benches.run --quick               every case once, small; says that it works, not how fast
python3 -m benches.run --spark 4.3.0 --only worker/identity

The report goes to standard output and, with all samples, to bench-output/.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benches.plan import CASES, SPARK_VERSIONS, chosen
from benches.report import joined, put_into, render
from integration import environments

BENCHES = Path(__file__).resolve().parent
PROJECT = BENCHES.parent
OUTPUT = PROJECT / "bench-output"

PROGRAMS = {"worker_alone.py": ("first", "task", "large", "latency", "memory"), "end_to_end.py": ("end-to-end",)}
"""What runs on the interpreter under test, and the kinds of cases it measures."""

LOG_LINES = 30
"""How much of a log is shown when a program fails."""


def measure(spark: str, options: argparse.Namespace) -> dict[str, Any]:
    """Runs the chosen cases on one Spark version; their results and the versions of what was installed."""
    environment = environments.ENVIRONMENTS[f"spark-{spark}"]
    interpreter = environments.make(environment)
    binary = environments.build_bowstring(environment.python)
    if not binary.exists():
        raise SystemExit(f"{binary}: no such binary")
    run: dict[str, Any] = {"versions": {}, "results": {}}
    for program, kinds in PROGRAMS.items():
        if not chosen(options.only, *kinds):
            continue
        print(f"Spark {spark}, {program.removesuffix('.py').replace('_', ' ')}: stock / bowstring", file=sys.stderr)
        output = OUTPUT / f"{spark}-{program.removesuffix('.py')}.json"
        log = output.with_suffix(".log")
        command = [interpreter, BENCHES / program, "--bowstring", binary, "--output", output]
        command += ["--repeat", str(options.repeat)]
        command += ["--only", options.only] if options.only else []
        command += ["--quick"] if options.quick else []
        # Workers warn about the versions they find again and again, so what they print goes to a file.
        with log.open("wb") as stderr:
            failed = subprocess.run(command, check=False, stdout=sys.stderr, stderr=stderr).returncode
        if failed:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
            raise SystemExit(f"\n{tail}\nSpark {spark}: {program} failed; its whole log is {log}")
        part = json.loads(output.read_text())
        run["versions"] |= part["versions"]
        run["results"] |= part["results"]
    return run


def main() -> None:
    """Parses arguments, measures each Spark version, writes the report."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="cases:\n" + "\n".join(f"  {case.id:30} {case.title(quick=False)}" for case in CASES),
    )
    parser.add_argument("--quick", action="store_true", help="few groups, one repetition")
    parser.add_argument("--only", metavar="PATTERN", help="cases whose id holds PATTERN; * and ? are wildcards")
    parser.add_argument("--spark", choices=SPARK_VERSIONS, action="append", help="Spark version; may be repeated")
    parser.add_argument("--repeat", type=int, metavar="N", help="samples of each side (default: 3, or 1 with --quick)")
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="put the tables into this page, BENCHMARKS.md")
    options = parser.parse_args()
    if options.markdown and (options.quick or options.only or options.spark):
        parser.error("--markdown takes a whole run")
    options.repeat = options.repeat or (1 if options.quick else 3)
    if not chosen(options.only, *(case.kind for case in CASES)):
        parser.error(f"no case matches {options.only!r}")

    OUTPUT.mkdir(exist_ok=True)
    started = time.monotonic()
    runs = {spark: measure(spark, options) for spark in options.spark or SPARK_VERSIONS}
    report = render(runs, PROJECT, options.quick)
    (OUTPUT / "bench.md").write_text(report)
    (OUTPUT / "bench.json").write_text(json.dumps({"quick": options.quick, "runs": runs}, indent=2))
    if options.markdown:
        put_into(options.markdown, joined(runs))
    print(
        f"done after {time.monotonic() - started:.0f} s; written to {OUTPUT}/bench.md and bench.json", file=sys.stderr
    )
    print(report, end="")


if __name__ == "__main__":
    main()
