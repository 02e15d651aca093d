"""Draws programs of grouped maps at random, and parts of all others. `program.py` says what the parts mean.

What is drawn is structure: columns, groups, settings, steps. The values follow from a seed in each column.
"""

from __future__ import annotations

from random import Random
from typing import Any

import casts
import program

Json = dict[str, Any]

PLAIN = (
    *("long", "double", "string", "integer", "timestamp", "boolean", "date", "decimal(10,2)", "binary", "float"),
    *("short", "byte", "timestamp_ntz", "interval day to second", "decimal(38,18)", "decimal(20,0)", "void"),
)
"""Types without parts in every Spark line."""
NEW = ("time(6)", "variant")
"""Types of Spark 4.1 on."""

PROFILES = {
    "timestamp": ("plain", "clocks", "old", "late"),
    "timestamp_ntz": ("plain", "clocks", "old", "late"),
    "date": ("plain", "few", "old"),
    "interval day to second": ("plain", "few"),
}
"""Where they are not plain, few and extreme; what is left out is in `RARE`."""
RARE = {"string": "invalid", "date": "extreme", "timestamp": "extreme", "timestamp_ntz": "extreme"} | {
    "interval day to second": "extreme"
}
"""Values that stock itself refuses: the task ends in its first group, and then there is no more to see."""

ZONES = (
    *("UTC", "UTC", "+05:30", "-08:00", "Etc/UTC", "+00:00"),
    *("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "GMT"),
)
NAMES = ("a", "b", "c", "value", "ä", "A", "0", "with space", "")


def draw(random: Random, new: bool, without: frozenset[str] = frozenset()) -> Json:
    """A whole program. `new`: for Spark 4.1 on; `without`: words that it may not use."""
    # Most programs are small, so that there are many.
    width = random.randint(0, 30) if random.random() < 0.06 else random.choice((1, 1, 2, 2, 3, 4, 6))
    columns = named([draw_column(random, new) for _ in range(width)], random)
    result, returns = _result(random, columns, new)
    words = [word for word in program.STEPS if word not in without]
    steps = [[random.choice(words), random.randrange(30)] for _ in range(random.choice((0, 0, 1, 2, 3, 6)))]
    # What Spark never sends is tried now and then.
    calm = random.random() < 0.95
    return {
        "columns": columns,
        "keys": random.randint(0, min(2, len(columns))),
        "key": random.random() < 0.5,
        "groups": draw_groups(random, calm, (9, 50)),
        "conf": draw_conf(random),
        "steps": steps + ([["look", 0]] if result["kind"] == "notes" else []),
        "result": result,
        "returns": returns,
    }


def draw_groups(random: Random, calm: bool, many: tuple[int, int]) -> Json:
    """How many groups there are, their rows and batches."""
    count = random.choice((random.randint(1, 8), random.randint(*many), many[1], many[1])) if calm else 0
    rows = [draw_rows(random, calm) for _ in range(random.randint(1, 4))]
    return {"count": count, "rows": rows, "batches": random.choice((1, 1, 2, 5))}


def draw_conf(random: Random) -> Json:
    """Settings."""
    return {
        "zone": random.choice(ZONES),
        "safe": random.random() < 0.5,
        "by_name": random.random() < 0.7,
        "large": random.random() < 0.2,
        "prefer_int": random.random() < 0.05,
        "int_to_decimal": random.random() < 0.2,
        "binary_as_bytes": random.random() < 0.8,
    }


def named(columns: list[Json], random: Random) -> list[Json]:
    """The columns with names that a user may have given them."""
    names = list(NAMES) if random.random() < 0.3 else []
    random.shuffle(names)
    for number, column in enumerate(columns):
        column["name"] = names.pop() if names else f"c{number}"
    return columns


def draw_rows(random: Random, calm: bool) -> int:
    """Rows of a group."""
    if not calm and random.random() < 0.5:
        return 0
    return random.randint(1, 12) if random.random() < 0.93 else random.randint(13, 200)


def draw_type(random: Random, new: bool, depth: int = 3) -> Any:
    """A Spark type, as in the JSON of a schema; nested at most `depth` deep."""
    if depth == 0 or random.random() < 0.85:
        return random.choice(PLAIN + NEW if new else PLAIN)
    kind, nullable = random.choice(("array", "map", "struct")), random.random() < 0.7
    if kind == "array":
        return {"type": kind, "elementType": draw_type(random, new, depth - 1), "containsNull": nullable}
    if kind == "map":
        key = random.choice(("string", "integer", "timestamp", "date"))
        value = draw_type(random, new, depth - 1)
        return {"type": kind, "keyType": key, "valueType": value, "valueContainsNull": nullable}
    parts = [draw_type(random, new, depth - 1) for _ in range(random.randint(1, 3))]
    fields = [
        {"name": f"f{number}", "type": part, "nullable": True, "metadata": {}} for number, part in enumerate(parts)
    ]
    return {"type": kind, "fields": fields}


def draw_column(random: Random, new: bool) -> Json:
    """A column without a name."""
    drawn = draw_type(random, new)
    name = drawn if isinstance(drawn, str) else "nested"
    profile = random.choice(PROFILES.get(name, ("plain",) if name == "nested" else ("plain", "few", "extreme")))
    if random.random() < 0.01:
        profile = RARE.get(name, profile)
    return {
        "type": drawn,
        "nullable": random.random() < 0.5,
        "profile": profile,
        "nulls": random.choice(("none", "some", "some", "none", "all")),
        "seed": random.randrange(1 << 16),
    }


def _result(random: Random, columns: list[Json], new: bool) -> tuple[Json, list[Any]]:
    """What the function returns, and what it declares."""
    # A task ends with its first error, so most programs avoid what is known to be one.
    bold = random.random() < 0.1

    def declared(type_json: Any) -> Any:
        return draw_type(random, new, 1) if bold and random.random() < 0.3 else type_json

    kind = random.choice(("notes", "columns", "frame", "columns")) if columns else "notes"
    if kind == "notes":
        return {"kind": kind}, [["line", "string", True]]
    fields = [[column["name"], declared(column["type"]), True] for column in columns]
    if bold and random.random() < 0.2:
        return {"kind": "odd", "what": random.choice(list(program.ODD))}, fields
    if kind == "frame":
        return {"kind": kind}, fields
    hows = [*casts.CASTS, *casts.DTYPES] if bold else casts.GENTLE
    picked = [
        [random.randrange(len(columns)), "same" if random.random() < 0.5 else random.choice(hows)]
        for _ in range(random.choice((1, 2, 3, 5, 10)))
    ]
    order = list(range(len(picked)))
    if random.random() < 0.3:
        random.shuffle(order)
    result = {
        "kind": kind,
        "columns": picked,
        "order": order,
        "rows": random.choice(("", "", "", "", "[::2]", "[::-1]", "[:0]", ".copy()", ".T.T")),
        "labels": random.choice(list(program.LABELS)) if bold else "names",
    }
    by_name = [
        [f"o{position}", declared(columns[number]["type"]), random.random() < 0.9]
        for position, (number, _) in enumerate(picked)
    ]
    return result, by_name
