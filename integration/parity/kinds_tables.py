"""Kinds that get Arrow tables or batches: applyInArrow of groups and cogroups, with iterators too, and mapInArrow.

A program has columns, keys, key, groups, conf, shape, others, missing and swapped as in `kinds_frames.py`, and

    what:    what is returned of a table, a name in `RESULTS`
    returns: name, type and nullability of each declared field
"""

from __future__ import annotations

import textwrap
from random import Random
from typing import Any

import generate
import kinds_frames
import program
import shapes
import values
from driver import Case

from fakejvm.task_bytes import COGROUPED_MAP_ARROW, GROUPED_MAP_ARROW, GROUPED_MAP_ARROW_ITER, MAP_ARROW

Json = dict[str, Any]

KINDS = (GROUPED_MAP_ARROW, COGROUPED_MAP_ARROW, GROUPED_MAP_ARROW_ITER, MAP_ARROW)

GENTLE = {
    "same": "t",
    "slice": "t.slice(1)",
    "empty": "t.slice(0, 0)",
    "reverse rows": "t.take(pa.array(range(t.num_rows - 1, -1, -1), pa.int64()))",
    "reverse columns": "t.select(t.schema.names[::-1])",
    "filter": "t.filter(pa.array([row % 2 == 0 for row in range(t.num_rows)], pa.bool_()))",
    "rebuilt": "type(t).from_arrays(t.columns, names=t.schema.names)",
    "metadata": "t.replace_schema_metadata({'a': 'b'})",
    "nulls": "type(t).from_arrays([pa.nulls(t.num_rows, c.type) for c in t.columns], names=t.schema.names)",
    "required": (
        "type(t).from_arrays(t.columns, schema=pa.schema([field.with_nullable(False) for field in t.schema]))"
    ),
    "repeated": "t.take(pa.array([0] * min(3, t.num_rows), pa.int64()))",
    "if else": (
        "type(t).from_arrays([pc.if_else(pc.is_valid(c), c, pa.scalar(None, c.type)) for c in t.columns], "
        "names=t.schema.names)"
    ),
}
"""Of the table or batch `t`; most types are accepted for their own after these."""
BOLD = {
    "renamed": "t.rename_columns([name.upper() for name in t.schema.names])",
    "numbered": "t.rename_columns([f'_{number}' for number in range(t.num_columns)])",
    "fewer": "t.select(t.schema.names[:-1])",
    "more": "t.append_column('more', pa.nulls(t.num_rows))",
    "large": (
        "type(t).from_arrays([c.cast(pa.large_string()) if pa.types.is_string(c.type) else c for c in t.columns], "
        "names=t.schema.names)"
    ),
    "other integers": (
        "type(t).from_arrays([c.cast(pa.int64()) if pa.types.is_integer(c.type) else c for c in t.columns], "
        "names=t.schema.names)"
    ),
    "dictionary": "type(t).from_arrays([c.dictionary_encode() for c in t.columns], names=t.schema.names)",
    "texts": "type(t).from_arrays([pa.array(map(str, c.to_pylist())) for c in t.columns], names=t.schema.names)",
    "batch": "t.combine_chunks().to_batches()[0]",
    "table": "pa.Table.from_batches([t])",
    "pandas": "t.to_pandas()",
    "column": "t.column(0)",
    "nothing": "None",
    "no columns": "t.select([])",
    "error": "1 // 0",
}
NOTES = "type(t).from_arrays([pa.array(notes, pa.string())], names=['line'])"


def draw(random: Random, kind: int, new: bool, without: frozenset[str]) -> Json:
    """A program."""
    width = random.choice((0, 1, 1, 2, 3, 5)) if random.random() < 0.2 else random.randint(1, 5)
    columns = generate.named([generate.draw_column(random, new) for _ in range(width)], random)
    notes = random.random() < 0.4 or not columns
    bold = random.random() < 0.15
    fields = [[column["name"], column["type"], random.random() < 0.8] for column in columns]
    if bold and fields and random.random() < 0.3:
        random.choice(fields)[1] = generate.draw_type(random, new, 1)
    grouped = kind != MAP_ARROW
    drawn = {
        "columns": columns,
        "keys": random.randint(0, min(2, len(columns))) if grouped else 0,
        "key": grouped and random.random() < 0.5,
        "groups": generate.draw_groups(random, random.random() < 0.95, (5, 20)),
        "conf": generate.draw_conf(random),
        "what": "notes" if notes else random.choice(list(BOLD if bold else GENTLE)),
        "returns": [["line", "string", True]] if notes else fields,
        "shape": shapes.draw(random, shapes.WHOLE + shapes.PARTIAL, 0.1),
    }
    if kind == MAP_ARROW:
        drawn["conf"]["iterables"] = random.random() < 0.5
    return drawn | kinds_frames.draw_sides(random, drawn, new) if kind == COGROUPED_MAP_ARROW else drawn


def sources(drawn: Json) -> list[str]:
    """The text of the function."""
    head = "def function(" + ("key, " if drawn["key"] else "")
    what, keyed = drawn["what"], drawn["key"]
    returned = NOTES if what == "notes" else (GENTLE | BOLD)[what]
    noted = ["notes = anything(t)", *(["notes += anything(key)"] if keyed else [])] if what == "notes" else []
    if drawn["kind"] == COGROUPED_MAP_ARROW:
        chosen = "t, other = right, left" if drawn["swapped"] else "t, other = left, right"
        lines = [chosen, *noted, *(["notes += anything(other)"] if noted else []), f"return {returned}"]
        return [f"{head}left, right):\n" + textwrap.indent("\n".join(lines), "    ") + "\n"]
    body = "\n".join([*noted, f"return {returned}"]) + "\n"
    if drawn["kind"] == GROUPED_MAP_ARROW:
        return [f"{head}t):\n{textwrap.indent(body, '    ')}"]
    return [f"{head}parts):\n{textwrap.indent(kinds_frames.iterating(body, 't', drawn['shape']), '    ')}"]


def case(drawn: Json) -> Case:
    """The task."""
    schema: Any = program.input_schema(drawn["columns"], drawn["conf"])
    data: list[Any] = program.groups(drawn, drawn["columns"], schema, drawn["keys"])
    if drawn["kind"] == COGROUPED_MAP_ARROW:
        schema, data = kinds_frames.sides(drawn, schema, data)
    elif drawn["kind"] == MAP_ARROW:
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
