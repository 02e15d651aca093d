"""What documents claim is so: files, unsafe blocks, private API, versions, figures, decisions. Needs no Spark."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from integration import environments, releases

ROOT = Path(__file__).resolve().parents[2]

PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "BENCHMARKS.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
PAGES += sorted((ROOT / "spark-conf").rglob("*.md")) + [ROOT / "docker/README.md"]

MADE = (
    "target/",
    "demo-output/",
    "bench-output/",
    "integration/.venvs/",
    "integration/.releases/",
    "fuzz/artifacts",
    "fuzz/grown",
)
"""What commands make; git has none of it."""
ELSEWHERE = (
    # PySpark's own files.
    "daemon.py",
    "worker.py",
    "pyspark/",
    "sql/",
    # A user's.
    "app.py",
)
KINDS_OF_FILES = ("py", "rs", "md", "toml", "json", "jsonl", "txt", "tsv")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def tree() -> frozenset[str]:
    """Every file of ours, from the root."""
    tops = (
        "src",
        "crates",
        "python",
        "tests",
        "integration",
        "benches",
        "demo",
        "docs",
        "spark-conf",
        "docker",
        "fuzz",
        ".ci",
    )
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for top in tops:
        files += [
            path
            for path in (ROOT / top).rglob("*")
            if path.is_file() and not {".venvs", ".releases", "target", "__pycache__"} & set(path.parts)
        ]
    return frozenset(str(path.relative_to(ROOT)) for path in files)


def in_backticks(text: str) -> Iterator[str]:
    """Code within lines; blocks of code are left out."""
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```", "", text))


def named_files(text: str) -> Iterator[str]:
    for word in in_backticks(text):
        is_path = re.fullmatch(r"[\w.\-/*…]+", word) is not None
        ends = word.rsplit(".", 1)[-1] in KINDS_OF_FILES and word.count(".") == 1 and "…" not in word
        starts = re.match(
            r"(src|crates|python|tests|integration|benches|demo|docs|fuzz|_spark|_worker|_process)/", word
        )
        if is_path and (ends or starts) and not word.startswith((*MADE, *ELSEWHERE)):
            yield word.rstrip("/")


def is_there(word: str, page: Path) -> bool:
    """From the root, from the page, or as the end of exactly the path of some file or folder of ours."""
    if (ROOT / word).exists() or (page.parent / word).exists():
        return True
    if "X.Y.Z" in word:
        return any((ROOT / word).parent.glob(Path(word).name.replace("X.Y.Z", "*")))
    return any(f"/{path}/".find(f"/{word}/") >= 0 for path in tree())


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    """In backticks, by a path from the root, or by its end. The changelog may tell of the past."""
    assert [word for word in named_files(page.read_text()) if not is_there(word, page)] == []


def test_types_that_the_architecture_names_are_in_the_code() -> None:
    """Whatever is in backticks and begins with a capital letter, methods too."""
    code = "\n".join((ROOT / path).read_text() for path in tree() if path.endswith((".rs", ".py")))
    words = [word for word in in_backticks((ROOT / "ARCHITECTURE.md").read_text()) if re.match(r"[A-Z][a-z]\w+", word)]
    assert len(words) > 5
    missing = [part for word in words for part in word.split("::") if not re.search(rf"\b{part}\b", code)]
    assert missing == []


def test_crates_know_whom_the_architecture_says() -> None:
    """Its drawing of the folders, and the dependencies in each Cargo.toml."""
    page = (ROOT / "ARCHITECTURE.md").read_text()
    crates = {path.parent.name: path.read_text() for path in (ROOT / "crates").glob("*/Cargo.toml")}
    wanted = {
        crate: set(re.findall(r"(?m)^bowstring-(\w+)", text.partition("[dependencies]")[2].partition("\n[")[0]))
        for crate, text in crates.items()
    }
    said = {}
    for crate, whom in re.findall(r"(?m)^crates/(\w+) .* knows ([^;\n]+)", page):
        all_but = whom.removeprefix("all but ")
        others = set(crates) - {crate} - set(all_but.split(", "))
        said[crate] = set() if whom == "nobody" else others if all_but != whom else set(whom.split(", "))
    assert said == wanted


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """Files beside the page, and headings in them. Those to other sites are not followed."""
    broken = []
    for target in re.findall(r"\]\((?!https://)([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_nobody_is_sent_to_a_repository_that_is_not_there() -> None:
    """There is no public one."""
    text = (".md", ".py", ".rs", ".toml")
    found = [path for path in tree() if path.endswith(text) and path != name(Path(__file__))]
    assert [path for path in found if "github.com/bowstring" in (ROOT / path).read_text()] == []


def test_contributing_counts_the_unsafe_blocks() -> None:
    """Each file with its number."""
    counted = {}
    for path in sorted(tree()):
        if path.endswith(".rs") and path.startswith(("src/", "crates/")):
            code = re.sub(r"(?m)//.*$", "", (ROOT / path).read_text())
            blocks = len(re.findall(r"\bunsafe\s*\{", code))
            assert re.search(r"\bunsafe\s+(fn|impl|extern)\b", code) is None, path
            if blocks:
                counted[path] = blocks
    (said,) = re.findall(r"(?ms)^\*\*Unsafe\.\*\*.*?\n\n", (ROOT / "CONTRIBUTING.md").read_text())
    assert {path: int(count) for path, count in re.findall(r"`([\w/.]+\.rs)` \((\d+)\)", said)} == counted


PRIVATE_MODULES = ("pandas._", "pandas.core")
DOCUMENTED_BY_PYTHON = {"_exit"}


def private_names() -> tuple[set[str], set[str]]:
    """What our Python and Rust take from others although it is private; and all private names that they use."""
    used: set[str] = set()
    own: set[str] = set()
    for path in sorted((ROOT / "python").rglob("*.py")):
        own |= {path.stem, path.parent.name}
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.FunctionDef(name=defined) | ast.ClassDef(name=defined) | ast.arg(arg=defined):
                    own.add(defined)
                case ast.Name(id=defined, ctx=ast.Store()):
                    own.add(defined)
                case ast.Attribute(value=ast.Name(id="self"), attr=defined, ctx=ast.Store()):
                    own.add(defined)
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    for alias in names:
                        if module.startswith(PRIVATE_MODULES) or alias.name.startswith("_"):
                            used.add(f"{module}.{alias.name}")
                case ast.Attribute(attr=attribute):
                    used.add(attribute)
                case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(attribute)), *_]):
                    used.add(attribute)
                case ast.Subscript(value=ast.Call(func=ast.Name(id="vars")), slice=ast.Constant(value=str(attribute))):
                    used.add(attribute)
    # Ours, which is no file.
    own.add("_native")
    for path in sorted((ROOT / "crates/worker/src").rglob("*.rs")):
        call = r'(?:getattr|call_method[01]?|intern!)\(\s*(?:[\w.()]+,\s*)?"(_[a-z]\w*)"'
        used |= set(re.findall(call, path.read_text()))
    used = {word for word in used if "." in word or re.match(r"_(?!bowstring)[a-z]", word)}
    return used - own - DOCUMENTED_BY_PYTHON, used


def test_the_list_of_private_api_is_complete() -> None:
    """And nothing on it is unused."""
    page = (ROOT / "docs/compatibility.md").read_text()
    section = page.partition("## What nobody promises")[2].partition("\n## ")[0]
    listed = {word for row in re.findall(r"(?m)^\| .*$", section) for word in in_backticks(row)}
    foreign, all_used = private_names()
    assert sorted(foreign - listed) == []
    assert sorted(listed - all_used) == []


def requirements(environment: environments.Environment) -> dict[str, str]:
    """Versions by package."""
    lines = (environments.HERE / "requirements" / f"{environment.requirements}.txt").read_text().split()
    return dict(line.split("==") for line in lines if "==" in line)


def test_the_readme_names_the_versions_that_the_tests_run() -> None:
    """Spark, pandas, pyarrow, NumPy and CPython, of every environment of `make test`."""
    wanted = set()
    for known in environments.ENVIRONMENTS.values():
        if known.name.startswith("spark-") and not known.matrix:
            has = requirements(known)
            wanted.add((known.spark, has["pandas"], has["pyarrow"], has["numpy"], known.python))
    table = (ROOT / "README.md").read_text().partition("| Spark | pandas |")[2].partition("\n\n")[0]
    said = set()
    for row in table.splitlines()[2:]:
        sparks, pandas, pyarrow, numpy, pythons = (cell.strip() for cell in row.strip("| ").split("|"))
        said |= {
            (spark, pandas, pyarrow, numpy, python) for spark in sparks.split(", ") for python in pythons.split(", ")
        }
    assert said == wanted


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_spark_versions_are_those_of_the_environments(page: Path) -> None:
    """Every patch release that a page names."""
    known = {environment.spark for environment in environments.ENVIRONMENTS.values()} | set(releases.RELEASES)
    named = set(re.findall(r"(?<![\d.])(?:3\.5|4\.\d)\.\d+(?![\d.])", page.read_text()))
    assert named <= known


def test_the_newest_spark_is_written_once() -> None:
    """In `environments.py`; tests, demo and Makefile ask it."""
    newest = environments.NEWEST.removeprefix("spark-")
    assert list(environments.LINES)[-1] == environments.NEWEST
    assert list(environments.LINES)[0] == environments.OLDEST
    askers = [path for path in tree() if re.fullmatch(r"integration/(\w+|parity/fuzz)\.py|demo/\w+\.py|Makefile", path)]
    askers.remove("integration/environments.py")
    written = []
    for path in askers:
        # Examples in comments and descriptions may name it.
        code = re.sub(r'(?ms)#[^\n]*$|""".*?"""', "", (ROOT / path).read_text())
        if newest in code:
            written.append(path)
    assert written == []


def test_the_known_spark_lines_are_those_of_the_environments() -> None:
    """The table of `lines.py`, and the documents that list it."""
    text = (ROOT / "python/bowstring/_spark/lines.py").read_text()
    lines = re.findall(r'(?m)^    "([\d.]+)": Line\(', text)
    assert [f"spark-{line}" for line in lines] == [name.rpartition(".")[0] for name in environments.LINES]


def figures(text: str) -> list[tuple[str, str]]:
    """Stock's and bowstring's seconds of the picture at the top of the README."""
    picture = text.partition("```\n")[2].partition("```")[0]
    rows = [re.fullmatch(r"(.+?) +([\d.]+) +([\d.]+) +(█*)(·*)", line) for line in picture.splitlines()[1:]]
    found = []
    for row in rows:
        assert row is not None, picture
        _, stock, ours, bar, rest = row.groups()
        width = len(bar) + len(rest)
        assert abs(len(bar) / width - float(ours) / float(stock)) <= 0.5 / width + 1e-9, row.group(0)
        found.append((stock, ours))
    return found


def test_the_picture_is_drawn_from_the_table() -> None:
    """Its numbers are rows of BENCHMARKS.md, and its bars are as long as they say."""
    table = (ROOT / "BENCHMARKS.md").read_text()
    found = figures((ROOT / "README.md").read_text())
    assert len(found) == 6
    assert [pair for pair in found if f"| {pair[0]} | {pair[1]} |" not in table] == []


def test_decisions_are_numbered_and_indexed() -> None:
    """Each once in the index, and no number twice."""
    page = (ROOT / "docs/decisions.md").read_text()
    decisions = re.findall(r"(?m)^### (D\d+)\. (.+)$", page)
    assert len({number for number, _ in decisions}) == len(decisions)
    assert re.findall(r"(?m)^\* \[(D\d+)\]\(#[^)]+\) (.+)$", page) == decisions
    for part in page.split("\n### ")[1:]:
        assert "**Choice.**" in part, part[:60]
        assert "**Why.**" in part, part[:60]
        assert "**What would change our mind.**" in part, part[:60]


BETWEEN = re.compile(r"…|\bN\b|\d+(?:\.\d+)?|k='a'|pyspark\.worker|\(SIGKILL\)")
"""What the code fills in, in a message of `docs/troubleshooting.md`."""


def test_messages_to_look_up_are_in_the_code() -> None:
    """Every symptom in backticks, but for what the dynamic linker says."""
    sources = [(ROOT / path).read_text() for path in tree() if re.match(r"(src|crates|python)/.*\.(rs|py)$", path)]
    code = re.sub(r'\\\n\s*|"\n\s*f?"', "", "\n".join(sources))
    rows = re.findall(r"(?m)^\| (`.*?) \|", (ROOT / "docs/troubleshooting.md").read_text())
    messages = [message for row in rows for message in in_backticks(row)]
    assert len(messages) > 20
    parts = [part.strip(" ,;:()") for message in messages for part in BETWEEN.split(message)]
    missing = [part for part in parts if len(part) > 4 and part not in code]
    assert [part for part in missing if not part.startswith("error while loading shared libraries")] == []


def test_settings_of_spark_are_those_that_the_daemon_reads() -> None:
    """The second table of `docs/settings.md`; `tests/settings.rs` holds the first."""
    code = (ROOT / "crates/supervisor/src/settings.rs").read_text()
    read = set(re.findall(r'"((?:PYSPARK|PYTHON|SPARK)_[A-Z_0-9]+)"', code))
    rows = re.findall(r"(?m)^\| `((?:PYSPARK|PYTHON|SPARK)_\w+)` \|", (ROOT / "docs/settings.md").read_text())
    assert sorted(rows) == sorted(read)


def test_tests_that_the_table_of_sparks_settings_names_are_there() -> None:
    """Its last column, and each row has one."""
    page = (ROOT / "docs/compatibility.md").read_text()
    section = page.partition("## Spark's own settings")[2].partition("\n## ")[0]
    rows = [row.strip("| ").split(" | ")[-1] for row in re.findall(r"(?m)^\| .*$", section)[1:]]
    code = "\n".join((ROOT / path).read_text() for path in tree() if re.match(r"integration/.*\.py$", path))
    defined = set(re.findall(r"(?m)^def (\w+)\(", code))
    named = [[word for word in in_backticks(row) if word in defined] for row in rows]
    assert len(rows) > 10 and all(named), named
