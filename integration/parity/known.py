"""Differences that are known, each with its reason; `README.md` says more. Whatever is not here is a failure."""

from __future__ import annotations

import re
from typing import Any

KNOWN = {
    "a text column without rows, which Spark never sends, has a chunk or none": (r"\(0,\) large_string chunks=",),
    "dictionaries are refused, which Spark never sends": (r"an Arrow IPC message of kind DictionaryBatch",),
    "labels that were overwritten after pandas had looked at them are not found by stock": (r"KeyError: 'written'",),
}
"""For each reason the texts of differences that it explains."""

FREED = "pandas reads freed memory after labels were overwritten: either worker dies of it, or finds other columns"
DEATH = re.compile(
    r"^failure\n--- stock\n(ConnectionLost: .*\n--- bowstring\nNone|None\n--- bowstring\nConnectionLost: .*)$"
)

MAP_PANDAS = 205
"""Its labels are kept by nothing but the frame from Spark 4.2 on, so that whatever follows is chance."""


def reason(difference: str, drawn: dict[str, Any] | None = None) -> str | None:
    """Why the difference is known, or None. `drawn`: the program, where there is one."""
    overwritten = drawn is not None and "write label" in {name for name, _ in drawn.get("steps", ())}
    if overwritten and (DEATH.match(difference) or (drawn or {}).get("kind") == MAP_PANDAS):
        return FREED
    for why, patterns in KNOWN.items():
        if any(re.search(pattern, difference) for pattern in patterns):
            return why
    return None
