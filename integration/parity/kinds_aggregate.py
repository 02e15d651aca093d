"""Aggregates of groups and of windows, of pandas series and of Arrow arrays.

A program has columns, groups, conf and calls as in `kinds_scalar.py`, and

    windows: for each call `bounded` or `unbounded`, of window aggregates; a bounded one has two columns of bounds
    bounds:  a seed for them
    shared:  whether all bounded windows have the same two columns
    reads:   how an iterator is gone through, a name in `READS`
"""

from __future__ import annotations

import textwrap
from random import Random
from typing import Any

import generate
import kinds_scalar
import numpy as np
import program
import pyarrow as pa
import values
from driver import Case

from fakejvm.task_bytes import (
    GROUPED_AGG,
    GROUPED_AGG_ARROW,
    GROUPED_AGG_ARROW_ITER,
    GROUPED_AGG_ITER,
    WINDOW_AGG,
    WINDOW_AGG_ARROW,
)

Json = dict[str, Any]

KINDS = (GROUPED_AGG, WINDOW_AGG, GROUPED_AGG_ITER, GROUPED_AGG_ARROW, WINDOW_AGG_ARROW, GROUPED_AGG_ARROW_ITER)
PANDAS = (GROUPED_AGG, WINDOW_AGG, GROUPED_AGG_ITER)
ITERATORS = (GROUPED_AGG_ITER, GROUPED_AGG_ARROW_ITER)
WINDOWS = (WINDOW_AGG, WINDOW_AGG_ARROW)

READS = {
    "all": "items = list(parts)",
    "first": "items = [next(parts)]",
    "one by one": "items = []\nfor part in parts:\n    items.append(part)",
    "nothing": "items = []",
    "two": "items = [part for part, _ in zip(parts, range(2))]",
    "keep": "items = list(parts)\nkept.extend(items)",
}

SERIES = {
    "first": ("{a}.iloc[0]", "same"),
    "last": ("{a}.iloc[-1]", "same"),
    "greatest": ("{a}.max()", "same"),
    "mode": ("{a}.mode().iloc[0]", "same"),
    "sum": ("{a}.sum()", "same"),
    "size": ("len({a})", "long"),
    "count": ("{a}.count()", "long"),
    "mean": ("{a}.mean()", "double"),
    "median": ("{a}.median()", "double"),
    "all": ("{a}.tolist()", "array"),
    "array": ("{a}.to_numpy()", "array"),
    "text": ("str({a}.iloc[0])", "string"),
    "series": ("{a}", "same"),
    "frame": ("{a}.to_frame()", "same"),
}
"""Of a series: an expression, and the type that it is declared to have."""
ARRAY = {
    "first": ("{a}[0]", "same"),
    "last": ("{a}[-1]", "same"),
    "value": ("{a}[0].as_py()", "same"),
    "greatest": ("pc.max({a})", "same"),
    "sum": ("pc.sum({a})", "same"),
    "size": ("len({a})", "long"),
    "count": ("pc.count({a})", "long"),
    "distinct": ("pc.count_distinct({a})", "long"),
    "mean": ("pc.mean({a})", "double"),
    "all": ("{a}.to_pylist()", "array"),
    "text": ("str({a}[0].as_py())", "string"),
    "null": ("pa.scalar(None, {a}.type)", "same"),
    "array": ("{a}", "same"),
}
"""The same of an array."""
GENTLE = ("first", "last", "size", "count")
NUMBERS = ("long", "double", "integer", "float", "short", "byte")
CONSTANTS = (
    *kinds_scalar.CONSTANTS,
    *("None", "pd.NA", "pd.NaT", "np.nan", "np.int64(3)", "np.float32(1.5)", "np.bool_(True)", "np.array([1, 2])"),
    *(
        "np.datetime64('2020-01-01')",
        "np.timedelta64(1, 's')",
        "pd.Timestamp('2020-01-01 12:00')",
        "pd.Timedelta(1, 's')",
    ),
    *("[1, None]", "{{'f0': 1}}", "{{'a': 1}}", "(1, 2)", "pd.Series([1])", "pa.scalar(1)", "pa.scalar('a')", "1 // 0"),
    *("pd.Interval(0, 1)", "next(iter(()))"),
)
FITTING = {
    "long": ("1", "np.int64(3)", "None", "2 ** 31", "True"),
    "double": ("1.5", "-0.0", "float('nan')", "np.nan", "np.float32(1.5)", "1", "None", "float('inf')"),
    "string": ("'x'", "None", "' 2 '"),
    "boolean": ("True", "None", "np.bool_(True)"),
    "date": ("datetime.date(2020, 1, 1)", "None"),
    "timestamp": ("datetime.datetime(2020, 7, 1, 12)", "pd.Timestamp('2020-01-01 12:00')", "None"),
    "decimal(10,2)": ("decimal.Decimal('1.25')", "None"),
    "binary": ("b'x'", "None"),
}
"""Constants of a type."""


def draw(random: Random, kind: int, new: bool, without: frozenset[str]) -> Json:
    """A program."""
    columns = [generate.draw_column(random, new) for _ in range(random.choice((1, 1, 2, 3)))]
    for number, column in enumerate(columns):
        column["name"] = f"_{number}"
    count = 1 if kind in ITERATORS else random.choice((1, 1, 2, 3))
    bold = random.random() < 0.2
    return {
        "columns": columns,
        "groups": generate.draw_groups(random, random.random() < 0.97, (5, 20)),
        "conf": generate.draw_conf(random),
        "calls": [draw_call(random, kind, columns, new, bold) for _ in range(count)],
        "windows": [random.choice(("bounded", "unbounded")) for _ in range(count)] if kind in WINDOWS else [],
        "bounds": random.randrange(1 << 16),
        "shared": random.random() < 0.5,
        "reads": random.choice(list(READS)),
    }


def draw_call(random: Random, kind: int, columns: list[Json], new: bool, bold: bool) -> Json:
    """One UDF."""
    arguments = [random.randrange(len(columns)) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    call = {
        "arguments": arguments,
        "named": random.choice((0, 0, 0, 1, 2)) if kind not in ITERATORS else 0,
        "chained": kind not in ITERATORS and random.random() < 0.1,
    }
    chance = random.random()
    if chance < 0.3:
        return call | {"what": "notes", "declared": "string"}
    if chance < 0.5 and not bold:
        declared = random.choice(list(FITTING))
        return call | {"what": random.choice(FITTING[declared]), "declared": declared}
    if bold and chance < 0.6:
        return call | {"what": random.choice(CONSTANTS), "declared": generate.draw_type(random, new, 1)}
    table = SERIES if kind in PANDAS else ARRAY
    own = columns[arguments[0]]["type"]
    what = random.choice(list(table) if bold or own in NUMBERS and chance < 0.8 else GENTLE)
    declared = table[what][1]
    if bold and random.random() < 0.3:
        return call | {"what": what, "declared": generate.draw_type(random, new, 1)}
    array = {"type": "array", "elementType": own, "containsNull": True}
    return call | {"what": what, "declared": {"same": own, "array": array}.get(declared, declared)}


def sources(drawn: Json) -> list[str]:
    """The texts of the functions."""
    return [source(drawn, call) for call in drawn["calls"]]


def source(drawn: Json, call: Json) -> str:
    """The text of one."""
    kind, what = drawn["kind"], call["what"]
    names = ", ".join(f"a{number}" for number in range(len(call["arguments"])))
    table = SERIES if kind in PANDAS else ARRAY
    # What is not in the table is a constant.
    expression = table[what][0] if what in table else what
    if kind not in ITERATORS:
        noted = f"'\\n'.join(anything(({names},)))"
        body = f"return {noted if what == 'notes' else expression.format(a='a0')}"
        return f"def function({names}):\n{textwrap.indent(body, '    ')}\n"
    first = "(items[0][0] if isinstance(items[0], tuple) else items[0])"
    expression = (
        "'\\n'.join(anything(items))" if what == "notes" else expression.format(a=first) + " if items else None"
    )
    body = f"{READS[drawn['reads']]}\nreturn {expression}"
    return f"def function(parts):\n{textwrap.indent(body, '    ')}\n"


def case(drawn: Json) -> Case:
    """The task."""
    schema = program.input_schema(drawn["columns"], drawn["conf"])
    groups: list[Any] = program.groups(drawn, drawn["columns"], schema, 0)
    bounded = drawn["windows"].count("bounded")
    bounded = min(bounded, 1) if drawn["shared"] else bounded
    if bounded:
        fields = [*(pa.field("", pa.int32()) for _ in range(2 * bounded)), *schema]
        schema = pa.schema([field.with_name(f"_{number}") for number, field in enumerate(fields)])
        groups = [with_bounds(drawn, schema, number, group) for number, group in enumerate(groups)]
    calls, used = [], 0
    for number, call in enumerate(drawn["calls"]):
        first: tuple[int, ...] = ()
        if drawn["windows"] and drawn["windows"][number] == "bounded":
            first = (2 * used, 2 * used + 1)
            used += not drawn["shared"]
        shifted = call | {"arguments": [2 * bounded + argument for argument in call["arguments"]]}
        declared = values.spark_type(call["declared"])
        calls.append(kinds_scalar.call_of(shifted, source(drawn, call), drawn["kind"], declared, first))
    return Case(
        schema,
        groups,
        conf=program.settings(drawn["conf"]),
        eval_type=drawn["kind"],
        calls=calls,
        windows=drawn["windows"],
    )


def with_bounds(drawn: Json, schema: pa.Schema, number: int, group: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """The group with pairs of columns before it, begin and end of each row's window."""
    whole = pa.Table.from_batches(group).combine_chunks()
    random = np.random.default_rng([drawn["bounds"], number])
    bounds: list[Any] = []
    while len(bounds) + len(drawn["columns"]) < len(schema):
        pairs = np.sort(random.integers(0, len(whole) + 1, (2, len(whole))), axis=0)
        # Windows as they usually are, about the row; an empty one now and then.
        if random.random() < 0.8:
            rows = np.arange(len(whole))
            pairs = np.stack([np.maximum(rows - 2, 0), np.minimum(rows + 2, len(whole))])
        bounds += [pa.array(side, pa.int32()) for side in pairs]
    columns = [column.combine_chunks() for column in whole.columns]
    arrays = [column.chunk(0) if isinstance(column, pa.ChunkedArray) else column for column in columns]
    return program.cut(pa.RecordBatch.from_arrays([*bounds, *arrays], schema=schema), len(group))
