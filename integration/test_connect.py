"""Spark Connect: one session brings bowstring along, another one beside it does not notice."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from answers import answers_of, pack
from environments import ENVIRONMENTS, NEWEST, find_python, make
from harness import environment_variables

PROGRAM = Path(__file__).resolve().parent / "connect_ways.py"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("packed"))


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
    answers = answers_of([python, PROGRAM, packed], tmp_path, {**variables, "PYSPARK_DRIVER_PYTHON": str(python)})
    assert {answer["sum"] for answer in answers.values()} == {5.0}
    ours = answers["ours"]
    assert ours["native"]
    assert ours["executable"] == f"{ours['cwd']}/environment/bin/python"
    for name in ("before", "beside", "after"):
        assert not answers[name]["bowstring"], name
        assert answers[name]["executable"] == str(python), name
