"""The core scenarios, on a cluster: the same rows, schema or error as with stock workers."""

from __future__ import annotations

import difflib
import json
import subprocess

import pytest

from test_scenarios import lines, without_notes

from .hosts import SPARK_MASTER, Cluster

SECONDS = 900
ERRORS = 4
RUNNER = "/project/integration/runner.py"


def test_core_scenarios_answer_like_stock(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    """In one session, for starting one takes longer than they do."""
    client = cluster.host("client")
    python = "/opt/venv/bin/python"
    listed = json.loads(client.run(python, "-B", RUNNER, "--list"))
    core = [scenario for scenario in listed if scenario["kind"] == "core"]
    # After an error stock starts a new worker, which takes longer than a dozen scenarios that bring rows.
    errors = [scenario for scenario in core if scenario["expect"] != "rows"][:ERRORS]
    names = [scenario["name"] for scenario in core if scenario["expect"] == "rows"]
    names += [scenario["name"] for scenario in errors]
    expected = {scenario["name"]: scenario for scenario in listed}
    address = client.address()
    conf = {"spark.driver.host": address, "spark.driver.bindAddress": address, "spark.executor.memory": "512m"}
    # One executor: from several, rows of a group come in whatever order, with stock as with us.
    conf |= {"spark.cores.max": "2", "spark.executor.cores": "2"}
    options = [word for name, value in conf.items() for word in ("--conf", f"{name}={value}")]
    command = [
        "docker",
        "exec",
        "--env",
        "PYTHONDONTWRITEBYTECODE=1",
        "--env",
        "TZ=UTC",
        "--env",
        f"PYSPARK_PYTHON={python}",
        client.name,
        python,
        RUNNER,
    ]
    command += ["--master", SPARK_MASTER, *options, "--bowstring", "/opt/venv/bin/bowstring", *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    (tmp_path_factory.getbasetemp() / "scenarios-on-cluster.log").write_text(done.stderr)
    assert events, done.stderr[-4000:]
    assert events[-1]["event"] == "done", done.stderr[-4000:]
    sides: dict[str, dict[str, list[str]]] = {}
    for event in events:
        if event["event"] == "end":
            sides.setdefault(event["scenario"], {})[event["side"]] = lines(event["outcome"])
    differences = []
    for name, both in sides.items():
        stock, ours = both["stock"], both["bowstring"]
        if expected[name]["expect"] not in ("either", stock[0]):
            differences.append(f"{name}: stock brings {stock[:2]}")
        ours = without_notes(ours)[0] if stock[0] == "error" else ours
        differences += difflib.unified_diff(stock, ours, f"{name} stock", f"{name} bowstring", n=1, lineterm="")
    assert not differences, "\n".join(differences)
    skipped = {event["scenario"] for event in events if event["event"] == "skip"}
    assert sides.keys() | skipped == set(names)
    assert len(sides) > 20
