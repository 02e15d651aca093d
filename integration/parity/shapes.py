"""How a function goes through an iterator, and what it gives back; `one` is what it makes of one item."""

from __future__ import annotations

from random import Random

SHAPES = {
    "each": "for part in parts:\n    yield one(part)",
    "look ahead": (
        "waiting = []\nfor part in parts:\n    waiting.append(part)\n    if len(waiting) > 1:\n"
        "        yield one(waiting.pop(0))\nfor part in waiting:\n    yield one(part)"
    ),
    "collect": "for part in list(parts):\n    yield one(part)",
    "map": "return map(one, parts)",
    "keep": "for part in parts:\n    kept.append(part)\n    yield one(part)",
    "with end": "try:\n    for part in parts:\n        yield one(part)\nfinally:\n    kept.clear()",
    "first": "for part in parts:\n    yield one(part)\n    break",
    "not the first": "next(parts, None)\nfor part in parts:\n    yield one(part)",
    "nothing": "return iter(())",
    "nothing at all": "for part in parts:\n    pass\nreturn\nyield",
    "last": "last = None\nfor part in parts:\n    last = part\nif last is not None:\n    yield one(last)",
    "twice": "for part in parts:\n    yield one(part)\n    yield one(part)",
    "list": "return [one(part) for part in parts]",
    "none": "return None",
    "number": "yield 1",
    "early number": "for part in parts:\n    yield one(part)\n    yield 1",
    "fail": "for number, part in enumerate(parts):\n    if number == 1:\n        1 // 0\n    yield one(part)",
    "fail at once": "1 // 0",
    "fail at the end": "yield from map(one, parts)\nraise ValueError('at the end')",
    "stop": "yield from map(one, parts)\nnext(iter(()))",
    "parts": "return parts",
    "iter": "return iter([one(part) for part in parts])",
}
WHOLE = ("each", "look ahead", "collect", "map", "keep", "with end", "iter")
"""After these every item was asked for, and answered once."""
PARTIAL = ("first", "not the first", "nothing", "nothing at all", "last", "twice")
"""No mistake where rows need not correspond."""


def draw(random: Random, gentle: tuple[str, ...], bold: float = 0.12) -> str:
    """The name of a shape."""
    return random.choice(list(SHAPES)) if random.random() < bold else random.choice(gentle)
