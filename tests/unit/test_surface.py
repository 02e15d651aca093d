"""What is known of a PySpark: fingerprints of its sources, and who needs what they are of."""

import ast
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest
from bowstring._spark import hook
from bowstring._spark.surface import known
from bowstring._spark.surface.fingerprint import fingerprints
from bowstring._spark.surface.known import Surface, compare, digest

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = sorted((ROOT / "python/bowstring/_spark/surface").glob("*.json"))
SOURCE = '''
from pyspark.errors import PySparkTypeError as Wrong
import numpy as np

LIMIT = 3

def check(value, *, text=f"{1 + 1!r} 'a'"):
    """Says whether."""
    if value > LIMIT:  # too large
        raise Wrong(
            "no",
            np.nan,
        )
    return [value, {"a": 1}]

class Base:
    """A class."""

    size = 1

    @property
    def twice(self):
        return 2 * self.size

class Derived(Base):
    async def run(self): pass
'''


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  # too large", ""),
        ('"""Says whether."""', '"""Says\n\n    nothing."""\n'),
        ("    return [value", "\n\n    # so\n    return [\n  value"),
        ("    size = 1", "    size  =  1   "),
        ("import numpy as np\n", "import json\nimport numpy as np\n"),
        ("\n", "\r\n"),
    ],
)
def test_comments_blanks_and_docstrings_do_not_count(before: str, after: str) -> None:
    assert before in SOURCE
    assert fingerprints(SOURCE.replace(before, after)) == fingerprints(SOURCE)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("value > LIMIT", "value >= LIMIT", {"check"}),
        ("    return [value", "        return [value", {"check"}),
        ("*, text", "text", {"check"}),
        ("1 + 1!r", "1 + 2!r", {"check"}),
        ("LIMIT = 3", "LIMIT = 4", {"LIMIT"}),
        ("errors import PySparkTypeError", "errors import PySparkValueError", {"check"}),
        ("import numpy as np", "import cupy as np", {"check"}),
        ("size = 1", "size = 2", {"Base"}),
        ("    @property\n", "", {"Base.twice"}),
        ("2 * self", "3 * self", {"Base.twice"}),
        ("def twice", "def thrice", {"Base", "Base.twice", "Base.thrice"}),
        ("Derived(Base)", "Derived(dict)", {"Derived"}),
        ("async def", "def", {"Derived", "Derived.run"}),
    ],
)
def test_everything_else_does(before: str, after: str, changed: set[str]) -> None:
    assert before in SOURCE
    old, new = fingerprints(SOURCE), fingerprints(SOURCE.replace(before, after))
    assert {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)} == changed


def test_odd_lines_are_no_obstacle() -> None:
    source = "()\nfrom a import *\nx = 'unterminated\n@\ndef f(): return (\n"
    assert list(fingerprints(source)) == ["x"]
    assert fingerprints("") == {} and fingerprints("\n  # nothing") == {}


def test_what_is_defined_in_a_condition_is_the_modules() -> None:
    source = "try:\n    from a import b\nexcept ImportError:\n    def b():\n        return 1\nif X:\n    def c(): b()\n"
    found = fingerprints(source)
    assert list(found) == ["b", "c"]
    assert fingerprints(source.replace("from a", "from z"))["c"] != found["c"]


def test_every_cpython_finds_the_same() -> None:
    """Of sources with all that PySpark writes, f-strings too."""
    module = ROOT / "python/bowstring/_spark/surface/fingerprint.py"
    names = ["worker.py", "sql/types.py", "sql/conversion.py", "serializers.py", "util.py"]
    files = [str(Path(pyspark.__path__[0]) / name) for name in names]
    program = "import json, runpy, sys; space = runpy.run_path(sys.argv[1])\n"
    program += "print(json.dumps([space['fingerprints'](open(file).read()) for file in sys.argv[2:]]))"
    here = json.loads(subprocess.check_output([sys.executable, "-c", program, module, *files]))
    assert all(here)
    others = [path for path in Path.home().glob(".pyenv/versions/3.*/bin/python3") if path.exists()]
    for python in others:
        version = subprocess.check_output([python, "-c", "import sys; print(*sys.version_info[:2])"], text=True)
        if tuple(map(int, version.split())) >= (3, 9):
            assert json.loads(subprocess.check_output([python, "-c", program, module, *files])) == here, python


def symbols(line: str) -> set[str]:
    """All of a line's surface."""
    data = json.loads((FILES[0].parent / f"{line}.json").read_text())
    return {f"{module}.{name}" for module, facts in data["modules"].items() for name in facts["symbols"]}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_surface_file_is_whole(file: Path) -> None:
    data = json.loads(file.read_text())
    kinds = set(map(int, data["kinds"]))
    native = hook._KINDS.keys() if file.stem == "4.3" else kinds
    assert kinds == set(native)
    releases = {
        label for facts in data["modules"].values() for labels in facts["files"].values() for label in labels.split()
    }
    assert f"{file.stem}.0" in releases
    for module, facts in data["modules"].items():
        for name, symbol in facts["symbols"].items():
            needs = set(symbol["needs"])
            assert needs and needs - kinds <= {"all", "self-test", "daemon"}, name
            labels = [label for labels in symbol["known"].values() for label in labels.split()]
            assert len(labels) == len(set(labels)), name
            # A file that is known byte for byte is not looked into.
            whole = {label for labels in facts["files"].values() for label in labels.split()}
            assert whole <= set(labels), (module, name)


def changed(module: str, before: str, after: str) -> Surface:
    """What is known of the installed PySpark with one change."""
    data = json.loads(known._text("4.3"))
    contents = {name: known.read(name) for name in data["modules"]}
    content = contents[module]
    assert content is not None and before.encode() in content
    contents[module] = content.replace(before.encode(), after.encode())
    return compare(data, contents)


def test_a_comment_more_changes_nothing() -> None:
    surface = changed("pyspark.worker", "\ndef read_udfs(", "\n# Of the vendor.\ndef read_udfs(")
    assert surface.unknown == {} and surface.takes(201) and surface.takes_any()


def test_a_changed_symbol_turns_off_the_kinds_that_need_it() -> None:
    surface = changed("pyspark.sql.conversion", "def _to_pylist(", "def _to_pylist(vendors, ")
    symbol = "pyspark.sql.conversion.ArrowTableToRowsConversion._to_pylist"
    assert surface.unknown == {symbol: [101, 301]}
    assert not surface.takes(101) and not surface.takes(301) and surface.takes(201) and surface.takes(302)
    assert not surface.knows(symbol) and surface.knows("pyspark.worker.read_udfs")
    assert surface.sentences() == [
        f"PySpark's own code serves SQL_ARROW_BATCHED_UDF, SQL_ARROW_TABLE_UDF, because {symbol} is not as in any "
        "release that is known"
    ]


def test_a_changed_read_udfs_leaves_table_functions() -> None:
    surface = changed("pyspark.worker", "def read_udfs(pickleSer, ", "def read_udfs(pickleSer, vendors, ")
    assert [kind for kind in surface._kinds if surface.takes(kind)] == [301, 302]


def test_a_changed_main_leaves_nothing() -> None:
    surface = changed("pyspark.worker", "def main(infile, outfile):", "def main(infile, outfile, more=None):")
    assert not surface.takes_any()
    assert surface.sentences() == [
        "PySpark's own code serves every kind of UDF, because pyspark.worker.main is not as in any release that is "
        "known"
    ]


def test_a_changed_daemon_turns_nothing_off() -> None:
    surface = changed("pyspark.daemon", "def manager() -> None:", "def manager(more=None):")
    assert surface.takes(201) and surface.off == {"daemon"}
    assert surface.sentences() == [
        "bowstring does what a known release's daemon does, because pyspark.daemon.manager is not as in any release "
        "that is known"
    ]


def test_a_module_that_is_not_there_is_not_known() -> None:
    data = json.loads(known._text("4.3"))
    contents = {name: known.read(name) for name in data["modules"]} | {"pyspark.sql.conversion": None}
    assert not compare(data, contents).takes(201)


def test_sources_come_from_a_zip_file_too(tmp_path: Path) -> None:
    archive = tmp_path / "pyspark.zip"
    package = Path(pyspark.__path__[0])
    with zipfile.ZipFile(archive, "w") as files:
        for file in (*package.rglob("*.py"), *package.rglob("*.json")):
            files.write(file, f"pyspark/{file.relative_to(package)}")
    program = f"""
import sys, types
sys.path[:0] = {[str(archive), str(ROOT / "python"), *sys.path]!r}
sys.modules["bowstring._native"] = types.ModuleType("bowstring._native")
from bowstring._spark import lines
import pyspark
print(pyspark.__file__, lines.find().surface.unknown)
"""
    printed = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert printed == f"{archive}/pyspark/__init__.py {{}}\n"


def test_the_installed_files_are_known_byte_for_byte() -> None:
    """So that nothing is cut into tokens before the first answer."""
    data = json.loads(known._text("4.3"))
    for module, facts in data["modules"].items():
        content = known.read(module)
        assert content is not None and digest(content) in facts["files"], module


_MODULES = {"worker": "pyspark.worker", "serializers": "pyspark.sql.pandas.serializers", "T": "pyspark.sql.types"}
"""What modules of PySpark are called in `_spark`."""


def named_in(tree: ast.AST) -> Iterator[str]:
    """Symbols of PySpark's that a source of ours names."""
    modules = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pyspark") and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if alias.name.islower() and full in (*_MODULES.values(), "pyspark.worker"):
                    modules[alias.asname or alias.name] = full
                else:
                    yield full
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield f"{modules[node.value.id]}.{node.attr}"
        elif isinstance(node, ast.Constant) and re.fullmatch(r"pyspark(\.\w+)+", str(node.value)):
            yield node.value


def test_what_the_code_names_of_pyspark_is_in_a_surface() -> None:
    """A new dependency needs a fingerprint: see docs/adding-a-spark-version.md."""
    known_symbols = set().union(*(symbols(file.stem) for file in FILES))
    names = {f"pyspark.worker.{name}" for name in hook._WRAPS}
    for file in (ROOT / "python/bowstring/_spark").rglob("*.py"):
        names.update(named_in(ast.parse(file.read_text())))
    modules = set().union(*(json.loads(file.read_text())["modules"] for file in FILES))
    # PySpark's worker imports some of what it is asked for.
    last = {symbol.rpartition(".")[2] for symbol in known_symbols}
    missing = {
        name
        for name in names - known_symbols - modules
        if not (name.startswith("pyspark.worker.") and name.rpartition(".")[2] in last)
    }
    assert missing == {
        # The standard library's, which Spark 3.5's worker has for a global.
        "pyspark.worker.importlib",
        # The module, where some lines have `setup_spark_files`, and others `add_path`.
        "pyspark.sql.worker.utils",
    }
