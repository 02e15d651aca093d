"""`BOWSTRING_NATIVE=verify` sees every kind of difference, says it in words, and disturbs nothing."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from environments import ENVIRONMENTS, NEWEST, OLDEST, build_bowstring, make

PROGRAM = Path(__file__).resolve().parent / "verify_cases.py"
WHOLE_RUN = 240
"""Seconds; each single answer is limited by the client, so only a wedged daemon gets here."""

GROUPS = 300

KINDS = ("columns", "arrays", "frames", "series")

DIFFERENCES = {
    "input": ("input column 'x' (double), row 1: bowstring has …-7.25…, PySpark has …nan….", "g1"),
    "key": ("key column 'k' (string), first value: bowstring has 'another', PySpark has 'g1'.", "g1"),
    "output": ("output column 'n' (int64), row 1: bowstring has 8, PySpark has 0.", "g0"),
    "columns": ("output column 'x' (double), row 0: bowstring has 2.5, PySpark has 1.5.", "g0"),
    "stock raises": (
        "input column 'k' (string): bowstring raised nothing, PySpark raised OverflowError: out of range.",
        "g1",
    ),
    "aggregate, input": ("input column 'x' (double), row 1: bowstring has …-7.25…, PySpark has …nan….", None),
    "aggregate, output": ("output column '_0' (double), row 0: bowstring has 1.5, PySpark has 8.0.", None),
    "pandas_udf, input": ("input column 'x' (double), row 1: bowstring has …-7.25…, PySpark has …nan….", None),
    "pandas_udf, output": ("output column '_0' (double), row 0: bowstring has 1.5, PySpark has 8.0.", None),
    "udf, input": ("input column (double), row 7: bowstring has this, PySpark has that.", None),
    "udf, output": ("output column (double), row 7: bowstring has this, PySpark has that.", None),
    "mapInPandas, input": ("input column …(date32[day]), row 7: bowstring has this, PySpark has that.", None),
    "mapInPandas, output": ("output column (date32[day]), row 7: bowstring has this, PySpark has that.", None),
    "iterator of frames": ("input column 'x' (double), row 1: bowstring has …-7.25…, PySpark has …nan….", "g1"),
    "iterator of Series": ("input column 'x' (double), row 1: bowstring has …-7.25…, PySpark has …nan….", None),
    "mapInArrow, input": ("input column 'k' (string), row 7: bowstring has this, PySpark has that.", None),
    "mapInArrow, output": ("output column 'k' (string), row 7: bowstring has this, PySpark has that.", None),
    "iterator of batches, input": ("input column 'k' (string), row 7: bowstring has this, PySpark has that.", "g1"),
    "iterator of batches, output": ("output column 'k' (string), row 7: bowstring has this, PySpark has that.", "g0"),
    "arrays": ("input column 'x' (double), row 1: bowstring has …None…, PySpark has …-7.25….", None),
    "iterator of arrays": ("input column 'x' (double), row 1: bowstring has …None…, PySpark has …-7.25….", None),
    "scalars of arrays": ("output column '_0' (double), row 0: bowstring has 1.5, PySpark has 8.0.", None),
    "scalars of windows": ("output column '_0' (double), row 0: bowstring has 1.5, PySpark has 8.0.", None),
    "rows": ("output column 'y' (double), row 7: bowstring has this, PySpark has that.", None),
}
"""What is said of each conversion that was spoilt, and in which group, if a group is named; `…` is anything."""

LATER = {
    "iterator of frames": "4.1",
    "iterator of Series": "4.2",
    "iterator of batches, input": "4.1",
    "iterator of batches, output": "4.1",
    "arrays": "4.1",
    "iterator of arrays": "4.2",
    "scalars of arrays": "4.1",
    "scalars of windows": "4.1",
}
"""The first Spark lines that have these."""


@pytest.fixture(scope="module", params=[OLDEST, NEWEST])
def found(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the program found in an environment."""
    environment = ENVIRONMENTS[request.param]
    if request.param not in (request.config.getoption("--environments") or request.param):
        pytest.skip("another environment was chosen")
    command = [make(environment), PROGRAM, build_bowstring(environment.python)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WHOLE_RUN, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_the_same_is_the_same(found: dict[str, Any], kind: str) -> None:
    """A false alarm would end a good task."""
    assert {name: said for name, said in found["pairs"][kind]["equal"].items() if said is not None} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_difference_is_seen(found: dict[str, Any], kind: str) -> None:
    """However little it shows."""
    pairs = found["pairs"][kind]["different"]
    assert len(pairs) > 8
    assert [name for name, said in pairs.items() if said is None] == []


@pytest.mark.parametrize("spoilt", DIFFERENCES)
def test_a_wrong_conversion_ends_the_task(found: dict[str, Any], spoilt: str) -> None:
    """With versions, column, type, row, both values, and what to do."""
    said, group = DIFFERENCES[spoilt]
    spark, pandas, pyarrow = found["versions"]
    if spark < LATER.get(spoilt, ""):
        pytest.skip(f"Spark {spark} has no such functions")
    spark, pandas, pyarrow = map(re.escape, (spark, pandas, pyarrow))
    lines = found["spoilt"][spoilt].splitlines()
    wanted = [
        rf".*Difference: bowstring [\d.]+ verify: PySpark {spark}, pandas {pandas}, pyarrow {pyarrow}: "
        + re.escape(said).replace("…", ".*"),
        r"Keep the line above, the type of the column and the value: docs/troubleshooting\.md of bowstring says why\. "
        r"Set BOWSTRING_NATIVE=off to go on without bowstring's conversions\.",
        *([f"bowstring: group k='{group}', 2 rows"] if group else []),
    ]
    for line, pattern in zip(lines[-len(wanted) :], wanted, strict=True):
        assert re.fullmatch(pattern, line), line


def test_a_share_of_the_groups_is_compared(found: dict[str, Any]) -> None:
    """All of them, about a tenth, and with verify off the comparison is not even loaded."""
    counted = found["counted"]
    assert counted["verify"] == GROUPS
    assert GROUPS / 20 < counted["verify:0.1"] < GROUPS / 5
    assert counted["on"] == -1


def test_what_can_be_looked_at_once_is_looked_at_once(found: dict[str, Any]) -> None:
    """Columns that stock converts are not converted again for the comparison."""
    rows = found["once"]
    assert [row["g"] for row in rows["on"]] == [[7, 8]] * 4
    assert rows["verify"] == rows["verify:0.1"] == rows["on"]
