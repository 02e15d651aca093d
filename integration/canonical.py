"""Turns what a scenario brought into text that is equal exactly when the outcome is the same.

Values keep their type and every bit: floats are written in hex, decimals with their scale, bytes as hex. Error texts
lose only what differs between two runs of the same code: paths, line numbers, process and task ids, and the frames of
libraries.
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import re
from typing import Any

LARGE = 400
"""Results of more rows than this are kept as a count, a digest and a sample."""

FRAME = re.compile(r'^(?P<bars>[ |+-]*) {2}File "(?P<path>[^"]+)", line \d+(, in (?P<name>.+))?$')
VOLATILE = (
    (re.compile(r"0x[0-9a-f]{6,}"), "0x…"),
    (re.compile(r"\b(TID|pid|task|stage|Job|Stage|Task) \d+(\.\d+)?"), r"\1 …"),
    (re.compile(r"\([^() ]+ executor driver\)"), "(executor)"),
    (re.compile(r"(/[\w.+-]+){2,}"), "/…"),
    (re.compile(r"\bline \d+"), "line …"),
    (re.compile(r"\bo\d+\."), "o…."),
    (re.compile(r"repeated \d+ more"), "repeated … more"),
    (re.compile(r"#\d+L?\b"), "#…"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "uuid"),
)


def canonical(value: Any) -> str:
    """One value as text, with its type, recursively."""
    kind = type(value).__name__
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return f"{kind} {value.hex()}"
    if isinstance(value, (bytes, bytearray)):
        return f"{kind} {bytes(value).hex()}"
    if isinstance(value, decimal.Decimal):
        return f"{kind} {value}"
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return f"{kind} {value.isoformat()}"
    if isinstance(value, datetime.timedelta):
        return f"{kind} {value.days} d {value.seconds} s {value.microseconds} us"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{canonical(key)}: {canonical(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple) and hasattr(value, "__fields__"):
        return "Row(" + ", ".join(f"{n}={canonical(v)}" for n, v in zip(value.__fields__, value, strict=True)) + ")"
    if isinstance(value, (list, tuple)):
        return kind + "[" + ", ".join(canonical(item) for item in value) + "]"
    if isinstance(value, (set, frozenset)):
        return kind + "{" + ", ".join(sorted(canonical(item) for item in value)) + "}"
    return f"{kind} {value!r}"


def rows_of(values: list[Any], *, ordered: bool) -> list[str]:
    """Rows as text, sorted unless their order means something; a long list becomes count, digest and sample."""
    texts = [canonical(value) for value in values]
    if not ordered:
        texts.sort()
    if len(texts) <= LARGE:
        return texts
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    return [f"{len(texts)} rows", f"sha256 {digest}", *texts[:20], "…", *texts[-5:]]


def error_of(error: BaseException) -> dict[str, str]:
    """The class that the driver raised, and the cleaned text: from the worker's traceback on, if there is one."""
    return {"class": type(error).__name__, "text": clean(str(error))}


def clean(text: str) -> str:
    """An error text without what differs between two runs of the same code."""
    start = text.find("Traceback (most recent call last):")
    if start >= 0:
        text = text[start:]
    text = re.split(r"\n+\s*(?:\tat |at org\.|Driver stacktrace|JVM stacktrace|== SQL|== DataFrame)", text)[0]
    lines: list[str] = []
    kept = True
    for line in text.splitlines():
        frame = FRAME.match(line)
        if frame:
            kept = "/scenarios/" in frame["path"]
            if kept:
                lines.append(f'  File "{frame["path"].rsplit("/", 1)[1]}", in {frame["name"]}')
        elif line.startswith("    ") and lines and (not kept or lines[-1].startswith("  File")):
            if kept:
                lines.append(line)
        else:
            kept = False
            lines.append(line)
    cleaned = "\n".join(line.rstrip() for line in lines).strip()
    for pattern, replacement in VOLATILE:
        cleaned = pattern.sub(replacement, cleaned)
    return cleaned
