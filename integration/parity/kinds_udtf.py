"""Table functions over Arrow: of rows (Arrow-optimised) and of arrays.

A program has columns, groups (of which each batch is one of the input) and conf as in `program.py`, and

    calls:     one, with arguments (columns) and named (how many of them are keyword arguments, if Spark has those)
    returns:   name, type and nullability of each declared field
    values:    for each field the expression of a value; `k` counts the rows of a call, `n` the calls
    counts:    how many rows a call gives, in turn
    form:      how a call gives them, a name in `ROWS` or `TABLES`
    terminate: how it does at the end, another such name; None if the class has no such method
    partition: by how many columns of its first argument, a table, it is partitioned; None if that is no table
"""

from __future__ import annotations

import re
import textwrap
from random import Random
from typing import Any

import generate
import program
import values
from driver import DIALECT, Call, Case
from kinds_scalar import CONSTANTS

from fakejvm.task_bytes import ARROW_TABLE_UDTF, ARROW_UDTF

Json = dict[str, Any]

KINDS = (ARROW_TABLE_UDTF, ARROW_UDTF)

MADE = {
    "boolean": ("k % 2 == 0", "True"),
    "byte": ("k - 3", "-128"),
    "short": ("k * 1000", "n"),
    "integer": ("k - n", "2 ** 31 - 1", "-(2 ** 31)"),
    "long": ("n * 1000 + k", "2 ** 53 + 1 + k", "-(2 ** 63)"),
    "float": ("k / 4", "float('nan')", "1e-45"),
    "double": ("k / 7", "float('nan')", "-0.0", "float('inf')", "float(n)"),
    "string": ("f'row {k}'", "'ž🐎\\0' * k", "''"),
    "binary": ("b'x' * k", "bytes([k])", "bytearray(b'ab')"),
    "date": ("datetime.date(2020, 1, 1 + k)",),
    "decimal(10,2)": ("decimal.Decimal(k).scaleb(-2)",),
    "timestamp_ntz": ("datetime.datetime(2020, 7, 1, 12, k)",),
    "timestamp": ("datetime.datetime(2020, 7, 1, 12, k)",),
}
"""Values of a type, each for a field that is declared so."""
NEAR = ("1", "1.0", "True", "'1'", "b'1'", "np.int64(3)", "np.float64(2)", "np.bool_(True)", "2 ** 40", "1.5", "None")
"""Values that stock may take for one of another type."""
MIXED = ("{} if k % 2 else None", "{} if k else None", "None if k > 1 else {}", "[{}, None, {}][k % 3]", "{}")

EACH = "for k in range(count):\n    {}"
ROWS = {
    "tuples": EACH.format("yield ({v},)"),
    "list of tuples": "return [({v},) for k in range(count)]",
    "tuple of tuples": "return tuple(({v},) for k in range(count))",
    "rows": EACH.format("yield Row(**dict(zip({names!r}, ({v},))))"),
    "dicts": EACH.format("yield dict(zip({names!r}, ({v},)))"),
    "lists": EACH.format("yield [{v}]"),
    "records": EACH.format("yield type('Record', (), dict(zip({names!r}, ({v},)), __repr__=lambda self: 'record'))()"),
    "one by one": EACH.format("yield next(iter(({v},)))"),
    "map": "return map(lambda k: ({v},), range(count))",
    "nothing": "return None",
    "sometimes nothing": "return [({v},) for k in range(count)] if n % 2 else None",
    "sometimes no row": EACH.format("yield ({v},) if k % 2 else None"),
    "skip": "if n > 2:\n    raise SkipRestOfInputTableException('enough')\n" + EACH.format("yield ({v},)"),
}
"""How the rows of the values `v` are given."""
ROWS_BOLD = {
    "too few": EACH.format("yield ({v},)[1:]"),
    "too many": EACH.format("yield ({v}, k)"),
    "sometimes too many": EACH.format("yield ({v}, k) if n > 1 and k > 1 else ({v},)"),
    "empty tuples": EACH.format("yield ()"),
    "number": "return count",
    "text": "return 'text'",
    "dict": "return {{0: 1}}",
    "frame": "return pd.DataFrame([({v},) for k in range(count)])",
    "array": "return np.arange(count)",
    "set": "return {{k for k in range(count)}}",
    "named": "T = __import__('collections').namedtuple('T', 'x')\n" + EACH.format("yield T(k)"),
    "error": "raise LookupError('no row')",
    "error half way": EACH.format("if n > 1 and k == 1:\n        raise LookupError(k)\n    yield ({v},)"),
    "stop": "next(iter(()))",
    "exit": "raise SystemExit(3)",
    "printed": EACH.format("yield (print, {v})"),
}
TABLES = {
    "tables": "yield pa.table([{v}], schema=schema)",
    "batches": "yield pa.record_batch([{v}], schema=schema)",
    "two": "yield pa.table([{v}], schema=schema)\nyield pa.record_batch([{v}], schema=schema)",
    "list": "return [pa.table([{v}], schema=schema)]",
    "nothing": "return None",
    "none of them": "return iter([])",
    "empty": "yield pa.table([{v}], schema=schema).slice(0, 0)",
    "cast": "yield pa.table([{v}], names=schema.names)",
    "plain": "yield pa.table(dict(zip(schema.names, [{v}])))",
    "skip": ("if n > 1:\n    raise SkipRestOfInputTableException('enough')\nyield pa.table([{v}], schema=schema)"),
}
TABLES_BOLD = {
    "texts": "yield pa.table([pa.array([str(n)] * count)] * len(schema), names=schema.names)",
    "numbers": "yield pa.table([pa.array([1.5] * count)] * len(schema), names=schema.names)",
    "renamed": "yield pa.table([{v}], schema=schema).rename_columns([name + 'x' for name in schema.names])",
    "fewer": "yield pa.table([{v}], schema=schema).select(schema.names[1:])",
    "reversed": "yield pa.table([{v}], schema=schema).select(schema.names[::-1])",
    "tuple": "yield (1, 2)",
    "number": "return count",
    "error": "raise LookupError('no table')",
    "error half way": "yield pa.table([{v}], schema=schema)\nraise LookupError('after one')",
}


def draw(random: Random, kind: int, new: bool, without: frozenset[str]) -> Json:
    """A program."""
    columns = [generate.draw_column(random, new) for _ in range(random.choice((1, 1, 2, 3)))]
    partition = None
    if random.random() < 0.25 and DIALECT.named_arguments and (kind == ARROW_UDTF or random.random() < 0.8):
        partition = random.choice((0, 1, 1, 2))
        parts = [generate.draw_column(random, new) for _ in range(random.randint(max(partition, 1), 3))]
        fields = [
            {"name": f"f{number}", "type": part["type"], "nullable": True, "metadata": {}}
            for number, part in enumerate(parts)
        ]
        columns[0] |= {"type": {"type": "struct", "fields": fields}, "profile": "plain", "nulls": "none"}
    for number, column in enumerate(columns):
        column["name"] = f"_{number}"
    arguments = list(range(len(columns))) if partition is not None else []
    arguments = arguments or [random.randrange(len(columns)) for _ in range(random.choice((0, 1, 1, 2, 3)))]
    gentle, bold_forms = (TABLES, TABLES_BOLD) if kind == ARROW_UDTF else (ROWS, ROWS_BOLD)
    bold = random.random() < 0.18
    usual = list(gentle)[0]
    returns, made = draw_values(random, columns, arguments, kind, bold, new)
    conf = generate.draw_conf(random)
    conf["legacy"] = random.random() < 0.15

    def form() -> str:
        if random.random() < 0.5:
            return usual
        return random.choice(list(gentle | bold_forms if bold else gentle))

    return {
        "columns": columns,
        "groups": generate.draw_groups(random, random.random() < 0.95, (3, 6)) | {"batches": random.choice((1, 2))},
        "conf": conf,
        "calls": [{"arguments": arguments, "named": random.choice((0, 0, 0, 1, 2))}],
        "returns": returns,
        "values": made,
        "counts": [random.choice((0, 1, 1, 2, 3, 5)) for _ in range(random.randint(1, 3))],
        "form": form(),
        "terminate": form() if random.random() < 0.4 else None,
        "cleanup": random.random() < 0.2,
        "partition": partition,
    }


def draw_values(
    random: Random, columns: list[Json], arguments: list[int], kind: int, bold: bool, new: bool
) -> tuple[list[Any], list[str]]:
    """Declared fields, and an expression for each."""
    if random.random() < 0.2:
        names = "".join(f"a{number}, " for number in range(len(arguments)))
        said = f"'\\n'.join(anything(({names})))" if kind == ARROW_UDTF else f"repr([typed(a) for a in ({names})])"
        return [["said", "string", True]], [f"{said} if k == 0 else None"]
    returns, made = [], []
    for number in range(random.choice((1, 1, 2, 2, 3, 5))):
        nullable = random.random() < 0.95
        if arguments and random.random() < 0.4:
            place = random.randrange(len(arguments))
            declared, one = columns[arguments[place]]["type"], f"a{place}"
        else:
            declared = random.choice(list(MADE))
            one = random.choice(MADE[declared])
        if bold and random.random() < 0.4:
            one = random.choice(NEAR if random.random() < 0.7 else CONSTANTS).replace("{{", "{").replace("}}", "}")
        if bold and random.random() < 0.15:
            declared = generate.draw_type(random, new, 1)
        if random.random() < 0.3:
            one = random.choice(MIXED).format(one, one)
        returns.append([f"r{number}", declared, nullable])
        made.append(one)
    return returns, made


def sources(drawn: Json) -> list[str]:
    """The text of the class."""
    count = len(drawn["calls"][0]["arguments"])
    names = "".join(f", a{number}" for number in range(count))
    counts = drawn["counts"]
    lines = [
        "class function:",
        "    def __init__(self):",
        "        self.calls = 0",
        f"    def eval(self{names}):",
        "        self.calls += 1",
        f"        n, count = self.calls, {counts}[self.calls % {len(counts)}]",
        textwrap.indent(body(drawn, drawn["form"], count), " " * 8),
    ]
    if drawn["terminate"] is not None:
        nothing = "".join(f"a{number} = " for number in range(count))
        lines += [
            "    def terminate(self):",
            *([f"        {nothing}None"] if nothing else []),
            "        n, count = 0, 2",
            textwrap.indent(body(drawn, drawn["terminate"], count), " " * 8),
        ]
    if drawn["cleanup"]:
        lines += ["    def cleanup(self):", "        kept.append(self.calls)"]
    return ["\n".join(lines) + "\n"]


def body(drawn: Json, form: str, count: int) -> str:
    """What a method does."""
    names = [name for name, _, _ in drawn["returns"]]
    if drawn["kind"] == ARROW_TABLE_UDTF:
        text: str = (ROWS | ROWS_BOLD)[form]
        return text.format(v=", ".join(drawn["values"]), names=names)
    # Arguments are arrays and batches, not values.
    made = [
        f"pa.array([{one if 'anything' in one else re.sub('a[0-9]', 'None', one)} for k in range(count)], "
        f"schema.field({place}).type)"
        for place, one in enumerate(drawn["values"])
    ]
    return (TABLES | TABLES_BOLD)[form].format(v=", ".join(made))


def case(drawn: Json) -> Case:
    """The task."""
    schema = program.input_schema(drawn["columns"], drawn["conf"])
    groups = program.groups(drawn, drawn["columns"], schema, 0)
    (call,) = drawn["calls"]
    arguments, partition = call["arguments"], drawn["partition"]
    count = min(call["named"], len(arguments)) if drawn["kind"] in DIALECT.named_arguments else 0
    plain = len(arguments) - count
    return Case(
        schema,
        [batch for group in groups for batch in group],
        conf=program.settings(drawn["conf"]),
        eval_type=drawn["kind"],
        calls=[
            Call(
                [compiled(drawn)],
                values.return_type(drawn["returns"]),
                arguments[:plain],
                {f"a{number}": arguments[number] for number in range(plain, len(arguments))},
                partitioned=range(partition or 0),
                tables=() if partition is None else (0,),
            )
        ],
    )


def compiled(drawn: Json) -> Any:
    """The class."""
    from pyspark.sql.types import Row

    names = program.namespace()
    names["Row"] = Row
    try:
        from pyspark.sql.functions import SkipRestOfInputTableException
    except ImportError:
        # Spark 3.5.
        names["SkipRestOfInputTableException"] = LookupError
    else:
        names["SkipRestOfInputTableException"] = SkipRestOfInputTableException
    declared = [(name, kind) for name, kind, _ in drawn["returns"]]
    names["schema"] = values_schema(declared, drawn["conf"]["large"])
    (text,) = sources(drawn)
    exec(compile(text, "<program>", "exec"), names)
    return names["function"]


def values_schema(declared: list[tuple[str, Any]], large: bool) -> Any:
    """Arrow's idea of what is declared."""
    import pyarrow as pa

    return pa.schema([pa.field(name, values.arrow_type(kind, "UTC", large)) for name, kind in declared])
