"""What users import of bowstring, or run with a Python of theirs: cheap, and honest about how it was run."""

import os
import subprocess
import sys
from pathlib import Path

import bowstring
import pytest
from bowstring import _find
from bowstring.daemon import options

PARENT = str(Path(bowstring.__file__).parent.parent)


def test_importing_it_costs_little_and_brings_nothing_along() -> None:
    program = (
        "import sys, time; before = set(sys.modules); start = time.perf_counter(); import bowstring; "
        "end = time.perf_counter(); print(end - start, *sorted(set(sys.modules) - before))"
    )
    times, brought = [], []
    for _ in range(5):
        environment = {**os.environ, "PYTHONPATH": PARENT}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        seconds, *modules = done.stdout.split()
        times.append(float(seconds))
        brought.append(modules)
    assert brought == [["bowstring"]] * len(brought)
    # A machine may be busy now and then.
    assert min(times) < 0.005


DAEMON = ["-m", "bowstring.daemon", "pyspark.worker"]


@pytest.mark.parametrize(
    "before",
    [[], ["-s"], ["-sE", "-W", "error"], ["-X", "utf8", "-Wignore"], ["--check-hash-based-pycs", "never", "-u"]],
)
def test_options_are_those_before_the_module(before: list[str]) -> None:
    assert options(["python", *before, *DAEMON], DAEMON[2:]) == before
    assert options(["python", *before, *DAEMON[:2]], []) == before


@pytest.mark.parametrize(
    "words",
    [
        ["python", "around.py", *DAEMON],
        ["python", "-m", "coverage", "run", *DAEMON],
        ["python", "-mcoverage", "run", *DAEMON],
        ["python", "-c", "pass", *DAEMON],
        ["python", "-X", "dev", "around.py", *DAEMON],
        ["python", "-", *DAEMON],
        ["python", "daemon.py", "pyspark.worker"],
        ["-m", "bowstring.daemon", "pyspark.worker"],
    ],
)
def test_a_program_around_the_module_is_refused(words: list[str]) -> None:
    with pytest.raises(ValueError):
        options(words, DAEMON[2:])


def test_the_executable_is_found_beside_the_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable = tmp_path / "bin" / "bowstring"
    executable.parent.mkdir()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setattr(_find, "__file__", str(tmp_path / "elsewhere" / "bowstring" / "_find.py"))
    monkeypatch.setattr("sysconfig.get_path", lambda *_: str(tmp_path / "scripts"))
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}/elsewhere/bowstring is missing.*{tmp_path}/bin"):
        _find.find_bowstring()
    executable.write_text("")
    with pytest.raises(FileNotFoundError):
        _find.find_bowstring()
    executable.chmod(0o755)
    assert _find.find_bowstring() == str(executable)


@pytest.mark.parametrize("place", ["target/bin", "bin"])
def test_the_executable_is_found_from_the_package(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pip install --target target` has `bin` beside the package, `--prefix` four folders above."""
    executable = tmp_path / place / "bowstring"
    executable.parent.mkdir(parents=True)
    executable.write_text("")
    executable.chmod(0o755)
    package = "target/bowstring" if place == "target/bin" else "lib/python3.11/site-packages/bowstring"
    monkeypatch.setattr(_find, "__file__", str(tmp_path / package / "_find.py"))
    monkeypatch.setattr("sysconfig.get_path", lambda *_: str(tmp_path / "scripts"))
    assert _find.find_bowstring() == str(executable)
