"""What is wrong with an image or with how it is run stands in the container's log, in one line."""

from __future__ import annotations

import subprocess

import pytest

from .hosts import docker, wait_for

SECONDS = 60
SITE = "$(/opt/venv/bin/python -c 'import site; print(site.getsitepackages()[0])')"
ROOM = ["--shm-size", "256m"]

FAULTS: dict[str, tuple[str, list[str], str]] = {
    "an image without pandas": (f"rm -rf {SITE}/pandas {SITE}/pandas-*", ROOM, "pandas: not found"),
    # What a wheel of another CPython leaves in an environment.
    "an image whose bowstring is for another CPython": (
        f"cd {SITE}/bowstring && mv _native.cpython-3*.so _native.cpython-38-x86_64-linux-gnu.so && cd /",
        ROOM,
        "cpython-38-x86_64-linux-gnu.so is for another CPython",
    ),
    "no writable folder for temporary files": ("true", ["--read-only", *ROOM], "temporary folder: none of"),
    "Docker's 64 MiB of /dev/shm": ("true", ["--shm-size", "64m"], "ok: /dev/shm: 64 MiB"),
    "less memory than the imports need": ("true", ["--memory", "160m", *ROOM], "memory: cgroup is 160 MiB"),
}
"""A command that spoils the container before its program runs, options of docker run, and a part of the line."""


def lines_of(image: str, spoil: str, options: list[str]) -> list[str]:
    """What bowstring says in the log of a worker's container. The worker looks for a master in vain."""
    command = f"{spoil} && exec /usr/bin/tini -- /opt/entrypoint.sh worker nowhere"
    # The image's own user may not spoil anything.
    user = ["--user", "0"] if spoil != "true" else []
    container = docker("run", "--detach", *user, *options, "--entrypoint", "/bin/bash", image, "-c", command).strip()
    try:

        def said() -> str:
            log = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
            # Spark's first line, or the end: the doctor has ended.
            ended = docker("inspect", "--format", "{{.State.Running}}", container).strip() == "false"
            return log.stdout + log.stderr if ended or "org.apache.spark" in log.stdout + log.stderr else ""

        log = wait_for("Spark's worker starts", said, SECONDS)
    finally:
        docker("rm", "--force", container)
    return [line for line in log.splitlines() if line.startswith("bowstring:")]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_log_has_one_line_that_says_so(fault: str, images: dict[str, str]) -> None:
    spoil, options, words = FAULTS[fault]
    lines = lines_of(images["spark"], spoil, options)
    assert len(lines) == 1, lines
    assert words in lines[0]
    assert "->" in lines[0], "no cure"


def test_nothing_is_said_of_a_good_container(images: dict[str, str]) -> None:
    assert lines_of(images["spark"], "true", ["--cap-drop", "ALL", *ROOM]) == []
