"""Programs of every kind of UDF: which there are, how one is drawn, what task and what text it is.

A family of kinds is a module that has `KINDS`, `draw(random, kind, new, without)`, `sources(program)` and
`case(program)`. A program of such a family has `kind`, the eval type; without it, it is a grouped map's.
"""

from __future__ import annotations

from fnmatch import fnmatch
from random import Random
from typing import Any

import driver
import generate
import kinds_aggregate
import kinds_frames
import kinds_scalar
import kinds_tables
import kinds_udtf
import program
from driver import Case

from fakejvm.task_bytes import GROUPED_MAP, KINDS

Json = dict[str, Any]

FAMILIES: dict[int, Any] = {
    kind: family
    for family in (kinds_frames, kinds_tables, kinds_scalar, kinds_aggregate, kinds_udtf)
    for kind in family.KINDS
}


def chosen(patterns: str = "") -> list[int]:
    """Eval types of this Spark line: half are grouped maps, or all have a name that is or holds one of the patterns."""
    drawn = {GROUPED_MAP, *FAMILIES}
    known = [number for number, kind in KINDS.items() if number in drawn and kind.known_to(driver.DIALECT)]
    if not patterns:
        others = [number for number in known if number != GROUPED_MAP]
        return others + [GROUPED_MAP] * len(others)
    names = {KINDS[number].name: number for number in known}
    wanted = {
        number
        for pattern in patterns.split(",")
        for name, number in names.items()
        if (name == pattern if pattern in names else fnmatch(name, f"*{pattern}*"))
    }
    if not wanted:
        raise SystemExit(f"{patterns}: there are {', '.join(names)}")
    return sorted(wanted)


def draw(random: Random, kind: int, new: bool, without: frozenset[str] = frozenset()) -> Json:
    """A program of that kind. `new` and `without` are as for `generate.draw`."""
    if kind == GROUPED_MAP:
        return generate.draw(random, new, without)
    return {"kind": kind, **FAMILIES[kind].draw(random, kind, new, without)}


def known(drawn: Json) -> bool:
    """Whether this Spark line has the kind."""
    return KINDS[drawn.get("kind", GROUPED_MAP)].known_to(driver.DIALECT)


def case(drawn: Json) -> Case:
    """The task."""
    return FAMILIES[drawn["kind"]].case(drawn) if "kind" in drawn else program.case(drawn)


def text(drawn: Json) -> str:
    """The program for a reader."""
    sources = FAMILIES[drawn["kind"]].sources(drawn) if "kind" in drawn else [program.source(drawn)]
    return program.text(case(drawn), sources)
