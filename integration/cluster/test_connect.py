"""Spark Connect on workers without bowstring: a session brings it along, and nobody else notices."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from .conftest import ARCHIVE, quiet
from .hosts import Cluster, versions

SECONDS = 300
PYTHON = "/opt/venv/bin/python"


@pytest.fixture(scope="module")
def server(images: dict[str, str]) -> Iterator[Cluster]:
    """A master, a worker, a Connect server and a client, all of the image without bowstring."""
    plain = {"IMAGE_NAME": "bowstring-plain", "WORKER_IMAGE_NAME": "bowstring-plain", "WORKER_MEMORY": "1g"}
    made = Cluster("bowstring-connect", **quiet(**plain))
    try:
        made.up(["master", "worker", "connect", "client"], 1)
        yield made
    finally:
        made.down()


@pytest.mark.skipif(versions()["SPARK_VERSION"] < "4", reason="the package of Spark 3.5 brings no server")
def test_a_session_brings_bowstring_to_workers_without_it(server: Cluster) -> None:
    """The seconds of the first queries are printed: docs/operations.md has them."""
    client = server.host("client")
    has_none = server.workers()[0].run("bash", "-c", "ls /opt/venv/bin | grep -c bowstring || true")
    assert has_none.strip() == "0"
    command = ["docker", "exec", "--env", "PYTHONDONTWRITEBYTECODE=1", client.name, PYTHON]
    program = ["/project/integration/cluster/connect_session.py", "sc://connect:15002", f"/project/dist/{ARCHIVE.name}"]
    done = subprocess.run([*command, *program], capture_output=True, text=True, timeout=SECONDS, check=False)
    print(server.host("connect").log()[-2000:])
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    answers = {answer.pop("name"): answer for answer in found}
    print(json.dumps({name: answer["seconds"] for name, answer in answers.items()}))
    assert done.returncode == 0, f"{answers}\n{done.stderr[-4000:]}"
    assert {answer["sum"] for answer in answers.values()} == {5.0}
    for name in ("plain", "plain, again", "ours, switched off"):
        assert (answers[name]["bowstring"], answers[name]["executable"]) == (False, PYTHON), name
    for name in ("stock", "ours"):
        assert answers[name]["executable"] == f"{answers[name]['cwd']}/environment/bin/python", name
    assert not answers["stock"]["bowstring"]
    assert answers["ours"]["bowstring"]
    assert answers["ours, at last"]["native"]
