"""Draws programs with hypothesis, which shrinks those that fail. Needs hypothesis and nothing else.

What is drawn is structure: columns, groups, settings, steps. `program.py` says what the parts mean.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

PLAIN = (
    *("long", "double", "string", "integer", "timestamp", "boolean", "date", "decimal(10,2)", "binary", "float"),
    *(
        "short",
        "byte",
        "timestamp_ntz",
        "interval day to second",
        "decimal(38,18)",
        "decimal(20,0)",
        "decimal(1,1)",
        "void",
    ),
)
"""Types without parts in every Spark line; those that a failure shrinks to first."""
NEW = ("time(6)", "variant")
"""Types of Spark 4.1 on."""

PROFILES = {
    "timestamp": ("plain", "clocks", "old", "late", "extreme"),
    "timestamp_ntz": ("plain", "clocks", "old", "late", "extreme"),
    "string": ("plain", "few", "extreme", "invalid"),
    "date": ("plain", "few", "old", "extreme"),
}
ZONES = (
    *("UTC", "+05:30", "America/New_York", "-08:00", "Etc/UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"),
    *("+00:00", "GMT"),
)


def weighted(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of the strategies, the first where a failure allows it."""
    return st.sampled_from([number for number, (weight, _) in enumerate(choices) for _ in range(weight)]).flatmap(
        lambda number: choices[number][1]
    )


def types(new: bool, depth: int = 3) -> st.SearchStrategy[Any]:
    """A Spark type, as in the JSON of a schema; nested at most `depth` deep."""
    leaves = st.sampled_from(PLAIN + NEW if new else PLAIN)
    if depth == 0:
        return leaves
    part = st.deferred(lambda: types(new, depth - 1))
    array = st.builds(lambda t, n: {"type": "array", "elementType": t, "containsNull": n}, part, st.booleans())
    keys = st.sampled_from(("string", "integer", "timestamp", "date"))
    entries = st.builds(
        lambda k, v, n: {"type": "map", "keyType": k, "valueType": v, "valueContainsNull": n}, keys, part, st.booleans()
    )
    struct = st.lists(part, min_size=1, max_size=3).map(
        lambda parts: {
            "type": "struct",
            "fields": [
                {"name": f"f{number}", "type": part, "nullable": True, "metadata": {}}
                for number, part in enumerate(parts)
            ],
        }
    )
    return weighted((12, leaves), (1, array), (1, entries), (1, struct))


@st.composite
def columns(draw: st.DrawFn, new: bool) -> Json:
    """One input column; `programs` gives it its name."""
    drawn = draw(types(new))
    profiles = PROFILES.get(drawn, ("plain", "few", "extreme")) if isinstance(drawn, str) else ("plain",)
    # What is out of range fails in the first group, and then there is no more to see.
    profile = draw(
        weighted(
            (9, st.sampled_from([p for p in profiles if p not in RARE.get(str(drawn), ())])),
            (1, st.sampled_from(profiles)),
        )
    )
    return {
        "type": drawn,
        "nullable": draw(st.booleans()),
        "profile": profile,
        "nulls": draw(st.sampled_from(("none", "some", "some", "all"))),
        "seed": draw(st.integers(0, 1 << 16)),
    }


RARE = {
    "string": ("invalid",),
    "date": ("extreme",),
    "timestamp": ("extreme",),
    "timestamp_ntz": ("extreme",),
    "interval day to second": ("extreme",),
}

NAMES = ("a", "b", "c", "value", "ä", "A", "0", "with space", "")


@st.composite
def groups(draw: st.DrawFn, calm: bool) -> Json:
    """How many groups there are, and how long. `calm` leaves out what Spark never sends."""
    return {
        "count": draw(weighted((3, st.integers(1, 8)), (3, st.integers(9, 50)), (0 if calm else 1, st.just(0)))),
        "rows": draw(
            st.lists(
                weighted((9, st.integers(1, 12)), (2, st.integers(13, 200)), (0 if calm else 1, st.just(0))),
                min_size=1,
                max_size=4,
            )
        ),
        "batches": draw(st.sampled_from((1, 1, 2, 5))),
    }


@st.composite
def settings(draw: st.DrawFn) -> Json:
    """Runner confs."""
    return {
        "zone": draw(st.sampled_from(ZONES)),
        "safe": draw(st.booleans()),
        "by_name": draw(st.sampled_from((True, True, False))),
        "large": draw(st.sampled_from((False, False, False, True))),
        "prefer_int": draw(st.sampled_from((False,) * 9 + (True,))),
        "int_to_decimal": draw(st.sampled_from((False, False, False, True))),
        "binary_as_bytes": draw(st.booleans()),
    }


@st.composite
def results(draw: st.DrawFn, drawn: list[Json], new: bool, words: Json) -> tuple[Json, list[Any]]:
    """What the function returns, and what it declares."""

    # A task ends with its first error, so most programs avoid what is known to be one.
    bold = draw(st.sampled_from((False, False, False, False, True)))

    def declared(type_json: Any) -> Any:
        return draw(weighted((3, st.just(type_json)), (1, types(new, 1)))) if bold else type_json

    kinds = ("notes", "columns", "frame", "columns", "notes", "columns", "frame")
    kind = draw(st.sampled_from((*kinds, "odd") if bold else kinds))
    if kind == "notes":
        return {"kind": kind}, [["line", "string", True]]
    if kind == "columns":
        numbers = st.integers(0, len(drawn) - 1)
        casts = weighted((1, st.just("same")), (1, st.sampled_from(words["casts"] if bold else words["gentle"])))
        picked = draw(st.lists(st.tuples(numbers, casts), min_size=1, max_size=10))
        fields = [
            [f"o{position}", declared(drawn[number]["type"]), draw(st.sampled_from((True, True, True, False)))]
            for position, (number, _) in enumerate(picked)
        ]
        return {
            "kind": kind,
            "columns": [list(pick) for pick in picked],
            "order": draw(st.permutations(range(len(picked)))),
            "rows": draw(st.sampled_from(("", "", "", "[::2]", "[::-1]", "[:0]", ".copy()", ".T.T"))),
            "labels": draw(st.sampled_from(words["labels"])) if bold else "names",
        }, fields
    fields = [[column["name"], declared(column["type"]), True] for column in drawn] or [["none", "long", True]]
    if kind == "odd":
        return {"kind": kind, "what": draw(st.sampled_from(words["odd"]))}, fields
    return {"kind": kind}, fields


@st.composite
def programs(draw: st.DrawFn, new: bool, words: Json) -> Json:
    """A whole program. `new`: for Spark 4.1 on; `words`: the vocabulary of `program.py`."""
    drawn = draw(
        weighted((8, st.lists(columns(new), min_size=1, max_size=6)), (1, st.lists(columns(new), max_size=30)))
    )
    named = draw(st.permutations(NAMES)) if len(drawn) <= len(NAMES) and draw(st.booleans()) else None
    for number, column in enumerate(drawn):
        column["name"] = named[number] if named else f"c{number}"
    calm = draw(st.sampled_from((True,) * 9 + (False,)))
    keys = draw(st.integers(0, min(2, len(drawn))))
    step = st.tuples(st.sampled_from(words["steps"]), st.integers(0, 29)).map(list)
    result, returns = draw(results(drawn, new, words)) if drawn else ({"kind": "notes"}, [["line", "string", True]])
    return {
        "columns": drawn,
        "keys": keys,
        "key": draw(st.booleans()),
        "groups": draw(groups(calm)),
        "conf": draw(settings()),
        "steps": draw(st.lists(step, max_size=6)) + ([["look", 0]] if result["kind"] == "notes" else []),
        "result": result,
        "returns": returns,
    }
