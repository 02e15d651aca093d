"""Kinds that get pandas frames, besides grouped maps: cogroups, iterators of a group's frames, mapInPandas.

A program is one of a grouped map (`program.py`) and has besides

    shape:    how it goes through its frames, see `shapes.py`
    others:   columns of a cogroup's other side, after those of its keys
    missing:  in which cogroups a side has no rows: 0 left, 1 right; used in turn
    swapped:  whether the right side is the one that is looked at and returned
"""

from __future__ import annotations

import textwrap
from random import Random
from typing import Any

import generate
import program
import shapes
import values
from driver import Case

from fakejvm.task_bytes import COGROUPED_MAP, GROUPED_MAP_ITER, MAP_PANDAS

Json = dict[str, Any]

KINDS = (COGROUPED_MAP, GROUPED_MAP_ITER, MAP_PANDAS)


def draw(random: Random, kind: int, new: bool, without: frozenset[str]) -> Json:
    """A program."""
    drawn = generate.draw(random, new, without)
    drawn["groups"] = generate.draw_groups(random, random.random() < 0.95, (5, 20))
    if kind == COGROUPED_MAP:
        return drawn | draw_sides(random, drawn, new)
    if kind == MAP_PANDAS:
        drawn |= {"keys": 0, "key": False}
        drawn["conf"]["iterables"] = random.random() < 0.5
    return drawn | {"shape": shapes.draw(random, shapes.WHOLE + shapes.PARTIAL)}


def draw_sides(random: Random, drawn: Json, new: bool) -> Json:
    """What a cogroup has besides."""
    others = [generate.draw_column(random, new) for _ in range(random.choice((0, 1, 2, 3)))]
    keys = drawn["columns"][: drawn["keys"]]
    if not keys and not others:
        others = [generate.draw_column(random, new)]
    return {
        "others": generate.named(others, random),
        "missing": [random.choice((None, None, None, 0, 1)) for _ in range(random.randint(1, 4))],
        "swapped": random.random() < 0.4,
    }


def sources(drawn: Json) -> list[str]:
    """The text of the function."""
    head = "def function(" + ("key, " if drawn["key"] else "")
    body = program.body(drawn)
    if drawn["kind"] == COGROUPED_MAP:
        look = "notes.extend(describe(other))\n" if drawn["result"]["kind"] == "notes" else ""
        body = body.replace("notes = []\n", "notes = []\n" + look, 1)
        chosen = "pdf, other = right, left" if drawn["swapped"] else "pdf, other = left, right"
        return [f"{head}left, right):\n    {chosen}\n{textwrap.indent(body, '    ')}"]
    return [f"{head}parts):\n{textwrap.indent(iterating(body, 'pdf', drawn['shape']), '    ')}"]


def iterating(body: str, item: str, shape: str) -> str:
    """A function's body that does `body` to each item of `parts`."""
    return f"def one({item}):\n{textwrap.indent(body, '    ')}{shapes.SHAPES[shape]}\n"


def case(drawn: Json) -> Case:
    """The task."""
    schema: Any = program.input_schema(drawn["columns"], drawn["conf"])
    data: list[Any] = program.groups(drawn, drawn["columns"], schema, drawn["keys"])
    if drawn["kind"] == COGROUPED_MAP:
        schema, data = sides(drawn, schema, data)
    elif drawn["kind"] == MAP_PANDAS:
        data = [batch for group in data for batch in group]
    return Case(
        schema,
        data,
        program.compiled(sources(drawn)[0]),
        values.return_type(drawn["returns"]),
        keys=range(drawn["keys"]),
        conf=program.settings(drawn["conf"]),
        eval_type=drawn["kind"],
    )


def sides(drawn: Json, schema: Any, data: list[Any]) -> tuple[tuple[Any, Any], list[Any]]:
    """Schemas and groups of both sides; the other side begins with the same keys."""
    # The function's first frame has the columns of the program, on whichever side it is.
    columns = [*drawn["columns"][: drawn["keys"]], *drawn["others"]]
    other = program.input_schema(columns, drawn["conf"])
    pairs = []
    for number, (group, of_other) in enumerate(zip(data, program.groups(drawn, columns, other, drawn["keys"]))):
        pair = [of_other, group] if drawn["swapped"] else [group, of_other]
        missing = drawn["missing"][number % len(drawn["missing"])]
        if missing is not None:
            pair[missing] = [pair[missing][0].slice(0, 0)]
        pairs.append(pair)
    return ((other, schema) if drawn["swapped"] else (schema, other)), pairs
