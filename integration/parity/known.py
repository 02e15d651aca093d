"""Differences that are known, each with its reason; `README.md` says more. Whatever is not here is a failure."""

from __future__ import annotations

import re

KNOWN = {
    "a text column without rows, which Spark never sends, has a chunk or none": (r"\(0,\) large_string chunks=",),
    "dictionaries are refused, which Spark never sends": (r"an Arrow IPC message of kind DictionaryBatch",),
    "labels that were overwritten after pandas had looked at them are not found by stock": (r"KeyError: 'written'",),
    "pyarrow makes the innermost array too short where void is nested twice, and Arrow refuses that": (
        r"array #\d+ for field \w+ has length smaller than expected for struct array",
        r"Last offset \d+ of (Large)?List\(Null, field: '\w+'\) is larger than values length",
    ),
    "pandas reads freed memory after labels were overwritten, and stock's worker dies of it": (
        r"^failure\n--- stock\nConnectionLost: .*\n--- bowstring\nNone$",
    ),
    "stock sends text that is not UTF-8": (r"invalid utf-?8|Invalid UTF-?8|can't decode byte",),
}
"""For each reason the texts of differences that it explains."""


def reason(difference: str) -> str | None:
    """Why the difference is known, or None."""
    for why, patterns in KNOWN.items():
        if any(re.search(pattern, difference) for pattern in patterns):
            return why
    return None


def is_known_result(difference: list[str]) -> bool:
    """The same for a difference that `output_cases.py` has found: [declared type, zone, safe check, series, …]."""
    field, _, safe, series, *_ = difference
    return (field, safe, series) == ("string", False, "bytes_obj")
