"""Fingerprints of what a Python source defines, the same under every CPython.

A fingerprint is made of the tokens of a definition, without comments, blank lines and docstrings, and of where the
names in it are imported from. The source is cut into tokens here, because those of the module `tokenize` are others in
CPython 3.12. An f-string is one token; the quotes of CPython 3.12's nested ones are not understood.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
      (?P<blank> [ \t\f]+ | \\\r?\n | \#[^\r\n]* )
    | (?P<newline> \r?\n )
    | (?P<string> [rRbBuUfF]{0,2} (?:
          \"\"\" (?: [^\\] | \\. )*? \"\"\"
        | '''    (?: [^\\] | \\. )*? '''
        | "      (?: [^"\\\r\n] | \\. )* "
        | '      (?: [^'\\\r\n] | \\. )* '
      ) )
    | (?P<word> \w+ )
    | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMPOUND = {"if", "elif", "else", "try", "except", "finally", "with", "for", "while"}
_CLOSES = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


class Row(NamedTuple):
    """A logical line: how deep it is indented, and its tokens."""

    level: int
    tokens: tuple[str, ...]


Module = dict[str, list[Row]]
"""What a source defines, by dotted path. A class is its head and what else it has beside its methods, of which it has
the names; each method is by itself."""


def rows(source: str) -> list[Row]:
    """The logical lines of a source, but for those that are docstrings."""
    found: list[Row] = []
    indents = [0]
    tokens: list[str] = []
    indent, depth, is_text = 0, 0, True
    for match in _TOKEN.finditer(source if source.endswith("\n") else source + "\n"):
        kind, token = match.lastgroup, match.group()
        if kind == "blank":
            if not tokens and not depth and token.isspace() and "\n" not in token:
                indent = len(token.expandtabs())
        elif kind == "newline":
            if depth:
                continue
            if tokens and not is_text:
                while indents[-1] > indent:
                    indents.pop()
                if indents[-1] < indent:
                    indents.append(indent)
                found.append(Row(len(indents) - 1, tuple(tokens)))
            tokens, indent, is_text = [], 0, True
        else:
            depth += _CLOSES.get(token, 0)
            is_text = is_text and kind == "string"
            tokens.append(token)
    return found


def definitions(found: list[Row]) -> Module:
    """What these logical lines define."""
    module: Module = {}
    _collect(found, 0, len(found), "", module)
    return module


def imports(found: list[Row]) -> dict[str, str]:
    """Where names come from: `module.name` by the name that the module binds. What functions import is theirs."""
    origins: dict[str, str] = {}
    for row in _without_bodies(found, 0, len(found)):
        words = [token for token in row.tokens if token not in "(),"]
        if words[:1] == ["from"] and "import" in words:
            start = words.index("import")
            base = "".join(words[1:start])
            for name, alias in _aliases(words[start + 1 :]):
                origins[alias] = f"{base}.{name}"
        elif words[:1] == ["import"]:
            parts = " ".join(row.tokens[1:]).replace(" . ", ".").split(" , ")
            for part in parts:
                name, _, alias = part.partition(" as ")
                origins[alias or name.partition(".")[0]] = name if alias else name.partition(".")[0]
    return origins


def fingerprint(symbol: list[Row], origins: dict[str, str]) -> str:
    """Of the logical lines of a definition; `origins`: of `imports`, of the whole module."""
    base = symbol[0].level
    text = "\n".join(f"{row.level - base} " + "\0".join(row.tokens) for row in symbol)
    used = sorted({token for row in symbol for token in row.tokens if token in origins})
    text += "".join(f"\n{name}\0{origins[name]}" for name in used)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprints(source: str) -> dict[str, str]:
    """Of everything that a source defines."""
    found = rows(source)
    origins = imports(found)
    return {name: fingerprint(symbol, origins) for name, symbol in definitions(found).items()}


def _aliases(words: list[str]) -> Iterator[tuple[str, str]]:
    while words:
        if words[1:2] == ["as"]:
            yield words[0], words[2]
            words = words[3:]
        else:
            yield words[0], words[0]
            words = words[1:]


def _collect(found: list[Row], start: int, end: int, prefix: str, module: Module) -> None:
    """Adds what the lines from `start` on define. Of a name that is defined twice, both count."""
    while start < end:
        first = start
        while found[start].tokens[0] == "@" and start + 1 < end:
            start += 1
        level, tokens = found[start]
        kind = tokens[1] if tokens[0] == "async" and len(tokens) > 1 else tokens[0]
        if kind in ("def", "class") and len(tokens) > 2:
            after = _end_of_block(found, start, end)
            name = prefix + tokens[tokens.index(kind) + 1]
            if kind == "def":
                module.setdefault(name, []).extend(found[first:after])
            else:
                own = [*found[first : start + 1], *_without_bodies(found, start + 1, after)]
                module.setdefault(name, []).extend(own)
                _collect(found, start + 1, after, name + ".", module)
            start = after
            continue
        if not prefix and kind not in _COMPOUND and len(tokens) > 2 and tokens[1] in ("=", ":") and tokens[2] != "=":
            module.setdefault(tokens[0], []).append(found[start])
        start += 1


def _end_of_block(found: list[Row], start: int, end: int) -> int:
    after = start + 1
    while after < end and found[after].level > found[start].level:
        after += 1
    return after


def _without_bodies(found: list[Row], start: int, end: int) -> Iterator[Row]:
    """Of methods and classes the names alone."""
    while start < end:
        level, tokens = found[start]
        kind = tokens[1] if tokens[0] == "async" and len(tokens) > 1 else tokens[0]
        if kind in ("def", "class") and len(tokens) > 2:
            yield Row(level, tokens[: tokens.index(kind) + 2])
            start = _end_of_block(found, start, end)
        else:
            if tokens[0] != "@":
                yield found[start]
            start += 1
