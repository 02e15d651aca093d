"""Programs in Spark sessions of wheels: the line `ANSWERS` and JSON that one prints is what it has found out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from environments import ENVIRONMENTS, make
from harness import end_session
from wheels import install, tools

SECONDS = 300
"""For a session with all its queries. A Connect server takes some ten to start, and half of that to take an archive."""


def answers_of(command: list[str | Path], directory: Path, variables: dict[str, str]) -> Any:
    """Runs a program in that folder, under these variables and no others, and whatever it starts to its end."""
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=directory,
        env=variables,
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
    return json.loads(lines[0].removeprefix("ANSWERS "))


def pack(folder: Path) -> Path:
    """An environment with bowstring and without PySpark, packed there to be sent along with a job."""
    libraries = ENVIRONMENTS["libraries-py311"]
    make(libraries)
    install(libraries)
    archive = folder / "environment.tar.gz"
    command = ["venv-pack", "--prefix", libraries.path, "--output", archive, "--compress-level", "1"]
    subprocess.run(command, env=tools(), check=True, capture_output=True)
    return archive
