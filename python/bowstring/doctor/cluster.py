"""The doctor on a cluster: asks every executor of a running session, through a plain Python function.

Works with Spark Connect, too. What is asked is sent as text: executors need not have bowstring.
"""

from __future__ import annotations

import json
from typing import Any

from . import facts
from .judge import Finding, Verdict, judge, without_bowstring
from .report import worst

ROUNDS = 4
"""How often as many tasks as there are cores are sent: none says where it runs."""


def ask(spark: Any, tasks: int | None = None) -> list[dict[str, Any]]:
    """The facts of the Python worker of each task.

    `tasks`: how many to send at once; None: four for each core that the session says it has, 32 at least.
    """
    from pyspark.sql.functions import col, udf

    if tasks is None:
        tasks = max(32, ROUNDS * _cores(spark))
    # Pickled rows need no pyarrow.
    probe = udf(_probe(facts.source()), "string", useArrow=False)
    rows = spark.range(0, tasks, 1, tasks).select(probe(col("id")).alias("facts")).collect()
    return [json.loads(row.facts) for row in rows]


def _cores(spark: Any) -> int:
    try:
        return int(spark.sparkContext.defaultParallelism)
    except Exception:
        # A Connect session has no context.
        return 0


def _probe(source: str) -> Any:
    """A function that is pickled by value, because its module is nowhere."""
    space: dict[str, Any] = {"__name__": "__main__", "SOURCE": source}
    program = (
        "def probe(_):\n"
        "    import json\n"
        "    import time\n"
        "    space = {'__name__': 'facts'}\n"
        "    exec(SOURCE, space)\n"
        "    found = space['gather']()\n"
        "    # So that no executor answers all of them.\n"
        "    time.sleep(0.2)\n"
        "    return json.dumps(found)\n"
    )
    exec(program, space)
    return space["probe"]


def judged(answers: list[dict[str, Any]]) -> list[tuple[str, list[Finding]]]:
    """Hosts in the order of their names, and what was found in the worst of each host's workers."""
    found: dict[str, list[Finding]] = {}
    for answer in answers:
        findings = [_taken(answer), *judge(answer)]
        if worst(findings) > worst(found.get(answer["host"], [])) or answer["host"] not in found:
            found[answer["host"]] = findings
    return sorted(found.items())


def _taken(answer: dict[str, Any]) -> Finding:
    worker = answer["worker"]
    if worker is None:
        return without_bowstring(answer)
    if not worker["installed"] and not worker["refused"]:
        return Finding("bowstring", Verdict.NOT_ALL_NATIVE, "runs; its native paths are not installed", "")
    return Finding("bowstring", Verdict.FINE, "runs")


def table(hosts: list[tuple[str, list[Finding]]]) -> str:
    """One row a host: the worst of what was found, and what that is."""
    rows: list[tuple[str, ...]] = [("host", "bowstring", "Python", "PySpark", "pandas", "pyarrow", "verdict")]
    for host, findings in hosts:
        by = {finding.about: finding for finding in reversed(findings)}
        first = max(findings, key=lambda finding: finding.verdict)
        verdict = "all native" if first.verdict is Verdict.FINE else f"{first.about}: {first.text}"
        python = by["Python"].text.split(",")[0].removeprefix("cpython ")
        cells = (by[name].text for name in ("PySpark", "pandas", "pyarrow"))
        taken = by["bowstring"].text if "bowstring" in by else "does not run"
        rows.append((host, taken, python, *cells, verdict))
    widths = [max(map(len, column)) for column in list(zip(*rows))[:-1]]
    lines = []
    for row in rows:
        lines.append("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[-1]]))
    return "\n".join(lines)
