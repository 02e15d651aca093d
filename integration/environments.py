"""Python environments for tests, demo and benchmarks: one venv per Spark line, made once and reused.

Run as a script to make them: `python3 integration/environments.py spark-4.3.0 spark-3.5.9`.
`python3 integration/environments.py build 3.11` builds the bowstring that embeds that Python and prints its path.
They live in `integration/.venvs/`, which git ignores. An environment is complete when its stamp file
holds the text of its requirements file; an interrupted install is started again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
ROOT = HERE / ".venvs"


PYTHON = "3.11"
"""The CPython that the tests need; others are tried where they are installed."""

MADE_AT_ONCE = 2

EMBEDDED, WHEEL = FORMS = ("embedded", "wheel")


def is_built() -> bool:
    """Whether what has been built is to be taken as it is: processes side by side must not build and install again."""
    return os.environ.get("BOWSTRING_BUILT") == "1"


def form() -> str:
    """The form of bowstring that is tried: CPython in the binary, or the environment's own with the wheel installed."""
    return os.environ.get("BOWSTRING_FORM", EMBEDDED)


@dataclass(frozen=True)
class Environment:
    """A venv with one Spark release, one pandas and one pyarrow on one CPython minor version."""

    name: str
    requirements: str
    python: str = PYTHON
    matrix: bool = False
    """Only for the table of compatibility, not for every test run."""
    core: bool = False
    """The first release of a line, where only grouped maps are tried."""

    @property
    def path(self) -> Path:
        return ROOT / self.name

    @property
    def interpreter(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def spark(self) -> str:
        return self.requirements.removeprefix("spark-").partition("-")[0]


ENVIRONMENTS = {
    environment.name: environment
    for environment in (
        Environment("tools", "tools"),
        # Without Spark, for the wheels: to be packed, and of the CPythons that have no environment of Spark.
        Environment("libraries-py311", "libraries"),
        Environment("libraries-py39", "libraries-3.5", python="3.9"),
        Environment("libraries-py310", "libraries", python="3.10"),
        Environment("libraries-py312", "libraries", python="3.12"),
        # What Spark Connect needs beside PySpark.
        Environment("connect", "connect"),
        Environment("spark-3.5.9", "spark-3.5.9"),
        Environment("spark-4.0.5", "spark-4.0.5"),
        Environment("spark-4.1.4", "spark-4.1.4"),
        Environment("spark-4.2.1", "spark-4.2.1"),
        Environment("spark-4.3.0", "spark-4.3.0"),
        Environment("spark-4.3.0-py313", "spark-4.3.0", python="3.13"),
        Environment("spark-3.5.0", "spark-3.5.0", core=True),
        Environment("spark-4.0.0", "spark-4.0.0", core=True),
        Environment("spark-4.1.0", "spark-4.1.0", core=True),
        Environment("spark-4.2.0", "spark-4.2.0", core=True),
        # As Fabric 1.3 and 2.0 have them.
        Environment("spark-3.5.5-pandas-2.1", "spark-3.5.5-pandas-2.1", matrix=True),
        Environment("spark-4.1.1-py313", "spark-4.1.1", python="3.13", matrix=True),
        Environment("spark-4.3.0-pandas-2.3", "spark-4.3.0-pandas-2.3", matrix=True),
        Environment("spark-3.5.9-oldest", "spark-3.5.9-oldest", matrix=True),
        Environment("spark-4.0.5-oldest", "spark-4.0.5-oldest", matrix=True),
        Environment("spark-4.1.4-oldest", "spark-4.1.4-oldest", matrix=True),
        Environment("spark-4.2.1-oldest", "spark-4.2.1-oldest", matrix=True),
        Environment("spark-4.3.0-oldest", "spark-4.3.0-oldest", matrix=True),
    )
}


OLDEST, NEWEST = "spark-3.5.9", "spark-4.3.0"
"""The environments of the first and the last Spark line. Tests, demo and Makefile ask here."""

LINES = [name for name, known in ENVIRONMENTS.items() if name == f"spark-{known.spark}" and not known.core]
"""One environment for each Spark line, oldest first."""


def find_python(version: str) -> Path | None:
    """The interpreter of that minor version from PATH or from pyenv, if it has a shared libpython."""
    candidates = [shutil.which(f"python{version}"), shutil.which("python3")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates += [str(path) for path in sorted(pyenv.glob(f"{version}*/bin/python{version}"), reverse=True)]
    wanted = "s.get_python_version(), s.get_config_var('Py_ENABLE_SHARED'), sys.executable"
    probe = f"import sys, sysconfig as s; print({wanted})"
    for candidate in filter(None, candidates):
        found = subprocess.run([candidate, "-c", probe], capture_output=True, text=True, check=False)
        if found.returncode == 0 and found.stdout.split()[:2] == [version, "1"]:
            return Path(found.stdout.split(maxsplit=2)[2].strip())
    return None


def is_extra(environment: Environment) -> bool:
    """Whether the environment wants another Python than the tests need, and that is not here."""
    return environment.python != PYTHON and find_python(environment.python) is None


def make(environment: Environment) -> Path:
    """Makes the venv unless it is complete. Returns its interpreter; exits with a sentence if it cannot."""
    wanted = (HERE / "requirements" / f"{environment.requirements}.txt").read_text()
    stamp = environment.path / "complete.txt"
    if stamp.exists() and stamp.read_text() == wanted and environment.interpreter.exists():
        complete(environment)
        return environment.interpreter
    base = find_python(environment.python)
    if base is None:
        raise SystemExit(f"{environment.name}: no Python {environment.python} with a shared libpython found")
    started = time.monotonic()
    print(f"{environment.name}: installing {', '.join(wanted.split())} on Python {environment.python} …", flush=True)
    shutil.rmtree(environment.path, ignore_errors=True)
    pip = [environment.interpreter, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    requirements = HERE / "requirements" / f"{environment.requirements}.txt"
    steps = [base, "-m", "venv", environment.path], [*pip, "setuptools", "wheel"], [*pip, "-r", requirements]
    for step in steps:
        done = subprocess.run(step, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{environment.name}: {' '.join(map(str, step))}\n{done.stdout}")
    complete(environment)
    stamp.write_text(wanted)
    print(f"{environment.name}: ready after {time.monotonic() - started:.0f} s", flush=True)
    return environment.interpreter


def complete(environment: Environment) -> None:
    """Adds to a venv what is ours: the wheel too, if that is the form that is tried.

    To those for wheels their tests do, and what is to be packed must not lead elsewhere.
    """
    if not environment.requirements.startswith("libraries"):
        show_checkout(environment)
    if form() == WHEEL and environment.name.startswith("spark-"):
        import wheels

        with wheels.ONE_AT_A_TIME:
            wheels.install(environment)


def show_checkout(environment: Environment) -> None:
    """Lets the environment's Python import `benches` and `integration` of this checkout, and `fakejvm` of its tests."""
    [packages] = environment.path.glob("lib/python*/site-packages")
    lines = "".join(os.path.relpath(folder, packages) + "\n" for folder in (CHECKOUT, CHECKOUT / "tests"))
    names = packages / "bowstring-checkout.pth"
    if not names.exists() or names.read_text() != lines:
        names.write_text(lines)


def begin_with_another(target: Path) -> None:
    """Copies the build for another Python to a target directory that is not there: of its crates few know of Python."""
    built = [path.parent.parent for path in target.parent.glob("cpython-*/release/bowstring")]
    if built and not target.exists():
        part = target.with_name(f"part-of-{target.name}")
        shutil.rmtree(part, ignore_errors=True)
        # With their times, by which cargo knows what is up to date.
        shutil.copytree(built[0], part, symlinks=True)
        (part / "release" / "bowstring").unlink()
        part.rename(target)


@cache
def build_bowstring(python: str) -> Path:
    """Builds the release binary for that Python, in a target directory of its own. Returns the binary's path.

    `BOWSTRING_BIN` names a ready binary instead, or a stand-in script; it is returned as it is. The wheel's executable
    is the same for all Pythons, and finds the rest in the environment.
    """
    ready = os.environ.get("BOWSTRING_BIN")
    if ready:
        return Path(ready).resolve()
    if form() == WHEEL:
        import wheels

        return wheels.executable()
    base = find_python(python)
    if base is None:
        raise SystemExit(f"bowstring: no Python {python} with a shared libpython found")
    target = CHECKOUT / "target" / f"cpython-{python}"
    built = target / "release" / "bowstring"
    if is_built() and built.exists():
        return built
    begin_with_another(target)
    command = ["cargo", "build", "--release", "--target-dir", str(target)]
    subprocess.run(command, cwd=CHECKOUT, env={**os.environ, "PYO3_PYTHON": str(base)}, check=True)
    return built


def main(arguments: list[str]) -> None:
    """Makes the named environments, builds bowstring for Pythons, or says where a Python is or what there is."""
    if arguments[:1] == ["build"] and len(arguments) > 1:
        for python in arguments[1:]:
            if python == PYTHON or find_python(python):
                print(build_bowstring(python))
        return
    if arguments[:1] == ["find"] and len(arguments) == 2:
        print(find_python(arguments[1]) or "")
        return
    if arguments in (["newest"], ["lines"]):
        print(*([NEWEST] if arguments == ["newest"] else LINES))
        return
    names = arguments
    if arguments in (["all"], ["matrix"]):
        names = [name for name, known in ENVIRONMENTS.items() if arguments == ["matrix"] or not known.matrix]
    unknown = [name for name in names if name not in ENVIRONMENTS]
    if unknown or not names:
        known = ", ".join(ENVIRONMENTS)
        usage = "usage: environments.py NAME… | all | matrix | build PYTHON… | find PYTHON | newest | lines"
        raise SystemExit(f"{usage}  (known names: {known})")
    wanted = []
    for name in names:
        if names is not arguments and is_extra(ENVIRONMENTS[name]):
            print(f"{name}: LEFT OUT, no Python {ENVIRONMENTS[name].python} with a shared libpython here", flush=True)
        else:
            wanted.append(ENVIRONMENTS[name])
    # Each waits for the network and for one core in turn.
    with ThreadPoolExecutor(MADE_AT_ONCE) as pool:
        for made in [pool.submit(make, environment) for environment in wanted]:
            made.result()


if __name__ == "__main__":
    main(sys.argv[1:])
