"""A PySpark as its sources say it is, and what a symbol in it leads to."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from bowstring._spark.surface import DAEMON, SELF_TEST
from bowstring._spark.surface import fingerprint as prints

from integration.surface import roots

_FOLLOWED = {
    "pyspark.worker",
    "pyspark.worker_util",
    "pyspark.sql.pandas.serializers",
    "pyspark.sql.pandas.types",
    "pyspark.sql.conversion",
}
"""Modules whose names are gone after. What is called in others is PySpark's own affair, or a root by itself."""

_ENDS = {"main", "invoke_udf", "read_udfs", "read_udtf", "read_single_udf", "RunnerConf", "EvalConf"}
"""What leads to everything: the parts of it that a kind needs are roots of that kind."""


class Module:
    """One source file."""

    def __init__(self, content: bytes) -> None:
        self.digest = hashlib.sha256(content).hexdigest()[:16]
        rows = prints.rows(content.decode())
        self.origins = prints.imports(rows)
        self.definitions = prints.definitions(rows)

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """By name, of all that is defined."""
        return {name: prints.fingerprint(rows, self.origins) for name, rows in self.definitions.items()}


class PySpark:
    """The sources below `place`: a folder or a zip file that has `pyspark` in it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._archive = zipfile.ZipFile(place) if place.is_file() else None
        self._modules: dict[str, Module | None] = {}

    def _read(self, path: str) -> bytes | None:
        try:
            return self._archive.read(path) if self._archive else (self.place / path).read_bytes()
        except (FileNotFoundError, KeyError):
            return None

    @property
    def version(self) -> str:
        """As `pyspark.__version__` has it."""
        text = self._read("pyspark/version.py")
        if text is None:
            raise SystemExit(f"{self.place}: there is no pyspark with its sources")
        names: dict[str, str] = {}
        exec(text, names)
        return names["__version__"]

    @property
    def line(self) -> str:
        """The first two numbers."""
        return ".".join(self.version.split(".")[:2])

    def module(self, name: str) -> Module | None:
        """A module by its name; None if this PySpark has none."""
        if name not in self._modules:
            content = self._read(name.replace(".", "/") + ".py")
            self._modules[name] = None if content is None else Module(content)
        return self._modules[name]

    def has(self, symbol: str) -> bool:
        """Whether it is defined where its name says."""
        module, name = self.split(symbol)
        found = self.module(module)
        return found is not None and name in found.definitions

    @staticmethod
    def split(symbol: str) -> tuple[str, str]:
        """The module of a symbol, which is in small letters, and its name there."""
        parts = symbol.split(".")
        for count in range(len(parts) - 1, 0, -1):
            if all(part.islower() for part in parts[:count]):
                module = ".".join(parts[:count])
                if module in MODULES or module.startswith("pyspark.") and count < len(parts):
                    return module, ".".join(parts[count:])
        raise ValueError(symbol)

    def closure(self, wanted: Iterator[str]) -> set[str]:
        """These symbols, those of them that are here, and all that they lead to."""
        found: set[tuple[str, bool]] = set()
        left = [(symbol, True) for symbol in wanted if self.has(symbol)]
        while left:
            item = left.pop()
            if item not in found:
                found.add(item)
                left.extend(self._next(*item))
        return {symbol for symbol, _ in found}

    def _next(self, symbol: str, whole: bool) -> Iterator[tuple[str, bool]]:
        """What a symbol leads to, and whether a class is meant as a whole or for one of its members."""
        module_name, name = self.split(symbol)
        module = self.module(module_name)
        assert module is not None
        members = [f"{module_name}.{other}" for other in module.definitions if other.startswith(name + ".")]
        if module_name not in _FOLLOWED:
            wanted = members if name == "Row" else [member for member in members if member.endswith(".__init__")]
            yield from ((member, True) for member in wanted)
            return
        if whole:
            yield from ((member, True) for member in members)
        owner = name.rpartition(".")[0]
        if owner:
            yield f"{module_name}.{owner}", False
        if name not in _ENDS:
            for row in module.definitions[name]:
                meant = self._meant(module, module_name, owner, row.tokens)
                # Not its own name: of a class that would be all of it.
                yield from (item for item in meant if item[0] != symbol)

    def _meant(
        self, module: Module, module_name: str, owner: str, tokens: tuple[str, ...]
    ) -> Iterator[tuple[str, bool]]:
        """What the names in a line stand for, where they are gone after. `owner`: the class that the line is in."""
        before = ""
        for index, token in enumerate(tokens):
            target = self._meaning(module, module_name, token) if before != "." else None
            if before != "." and token in ("self", "cls") and owner:
                target = f"{module_name}.{owner}"
            if target is not None:
                member = f"{target}.{tokens[index + 2]}" if tokens[index + 1 : index + 2] == (".",) else ""
                if member and self.has(member):
                    yield member, True
                elif token not in ("self", "cls"):
                    yield target, True
            before = token

    def _meaning(self, module: Module, module_name: str, token: str) -> str | None:
        origin = module.origins.get(token, "")
        if origin.rpartition(".")[0] in _FOLLOWED and self.has(origin):
            return origin
        return f"{module_name}.{token}" if token in module.definitions else None


MODULES = {*_FOLLOWED, "pyspark.daemon", "pyspark.rdd", "pyspark.util", "pyspark.serializers", "pyspark.sql.types"}


def needs(pyspark: PySpark) -> dict[str, list[int | str]]:
    """Every symbol of the surface, and who needs it."""
    found: dict[str, list[int | str]] = {}
    for kind in (*roots.kinds_of(pyspark.line), SELF_TEST, DAEMON):
        for symbol in pyspark.closure(roots.roots_of(pyspark.line, kind)):
            found.setdefault(symbol, []).append(kind)
    return dict(sorted(found.items()))
