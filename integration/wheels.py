"""Builds the wheels of bowstring: `python3 integration/wheels.py 3.11 …`, or `here` for every CPython that is here.

`all` adds those that need no interpreter to be built, and cannot be tried without.

A wheel has two programs: the executable `bowstring`, the same in all of them, which needs libc alone, and the module
`bowstring._native` for one CPython. Both are linked by zig against an old glibc, so that a wheel runs where it was not
built. They go to `dist/`, which git ignores. Their symbols and line tables, which nobody needs before a crash, are left
behind in `dist/debug`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from environments import CHECKOUT, ENVIRONMENTS, PYTHON, Environment, is_built, make

PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
WITHOUT_INTERPRETER = ("3.14",)
"""What maturin knows enough of to build for it where it is not installed."""
DIST = CHECKOUT / "dist"
DEBUG = DIST / "debug"
TARGETS = CHECKOUT / "target"
GLIBC = "2.28"
"""That of RHEL 8. Amazon Linux 2023, Ubuntu 20.04 and Debian 11 have newer ones."""
LARGEST = 8_000_000
"""Bytes of a wheel."""

MACHINE = platform.machine()
TRIPLE = f"{MACHINE}-unknown-linux-gnu"
TAG = f"manylinux_{GLIBC.replace('.', '_')}_{MACHINE}"


def find_cpython(version: str) -> Path | None:
    """An interpreter of that minor version from PATH or from pyenv, static or shared."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python{version}"), reverse=True)]
    candidates += filter(None, [shutil.which(f"python{version}"), shutil.which("python3")])
    probe = "import platform, sys, sysconfig as s; print(platform.python_implementation(), s.get_python_version())"
    for candidate in candidates:
        found = subprocess.run([candidate, "-c", probe], capture_output=True, text=True, check=False)
        if found.stdout.split() == ["CPython", version]:
            return Path(candidate)
    return None


@cache
def tools() -> dict[str, str]:
    """The variables under which cargo finds zig and its helpers, which are Python packages."""
    folder = make(ENVIRONMENTS["tools"]).parent
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def run(*command: str | Path) -> None:
    """Runs a build step in the checkout."""
    subprocess.run(list(map(str, command)), cwd=CHECKOUT, env=tools(), check=True)


def keep_apart(file: Path) -> None:
    """Moves symbols and line tables of a program out of it into a file `….debug`, whose name it keeps."""
    DEBUG.mkdir(parents=True, exist_ok=True)
    debug = DEBUG / f"{file.name.removesuffix('.so')}.debug"
    run("objcopy", "--only-keep-debug", "--compress-debug-sections", file, debug)
    # Debuggers, and Rust's own backtraces, look for that name beside the program.
    run("objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", file)


def pack_without_symbols(whole: Path, wheel: Path) -> None:
    """Writes a wheel anew, its module without what `keep_apart` takes out."""
    part = wheel.with_suffix(".part")
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        [module] = [entry for entry in source.infolist() if entry.filename.endswith(".so")]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(source.extract(module, folder))
            keep_apart(file)
            stripped = file.read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(stripped).digest()).rstrip(b"=").decode()
        for entry in source.infolist():
            content = source.read(entry)
            if entry is module:
                content = stripped
            elif entry.filename.endswith(".dist-info/RECORD"):
                lines = content.decode().splitlines()
                own = f"{module.filename},sha256={digest},{len(stripped)}"
                lines = [own if line.startswith(f"{module.filename},") else line for line in lines]
                assert own in lines
                content = "".join(f"{line}\n" for line in lines).encode()
            target.writestr(entry, content)
    part.rename(wheel)


ONE_AT_A_TIME = threading.RLock()
"""Environments are made side by side, but built for and installed into one after the other."""


@cache
def executable() -> Path:
    """Builds the executable and puts it where maturin finds it (`tool.maturin.data` of pyproject.toml)."""
    target = TARGETS / "wheel"
    ready = target / "bowstring.data" / "scripts" / "bowstring"
    if is_built() and ready.exists():
        return ready
    run(
        *("cargo-zigbuild", "zigbuild", "--profile", "wheel", "--package", "bowstring", "--no-default-features"),
        *("--locked", "--target", f"{TRIPLE}.{GLIBC}", "--target-dir", target),
    )
    part = target / "part" / ready.name
    for file in (part, ready):
        file.parent.mkdir(parents=True, exist_ok=True)
    keep_apart(Path(shutil.copy2(target / TRIPLE / "wheel" / ready.name, part)))
    return part.rename(ready)


def begin_with_another(target: Path) -> None:
    """Copies the build for another CPython to a new target directory: few of its crates know of Python."""
    # The oldest, into which nobody is building any more.
    built = sorted(TARGETS.glob(f"wheel-*/{TRIPLE}/wheel/lib_native.so"), key=lambda path: path.stat().st_mtime)
    if built and not target.exists():
        part = target.with_name(f"part-of-{target.name}")
        shutil.rmtree(part, ignore_errors=True)
        # With their times, by which cargo knows what is up to date.
        shutil.copytree(built[0].parents[2], part, symlinks=True)
        part.rename(target)


@cache
def build_wheel(version: str) -> Path:
    """Builds the wheel for that CPython. Returns its path."""
    tag = "cp" + version.replace(".", "")
    ready = list(DIST.glob(f"bowstring-*-{tag}-{tag}-{TAG}.whl"))
    if is_built() and ready:
        return ready[0]
    python = find_cpython(version)
    if python is None and version not in WITHOUT_INTERPRETER:
        raise SystemExit(f"bowstring: no CPython {version} found")
    executable()
    target = TARGETS / f"wheel-{version}"
    begin_with_another(target)
    for old in [*DIST.glob(f"bowstring-*-{tag}-*.whl"), *(target / "whole").glob("*.whl")]:
        old.unlink()
    run(
        *("maturin", "build", "--profile", "wheel", "--locked", "--zig", "--target", TRIPLE, "--compatibility"),
        *(TAG.removesuffix(f"_{MACHINE}"), "--interpreter", python or f"python{version}", "--strip", "false"),
        *("--target-dir", target, "--out", target / "whole"),
    )
    [whole] = (target / "whole").glob(f"bowstring-*-{tag}-{tag}-{TAG}.whl")
    wheel = DIST / whole.name
    pack_without_symbols(whole, wheel)
    size = wheel.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{wheel} has {size} bytes, and {LARGEST} are allowed")
    return wheel


@cache
def install(environment: Environment) -> None:
    """Installs the wheel for an environment's Python into it, and nothing else."""
    wheel = build_wheel(environment.python)
    stamp = environment.path / "wheel.txt"
    wanted = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        pip = (environment.interpreter, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
        run(*pip, "--no-index", "--no-deps", "--force-reinstall", wheel)
        stamp.write_text(wanted)


def main(versions: list[str]) -> None:
    """Builds the wheels and prints their paths."""
    known = versions or [PYTHON]
    if versions in (["all"], ["here"]):
        here = [version for version in PYTHONS if find_cpython(version)]
        more = WITHOUT_INTERPRETER if versions == ["all"] else ()
        known = [PYTHON, *(version for version in PYTHONS if version != PYTHON and version in (*here, *more))]
        for version in set(PYTHONS) - {*here, *WITHOUT_INTERPRETER}:
            print(f"bowstring: LEFT OUT, no CPython {version} here", file=sys.stderr)
    # The others begin with what the first has built. One core is idle for half of a build.
    print(build_wheel(known[0]), flush=True)
    with ThreadPoolExecutor(2) as pool:
        for wheel in pool.map(build_wheel, known[1:]):
            print(wheel, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
