"""Differences that are known, each with its reason; `README.md` says more. Whatever is not here is a failure."""

from __future__ import annotations

import re

KNOWN = {
    "a string column without rows has a chunk": (r"large_string chunks=0 .*, bowstring .* chunks=1",),
    "dictionaries are refused, which Spark never sends": (r"an Arrow IPC message of kind DictionaryBatch",),
    "labels that were overwritten after pandas had looked at them are not found by stock": (r"KeyError: 'written'",),
    "a type that Arrow does not have is refused although there are no groups": (
        r"--- stock\nNone\n--- bowstring\n[^-]*A null type field may not be non-nullable",
    ),
    # To be deleted with its cause; mode.string_storage = "python" was set in a task of a named time zone.
    "a text column converted after an option was changed has another storage": (
        r"stock .* ArrowStringArray .*, bowstring .* StringArray <StringDtype\(storage='python'",
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
