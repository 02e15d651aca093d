"""Spark Connect: one session brings bowstring along, another one beside it does not notice."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from environments import ENVIRONMENTS, NEWEST, find_python, make
from harness import end_session, environment_variables
from wheels import install, tools

PROGRAM = Path(__file__).resolve().parent / "connect_ways.py"
SECONDS = 300
"""Of which the server takes some ten to start, and half of that to take the environment."""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with bowstring and without PySpark, packed."""
    libraries = ENVIRONMENTS["libraries-py311"]
    make(libraries)
    install(libraries)
    archive = tmp_path_factory.mktemp("packed") / "environment.tar.gz"
    command = ["venv-pack", "--prefix", libraries.path, "--output", archive, "--compress-level", "1"]
    subprocess.run(command, env=tools(), check=True, capture_output=True)
    return archive


# Not named as environments are, whose tests run side by side: the server has one port.
@pytest.mark.parametrize("line", ["spark-4.0.5", NEWEST], ids=["first", "newest"])
def test_a_session_brings_bowstring_along(line: str, packed: Path, tmp_path: Path) -> None:
    """On a server whose Python has none."""
    base = find_python("3.11")
    assert base is not None
    subprocess.run([base, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    [packages] = (tmp_path / "venv").glob("lib/python*/site-packages")
    seen = [ENVIRONMENTS["connect"], ENVIRONMENTS[line]]
    folders = [folder for environment in seen for folder in make(environment).parent.parent.glob("lib/*/site-packages")]
    (packages / "others.pth").write_text("".join(f"{folder}\n" for folder in folders))
    variables = environment_variables(ENVIRONMENTS[line], {"PYSPARK_PYTHON": str(python)})
    del variables["BOWSTRING_PYTHON"]
    process = subprocess.Popen(
        [python, PROGRAM, packed],
        cwd=tmp_path,
        env={**variables, "PYSPARK_DRIVER_PYTHON": str(python)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, log = process.communicate(timeout=SECONDS)
    finally:
        end_session(process.pid)
    lines = [line for line in said.splitlines() if line.startswith("ANSWERS ")]
    assert len(lines) == 1, f"{said}\n{log[-4000:]}"
    answers = json.loads(lines[0].removeprefix("ANSWERS "))
    assert {answer["sum"] for answer in answers.values()} == {5.0}
    ours = answers["ours"]
    assert ours["native"]
    assert ours["executable"] == f"{ours['cwd']}/environment/bin/python"
    for name in ("before", "beside", "after"):
        assert not answers[name]["bowstring"], name
        assert answers[name]["executable"] == str(python), name
