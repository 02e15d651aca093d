"""The doctor finds planted faults and names the cure; where nothing is planted, it finds nothing."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from environments import (
    CHECKOUT,
    ENVIRONMENTS,
    NEWEST,
    PYTHON,
    WHEEL,
    Environment,
    build_bowstring,
    find_python,
    form,
    make,
)
from harness import environment_variables

OTHER_PYTHON = "3.13"
WHOLE_RUN = 300
"""Seconds; each daemon and task has limits of its own."""

Planted = dict[str, Any]
"""What a run of the doctor differs in: `environment`, `variables`, `before`, `arguments`."""


class Site:
    """An environment in a folder, whose packages are those of the newest environment, one by one."""

    def __init__(self, folder: Path, *, python: str = PYTHON, pandas: bool = True, pyarrow: bool = True) -> None:
        source = ENVIRONMENTS[NEWEST]
        make(source)
        base = find_python(python)
        assert base is not None
        subprocess.run([base, "-m", "venv", "--without-pip", "--symlinks", folder], check=True)
        self.python = folder / "bin" / "python"
        [self.packages] = folder.glob("lib/python*/site-packages")
        [packages] = source.path.glob("lib/python*/site-packages")
        wanted = {"pyspark": True, "pandas": pandas, "pyarrow": pyarrow, "bowstring": form() == WHEEL}
        for entry in packages.iterdir():
            name = entry.name.partition("-")[0].partition(".")[0]
            if wanted.get(name, entry.suffix != ".pth"):
                (self.packages / entry.name).symlink_to(entry)
        self.bowstring = build_bowstring(PYTHON)
        if form() == WHEEL:
            self.bowstring = Path(shutil.copy2(self.bowstring, folder / "bin"))

    def own_pyspark(self, change: Callable[[Path], None]) -> None:
        """A copy of PySpark's sources, without the archive that executors read, changed."""
        link = self.packages / "pyspark"
        source = link.resolve()
        link.unlink()
        jars = shutil.ignore_patterns("jars", "*.zip", "examples", "data", "licenses", "bin", "sbin", "tests")
        shutil.copytree(source, link, ignore=jars)
        change(link)


def replace(path: Path, old: str, new: str) -> None:
    """Changes a text that has to be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def doctor(site: Site, planted: Planted) -> tuple[int, dict[str, Any]]:
    """Exit code and report."""
    command = [site.python, "-m", "bowstring.doctor", "--json", "--bowstring", site.bowstring]
    ours = ("BOWSTRING", "SPARK", "PYTHON", "TMP")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # In the wheel the package is beside its executable.
    package = {} if form() == WHEEL else {"PYTHONPATH": str(CHECKOUT / "python")}
    done = subprocess.run(
        [*command, *planted.get("arguments", [])],
        capture_output=True,
        text=True,
        env={**clean, **package, **planted.get("variables", {})},
        preexec_fn=planted.get("before"),
        timeout=WHOLE_RUN,
        check=False,
    )
    assert done.stdout, done.stderr[-2_000:]
    return done.returncode, json.loads(done.stdout)


def nothing(folder: Path) -> tuple[Site, Planted]:
    """The environment as it should be."""
    return Site(folder), {}


def wrong_python(folder: Path) -> tuple[Site, Planted]:
    return Site(folder, python=OTHER_PYTHON, pandas=False, pyarrow=False), {}


def pandas_missing(folder: Path) -> tuple[Site, Planted]:
    return Site(folder, pandas=False), {}


def noisy_sitecustomize(folder: Path) -> tuple[Site, Planted]:
    site = Site(folder)
    # The report itself would be no JSON.
    (site.packages / "sitecustomize.py").write_text(
        "import sys\nif 'bowstring.doctor' not in sys.orig_argv:\n    print('welcome to', sys.prefix)\n"
    )
    return site, {}


def unknown_line(folder: Path) -> tuple[Site, Planted]:
    site = Site(folder)
    version = ENVIRONMENTS[NEWEST].spark
    site.own_pyspark(lambda package: replace(package / "version.py", version, "9.1.0"))
    return site, {}


def changed_symbol(folder: Path) -> tuple[Site, Planted]:
    site = Site(folder)

    def change(package: Path) -> None:
        path = package / "worker.py"
        more = "\n\n_read_udfs = read_udfs\n\n\ndef read_udfs(*args, more=None):\n    return _read_udfs(*args)\n"
        replace(path, '\n\nif __name__ == "__main__"', f'{more}\n\nif __name__ == "__main__"')

    site.own_pyspark(change)
    return site, {}


def tiny_limit(folder: Path) -> tuple[Site, Planted]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))

    return Site(folder), {"before": limit}


def foreign_daemon(folder: Path) -> tuple[Site, Planted]:
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "spark-defaults.conf").write_text("# ours\nspark.python.daemon.module  rapids.daemon\n")
    return Site(folder), {"variables": {"SPARK_CONF_DIR": str(folder / "conf")}, "arguments": ["--no-tasks"]}


def folder_too_deep_for_sockets(folder: Path) -> tuple[Site, Planted]:
    deep = folder / "conf" / ("a" * 60)
    deep.mkdir(parents=True)
    settings = {"enabled": "true", "dir": deep}
    lines = [f"spark.python.unix.domain.socket.{name} {value}\n" for name, value in settings.items()]
    (folder / "conf" / "spark-defaults.conf").write_text("".join(lines))
    return Site(folder), {"variables": {"SPARK_CONF_DIR": str(folder / "conf")}, "arguments": ["--no-tasks"]}


def databricks(folder: Path) -> tuple[Site, Planted]:
    return Site(folder), {"variables": {"DATABRICKS_RUNTIME_VERSION": "16.4"}, "arguments": ["--no-tasks"]}


def read_only_folder(folder: Path) -> tuple[Site, Planted]:
    # Nobody can make a file there, not even root.
    return Site(folder), {"variables": {"TMPDIR": "/proc"}, "arguments": ["--no-tasks"]}


def thread_after_warm_up(folder: Path) -> tuple[Site, Planted]:
    site = Site(folder)
    (site.packages / "restless.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    return site, {"variables": {"BOWSTRING_PREIMPORT": "numpy,pyarrow,pandas,restless"}}


def pyarrow_too_old(folder: Path) -> tuple[Site, Planted]:
    site = Site(folder, pyarrow=False)
    (site.packages / "pyarrow").mkdir()
    (site.packages / "pyarrow" / "__init__.py").write_text("__version__ = '10.0.1'\n")
    (site.packages / "pyarrow-10.0.1.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: pyarrow\nVersion: 10.0.1\n"
    (site.packages / "pyarrow-10.0.1.dist-info" / "METADATA").write_text(metadata)
    return site, {}


def broken_links(folder: Path) -> tuple[Site, Planted]:
    site = Site(folder)
    link = site.python.with_name("python3")
    link.unlink()
    link.symlink_to("/nowhere/bin/python3")
    return site, {"arguments": ["--no-tasks"]}


def bad_setting(folder: Path) -> tuple[Site, Planted]:
    return Site(folder), {"variables": {"BOWSTRING_READ_AHEAD_BYTES": "many"}}


FAULTS: dict[Callable[[Path], tuple[Site, Planted]], tuple[int, str, str, str]] = {
    wrong_python: (2, "daemon", "3.13", "install bowstring with the pip of the environment"),
    pandas_missing: (1, "pandas", "not found", "install pandas"),
    noisy_sitecustomize: (2, "standard output", "welcome to", "sitecustomize.py"),
    unknown_line: (1, "tasks", "9.1.0", "a Spark of a known line"),
    changed_symbol: (1, "surface", "read_udfs", "PySpark's own code"),
    tiny_limit: (2, "memory", "RLIMIT_AS is 200 MiB", "raise it to 512 MiB"),
    foreign_daemon: (2, "daemon", "rapids.daemon, of RAPIDS", "leave spark.python.daemon.module out"),
    folder_too_deep_for_sockets: (2, "Unix sockets", "AF_UNIX path too long", "whose path has 64 bytes at most"),
    databricks: (2, "bowstring", "Databricks 16.4", "nothing can be done"),
    read_only_folder: (2, "temporary folder", "TMPDIR=/proc cannot be written to", "mount it writable"),
    thread_after_warm_up: (1, "threads", "have left 2 threads", "BOWSTRING_PREIMPORT"),
    pyarrow_too_old: (1, "pyarrow", "10.0.1 is too old", "install pyarrow 11.0 or later"),
    broken_links: (2, "environment", "/nowhere/bin/python3", "make the environment anew"),
    bad_setting: (2, "daemon", "BOWSTRING_READ_AHEAD_BYTES", "set BOWSTRING_READ_AHEAD_BYTES to one of the values"),
}
"""Exit code, what the finding is about, what it says, and the cure."""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, dict[str, Any]]]:
    """Every environment's report by the fault's name, two at a time."""
    root = tmp_path_factory.mktemp("doctor")
    lock = threading.Lock()

    def report(plant: Callable[[Path], tuple[Site, Planted]]) -> tuple[int, dict[str, Any]]:
        with lock:
            site, planted = plant(root / plant.__name__)
        return doctor(site, planted)

    plants = [nothing, *FAULTS]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((plant.__name__ for plant in plants), pool.map(report, plants), strict=True))


def test_where_nothing_is_planted_all_is_native(reports: dict[str, tuple[int, dict[str, Any]]]) -> None:
    code, report = reports["nothing"]
    assert [finding for finding in report["findings"] if finding["verdict"] != "fine"] == []
    assert (code, report["verdict"]) == (0, "fine")
    assert any("19 of 19 kinds" in finding["text"] for finding in report["findings"])


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found_with_its_cure(
    plant: Callable[[Path], tuple[Site, Planted]], reports: dict[str, tuple[int, dict[str, Any]]]
) -> None:
    code, report = reports[plant.__name__]
    expected, about, text, cure = FAULTS[plant]
    found = [finding for finding in report["findings"] if finding["verdict"] != "fine"]
    assert any(
        finding["about"] == about and text in finding["text"] and cure in finding["cure"] for finding in found
    ), found
    assert code == expected, found


def ask_executors(
    environment: Environment, worker: Path, *arguments: str, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What the doctor finds in a session on this host whose workers are that program."""
    variables = environment_variables(environment, {"PYSPARK_PYTHON": str(worker), **(variables or {})})
    program = CHECKOUT / "python" / "bowstring" / "doctor" / "__main__.py"
    command = [make(environment), program, "--spark", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=variables, timeout=WHOLE_RUN, check=False)


def test_executors_with_bowstring_are_all_native(lifecycle: Environment) -> None:
    done = ask_executors(lifecycle, build_bowstring(lifecycle.python))
    head, row = done.stdout.splitlines()
    assert head.split()[:2] == ["host", "bowstring"]
    assert row.split()[1:4] == ["runs", make_version(lifecycle), lifecycle.spark]
    assert row.endswith("all native")
    assert done.returncode == 0


def test_executors_without_bowstring_are_told_from_it(lifecycle: Environment) -> None:
    done = ask_executors(lifecycle, make(lifecycle), "--json")
    [report] = json.loads(done.stdout).values()
    [finding] = [finding for finding in report["findings"] if finding["verdict"] != "fine"]
    assert finding["about"] == "bowstring" and "spark.pyspark.python" in finding["cure"]
    assert done.returncode == 2


FOREIGN = """from pyspark.daemon import manager

if __name__ == "__main__":
    manager()
"""


DAEMONS = {
    "spark.python.daemon.module=rapids.daemon": ("daemon", "rapids.daemon, of RAPIDS", "leave spark.python.daemon"),
    "spark.python.use.daemon=false": ("bowstring", "a Python of its own", "leave spark.python.use.daemon out"),
}
"""What the finding about each host is about, what it says, and the cure."""


@pytest.mark.parametrize("setting", DAEMONS)
def test_executors_tell_whose_daemon_has_started_them(lifecycle: Environment, setting: str, tmp_path: Path) -> None:
    (tmp_path / "rapids").mkdir()
    (tmp_path / "rapids" / "__init__.py").write_text("")
    (tmp_path / "rapids" / "daemon.py").write_text(FOREIGN)
    variables = {
        "PYTHONPATH": str(tmp_path),
        "PYSPARK_SUBMIT_ARGS": f"--master local[2] --conf {setting} pyspark-shell",
    }
    done = ask_executors(lifecycle, build_bowstring(lifecycle.python), "--json", variables=variables)
    assert done.stdout, done.stderr[-3_000:]
    host, *everywhere = json.loads(done.stdout).values()
    found = [finding for finding in host["findings"] if finding["verdict"] != "fine"]
    about, text, cure = DAEMONS[setting]
    [finding] = found
    assert finding["about"] == about and text in finding["text"] and cure in finding["cure"]
    assert [report["verdict"] for report in everywhere] == ["broken"] * (about == "daemon")
    assert done.returncode == 2


def test_a_folder_for_sockets_is_tried_by_executors(tmp_path: Path) -> None:
    environment = ENVIRONMENTS[NEWEST]
    conf = "--conf spark.python.unix.domain.socket.enabled=true pyspark-shell"
    variables = {"PYSPARK_SUBMIT_ARGS": conf}
    done = ask_executors(environment, build_bowstring(environment.python), "--json", variables=variables)
    assert done.stdout, done.stderr[-3_000:]
    [host] = json.loads(done.stdout).values()
    [finding] = [finding for finding in host["findings"] if finding["about"] == "Unix sockets"]
    assert (finding["verdict"], done.returncode) == ("fine", 0)
    assert finding["text"].startswith("can be made in /")


def make_version(environment: Environment) -> str:
    """Of the environment's Python, in full."""
    program = "import platform; print(platform.python_version())"
    done = subprocess.run([make(environment), "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()
