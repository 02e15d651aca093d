"""Findings for a reader, or for a program."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from .judge import Finding, Verdict

MARKS = {Verdict.FINE: "ok", Verdict.NOT_ALL_NATIVE: "note", Verdict.BROKEN: "BAD"}
ENDS = {
    Verdict.FINE: "bowstring will be used here, with all native paths.",
    Verdict.NOT_ALL_NATIVE: "bowstring works here; what is noted above goes through PySpark's own code.",
    Verdict.BROKEN: "bowstring will not work here until what is BAD is cured.",
}
WIDTH = 110


def line(finding: Finding) -> str:
    """One finding, its cure below it."""
    text = f"{MARKS[finding.verdict]:<5}{finding.about:<17} {' '.join(finding.text.split())}"
    lines = textwrap.wrap(text, WIDTH, subsequent_indent=" " * 23, break_long_words=False, break_on_hyphens=False)
    if finding.cure and finding.verdict is not Verdict.FINE:
        lines += textwrap.wrap(f"-> {finding.cure}", WIDTH, initial_indent=" " * 23, subsequent_indent=" " * 26)
    return "\n".join(lines)


def brief(finding: Finding) -> str:
    """One finding and its cure in one line, for a log."""
    cure = f" -> {finding.cure}" if finding.cure else ""
    return " ".join(f"bowstring: {MARKS[finding.verdict]}: {finding.about}: {finding.text}{cure}".split())


def worst(findings: Iterable[Finding]) -> Verdict:
    """The verdict on the whole."""
    return max((finding.verdict for finding in findings), default=Verdict.FINE)


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """The report as an object of JSON."""
    verdict = worst(findings)
    name = verdict.name.lower().replace("_", " ")
    return {"verdict": name, "exit code": int(verdict), "findings": [finding.as_json() for finding in findings]}
