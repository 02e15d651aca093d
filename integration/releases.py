"""The Python files of every release of PySpark in the known lines, without its jars.

`make releases` fetches each source distribution from PyPI, 300 to 430 MB, keeps some 10 MB of it in
`integration/.releases/X.Y.Z/pyspark`, and deletes the rest. What is there already is left alone, so it may be
interrupted. They are for reading and comparing, and for tests that need no JVM: a release's files in front of the
packages of its line's environment.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from integration.environments import ENVIRONMENTS, LINES, find_python, make

ROOT = Path(__file__).resolve().parent / ".releases"

_LAST = {"3.5": 9, "4.0": 5, "4.1": 4, "4.2": 1, "4.3": 0}
"""The last patch release of each line that has been read."""

RELEASES = [f"{line}.{patch}" for line, last in _LAST.items() for patch in range(last + 1)]
"""All, oldest first."""

_NEEDED = 3 << 30
"""Bytes that a download takes for a moment: the archive, and what pip unpacks of it."""


def folder(release: str) -> Path:
    """What goes onto `PYTHONPATH` for this release."""
    return ROOT / release


def is_here(release: str) -> bool:
    """Whether the files of this release have been kept."""
    return (folder(release) / "pyspark").is_dir()


def interpreter(release: str) -> Path:
    """A Python with this release's files, and all else of its line's environment. No JVM: there are no jars."""
    line = release.rpartition(".")[0]
    environment = next(ENVIRONMENTS[name] for name in LINES if ENVIRONMENTS[name].spark.startswith(line + "."))
    base = make(environment)
    place = folder(release) / "environment"
    python = place / "bin" / "python"
    done = place / "complete.txt"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([base, "-m", "venv", "--without-pip", place], check=True)
        [packages] = place.glob("lib/python*/site-packages")
        _zip(folder(release) / "pyspark")
        (packages / "pyspark").symlink_to(folder(release) / "pyspark")
        [others] = environment.path.glob("lib/python*/site-packages")
        checkout = Path(__file__).resolve().parent.parent
        (packages / "others.pth").write_text(
            "".join(f"{folder}\n" for folder in (others, checkout, checkout / "tests"))
        )
        done.write_text(str(base))
    return python


def _zip(package: Path) -> None:
    """What Spark puts onto `PYTHONPATH`."""
    archive = package / "python" / "lib" / "pyspark.zip"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        for file in sorted((*package.rglob("*.py"), *package.rglob("*.json"))):
            files.write(file, f"pyspark/{file.relative_to(package)}")


def fetch(release: str) -> None:
    """Downloads a release and keeps its Python files. Nothing is left behind if that fails."""
    if shutil.disk_usage(ROOT).free < _NEEDED:
        raise SystemExit(f"{ROOT}: less than {_NEEDED >> 30} GiB free, which a download needs for a moment")
    scratch = ROOT / f"part-of-{release}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        archive = _download(release, scratch)
        kept = scratch / "kept"
        _keep_python(archive, kept)
        kept.rename(folder(release))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _download(release: str, scratch: Path) -> Path:
    python = find_python("3.11") or sys.executable
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-cache-dir"]
    command += ["--no-deps", "--no-binary", "pyspark", "--dest", str(scratch)]
    # pip unpacks the archive for its name and version.
    environment = {**os.environ, "TMPDIR": str(scratch)}
    done = subprocess.run(
        [*command, f"pyspark=={release}"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"pyspark {release} cannot be had:\n{done.stdout}{done.stderr}")
    [archive] = scratch.glob("pyspark-*.tar.gz")
    return archive


def _keep_python(archive: Path, kept: Path) -> None:
    with tarfile.open(archive) as members:
        for member in members:
            name = member.name.partition("/")[2]
            if member.isfile() and name.startswith("pyspark/") and name.endswith((".py", ".json")):
                content = members.extractfile(member)
                assert content is not None
                file = kept / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content.read())


def main(arguments: list[str]) -> None:
    """Fetches what is named and not here."""
    parser = argparse.ArgumentParser(prog="python3 -m integration.releases", description=__doc__)
    parser.add_argument("release", nargs="*", default=RELEASES, help="such as 3.5.0; all, if none is named")
    wanted = parser.parse_args(arguments).release
    ROOT.mkdir(exist_ok=True)
    for number, release in enumerate(wanted, 1):
        place = f"[{number}/{len(wanted)}] pyspark {release}"
        if is_here(release):
            print(f"{place}: here already", flush=True)
            continue
        print(f"{place}: fetching …", flush=True)
        started = time.monotonic()
        fetch(release)
        size = sum(file.stat().st_size for file in folder(release).rglob("*.py"))
        print(f"{place}: {size / 1e6:.0f} MB kept after {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
