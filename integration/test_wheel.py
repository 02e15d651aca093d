"""The wheel, installed by pip into new environments of a shared and of a static Python, in every way that it is on."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from answers import answers_of, pack
from environments import ENVIRONMENTS, NEWEST, OLDEST, Environment, find_python, make
from harness import environment_variables
from wheels import DEBUG, LARGEST, TAG, build_wheel, find_cpython, tools

HERE = Path(__file__).resolve().parent
DEBIAN = Path("/usr/bin/python3")

SPARKS = {"libraries-py39": OLDEST, "libraries-py310": "spark-4.1.4", "libraries-py312": "spark-4.1.4"}
"""Whose PySpark is seen beside libraries that have none: as EMR 7 for CPython 3.9; Spark 4.1 is the last for 3.10."""


class Installed:
    """A venv with the wheel, that sees the packages of an environment of the tests."""

    def __init__(self, folder: Path, base: Path, environment: Environment, wheel: Path | None) -> None:
        self.folder, self.environment = folder, environment
        subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
        self.python = folder / "bin" / "python"
        self.bowstring = folder / "bin" / "bowstring"
        [packages] = folder.glob("lib/python*/site-packages")
        [others] = make(environment).parent.parent.glob("lib/python*/site-packages")
        (packages / "checkout.pth").write_text(f"{HERE.parent}\n{HERE.parent / 'tests'}\n")
        wanted = {path.name: path for path in others.iterdir() if path.suffix != ".pth"}
        if "pyspark" not in wanted:
            # It is Python alone, so that another environment's will do.
            [spark] = make(ENVIRONMENTS[SPARKS[environment.name]]).parent.parent.glob("lib/python*/site-packages")
            wanted |= {name: spark / name for name in ("pyspark", "py4j")}
        for name, path in wanted.items():
            # The wheel may be installed there.
            if not name.startswith(("bowstring", "pip", "_distutils", "__pycache__")):
                (packages / name).symlink_to(path)
        self.packages, self.spark = packages, packages / "pyspark"
        if wheel is not None:
            done = pip(self.python, wheel)
            assert done.returncode == 0, done.stderr

    def submit(self, directory: Path, conf: dict[str, str], *pythons: str, master: str = "local[1]") -> dict[str, Any]:
        """What the workers of a session with these settings answer, one query for each Python."""
        command: list[str | Path] = [self.spark / "bin" / "spark-submit", "--master", master]
        usual = {"spark.ui.enabled": "false", "spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "1"}
        for key, value in {**usual, **conf}.items():
            command += ["--conf", f"{key}={value}"]
        variables = environment_variables(self.environment, {"SPARK_HOME": str(self.spark)})
        for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", "BOWSTRING_PYTHON"):
            del variables[name]
        driver = {"spark.pyspark.driver.python": str(self.python)}
        if "spark.pyspark.python" not in conf:
            driver["spark.pyspark.python"] = str(self.python)
        for key, value in driver.items():
            command += ["--conf", f"{key}={value}"]
        return answers_of([*command, HERE / "wheel_ways.py", *pythons], directory, variables)


def linked(file: Path) -> tuple[list[str], tuple[int, ...]]:
    """The libraries that a program or a module needs, and the newest glibc that it asks for."""
    said = subprocess.run(["readelf", "-dVW", file], capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"NEEDED\D*\[(.+?)\]", said)
    return needed, max(tuple(map(int, text.split("."))) for text in re.findall(r"GLIBC_([\d.]+)", said))


def pip(python: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Has pip install into that Python's environment, and nothing from the network."""
    pip = [make(ENVIRONMENTS["tools"]), "-m", "pip", "--disable-pip-version-check", "--python", python]
    command = [*pip, "install", "--no-index", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


def base_of(flavour: str) -> Path:
    """The Python of a flavour: pyenv's has a shared library, Debian's is all in its executable; others by version."""
    if flavour != "static":
        version = "3.11" if flavour == "shared" else flavour
        python = find_python(version)
        if python is None:
            pytest.skip(f"no CPython {version} here")
        return python
    version = (
        subprocess.run([DEBIAN, "-V"], capture_output=True, text=True, check=False).stdout if DEBIAN.exists() else ""
    )
    libraries = subprocess.run(["ldd", DEBIAN], capture_output=True, text=True, check=False).stdout
    if not version.startswith("Python 3.11.") or "libpython" in libraries:
        pytest.skip("no static CPython 3.11 here")
    return DEBIAN


@pytest.fixture(scope="module")
def wheel() -> Path:
    return build_wheel("3.11")


@pytest.fixture(scope="module", params=["shared", "static"])
def newest(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp(request.param) / "venv"
    return Installed(folder, base_of(request.param), ENVIRONMENTS[NEWEST], wheel)


def is_ours(answer: dict[str, Any], environment: Installed) -> None:
    """The answer is right, and of a native worker of that environment."""
    assert answer["sum"] == 5.0
    assert answer["daemon"] == "bowstring"
    assert answer["native"]
    assert answer["executable"] == str(environment.python)


def looks_like(ours: dict[str, Any], stocks: dict[str, Any], session: bool = True) -> None:
    """The process looks as stock's does, but for who has started it, and what stock's daemon leaves in `__main__`.

    Folders and ports differ between sessions.
    """
    own = ("daemon", "native", "names", *(() if session else ("path", "environment")))
    assert ours["names"] == []
    assert {k: v for k, v in ours.items() if k not in own} == {k: v for k, v in stocks.items() if k not in own}
    assert ours["environment"].keys() == stocks["environment"].keys()
    assert len(ours["path"]) == len(stocks["path"])


WAYS = [(OLDEST, "shared"), (NEWEST, "shared"), (OLDEST, "static"), (NEWEST, "static"), ("libraries-py39", "3.9")]
"""Environments with a flavour of Python. CPython 3.9 has less to say of how it was started."""


@pytest.mark.parametrize(("line", "flavour"), WAYS)
def test_every_way_on(line: str, flavour: str, tmp_path: Path) -> None:
    """In a session whose Python is the user's, per session and back; as Spark's Python; as its daemon module."""
    environment, base = ENVIRONMENTS[line], base_of(flavour)
    wheel = build_wheel(environment.python)
    ours = Installed(tmp_path / "venv", base, environment, wheel)
    other = Installed(tmp_path / "other", base_of(environment.python), environment, wheel)
    # The record has no line for libraries without Spark: the self-test runs behind the first answer.
    until = ("native",) if line in SPARKS else ()
    switched = ours.submit(tmp_path, {}, "", str(ours.bowstring), *until, str(other.bowstring), *until, "")
    before, *answers, after = switched["queries"]
    first, second = answers[len(until) :: 1 + len(until)]
    # Of stock's worker the parent is the daemon.
    assert before["daemon"] == "java" and not before["native"]
    is_ours(first, ours)
    is_ours(second, other)
    assert after == before
    looks_like(first, before)
    plain = ours.submit(tmp_path, {"spark.pyspark.python": str(ours.bowstring)}, "", *until)
    is_ours(plain["queries"][-1], ours)
    module = ours.submit(tmp_path, {"spark.python.daemon.module": "bowstring.daemon"}, "", *until)
    is_ours(module["queries"][-1], ours)
    looks_like(module["queries"][-1], before, session=False)
    assert plain["rdd"] == module["rdd"] == switched["rdd"] == [0, 1, 4, 9]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("packed"))


@pytest.mark.parametrize("line", [OLDEST, NEWEST])
def test_an_environment_that_is_sent_along(line: str, packed: Path, tmp_path: Path) -> None:
    """`--archives`, on executors that are processes of their own."""
    driver = Installed(tmp_path / "venv", base_of("shared"), ENVIRONMENTS[line], None)
    conf = {
        "spark.archives": f"{packed}#environment",
        "spark.pyspark.python": "./environment/bin/bowstring",
    }
    answers = driver.submit(tmp_path, conf, "native", master="local-cluster[1,1,1024]")
    [last] = answers["queries"]
    assert (last["sum"], last["daemon"], last["native"]) == (5.0, "bowstring", True)
    assert last["executable"] == f"{last['cwd']}/environment/bin/python"
    assert answers["rdd"] == [0, 1, 4, 9]


LIBC = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libgcc_s.so.1"}
LIBC |= {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
"""Parts of glibc, and the one of GCC's that every distribution has."""


def test_what_is_in_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """Two programs that need libc alone, the module of users, and metadata without dependencies."""
    assert wheel.stat().st_size < LARGEST
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in archive.infolist()}
        [metadata] = (archive.read(name).decode() for name in modes if name.endswith(".dist-info/METADATA"))
    [module] = (name for name in modes if name.endswith(".so"))
    [script] = (name for name in modes if name.endswith(".data/scripts/bowstring"))
    assert re.fullmatch(r"bowstring/_native\.cpython-311-\S+\.so", module)
    assert modes[script] & 0o111 == 0o111
    for name in (module, script):
        needed, glibc = linked(tmp_path / name)
        assert set(needed) <= LIBC, name
        assert glibc <= (2, 28), name
    ours = {name for name in modes if name.startswith("bowstring/")} - {module}
    users = ("__init__", "__main__", "_find", "daemon")
    package = HERE.parent / "python"
    doctor = [path for folder in ("doctor", "_fakejvm") for path in (package / "bowstring" / folder).glob("*.py")]
    expected = {*(f"bowstring/{name}.py" for name in users), "bowstring/py.typed"}
    assert ours == expected | {str(path.relative_to(package)) for path in doctor}
    fields = [line.partition(": ")[::2] for line in metadata.partition("\n\n")[0].splitlines()]
    assert ("Requires-Python", ">=3.9") in fields
    assert ("License-Expression", "Apache-2.0") in fields
    assert ("Description-Content-Type", "text/markdown; charset=UTF-8; variant=GFM") in fields
    assert not [value for name, value in fields if name == "Requires-Dist"]
    assert any(name.endswith("/LICENSE") for name in modes)


def output_of(*command: str | Path) -> str:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout


def test_line_tables_are_kept_apart(wheel: Path, tmp_path: Path) -> None:
    """Each program names the file that has its own, and an address of it has a place there."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    [module] = tmp_path.glob("bowstring/_native.*.so")
    [script] = tmp_path.glob("*.data/scripts/bowstring")
    places = {module: "crates/worker/src/", script: "src/main.rs"}
    functions = {module: r" t _ZN16bowstring_worker", script: r" t _ZN9bowstring4main"}
    for program, place in places.items():
        sections = output_of("readelf", "-SW", program)
        assert ".debug_line" not in sections and ".symtab" not in sections
        output_of("objcopy", "--dump-section", f".gnu_debuglink={tmp_path}/link", program, tmp_path / "copy")
        link = (tmp_path / "link").read_bytes()
        debug = DEBUG / link.partition(b"\0")[0].decode()
        assert int.from_bytes(link[-4:], "little") == zlib.crc32(debug.read_bytes())
        symbols = [line for line in output_of("nm", debug).splitlines() if re.search(functions[program], line)]
        assert place in output_of("addr2line", "-ie", debug, symbols[0].split()[0])


def test_auditwheel_gives_it_the_tag(wheel: Path) -> None:
    said = subprocess.run(["auditwheel", "show", wheel], env=tools(), capture_output=True, text=True, check=True).stdout
    [tag] = re.findall(r'constrains the platform tag to\s+"(\w+)"', said)
    assert tuple(map(int, re.findall(r"manylinux_(\d+)_(\d+)", tag)[0])) <= (2, 28), said
    assert wheel.name.endswith(f"-{TAG}.whl")


def test_pip_refuses_it_for_another_python(wheel: Path, tmp_path: Path) -> None:
    other = next(filter(None, map(find_cpython, ("3.13", "3.12", "3.10", "3.9"))), None)
    if other is None:
        pytest.skip("no other CPython here")
    subprocess.run([other, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    refused = pip(tmp_path / "venv" / "bin" / "python", wheel)
    assert refused.returncode != 0
    assert "is not a supported wheel on this platform" in refused.stderr


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a program with these variables and few others. Standard input stays open, or a daemon would end."""
    environment = {"PATH": "/usr/bin:/bin", **variables}
    stdin, held = os.pipe()
    try:
        words = list(map(str, command))
        return subprocess.run(words, env=environment, stdin=stdin, capture_output=True, text=True, check=False)
    finally:
        os.close(stdin)
        os.close(held)


def test_the_module_is_the_executable(newest: Installed) -> None:
    """`python -m bowstring` does what `bowstring` does, which is for the rest the Python beside it."""
    for words in (
        ["--version"],
        ["--help"],
        ["-c", "import sys; print(sys.executable)"],
        ["-c", "raise SystemExit(3)"],
    ):
        direct, module = run(newest.bowstring, *words), run(newest.python, "-m", "bowstring", *words)
        assert (direct.returncode, direct.stdout) == (module.returncode, module.stdout)
    assert run(newest.bowstring, "--version").stdout == "bowstring 0.1.0\n"
    assert run(newest.bowstring, "-c", "import sys; print(sys.executable)").stdout == f"{newest.python}\n"


def test_a_package_of_the_users_with_our_name_is_not_ours(newest: Installed, tmp_path: Path) -> None:
    """Neither the zygote nor `sys.modules` of a worker takes one for the other."""
    package = tmp_path / "bowstring"
    package.mkdir()
    (package / "__init__.py").write_text("USERS = True\n")
    program = "import bowstring, json; print(json.dumps(bowstring.USERS))"
    assert run(newest.bowstring, "-c", program, PYTHONPATH=str(tmp_path)).stdout == "true\n"
    archive = newest.spark / "python" / "lib" / "pyspark.zip"
    conf = {"spark.executorEnv.PYTHONPATH": f"{tmp_path}:{archive}", "spark.pyspark.python": str(newest.bowstring)}
    [answer] = newest.submit(tmp_path, conf, "")["queries"]
    is_ours(answer, newest)
    assert str(tmp_path) in answer["path"]


def refusal(*command: str | Path, **variables: str) -> str:
    """Why a daemon does not start: one line, the first and the last on standard error."""
    secret = {"PYTHON_WORKER_FACTORY_SECRET": "open sesame"}
    ended = run(*command, "pyspark.worker", **secret, **variables)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


def test_an_environment_that_is_not_whole_is_refused_in_one_line(wheel: Path, tmp_path: Path) -> None:
    """The executable and the Python are of two environments, or something is missing or of another wheel."""
    base = base_of("shared")
    ours = Installed(tmp_path / "ours", base, ENVIRONMENTS[NEWEST], wheel)
    bare = Installed(tmp_path / "bare", base, ENVIRONMENTS[NEWEST], None)
    daemon = ("-m", "pyspark.daemon")
    install = "-m pip install bowstring==0.1.0"
    missing = (
        f"bowstring: {bare.python} has no package bowstring, which this executable needs; run {bare.python} {install}\n"
    )
    assert refusal(ours.bowstring, *daemon, BOWSTRING_PYTHON=str(bare.python)) == missing
    shutil.copy(ours.bowstring, bare.bowstring)
    assert refusal(bare.bowstring, *daemon) == missing
    package = ours.packages / "bowstring"
    [module] = package.glob("_native.*.so")
    other = module.rename(package / module.name.replace("311", "310"))
    assert f"{package} has nothing for {ours.python}" in refusal(ours.bowstring, *daemon)
    assert f"{other.name} is for another Python; run " in refusal(ours.bowstring, *daemon)
    module.write_bytes(other.read_bytes()[:5000])
    assert f"{module} is cut short; run " in refusal(ours.bowstring, *daemon)
    module.write_bytes(bytes(len(module.read_bytes())))
    assert f"{module} cannot be loaded: " in refusal(ours.bowstring, *daemon)
    module.unlink()
    other.unlink()
    assert "its module _native is missing; run " in refusal(ours.bowstring, *daemon)
    (package / "_native.py").write_text("__version__ = '0.0.9'\n")
    version = "is bowstring 0.0.9, but the executable is bowstring 0.1.0; run "
    assert version in refusal(ours.bowstring, *daemon)
    ours.bowstring.unlink()
    assert "the executable of the package bowstring in" in refusal(ours.python, "-m", "bowstring.daemon")
    ours.python.unlink()
    ours.python.symlink_to(tmp_path / "nowhere")
    shutil.copy(bare.bowstring, ours.bowstring)
    assert f"bowstring: {ours.python} leads to nothing: " in refusal(ours.bowstring, *daemon)


def test_the_environment_is_that_of_the_path_by_which_it_is_called(newest: Installed, tmp_path: Path) -> None:
    """A link to the environment, as YARN makes, and a link to the executable from elsewhere."""
    program = ("-c", "import sys; print(sys.executable)")
    (tmp_path / "environment").symlink_to(newest.folder)
    assert run(tmp_path / "environment/bin/bowstring", *program).stdout == f"{tmp_path}/environment/bin/python\n"
    (tmp_path / "link").symlink_to(newest.bowstring)
    assert run(tmp_path / "link", *program).stdout == f"{newest.python}\n"


PARITY = {"3.9": "libraries-py39", "3.10": "libraries-py310", "3.12": "libraries-py312"}
PARITY |= {"3.11": NEWEST, "3.13": f"{NEWEST}-py313"}
"""The environment whose packages the wheel for a CPython is tried with."""


@pytest.mark.parametrize("version", PARITY)
def test_every_kind_answers_like_stock_on_every_cpython(version: str, tmp_path: Path) -> None:
    """Generated programs of all kinds through both workers, without a JVM; columns are native."""
    python = find_cpython(version)
    if python is None:
        pytest.skip(f"no CPython {version} here")
    environment = ENVIRONMENTS[PARITY[version]]
    ours = Installed(tmp_path / "venv", python, environment, build_wheel(version))
    match = [ours.python, HERE / "parity" / "match.py", ours.bowstring, "--seed", "1", "--examples", "80"]
    done = subprocess.run(match, capture_output=True, text=True, timeout=900, check=False)
    assert done.stdout, done.stderr[-3_000:]
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["differences"] == 0, done.stdout
    assert summary["cases"] == 80
    all_columns, native = map(sum, zip(*summary["columns"].values(), strict=True))
    assert native > all_columns / 2, summary
