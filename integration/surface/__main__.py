"""What is known of a PySpark, and of which kinds of UDFs bowstring would leave to it.

    python3 -m integration.surface PLACE…

A PLACE is an environment's folder, a folder or a zip file with `pyspark` in it, or the number of a release that `make
releases` has fetched. Nothing of it is imported. What is not known is listed with the kinds that need it, and with
`--diff OTHER` shown beside what OTHER has. `--accept` writes what is not known into `python/bowstring/_spark/surface`,
for a reviewer who has read the differences; `--but-for SYMBOL` leaves a symbol out, so that its kinds are PySpark's
own. Exit code 0: all is known; 1: not all.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_CHECKOUT), str(_CHECKOUT / "python")]

from integration import releases  # noqa: E402
from integration.surface import roots  # noqa: E402
from integration.surface.closure import PySpark  # noqa: E402
from integration.surface.files import Surface, fingerprint  # noqa: E402


def find(text: str) -> PySpark:
    """The PySpark at a place."""
    place = releases.folder(text) if releases.is_here(text) else Path(text)
    if (place / "pyvenv.cfg").exists():
        [place] = place.glob("lib/python*/site-packages")
    return PySpark(place)


def unknown(pyspark: PySpark) -> list[str]:
    """Symbols of the line's surface that are others here than in any accepted release."""
    known = Surface(pyspark.line).known
    return [symbol for symbol, prints in known.items() if fingerprint(pyspark, symbol) not in prints.values()]


def report(pyspark: PySpark, other: PySpark | None) -> bool:
    """Prints what is known; whether that is all."""
    surface = Surface(pyspark.line)
    print(f"PySpark {pyspark.version}, line {pyspark.line}, {pyspark.place}")
    if not surface.known:
        print(f"  there is no surface of this line in {surface.path.parent}")
        return False
    symbols = unknown(pyspark)
    print(f"  {len(surface.known) - len(symbols)} of {len(surface.known)} symbols are known")
    modules = {pyspark.split(symbol)[0] for symbol in surface.known}
    found = {module: pyspark.module(module) for module in sorted(modules)}
    others = [name for name, module in found.items() if module and module.digest not in surface.files[name].values()]
    if others:
        print(f"  not known byte for byte: {', '.join(others)}")
    off: set[int | str] = set()
    for symbol in symbols:
        off.update(surface.needs[symbol])
        print(f"  not known: {symbol}, for {_named(surface.needs[symbol])}")
        if other is not None:
            _show_difference(pyspark, other, symbol)
    if off:
        print(f"  off: {_named(sorted(off, key=str))}")
    return not symbols


def _named(needs: list[int | str]) -> str:
    return ", ".join(roots.KINDS[need] if isinstance(need, int) else f"the {need}" for need in needs)


def _show_difference(pyspark: PySpark, other: PySpark, symbol: str) -> None:
    texts = [_text(each, symbol) for each in (other, pyspark)]
    for line in difflib.unified_diff(*texts, other.version, pyspark.version, lineterm="", n=2):
        print(f"      {line}")


def _text(pyspark: PySpark, symbol: str) -> list[str]:
    """A symbol's tokens, and where its names come from."""
    module_name, name = pyspark.split(symbol)
    module = pyspark.module(module_name)
    if module is None or name not in module.definitions:
        return []
    rows = module.definitions[name]
    used = sorted({token for row in rows for token in row.tokens if token in module.origins})
    return ["  " * row.level + " ".join(row.tokens) for row in rows] + [
        f"{name}: {module.origins[name]}" for name in used
    ]


def main(arguments: list[str]) -> int:
    """As the docstring says."""
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python3 -m integration.surface", description=__doc__, formatter_class=shape)
    parser.add_argument("place", nargs="+")
    parser.add_argument("--diff", metavar="OTHER", help="show how what is not known differs from this PySpark's")
    parser.add_argument("--accept", action="store_true", help="write what is not known into the surface of the line")
    parser.add_argument("--but-for", metavar="SYMBOL", action="append", default=[], help="with --accept: leave it out")
    options = parser.parse_args(arguments)
    other = find(options.diff) if options.diff else None
    complete = True
    for place in options.place:
        pyspark = find(place)
        if options.accept:
            surface = Surface(pyspark.line)
            surface.accept(pyspark, options.but_for)
            surface.write()
            print(f"{surface.path}: PySpark {pyspark.version} accepted")
        complete = report(pyspark, other) and complete
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
