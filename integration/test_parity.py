"""Results of every dtype for every declared type: the native conversions beside PySpark's own, case by case."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from environments import Environment, build_bowstring, make

PROGRAM = Path(__file__).resolve().parent / "parity" / "output_cases.py"
CASES = 10_000
"""At least so many of the combinations exist with every pandas."""


def is_known(difference: list[str]) -> bool:
    """The two differences that parity/README.md explains."""
    field, _, safe, series, *_ = difference
    if series == "complex":
        return field.startswith("decimal")
    return (field, safe, series) == ("string", False, "bytes_obj")


def test_results_of_every_dtype_are_converted_as_stock_converts_them(environment: Environment) -> None:
    """No difference in values, types, nulls or errors beyond the two that are known."""
    command = [make(environment), PROGRAM, build_bowstring(environment.python)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    outcome = json.loads(done.stdout)
    assert outcome["tried"] > CASES
    assert [difference for difference in outcome["differences"] if not is_known(difference)] == []
