"""Tries a wheel on another Debian, with the Python that is packaged there: `wheel_in_container.py sid bullseye`.

An image is what debootstrap makes of a suite, so that no registry of images is asked; root and a Docker engine are
needed. Libraries and PySpark are those of an environment of the tests. Inside, without a network and without a JVM, the
wheel is installed by pip, the doctor is asked, and generated programs of all kinds go through stock's workers and
bowstring's. Images and libraries are kept for the next time; `--anew` makes them again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from environments import CHECKOUT, ENVIRONMENTS, HERE, NEWEST, OLDEST, Environment, make
from wheels import MACHINE, build_wheel

KEPT = CHECKOUT / "target" / "containers"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = ("python3", "python3-venv")
PROGRAMS = 80
SECONDS = 900
"""For everything inside a container."""


@dataclass(frozen=True)
class Suite:
    """A Debian, and the environment of the tests whose PySpark and libraries are tried there."""

    name: str
    environment: str

    @property
    def image(self) -> str:
        return f"wheel-on-debian:{self.name}"


SUITES = {
    suite.name: suite
    for suite in (
        # CPython 3.14 in November 2026: as Spark 4.3's own images for Kubernetes have it.
        Suite("sid", NEWEST),
        # glibc 2.31 and CPython 3.9, as EMR 7 has it.
        Suite("bullseye", OLDEST),
    )
}

INSIDE = """
python3 -m venv /venv
/venv/bin/python -m pip --disable-pip-version-check install --quiet --no-index --no-deps /dist/{wheel}
packages=$(echo /venv/lib/python3*/site-packages)
ln -s /spark/pyspark /spark/py4j "$packages"
printf '/libraries\\n/checkout\\n/checkout/tests\\n' > "$packages/others.pth"
/venv/bin/python -c 'import os, platform, pandas, pyarrow, pyspark
print("CPython", platform.python_version(), "glibc", os.confstr("CS_GNU_LIBC_VERSION").split()[1],
    "PySpark", pyspark.__version__, "pandas", pandas.__version__, "pyarrow", pyarrow.__version__)'
/venv/bin/bowstring doctor --json > /tmp/doctor.json || true
/venv/bin/python -c 'import json; print(json.dumps(json.load(open("/tmp/doctor.json"))))'
/venv/bin/python /checkout/integration/parity/match.py /venv/bin/bowstring --seed 1 --examples {programs}
"""


def call(*command: str | Path, seconds: int | None = None) -> str:
    """Runs a program; what it prints to standard output. Ends with what it said where it failed."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))[:300]}\n{done.stdout[-4_000:]}{done.stderr[-4_000:]}")
    return done.stdout


def image_of(suite: Suite, anew: bool) -> str:
    """The image of a suite, made if it is not there."""
    if not anew and call("docker", "images", "--quiet", suite.image).strip():
        return suite.image
    root = KEPT / f"{suite.name}-root"
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    # minbase with apt's own choice of what these need: debootstrap alone does not know which of several serves.
    call("debootstrap", "--variant=minbase", suite.name, root, MIRROR)
    call("chroot", root, "apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES)
    archive = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
    subprocess.run(["docker", "import", "-", suite.image], stdin=archive.stdout, stdout=subprocess.DEVNULL, check=True)
    if archive.wait():
        raise SystemExit(f"tar of {root} failed")
    shutil.rmtree(root)
    return suite.image


def libraries_of(suite: Suite, environment: Environment, python: str, anew: bool) -> Path:
    """The environment's libraries for another CPython, without PySpark: packages of PyPI for an old glibc."""
    wanted = (HERE / "requirements" / f"{environment.requirements}.txt").read_text()
    names = [line for line in wanted.split() if not line.startswith("pyspark")]
    folder = KEPT / f"{suite.name}-{python}"
    stamp = folder / "complete.txt"
    if anew or not stamp.exists() or stamp.read_text() != " ".join(names):
        shutil.rmtree(folder, ignore_errors=True)
        platforms = [f"manylinux_2_{minor}_{MACHINE}" for minor in range(28, 16, -1)] + [f"manylinux2014_{MACHINE}"]
        pip = [make(ENVIRONMENTS["tools"]), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        options = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python, "--target", folder]
        for platform in platforms:
            options += ["--platform", platform]
        call(*pip, *options, *names)
        stamp.write_text(" ".join(names))
    return folder


def try_wheel(suite: Suite, programs: int, anew: bool) -> bool:
    """Whether all is as it should be there. Prints what was found."""
    image = image_of(suite, anew)
    environment = ENVIRONMENTS[suite.environment]
    asked = ("docker", "run", "--rm", "--network", "none")
    probe = "import sys; print('%d.%d' % sys.version_info[:2])"
    python = call(*asked, image, "python3", "-c", probe).strip()
    wheel = build_wheel(python)
    [packages] = make(environment).parent.parent.glob("lib/python*/site-packages")
    mounts = {
        wheel.parent: "/dist",
        CHECKOUT: "/checkout",
        libraries_of(suite, environment, python, anew): "/libraries",
        packages / "pyspark": "/spark/pyspark",
        packages / "py4j": "/spark/py4j",
    }
    volumes = [part for here, there in mounts.items() for part in ("--volume", f"{here.resolve()}:{there}:ro")]
    inside = INSIDE.format(wheel=wheel.name, programs=programs)
    versions, doctor, *said = call(*asked, *volumes, image, "sh", "-euc", inside, seconds=SECONDS).splitlines()
    report, summary = json.loads(doctor), json.loads(said[-1])
    columns, native = map(sum, zip(*summary["columns"].values(), strict=True))
    print(f"{suite.name}: {wheel.name} on {versions}")
    for finding in report["findings"]:
        if finding["verdict"] != "fine" or finding["about"] == "tasks":
            print(f"  doctor, {finding['verdict']}: {finding['about']}: {finding['text']}")
    print(
        f"  {summary['cases']} programs of {len(summary['kinds'])} kinds, {summary['groups']} groups, "
        f"{native} of {columns} columns native, {summary['differences']} differences",
        flush=True,
    )
    as_wanted = summary["cases"] == programs and not summary["differences"] and native > columns / 2
    return as_wanted and report["exit code"] == 0


def main() -> None:
    """Exits with 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=PROGRAMS, help="generated programs of each suite; %(default)s")
    parser.add_argument("--anew", action="store_true", help="make images and libraries again")
    parser.add_argument("suites", nargs="+", choices=SUITES)
    arguments = parser.parse_args()
    for tool in ("docker", "debootstrap"):
        if shutil.which(tool) is None:
            raise SystemExit(f"needs {tool}")
    found = [try_wheel(SUITES[name], arguments.programs, arguments.anew) for name in arguments.suites]
    sys.exit(not all(found))


if __name__ == "__main__":
    main()
