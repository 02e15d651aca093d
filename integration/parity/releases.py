"""Asks both workers the same with every release of PySpark, and writes what came of it to docs/compatibility.md.

`make parity-releases`. Needs no JVM: a release's Python files and the libraries of its line's environment are enough.
For each release: columns and results of the case tables, groups that differ, scalars of aggregates, who calls the
function, and generated programs. What was found is kept in `releases.json` beside this file, so that a run of some
releases leaves the rows of the others as they are.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from integration import releases
from integration.environments import PYTHON, build_bowstring
from integration.parity.matrix import COUNTS, last_line

HERE = Path(__file__).resolve().parent
FOUND = HERE / "releases.json"
PAGE = HERE.parent.parent / "docs" / "compatibility.md"
MARKS = ("<!-- written by make parity-releases -->", "<!-- end of releases -->")


def try_one(release: str, options: argparse.Namespace) -> dict[str, Any]:
    """All that is asked of one release."""
    python, bowstring = releases.interpreter(release), build_bowstring(PYTHON)

    def ask(program: str, *arguments: object) -> Any:
        return last_line([python, HERE / program, bowstring, *arguments])

    columns, results = ask("input_cases.py"), ask("output_cases.py")
    groups, scalars = ask("plan_cases.py"), ask("scalar_cases.py")
    callers = ask("callers.py")
    limits = ["--examples", options.examples, "--seed", options.seed, "--differences", 5]
    programs = ask("match.py", "--name", release, *limits)
    found = {
        "columns": {"tried": columns["tried"], "differences": columns["differences"]},
        "results": {"tried": results["tried"], "differences": results["differences"]},
        "groups": {"tried": len(groups["answered"]), "differences": list(groups["differences"])},
        "scalars": {"tried": scalars["tried"], "differences": scalars["differences"]},
        "native kinds": sorted(kind for kind, native in callers.items() if native),
        "programs": {name: programs[name] for name in ("seed", *COUNTS) if name != "columns"},
    }
    print(f"{release}: {differences(found)} differences", flush=True)
    return found


def differences(found: dict[str, Any]) -> int:
    """Of all parts together."""
    cases = sum(len(found[part]["differences"]) for part in ("columns", "results", "groups", "scalars"))
    return cases + found["programs"]["differences"]


def table(found: dict[str, Any]) -> str:
    """What was tried, one row for each release."""
    lines = [
        "| Spark | columns in | results out | groups that differ | scalars | kinds with a loop of bowstring's "
        "| programs | groups of those | differences |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for release, each in found.items():
        programs = each["programs"]
        tried = [each[part]["tried"] for part in ("columns", "results", "groups", "scalars")]
        counts = [*tried, len(each["native kinds"]), programs["cases"], programs["groups"]]
        known = sum(programs["known"].values())
        cells = " | ".join(f"{count:,}" for count in counts)
        lines.append(f"| {release} | {cells} | {differences(each)}, {known} known |")
    return "\n".join(lines)


def write(found: dict[str, Any]) -> None:
    """Puts the table between the marks of the page."""
    before, rest = PAGE.read_text().split(MARKS[0])
    _, after = rest.split(MARKS[1])
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{table(found)}\n\n{MARKS[1]}{after}")


def main() -> None:
    """Exits with 1 if there was a difference that is not known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", nargs="*", default=releases.RELEASES, help="such as 3.5.0; all, if none is named")
    parser.add_argument("--examples", type=int, default=300, help="generated programs for each; %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="of the programs; %(default)s")
    parser.add_argument("--jobs", type=int, default=1, help="releases at the same time; %(default)s")
    options = parser.parse_args()
    missing = [release for release in options.release if not releases.is_here(release)]
    if missing:
        raise SystemExit(f"not here, see make releases: {', '.join(missing)}")
    found: dict[str, Any] = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    with ThreadPoolExecutor(options.jobs) as jobs:
        for release, each in zip(options.release, jobs.map(lambda one: try_one(one, options), options.release)):
            found[release] = each
            found = {name: found[name] for name in releases.RELEASES if name in found}
            FOUND.write_text(json.dumps(found, indent=1) + "\n")
            write(found)
    failed = [release for release in options.release if differences(found[release])]
    if failed:
        raise SystemExit(f"differences in {', '.join(failed)}")


if __name__ == "__main__":
    main()
