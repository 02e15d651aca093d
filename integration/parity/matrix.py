"""Asks both workers the same in every environment of the matrix, and writes what came of it to docs/compatibility.md.

For each environment: every column and every result of the case tables inside a worker (`input_cases.py`,
`output_cases.py`), and generated programs on both daemons (`match.py`). What was found is kept in `matrix.json` beside
this file, so that a run in some environments leaves the rows of the others as they are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from integration.environments import ENVIRONMENTS, Environment, build_bowstring, is_extra, make

HERE = Path(__file__).resolve().parent
FOUND = HERE / "matrix.json"
PAGE = HERE.parent.parent / "docs" / "compatibility.md"
MARKS = ("<!-- written by make matrix -->", "<!-- end -->")
VERSIONS = """
import json, platform, numpy, pandas, pyarrow, pyspark
modules = {module.__name__: module.__version__ for module in (pyspark, pandas, pyarrow, numpy)}
print(json.dumps({**modules, "python": platform.python_version()}))
"""


COUNTS = ("cases", "errors", "kinds", "groups", "known", "differences", "columns")
"""What adds up in the summaries of `match.py`."""
NATIVE_PANDAS = "2.0"
NOTHING = {"tried": 0, "differences": []}
"""What a comparison inside a worker finds where bowstring takes no native path."""


def last_line(command: Iterable[object], default: Any = None) -> Any:
    """The JSON in a program's last line; its progress goes to the terminal. Exits if there is none, nor a default."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    line = ""
    for line in process.stdout or ():
        if not line.startswith("{"):
            print(line, end="", flush=True)
    process.wait()
    if not line.startswith("{") and default is not None:
        return default
    if not line.startswith("{"):
        raise SystemExit(f"{' '.join(map(str, command))}: no result")
    return json.loads(line)


def try_one(environment: Environment, options: argparse.Namespace) -> dict[str, Any]:
    """All that is asked in one environment."""
    python, bowstring = make(environment), build_bowstring(environment.python)
    versions = json.loads(subprocess.check_output([python, "-c", VERSIONS], text=True))
    # Without a native path there is nothing to compare inside a worker.
    default = NOTHING if versions["pandas"] < NATIVE_PANDAS else None
    inputs = last_line([python, HERE / "input_cases.py", bowstring], default)
    results = last_line([python, HERE / "output_cases.py", bowstring], default)
    print(f"{environment.name}: {inputs['tried']} columns, {results['tried']} results", flush=True)
    limits = ["--groups", options.groups, "--seconds", options.seconds, "--seed", options.seed, "--differences", 5]
    programs = last_line([python, HERE / "match.py", bowstring, "--name", environment.name, *limits])
    return {
        "versions": versions,
        "columns": {"tried": inputs["tried"], "differences": inputs["differences"]},
        "results": {"tried": results["tried"], "differences": results["differences"]},
        "programs": programs,
    }


def added(before: dict[str, Any] | None, now: dict[str, Any]) -> dict[str, Any]:
    """The programs of both runs, if they were of the same versions and different seeds."""
    if before is None or before["versions"] != now["versions"]:
        return now
    old, new = before["programs"], now["programs"]
    seeds = [*(old.get("seeds") or [old["seed"]]), new["seed"]]
    if new["seed"] in seeds[:-1]:
        raise SystemExit(f"seed {new['seed']} is among those that were tried: {seeds}")
    sums = {name: _sum(old[name], new[name]) for name in COUNTS}
    return {**now, "programs": {"environment": new["environment"], "seeds": seeds, **sums}}


def _sum(old: Any, new: Any) -> Any:
    """Counts added up, in dictionaries and lists of equal length, too."""
    if isinstance(old, dict):
        common = old.keys() & new.keys()
        return {**old, **new, **{key: _sum(old[key], new[key]) for key in common}}
    return [_sum(*pair) for pair in zip(old, new, strict=True)] if isinstance(old, list) else old + new


def table(found: dict[str, Any]) -> str:
    """What was tried, one row for each environment."""
    lines = [
        "| Spark | pandas | pyarrow | NumPy | CPython | columns in | results out | programs | groups | differences |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for each in found.values():
        versions, programs = each["versions"], each["programs"]
        names = [versions[name] for name in ("pyspark", "pandas", "pyarrow", "numpy", "python")]
        counts = [each["columns"]["tried"], each["results"]["tried"], programs["cases"], programs["groups"]]
        known = each["results"].get("known", 0) + sum(programs["known"].values())
        unknown = len(each["columns"]["differences"]) + len(each["results"]["differences"]) + programs["differences"]
        lines.append(
            f"| {' | '.join(names)} | {' | '.join(f'{count:,}' for count in counts)} | {unknown}, {known} known |"
        )
    return "\n".join(lines)


def shares(found: dict[str, Any]) -> str:
    """The share of native columns for each type and environment."""
    kinds = sorted({kind for each in found.values() for kind in each["programs"]["columns"]})
    heads = [f"{each['versions']['pyspark']}, pandas {each['versions']['pandas']}" for each in found.values()]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for kind in kinds:
        cells = []
        for each in found.values():
            total, native = each["programs"]["columns"].get(kind, (0, 0))
            cells.append(f"{100 * native / total:.0f} %" if total else "")
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write(found: dict[str, Any]) -> None:
    """Puts the tables between the marks of the page."""
    before, rest = PAGE.read_text().split(MARKS[0])
    _, after = rest.split(MARKS[1])
    share = "Share of the programs' columns that were native: `input` by Arrow type, `output` by Spark type."
    body = f"\n\n{table(found)}\n\n{share}\n\n{shares(found)}\n\n"
    PAGE.write_text(before + MARKS[0] + body + MARKS[1] + after)


def main() -> None:
    """Exits with 1 if there was a difference that is not known."""
    known = [name for name, each in ENVIRONMENTS.items() if name.startswith("spark-") and not each.core]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", default=",".join(known), help="default: all of them")
    parser.add_argument("--groups", type=int, default=200_000, help="generated groups in each; %(default)s")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop the programs after so long")
    parser.add_argument("--seed", type=int, default=1, help="of the programs; %(default)s")
    parser.add_argument("--add", action="store_true", help="count the programs of earlier runs, too")
    parser.add_argument("--jobs", type=int, default=1, help="environments at the same time; %(default)s")
    options = parser.parse_args()
    chosen = [ENVIRONMENTS[name] for name in options.environments.split(",")]
    chosen = [environment for environment in chosen if not is_extra(environment)]
    found: dict[str, Any] = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    with ThreadPoolExecutor(options.jobs) as jobs:
        for environment, each in zip(chosen, jobs.map(lambda one: try_one(one, options), chosen), strict=True):
            found[environment.name] = added(found.get(environment.name), each) if options.add else each
            found = {name: found[name] for name in known if name in found}
            FOUND.write_text(json.dumps(found, indent=1) + "\n")
            write(found)
    parts = ("columns", "results", "programs")
    failed = [one.name for one in chosen if any(found[one.name][part]["differences"] for part in parts)]
    if failed:
        raise SystemExit(f"differences in {', '.join(failed)}")


if __name__ == "__main__":
    main()
