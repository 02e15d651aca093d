"""Generated programs: from the description that was drawn to a task, and to text for a reader.

A description is JSON, made by `generate.py`, with

    columns: name, type, nullable, profile, nulls, seed of each input column
    keys:    how many of the first columns are grouped by
    groups:  count, rows (used in turn), batches (into how many a group is cut at most)
    conf:    zone, safe, by_name, large, prefer_int, int_to_decimal, binary_as_bytes
    key:     whether the function takes the key
    steps:   what it does to its frame: name and a number that chooses a column
    result:  what it returns: kind, and for "columns" their sources, casts and labels
    returns: name, type and nullability of each declared field
"""

from __future__ import annotations

import textwrap
from typing import Any

import casts
import describe
import driver
import pyarrow as pa
import values
from driver import Case

from fakejvm.task_bytes import KINDS

driver.by_value(describe)
driver.by_value(casts)

STEPS = {
    "write cell": "pdf.iloc[0, {c}] = pdf.iloc[-1, {c}]",
    "write values": "pdf.iloc[:, {c}].values[0] = pdf.iloc[-1, {c}]",
    "write array": "pdf.iloc[:, {c}].array[0] = pdf.iloc[-1, {c}]",
    "write whole values": "pdf.values[0, {c}] = pdf.iloc[-1, {c}]",
    "sort frame": "pdf.sort_values(pdf.columns[{c}], inplace=True)",
    "sort values": "pdf.iloc[:, {c}].values.sort()",
    "insert column": "pdf.insert(0, 'inserted', range(len(pdf)))",
    "replace column": "pdf[pdf.columns[{c}]] = pdf.iloc[:, {c}].to_numpy().copy()",
    "fill": "pdf.fillna({{pdf.columns[{c}]: 0}}, inplace=True)",
    "name index": "pdf.index.name = 'named'",
    "name columns": "pdf.columns.name = 'named'",
    "write label": "pdf.columns.values[0] = 'written'",
    "set attrs": "pdf.attrs['number'] = len(kept)",
    "forbid duplicates": "pdf.flags.allows_duplicate_labels = False",
    "keep frame": "kept.append(pdf)",
    "keep column": "kept.append(pdf.iloc[:, {c}].to_frame())",
    "keep part": "kept.append(pdf[[pdf.columns[{c}]]])",
    # With pandas 3, stock's frames share their blocks only while the function runs; README.md says why ours do longer.
    "read kept": "notes.extend(describe(kept[0], sharing=kept[0] is pdf))",
    "write kept": "kept[0].isetitem(0, kept[0].iloc[::-1, 0].to_numpy())",
    "drop kept": "kept.clear()",
    "infer strings": "pd.set_option('future.infer_string', not pd.get_option('future.infer_string'))",
    "store strings": "pd.set_option('mode.string_storage', 'python')",
    "copy on write": "pd.set_option('mode.copy_on_write', True)",
    "infinity is null": "pd.set_option('mode.use_inf_as_na', True)",
    "look": "notes.extend(describe(pdf))",
    "look at flags": (
        "notes.append(f'{{pdf.values.flags.writeable}} {{pdf.iloc[:, {c}].values.flags.writeable}} "
        "{{pdf[[pdf.columns[{c}]]].values.flags.writeable}}')"
    ),
    "look at key": "notes.append(typed(key))",
    "look at cell": "notes.append(typed(pdf.iloc[-1, {c}]))",
    "sum": "notes.append(typed(pdf.iloc[:, {c}].sum()))",
}
"""Statements of a generated function. What one of them raises is noted, and the function goes on."""

OPTIONS = ("infer strings", "store strings", "copy on write", "infinity is null")
"""Steps after which a worker is not what it was."""

ODD = {
    "nothing": "None",
    "series": "pdf.iloc[:, 0]",
    "list": "[pdf]",
    "generator": "(frame for frame in [pdf])",
    "dict": "{'a': [1]}",
    "empty frame": "pd.DataFrame()",
    "no rows": "pdf.iloc[:0]",
    "rows without columns": "pd.DataFrame(index=range(2))",
    "subclass": "type('Sub', (pd.DataFrame,), {})(pdf)",
    "error": "1 // 0",
}

LABELS = {
    "names": "{names!r}",
    "numbers": "range({count})",
    "other case": "[name.upper() for name in {names!r}]",
    "mixed": "[*{names!r}[:-1], 0]",
    "objects": "pd.Index({names!r}, dtype=object)",
    "twice": "[*{names!r}[:-1], {names!r}[0]]",
}


def source(program: dict[str, Any]) -> str:
    """The text of the user's function. `kept` is a list that lives as long as the task."""
    head = f"def function({'key, ' if program['key'] else ''}pdf):\n"
    return head + textwrap.indent(body(program), "    ")


def body(program: dict[str, Any]) -> str:
    """What a function does with one frame, named `pdf`, and returns."""
    lines = ["notes = []"]
    for name, number in program["steps"]:
        statement = STEPS[name].format(c=number % max(1, len(program["columns"])))
        lines += ["try:", f"    {statement}", "except Exception as error:"]
        lines.append(f"    notes.append(f'{name}: {{type(error).__name__}}: {{error}}')")
    return "\n".join([*lines, *_returned(program)]) + "\n"


def _returned(program: dict[str, Any]) -> list[str]:
    result = program["result"]
    if result["kind"] == "notes":
        return ["return pd.DataFrame({'line': pd.Series(notes, dtype=object)})"]
    if result["kind"] == "frame":
        return ["return pdf"]
    if result["kind"] == "odd":
        return [f"return {ODD[result['what']]}"]
    names = [name for name, _, _ in program["returns"]]
    order = result["order"]
    columns = [
        f"    {name!r}: cast(pdf[{program['columns'][number]['name']!r}], {how!r}),"
        for name, (number, how) in zip(names, result["columns"])
    ]
    labels = LABELS[result["labels"]].format(names=[names[position] for position in order], count=len(names))
    return [
        "result = pd.DataFrame({",
        *columns,
        "})" + result["rows"],
        f"result = result[{[names[position] for position in order]!r}]",
        *([] if result["labels"] == "names" else [f"result.columns = {labels}"]),
        "return result",
    ]


def namespace() -> dict[str, Any]:
    """What the text of a function may use. Not an importable module's, so functions are pickled with it."""
    import datetime
    import decimal

    import numpy as np
    import pandas as pd
    import pyarrow.compute as pc

    return {
        "__name__": "__main__",
        "datetime": datetime,
        "decimal": decimal,
        "np": np,
        "pa": pa,
        "pc": pc,
        "pd": pd,
        "anything": describe.anything,
        "cast": casts.cast,
        "describe": describe.describe,
        "typed": describe.typed,
        "kept": [],
    }


def compiled(text: str) -> Any:
    """The function of that text."""
    names = namespace()
    exec(compile(text, "<program>", "exec"), names)
    return names["function"]


def case(program: dict[str, Any]) -> Case:
    """The task."""
    schema = input_schema(program["columns"], program["conf"])
    return Case(
        schema,
        groups(program, program["columns"], schema, program["keys"]),
        compiled(source(program)),
        values.return_type(program["returns"]),
        keys=range(program["keys"]),
        conf=settings(program["conf"]),
    )


def settings(conf: dict[str, Any]) -> dict[str, str]:
    """Runner confs; some mean nothing to most kinds, and are drawn for the others only."""
    threads = conf.get("threads", 1)
    return {
        **({driver.CONCURRENCY: str(threads)} if threads > 1 else {}),
        "spark.sql.legacy.execution.pythonUDF.pandas.conversion.enabled": _flag(conf.get("legacy", False)),
        "spark.sql.legacy.execution.pythonUDTF.pandas.conversion.enabled": _flag(conf.get("legacy", False)),
        "spark.sql.execution.pythonUDF.mapInBatch.legacy.acceptAnyIterable.enabled": _flag(conf.get("iterables", True)),
        "spark.sql.session.timeZone": conf["zone"],
        "spark.sql.execution.pandas.convertToArrowArraySafely": _flag(conf["safe"]),
        "spark.sql.legacy.execution.pandas.groupedMap.assignColumnsByName": _flag(conf["by_name"]),
        "spark.sql.execution.arrow.useLargeVarTypes": _flag(conf["large"]),
        "spark.sql.execution.pythonUDF.pandas.preferIntExtensionDtype": _flag(conf["prefer_int"]),
        "spark.sql.execution.pythonUDF.pandas.intToDecimalCoercionEnabled": _flag(conf["int_to_decimal"]),
        "spark.sql.execution.pyspark.binaryAsBytes": _flag(conf["binary_as_bytes"]),
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"


def input_schema(columns: list[dict[str, Any]], conf: dict[str, Any]) -> pa.Schema:
    """What the JVM says of the columns."""
    large = conf["large"] and "spark.sql.execution.arrow.useLargeVarTypes" in driver.DIALECT.runner_conf
    arrows = [values.arrow_type(column["type"], conf["zone"], large) for column in columns]
    return pa.schema(
        [
            pa.field(column["name"], arrow, column["nullable"] or column["nulls"] != "none" or pa.types.is_null(arrow))
            for column, arrow in zip(columns, arrows)
        ]
    )


def groups(
    program: dict[str, Any], columns: list[dict[str, Any]], schema: pa.Schema, keys: int
) -> list[list[pa.RecordBatch]]:
    """The batches of each group; the first `keys` columns have one value in each."""
    drawn = program["groups"]
    return [
        group(columns, schema, number, drawn["rows"][number % len(drawn["rows"])], drawn["batches"], keys)
        for number in range(drawn["count"])
    ]


def group(
    columns: list[dict[str, Any]], schema: pa.Schema, number: int, rows: int, batches: int, keys: int
) -> list[pa.RecordBatch]:
    """One group, cut into batches."""
    arrays = [
        values.array(column, schema.field(index).type, number, rows, index < keys)
        for index, column in enumerate(columns)
    ]
    return cut(pa.RecordBatch.from_arrays(arrays, schema=schema), batches)


def cut(whole: pa.RecordBatch, batches: int) -> list[pa.RecordBatch]:
    """At most so many batches."""
    step = max(1, -(-len(whole) // batches))
    return [whole.slice(start, step) for start in range(0, len(whole), step)] or [whole]


def text(task: Case, sources: list[str]) -> str:
    """A task for a reader: schema, confs, data and functions."""
    sides = task.schema if isinstance(task.schema, tuple) else (task.schema,)
    returns = [call.return_type for call in task.calls] or [task.return_type]
    confs = {key: value for key, value in task.conf.items() if driver.DIALECT.runner_conf.get(key, value) != value}
    return "\n".join(
        [
            f"kind: {KINDS[task.eval_type].name}",
            *(f"input:\n{textwrap.indent(schema.to_string(), '    ')}" for schema in sides),
            f"keys: {list(task.keys)}",
            *(f"call: columns {list(call.offsets)}, {dict(call.named)}" for call in task.calls),
            *(f"window: {window}" for window in task.windows),
            *(f"returns: {kind.simpleString()}" for kind in returns),
            *(f"conf: {key}={value}" for key, value in confs.items()),
            "data:",
            *(f"    {line}" for number, group in enumerate(task.groups) for line in _lines(f"{number}", group)),
            *(f"function:\n{textwrap.indent(source, '    ')}" for source in sources),
        ]
    )


def _lines(number: str, part: Any) -> list[str]:
    """A batch, a group of batches or a pair of groups."""
    if isinstance(part, pa.RecordBatch):
        shown = part.to_pydict() if _readable(part) else part
        return [textwrap.shorten(f"{number}: {len(part)} rows {shown}", 600)]
    return [line for place, inner in enumerate(part) for line in _lines(f"{number}.{place}", inner)]


def _readable(batch: pa.RecordBatch) -> bool:
    try:
        batch.to_pydict()
    except (ValueError, OverflowError):
        # Such as text that is not UTF-8, or a date outside Python's years.
        return False
    return True
