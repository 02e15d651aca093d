"""Outcomes as values, for scenarios that try several things and answer with all of them."""

from __future__ import annotations

from typing import Any

from canonical import canonical, error_of


def rows_in(frame: Any) -> list[str]:
    """The rows of a DataFrame as text, sorted."""
    return sorted(map(canonical, frame.collect()))


def outcome_of(frame: Any) -> Any:
    """The rows of a DataFrame, or the error that they bring."""
    try:
        return rows_in(frame)
    except Exception as error:  # whatever it is, it is the outcome
        found = error_of(error)
        # Which kinds of groups have a note differs between Spark lines; scenarios that only fail look at notes.
        lines = [line for line in found["text"].splitlines() if not line.startswith("bowstring: group ")]
        return {**found, "text": "\n".join(lines)}
