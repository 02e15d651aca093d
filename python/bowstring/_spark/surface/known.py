"""Compares the installed PySpark with the surface of its line, before anything of it is replaced."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import Any

import pyspark

from . import ABSENT, ALL, SELF_TEST


class Surface:
    """What is known of the installed PySpark."""

    def __init__(self, kinds: dict[int, str], unknown: dict[str, list[int | str]], conversions: str = "") -> None:
        """`kinds`: names of all that the line has, by number; `unknown`: symbols with what needs them; `conversions`:
        stands for all that the self-test asks.
        """
        self._kinds = kinds
        self.conversions = conversions
        self.unknown = unknown
        self.off: frozenset[int | str] = frozenset(need for needs in unknown.values() for need in needs)
        """Kinds that are PySpark's alone."""

    def takes(self, kind: int) -> bool:
        """Whether all is known that a kind needs."""
        return kind in self._kinds and kind not in self.off

    def takes_any(self) -> bool:
        """Whether any kind is left."""
        return any(map(self.takes, self._kinds))

    def knows(self, *symbols: str) -> bool:
        """Whether none of these is another than it should be."""
        return not any(symbol in self.unknown for symbol in symbols)

    def sentences(self) -> list[str]:
        """What is not known, and what becomes of it: one for each set of needs."""
        by_needs: dict[tuple[int | str, ...], list[str]] = {}
        for symbol, needs in self.unknown.items():
            by_needs.setdefault(tuple(needs), []).append(symbol)
        of_all = {needs: symbols for needs, symbols in by_needs.items() if set(self._kinds) <= set(needs)}
        if of_all:
            # No kind is left that others could turn off.
            by_needs = of_all
        return [self._sentence(symbols, needs) for needs, symbols in by_needs.items()]

    def _sentence(self, symbols: list[str], needs: tuple[int | str, ...]) -> str:
        kinds = [self._kinds[need] for need in needs if isinstance(need, int)]
        if not kinds:
            consequence = "bowstring does what a known release's daemon does"
        elif len(kinds) == len(self._kinds):
            consequence = "PySpark's own code serves every kind of UDF"
        else:
            consequence = f"PySpark's own code serves {', '.join(kinds)}"
        are = "is" if len(symbols) == 1 else "are"
        return f"{consequence}, because {', '.join(symbols)} {are} not as in any release that is known"


def look(line: str) -> Surface | None:
    """What is known of the installed PySpark, which is of this line; None without its sources."""
    data = json.loads(_text(line))
    contents = {module: read(module) for module in data["modules"]}
    if contents["pyspark.worker"] is None:
        return None
    return compare(data, contents)


def compare(data: dict[str, Any], contents: dict[str, bytes | None]) -> Surface:
    """`data`: of a surface file; `contents`: of PySpark's files, by module."""
    kinds = {int(number): name for number, name in data["kinds"].items()}
    unknown: dict[str, list[int | str]] = {}
    tested: list[str] = []
    for module, facts in data["modules"].items():
        content = contents[module]
        releases = "" if content is None else facts["files"].get(digest(content), "")
        found = {} if content is None or releases else _fingerprints(content)
        for name, symbol in facts["symbols"].items():
            needs = [*kinds, *symbol["needs"][1:]] if symbol["needs"][0] == ALL else symbol["needs"]
            known = symbol["known"]
            fingerprint = _of_release(known, releases.split()[0]) if releases else found.get(name, ABSENT)
            if fingerprint not in known:
                unknown[f"{module}.{name}"] = needs
            if SELF_TEST in needs:
                tested.append(f"{module}.{name} {fingerprint}")
    return Surface(kinds, unknown, digest("\n".join(tested).encode()))


def _of_release(known: dict[str, str], release: str) -> str:
    """The fingerprint that a release has."""
    return next(fingerprint for fingerprint, releases in known.items() if release in releases.split())


def digest(content: bytes) -> str:
    """Of a whole file: the usual ones are known byte for byte."""
    return hashlib.sha256(content).hexdigest()[:16]


def _fingerprints(content: bytes) -> dict[str, str]:
    # Imported where it is needed, which is seldom.
    from .fingerprint import fingerprints

    return fingerprints(content.decode(errors="replace"))


def read(name: str) -> bytes | None:
    """The source of a module of PySpark's, imported or not; None if there is none."""
    module = sys.modules.get(name, pyspark)
    spec: Any = getattr(module, "__spec__", None)
    path = getattr(spec, "origin", None) or ""
    if module is pyspark:
        path = os.path.join(os.path.dirname(path), *name.split(".")[1:]) + ".py"
    if not path.endswith(".py"):
        # Compiled, or something else in its place.
        return None
    try:
        # From a file, or from a zip file.
        content: bytes = spec.loader.get_data(path)
    except (OSError, AttributeError):
        return None
    return content


def _text(line: str) -> str:
    """The surface file of a line, which lies beside this one, or in the binary."""
    spec: Any = globals()["__spec__"]
    folder = os.path.dirname(spec.origin) if spec.has_location else "_spark/surface"
    text: bytes = spec.loader.get_data(f"{folder}/{line}.json")
    return text.decode()
