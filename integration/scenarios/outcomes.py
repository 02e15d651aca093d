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
        return error_of(error)
