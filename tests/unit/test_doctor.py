"""What the doctor makes of facts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from bowstring.doctor import facts, host
from bowstring.doctor.cluster import judged, table
from bowstring.doctor.judge import LONGEST_FOLDER, Verdict, judge
from bowstring.doctor.report import worst


def facts_of(host: str, **differs: Any) -> dict[str, Any]:
    """Of a worker as it should be, but for what differs."""
    worker = {"installed": True, "refused": None, "unknown": [], "unproven": [], "taken": {}, "declined": {}}
    own = {"host": host, "settings": {}, "started as": "pyspark.daemon", "worker": worker}
    return {**facts.gather(), **own, **differs}


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


def test_a_python_that_does_not_start_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(host, "STARTS_WITHIN", 1.0)
    [finding] = host._noise(sys.executable)
    assert (finding.about, finding.verdict) == ("Python", Verdict.BROKEN)
    assert "has not started within 1 s" in finding.text and "sitecustomize.py" in finding.cure


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder, as pytest's own have long names."""
    with TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_a_folder_is_long_enough_for_sockets_up_to_the_length_that_is_said(short_path: Path) -> None:
    """And nothing is left in it."""
    fits = short_path / ("a" * (LONGEST_FOLDER - len(str(short_path)) - 1))
    deeper = short_path / f"{fits.name}b"
    refused = {}
    for folder in (fits, deeper, short_path / "nowhere"):
        if folder.name != "nowhere":
            folder.mkdir()
        found = facts.unix_sockets(str(folder))
        assert found is not None
        refused[folder] = found["refused"]
        verdicts = [finding.verdict for finding in judge(facts_of("a", **{"Unix sockets": found}))]
        assert (Verdict.BROKEN in verdicts) == (folder is not fits)
    assert list(refused.values()) == [None, "AF_UNIX path too long", "No such file or directory"]
    assert list(fits.iterdir()) == []
    assert facts.unix_sockets("") is None


@pytest.mark.parametrize(
    ("differs", "about", "text"),
    [
        ({"started as": "pyspark.daemon"}, "bowstring", "PySpark's own"),
        ({"started as": None}, "bowstring", "PySpark's own"),
        ({"started as": "pyspark.worker"}, "bowstring", "spark.python.use.daemon"),
        ({"started as": "rapids.daemon"}, "daemon", "rapids.daemon, of RAPIDS"),
        ({"started as": "theirs.daemon"}, "daemon", "theirs.daemon"),
        ({"started as": "pyspark.daemon", "Databricks": "16.4"}, "bowstring", "Databricks 16.4"),
    ],
)
def test_a_worker_that_is_not_ours_says_whose_it_is(differs: dict[str, Any], about: str, text: str) -> None:
    answer = facts_of("a", **{"worker": None, **differs})
    [(_, [first, *_])] = judged([answer])
    assert first.about == about and text in first.text and first.cure
    assert text in table(judged([answer]))
