"""Differences that are known, each with its reason; `README.md` says more. Whatever is not here is a failure."""

from __future__ import annotations

import re

KNOWN = {
    "a timestamp column that stock has converted is writable, and stock's is not": (
        r"DatetimeLikeBlock .* W=False .*, bowstring .* W=True",
        r"stock '?\"?write array: ValueError: assignment destination is read-only",
    ),
    "blocks of a frame that stock has built are not shared, and stock's are": (
        r"stock .* shared=True.*, bowstring .* shared=False",
        r"bowstring '?\"?write \w+: ValueError: assignment destination is read-only",
    ),
    "a string column without rows has a chunk": (r"large_string chunks=0 .*, bowstring .* chunks=1",),
    "dictionaries are refused, which Spark never sends": (r"an Arrow IPC message of kind DictionaryBatch",),
    "stock sends text that is not UTF-8": (r"invalid utf-?8|Invalid UTF-?8|can't decode byte",),
}
"""For each reason the texts of differences that it explains."""


def reason(difference: str) -> str | None:
    """Why the difference is known, or None."""
    for why, patterns in KNOWN.items():
        if any(re.search(pattern, difference) for pattern in patterns):
            return why
    return None
