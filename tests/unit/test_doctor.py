"""What the doctor makes of facts."""

from __future__ import annotations

from typing import Any

import pytest
from bowstring.doctor import facts
from bowstring.doctor.cluster import judged, table
from bowstring.doctor.judge import Verdict, judge
from bowstring.doctor.report import worst


def facts_of(host: str, **differs: Any) -> dict[str, Any]:
    """Of a worker as it should be, but for what differs."""
    worker = {"installed": True, "refused": None, "unknown": [], "unproven": [], "taken": {}, "declined": {}}
    return {**facts.gather(), "host": host, "settings": {}, "worker": worker, **differs}


@pytest.mark.parametrize("bad_one", [0, 1, 2])
def test_one_bad_worker_is_not_hidden_by_others_of_its_host(bad_one: int) -> None:
    answers = [facts_of("a"), facts_of("a"), facts_of("a"), facts_of("b")]
    answers[bad_one]["worker"] = None
    found = dict(judged(answers))
    assert {host: worst(findings) for host, findings in found.items()} == {"a": Verdict.BROKEN, "b": Verdict.FINE}
    head, first, second = table(judged(answers)).splitlines()
    assert "PySpark's own" in first and second.endswith("all native")


@pytest.mark.parametrize(("mebibytes", "verdict"), [(200, Verdict.BROKEN), (400, Verdict.FINE)])
def test_a_limit_is_bad_only_if_imports_do_not_fit(mebibytes: int, verdict: Verdict) -> None:
    limits = {"RLIMIT_AS": mebibytes << 20, "cgroup": None, "spark.executor.pyspark.memory": None, "/dev/shm": None}
    findings = [finding for finding in judge(facts_of("a", memory=limits)) if finding.about == "memory"]
    assert worst(findings) is verdict
