"""Scalar kinds: pandas and Arrow UDFs with and without iterators, and Arrow-optimised plain UDFs.

A program has columns, groups (of which each batch is one of the input) and conf as in `program.py`, and

    shape:  how an iterator is gone through, see `shapes.py`
    calls:  the UDFs, one only of an iterator: each with
            arguments (columns), named (how many of them are keyword arguments, if Spark has those),
            what and how (what is returned of which argument), declared (its type), chained (to a second function)
"""

from __future__ import annotations

import textwrap
from random import Random
from typing import Any

import casts
import generate
import kinds_frames
import program
import shapes
import values
from driver import DIALECT, Call, Case

from fakejvm.task_bytes import (
    ARROW_BATCHED,
    SCALAR_ARROW,
    SCALAR_ARROW_ITER,
    SCALAR_PANDAS,
    SCALAR_PANDAS_ITER,
)

Json = dict[str, Any]

KINDS = (SCALAR_PANDAS, SCALAR_PANDAS_ITER, ARROW_BATCHED, SCALAR_ARROW, SCALAR_ARROW_ITER)
ITERATORS = (SCALAR_PANDAS_ITER, SCALAR_ARROW_ITER)

SERIES = {
    "short": "{a}.iloc[:-1]",
    "long": "pd.concat([{a}, {a}])",
    "none": "None",
    "number": "1",
    "list": "list({a})",
    "array": "{a}.to_numpy()",
    "index": "pd.Index({a})",
    "frame": "pd.DataFrame({{'x': {a}}})",
    "short in place": "{a}.drop({a}.index[-1], inplace=True) or {a}",
    "short in place, not the result": "{a}.drop({a}.index[-1], inplace=True) or pd.Series([None] * (len({a}) + 1))",
    "arguments": "({a}, {a})",
    "error": "1 // 0",
    "stop": "next(iter(()))",
}
"""Of a series, or of the frame that a struct is."""
SERIES_GENTLE = {
    "mapped": "{a}.map(lambda value: value)",
    "reversed": "{a}.iloc[::-1]",
    "copied": "{a}.copy()",
    # What a function does to its argument the next one sees.
    "reversed in place": "{a}.sort_index(ascending=False, inplace=True) or {a}",
    "overwritten": "{a}.__setitem__({a}.index[0], {a}[{a}.index[-1]]) or {a}",
}

ARRAY_GENTLE = {
    "same": "{a}",
    "reversed": "{a}.take(pa.array(range(len({a}) - 1, -1, -1), pa.int64()))",
    "nulls": "pa.nulls(len({a}), {a}.type)",
    "sliced": "pa.concat_arrays([{a}, {a}]).slice(len({a}))",
    "if else": "pc.if_else(pc.is_valid({a}), {a}, pa.scalar(None, {a}.type))",
}
ARRAY = {
    "short": "{a}.slice(1)",
    "long": "pa.concat_arrays([{a}, {a}])",
    "chunked": "pa.chunked_array([{a}])",
    "texts": "pc.cast({a}, pa.string())",
    "large": "pc.cast({a}, pa.large_string())",
    "long integers": "pc.cast({a}, pa.int64())",
    "dictionary": "{a}.dictionary_encode()",
    "valid": "pc.is_valid({a})",
    "none": "None",
    "list": "{a}.to_pylist()",
    "series": "{a}.to_pandas()",
    "scalar": "pa.scalar(1)",
    "error": "1 // 0",
}
"""Of an Arrow array."""

VALUE_GENTLE = {
    "same": "{a}",
    "some none": "None if kept.append(0) or len(kept) % 3 == 1 else {a}",
    "none": "None",
}
VALUE = {
    "text": "str({a})",
    "pair": "[{a}, None]",
    "tuple": "({a}, {a})",
    "dict": "{{'f0': {a}}}",
    "error at the fifth": "{a} if kept.append(0) or len(kept) < 5 else 1 // 0",
    "stop": "next(iter(()))",
    "mixed": "{a} if kept.append(0) or len(kept) % 2 else str({a})",
    "array": "np.array([1, 2])",
    "number": "np.int64(3)",
    "float": "np.float32(1.5)",
    "pandas": "pd.Timestamp('2020-01-01')",
    "missing": "pd.NA",
}
"""Of a Python value, one for each row."""
CONSTANTS = (
    *("1", "1.5", "True", "'1'", "' 2 '", "'x'", "b'x'", "float('nan')", "float('inf')", "-0.0", "2 ** 31", "2 ** 63"),
    *("decimal.Decimal('1.25')", "decimal.Decimal('NaN')", "datetime.date(2020, 1, 1)", "datetime.timedelta(1, 2, 3)"),
    *("datetime.datetime(2020, 7, 1, 12)", "datetime.datetime(2020, 7, 1, 12, tzinfo=datetime.timezone.utc)"),
    *("datetime.time(1, 2)", "[]", "{{}}", "()", "1j", "object"),
)

PANDAS = (SCALAR_PANDAS, SCALAR_PANDAS_ITER)
GENTLE: dict[int, dict[str, str]] = {
    ARROW_BATCHED: VALUE_GENTLE,
    **dict.fromkeys((SCALAR_ARROW, SCALAR_ARROW_ITER), ARRAY_GENTLE),
    **dict.fromkeys(PANDAS, {"cast": "", **SERIES_GENTLE}),
}
VALUES = VALUE_GENTLE | VALUE
EXPRESSIONS: dict[int, dict[str, str]] = {
    ARROW_BATCHED: VALUES,
    **dict.fromkeys((SCALAR_ARROW, SCALAR_ARROW_ITER), ARRAY_GENTLE | ARRAY),
    **dict.fromkeys(PANDAS, GENTLE[SCALAR_PANDAS] | SERIES),
}


def draw(random: Random, kind: int, new: bool, without: frozenset[str]) -> Json:
    """A program."""
    columns = [generate.draw_column(random, new) for _ in range(random.choice((1, 1, 2, 3)))]
    for number, column in enumerate(columns):
        column["name"] = f"_{number}"
    count = 1 if kind in ITERATORS else random.choice((1, 1, 1, 2, 3))
    # Rows of one UDF that fails are rows of all of them that are not seen.
    bold = random.random() < 0.2
    groups = generate.draw_groups(random, random.random() < 0.95, (3, 6))
    conf, calls = generate.draw_conf(random), [draw_call(random, kind, columns, new, bold) for _ in range(count)]
    if kind == ARROW_BATCHED:
        conf["legacy"] = random.random() < 0.25
        # Functions that remember something would depend on the order of threads.
        if random.random() < 0.15 and not any("kept" in VALUES.get(call["what"], "") for call in calls):
            conf["threads"] = 3
    return {
        "columns": columns,
        "groups": groups | {"batches": random.choice((1, 2))},
        "conf": conf,
        "shape": shapes.draw(random, shapes.WHOLE, 0.15),
        "calls": calls,
    }


def draw_call(random: Random, kind: int, columns: list[Json], new: bool, bold: bool) -> Json:
    """One UDF."""
    arguments = [random.randrange(len(columns)) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    gentle = GENTLE[kind]
    call = {
        "arguments": arguments,
        "named": random.choice((0, 0, 0, 1, 2)) if kind not in ITERATORS else 0,
        "what": random.choice(list(gentle)),
        "how": "same" if random.random() < 0.5 else random.choice(casts.GENTLE),
        "declared": columns[arguments[0]]["type"],
        "chained": kind not in ITERATORS and random.random() < 0.1,
    }
    if random.random() < 0.35:
        return call | {"what": "notes", "declared": "string"}
    if not bold or random.random() < 0.3:
        return call
    if kind == ARROW_BATCHED and random.random() < 0.6:
        return call | {"what": random.choice(CONSTANTS), "declared": generate.draw_type(random, new, 1)}
    if random.random() < 0.5:
        call["declared"] = generate.draw_type(random, new, 1)
    return call | {"what": random.choice(list(EXPRESSIONS[kind])), "how": random.choice([*casts.CASTS, *casts.DTYPES])}


def returned(kind: int, call: Json) -> str:
    """The expression that a UDF returns; its first argument is `a0`."""
    arguments = ", ".join(f"a{number}" for number in range(len(call["arguments"])))
    if call["what"] == "notes":
        if kind == ARROW_BATCHED:
            return f"repr([typed(a) for a in ({arguments},)])"
        lines = f"['\\n'.join(anything(({arguments},)))] * len(a0)"
        return f"pd.Series({lines}, dtype=object)" if kind in PANDAS else f"pa.array({lines}, pa.string())"
    if call["what"] == "cast":
        return f"cast(a0, {call['how']!r})"
    # What is in no table is a constant.
    return EXPRESSIONS[kind].get(call["what"], call["what"]).format(a="a0")


def sources(drawn: Json) -> list[str]:
    """The texts of the functions."""
    return [source(drawn, call) for call in drawn["calls"]]


def source(drawn: Json, call: Json) -> str:
    """The text of one."""
    names = ", ".join(f"a{number}" for number in range(len(call["arguments"])))
    body = f"return {returned(drawn['kind'], call)}\n"
    if drawn["kind"] not in ITERATORS:
        return f"def function({names}):\n{textwrap.indent(body, '    ')}"
    body = kinds_frames.iterating(f"{names} = part\n{body}", "part", drawn["shape"])
    return f"def function(parts):\n{textwrap.indent(body, '    ')}"


def case(drawn: Json) -> Case:
    """The task."""
    schema = program.input_schema(drawn["columns"], drawn["conf"])
    groups = program.groups(drawn, drawn["columns"], schema, 0)
    return Case(
        schema,
        [batch for group in groups for batch in group],
        conf=program.settings(drawn["conf"]),
        eval_type=drawn["kind"],
        calls=[
            call_of(call, source(drawn, call), drawn["kind"], values.spark_type(call["declared"]))
            for call in drawn["calls"]
        ],
    )


def call_of(call: Json, text: str, kind: int, declared: Any, first: tuple[int, ...] = ()) -> Call:
    """The UDF; `first` are columns that Spark puts before its own."""
    arguments = call["arguments"]
    count = min(call["named"], len(arguments)) if kind in DIALECT.named_arguments else 0
    plain = len(arguments) - count
    functions = [program.compiled(text)]
    # A chained function knows no keyword arguments.
    if call["chained"] and not count:
        functions.append(program.compiled("def function(value):\n    return value\n"))
    named = {f"a{number}": arguments[number] for number in range(plain, len(arguments))}
    return Call(functions, declared, [*first, *arguments[:plain]], named)
