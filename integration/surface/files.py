"""The surface files: `python/bowstring/_spark/surface/3.5.json` and its neighbours."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bowstring._spark.surface import ABSENT, ALL, DAEMON, SELF_TEST

from integration import releases
from integration.surface import roots
from integration.surface.closure import PySpark, needs

FOLDER = releases.ROOT.parent.parent / "python" / "bowstring" / "_spark" / "surface"


class Surface:
    """The surface of a line, as it is written: fingerprints by symbol and by the release that has them."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.path = FOLDER / f"{line}.json"
        self.needs: dict[str, list[int | str]] = {}
        # By symbol, and by label of a release.
        self.known: dict[str, dict[str, str]] = {}
        # By module, and by label.
        self.files: dict[str, dict[str, str]] = {}
        if self.path.exists():
            self._load(json.loads(self.path.read_text()))

    def _load(self, data: dict[str, Any]) -> None:
        for module, facts in data["modules"].items():
            self.files[module] = _by_label(facts["files"])
            for name, symbol in facts["symbols"].items():
                needs = symbol["needs"]
                all_needed = [*roots.kinds_of(self.line), *needs[1:]]
                self.needs[f"{module}.{name}"] = all_needed if needs[0] == ALL else needs
                self.known[f"{module}.{name}"] = _by_label(symbol["known"])

    @property
    def labels(self) -> list[str]:
        """Of all releases of which something has been accepted."""
        return sorted({label for known in self.known.values() for label in known})

    def accept(self, pyspark: PySpark, but_for: Iterable[str] = ()) -> None:
        """Takes what this PySpark has for right, but for these symbols. The rest of the surface is brought up to it."""
        others = [PySpark(releases.folder(label)) for label in self.labels if releases.is_here(label)]
        others = [other for other in others if other.version != pyspark.version]
        before = {symbol: set(known) for symbol, known in self.known.items()}
        self.needs = {}
        for each in (*others, pyspark):
            for symbol, needed in needs(each).items():
                merged = {str(need): need for need in (*self.needs.get(symbol, []), *needed)}
                self.needs[symbol] = [merged[key] for key in sorted(merged)]
        self.known = {symbol: self.known.get(symbol, {}) for symbol in sorted(self.needs)}
        for each in (*others, pyspark):
            left_out = set(but_for) if each is pyspark else set()
            if each is not pyspark:
                # What was left out then is not accepted now.
                left_out = {symbol for symbol, labels in before.items() if each.version not in labels}
            self._take(each, left_out)

    def _take(self, pyspark: PySpark, left_out: set[str]) -> None:
        incomplete = set()
        for symbol, known in self.known.items():
            module, _ = pyspark.split(symbol)
            known.pop(pyspark.version, None)
            if symbol in left_out:
                incomplete.add(module)
            else:
                known[pyspark.version] = fingerprint(pyspark, symbol)
        for module in {pyspark.split(symbol)[0] for symbol in self.known}:
            files = self.files.setdefault(module, {})
            files.pop(pyspark.version, None)
            found = pyspark.module(module)
            if found is not None and module not in incomplete:
                files[pyspark.version] = found.digest

    def data(self) -> dict[str, Any]:
        """As it is written."""
        modules: dict[str, Any] = {}
        all_kinds = set(roots.kinds_of(self.line))
        for symbol, needed in self.needs.items():
            module, name = PySpark.split(symbol)
            facts = modules.setdefault(module, {"files": _by_value(self.files[module]), "symbols": {}})
            others = [need for need in needed if need in (SELF_TEST, DAEMON)]
            kinds = [ALL, *others] if all_kinds <= set(needed) else needed
            facts["symbols"][name] = {"needs": kinds, "known": _by_value(self.known[symbol])}
        return {"kinds": {str(kind): roots.KINDS[kind] for kind in sorted(all_kinds)}, "modules": modules}

    def write(self) -> None:
        """One symbol to a line, so that what is accepted can be reviewed."""
        data = self.data()
        text = '{\n"kinds": ' + json.dumps(data["kinds"]) + ',\n"modules": {\n'
        parts = []
        for module, facts in data["modules"].items():
            files = ",\n".join(f"   {json.dumps(key)}: {json.dumps(value)}" for key, value in facts["files"].items())
            symbols = ",\n".join(
                f"   {json.dumps(key)}: {json.dumps(value)}" for key, value in facts["symbols"].items()
            )
            parts.append(
                f'{json.dumps(module)}: {{\n  "files": {{\n{files}\n  }},\n  "symbols": {{\n{symbols}\n  }}\n}}'
            )
        self.path.write_text(text + ",\n".join(parts) + "\n}}\n")


def fingerprint(pyspark: PySpark, symbol: str) -> str:
    """Of a symbol in this PySpark."""
    module, name = pyspark.split(symbol)
    found = pyspark.module(module)
    return ABSENT if found is None else found.fingerprints.get(name, ABSENT)


def _by_label(by_value: dict[str, str]) -> dict[str, str]:
    return {label: value for value, labels in by_value.items() for label in labels.split()}


def _by_value(by_label: dict[str, str]) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for label in sorted(by_label):
        values.setdefault(by_label[label], []).append(label)
    return {value: " ".join(labels) for value, labels in values.items()}


def places() -> list[Path]:
    """Every release that `make releases` has fetched."""
    return [releases.folder(release) for release in releases.RELEASES if releases.is_here(release)]
