"""Makes a failing program smaller for as long as something smaller fails, too."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]

CALM = {"zone": "UTC", "safe": False, "by_name": True, "large": False, "prefer_int": False, "int_to_decimal": False} | {
    "binary_as_bytes": True,
    "legacy": False,
    "iterables": True,
    "threads": 1,
}


def reduced(program: Json, fails: Callable[[Json], bool], seconds: float) -> Json:
    """The smallest failing program that was found within `seconds`."""
    deadline = time.monotonic() + seconds
    progress = True
    while progress and time.monotonic() < deadline:
        progress = False
        for candidate in candidates(program):
            if time.monotonic() > deadline:
                break
            if fails(candidate):
                program, progress = candidate, True
                break
    return program


def candidates(program: Json) -> Iterator[Json]:
    """Programs with one thing less; what takes most away comes first."""
    yield from with_fewer_groups(program)
    for part in ("steps", "calls", "others"):
        for number in range(len(program.get(part, ()))):
            if part != "calls" or len(program[part]) > 1:
                yield without_part(program, part, number)
    if "kind" not in program:
        yield from without_columns(program)
    for name, value in CALM.items():
        if program["conf"].get(name, value) != value:
            yield changed(program, "conf", name, value)
    if program["groups"]["batches"] != 1:
        yield changed(program, "groups", "batches", 1)
    for name, value in (("key", False), ("keys", 0), ("shape", "each"), ("reads", "all"), ("missing", [None])):
        if program.get(name, value) != value:
            yield {**program, name: value}
    for number, call in enumerate(program.get("calls", ())):
        for name, value in (("arguments", call["arguments"][:1]), ("named", 0), ("chained", False), ("how", "same")):
            if call.get(name, value) != value:
                yield changed(program, "calls", number, {**call, name: value})
    kept_names = "kind" in program or program["result"]["kind"] == "frame"
    for number, column in enumerate(program["columns"]):
        for name, value in (("nulls", "none"), ("profile", "plain"), ("nullable", True), ("name", f"c{number}")):
            if column[name] != value and not (name == "name" and kept_names):
                yield changed(program, "columns", number, {**column, name: value})


def with_fewer_groups(program: Json) -> Iterator[Json]:
    """With less data."""
    groups = program["groups"]
    for count in sorted({1, groups["count"] // 2, groups["count"] - 1}):
        if 0 < count < groups["count"]:
            yield changed(program, "groups", "count", count)
    for rows in ([1], [2], groups["rows"][:1], [max(1, rows // 2) for rows in groups["rows"]]):
        if (len(rows), sum(rows)) < (len(groups["rows"]), sum(groups["rows"])):
            yield changed(program, "groups", "rows", rows)


def without_part(program: Json, part: str, number: int) -> Json:
    """Without one of its steps, calls or columns of the other side."""
    copied = copy.deepcopy(program)
    del copied[part][number]
    if part == "calls" and copied.get("windows"):
        del copied["windows"][number]
    return copied


def changed(program: Json, part: str, where: Any, value: Any) -> Json:
    """A copy with another value in one place."""
    copied = copy.deepcopy(program)
    copied[part][where] = value
    return copied


def without_columns(program: Json) -> Iterator[Json]:
    """Without one of the columns, of the input or of the result."""
    result = program["result"]
    for number in range(len(program["columns"])):
        used = result["kind"] == "columns" and any(source == number for source, _ in result["columns"])
        if used or (result["kind"] in ("frame", "odd") and len(program["columns"]) == 1):
            continue
        smaller = copy.deepcopy(program)
        del smaller["columns"][number]
        smaller["keys"] = min(program["keys"], len(smaller["columns"]))
        if result["kind"] in ("frame", "odd"):
            del smaller["returns"][number]
        if result["kind"] == "columns":
            for pick in smaller["result"]["columns"]:
                pick[0] -= pick[0] > number
        yield smaller
    if result["kind"] != "columns":
        return
    for place in range(len(result["columns"])):
        if len(result["columns"]) > 1:
            smaller = copy.deepcopy(program)
            del smaller["result"]["columns"][place], smaller["returns"][place]
            smaller["result"]["order"] = [
                position - (position > place) for position in result["order"] if position != place
            ]
            yield smaller
        if result["columns"][place][1] != "same":
            smaller = copy.deepcopy(program)
            smaller["result"]["columns"][place][1] = "same"
            yield smaller
    for name, value in (("rows", ""), ("labels", "names"), ("order", sorted(result["order"]))):
        if result[name] != value:
            yield changed(program, "result", name, value)
