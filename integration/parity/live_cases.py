"""Asks both workers the questions of `cases/*.tsv`, one group a question. Runs on the interpreter of an environment.

An error ends a task and the worker with it. So stock starts again behind each error; then bowstring gets all questions
that stock could answer in one task, and each of the others in a task of its own. Prints one line of JSON, and on
stderr how far it is.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import describe
import driver
import pyarrow as pa
import tables
from comparison import difference, different_rows
from driver import Answer, Case, Pair, Side
from known import reason
from pyspark.sql.types import LongType, StringType, StructField, StructType

from fakejvm.task_bytes import Group

driver.by_value(describe)
driver.by_value(tables)

SAFE = "spark.sql.execution.pandas.convertToArrowArraySafely"
BY_NAME = "spark.sql.legacy.execution.pandas.groupedMap.assignColumnsByName"
TO_DECIMAL = "spark.sql.execution.pythonUDF.pandas.intToDecimalCoercionEnabled"
ZONE = "spark.sql.session.timeZone"

ZONES = ("America/New_York", "UTC", "+05:30")
ASKED = pa.schema([("expression", pa.string())])


@dataclass
class Exam:
    """Questions that differ in their group only."""

    name: str
    case: Case
    groups: dict[str, Group]


@dataclass
class Findings:
    """What came of it."""

    tried: int = 0
    errors: int = 0
    """Questions that stock answered with an error."""
    impossible: list[str] = field(default_factory=list)
    """What these versions cannot make."""
    known: Counter[str] = field(default_factory=Counter)
    """Differences that `known.py` explains."""
    differences: list[tuple[str, str]] = field(default_factory=list)
    """Names of questions, and what differs."""


def sit(pair: Pair, exam: Exam) -> Findings:
    """Compares the answers to every question."""
    expected = answers(pair.stock, exam)
    findings = Findings(tried=len(expected), errors=sum(answer.traceback is not None for answer in expected.values()))
    together = [name for name, answer in expected.items() if answer.traceback is None and answer.failure is None]
    apart = [name for name in expected if name not in together]
    if together:
        task = exam.case.only([exam.groups[name] for name in together]).encode()
        answer = pair.bowstring.run(task)
        stocks = [batch for name in together for batch in expected[name].batches]
        schema = expected[together[0]].schema
        if answer.traceback or answer.failure or different_rows(schema, stocks, answer.schema, answer.batches):
            apart += together
    for name in apart:
        task = exam.case.only([exam.groups[name]]).encode()
        answer = pair.bowstring.run(task)
        found = difference(expected[name], answer)
        # Not after another question, on either side.
        if found is not None and (found := difference(pair.stock.run(task), answer)) is not None:
            known = reason(found)
            if known:
                findings.known[known] += 1
            else:
                findings.differences.append((f"{exam.name} {name}", found))
    return findings


def answers(side: Side, exam: Exam) -> dict[str, Answer]:
    """Stock's answer to each question; it writes a batch for each group."""
    names, found = list(exam.groups), {}
    while len(found) < len(names):
        rest = names[len(found) :]
        answer = side.run(exam.case.only([exam.groups[name] for name in rest]).encode())
        for name, batch in zip(rest, answer.batches):
            found[name] = Answer([batch], answer.schema, end=-4)
        if answer.traceback is not None or answer.failure is not None:
            found[names[len(found)]] = Answer(traceback=answer.traceback, failure=answer.failure)
    return found


def asked(expressions: Sequence[Sequence[str]]) -> dict[str, Group]:
    """A group for each expression, which the function evaluates."""
    return {name: [pa.record_batch([[expression]], schema=ASKED)] for name, expression in expressions}


def evaluated(pdf: Any) -> Any:
    """Whatever the group asks for."""
    return tables.evaluate(pdf["expression"].iloc[0])


def evaluated_column(pdf: Any) -> Any:
    """A frame of the one column that the group asks for."""
    import pandas as pd

    return pd.DataFrame({"c": tables.evaluate(pdf["expression"].iloc[0])})


def described(pdf: Any) -> Any:
    """The lines that say what the frame is."""
    import pandas as pd

    return pd.DataFrame({"line": describe.describe(pdf)})


driver.by_value(sys.modules[__name__])


def output_exams() -> Iterator[Exam]:
    """Every column that a function may return, for every type that it may declare."""
    groups = asked([row for row in tables.read("series") if tables.possible(row[1])])
    for name, declared in tables.declared_types().items():
        return_type = StructType([StructField("c", declared)])
        confs = [{SAFE: safe, ZONE: ZONES[0]} for safe in ("false", "true")]
        if name == "timestamp":
            confs += [{SAFE: safe, ZONE: zone} for safe in ("false", "true") for zone in ZONES[1:]]
        if name.startswith("decimal") and TO_DECIMAL in driver.DIALECT.runner_conf:
            confs.append({SAFE: "true", ZONE: ZONES[0], TO_DECIMAL: "true"})
        for conf in confs:
            case = Case(ASKED, [], evaluated_column, return_type, conf=conf)
            yield Exam(f"output {name} {' '.join(conf.values())}", case, groups)


def column_exams() -> Iterator[Exam]:
    """Every way to label a result, by name and by position."""
    groups = asked(tables.read("columns"))
    return_type = StructType([StructField("a", LongType()), StructField("b", StringType())])
    for by_name in ("true", "false"):
        for safe in ("false", "true"):
            conf = {BY_NAME: by_name, SAFE: safe}
            yield Exam(f"columns {by_name} {safe}", Case(ASKED, [], evaluated, return_type, conf=conf), groups)


def input_exams() -> Iterator[Exam]:
    """Every type that Spark may send, with and without nulls."""
    lines = StructType([StructField("line", StringType())])
    for name, arrow_type, values in tables.read("input"):
        schema = pa.schema([pa.field("c", tables.evaluate(arrow_type))])
        three = tables.evaluate(values)
        samples = {
            "nonull": [three],
            "somenull": [[three[0], None, three[2]]],
            "allnull": [[None] * 3],
            "empty": [[]],
            "one": [three[:1]],
            "multi": [three, [None]],
        }
        groups = {
            sample: [pa.record_batch([pa.array(batch, schema.field(0).type)], schema=schema) for batch in batches]
            for sample, batches in samples.items()
        }
        yield Exam(f"input {name}", Case(schema, [], described, lines, conf={ZONE: ZONES[0]}), groups)


EXAMS = {"input": input_exams, "columns": column_exams, "output": output_exams}


def thinned(exam: Exam, one_in: int) -> Exam:
    """Only some of the questions, always the same."""
    kept = {
        name: group for name, group in exam.groups.items() if zlib.crc32(f"{exam.name} {name}".encode()) % one_in == 0
    }
    return Exam(exam.name, exam.case, kept)


def main() -> None:
    """Two exams at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bowstring", type=Path)
    parser.add_argument("--tables", default=",".join(EXAMS), help="comma-separated, default %(default)s")
    parser.add_argument("--one-in", type=int, default=1, help="of the output questions; errors take long")
    arguments = parser.parse_args()

    exams = [
        thinned(exam, arguments.one_in if table == "output" else 1)
        for table in arguments.tables.split(",")
        for exam in EXAMS[table]()
    ]
    total = Findings(impossible=[row[0] for row in tables.read("series") if not tables.possible(row[1])])
    pairs = [Pair(arguments.bowstring) for _ in range(2)]
    done = itertools.count(1)

    def sit_all(pair: Pair, share: Sequence[Exam]) -> Iterator[Findings]:
        for exam in share:
            began = time.monotonic()
            findings = sit(pair, exam)
            yield findings
            print(
                f"{next(done)}/{len(exams)} {exam.name}: {findings.tried} questions, {findings.errors} errors, "
                f"{len(findings.differences)} differences, {time.monotonic() - began:.0f} s",
                file=sys.stderr,
                flush=True,
            )

    try:
        with ThreadPoolExecutor(len(pairs)) as pool:
            halves = [
                pool.submit(lambda p=pair, n=number: list(sit_all(p, exams[n :: len(pairs)])))
                for number, pair in enumerate(pairs)
            ]
            for findings in (found for half in halves for found in half.result()):
                total.tried += findings.tried
                total.errors += findings.errors
                total.known += findings.known
                total.differences += findings.differences
    finally:
        for pair in pairs:
            pair.close()
    print(json.dumps(total.__dict__))


if __name__ == "__main__":
    main()
