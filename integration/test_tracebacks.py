"""Errors of user functions and of conversions: stock's text, and one line that names the group."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from environments import ENVIRONMENTS, LINES, build_bowstring, make

PROGRAM = Path(__file__).resolve().parent / "tracebacks.py"
WHOLE_RUN = 480
"""Seconds for all cases of one Spark line; each single answer is limited by the client."""

FRAME = re.compile(r'(?P<bars>[ |+-]*?)  File "(?P<path>[^"]+)", line \d+')
NOTE = re.compile(r"(?P<bars>[ |]*)bowstring: group (?P<key>.*), (?P<rows>\d+) rows?")

USUAL_KEY = "k='a', day=datetime.date(2020, 1, 2)"
KEYS = {
    "raises_for_all_rows": "of all rows",
    "raises_in_the_second_group": "k='b', day=datetime.date(2020, 1, 2)",
    "input has a key after 9999": "x=10000-01-01",
    "key is nested and the group large": "k='a', x={'a': [1, 2], 'b': None}",
    "key is long": "x='" + "x" * 297 + "…",
    "key is odd": r"'line\nbreak'='a\nb\u2028c', n=None",
}
"""What the note says, where the key is not the usual one."""

TAKES_NO_NOTES = ("raises_what_takes_no_notes", "raises_what_refuses_notes")
ACCEPTED_BY_SOME = ("text for a date", "float for a decimal")
"""Cases that are errors on some Spark lines only."""

Answers = dict[tuple[str, str], dict[str, str]]
"""By case and setting: the error texts by side."""


@pytest.fixture(scope="module", params=LINES)
def found(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """What the program says of every case under every setting, and of crashes."""
    chosen = request.config.getoption("--environments").split(",")
    if chosen != [""] and request.param not in chosen:
        pytest.skip("not an environment of this run")
    environment = ENVIRONMENTS[request.param]
    command = [make(environment), PROGRAM, build_bowstring(environment.python)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WHOLE_RUN, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def answers(found: list[dict[str, Any]]) -> Answers:
    """The error texts of every case, under every setting, of both sides."""
    return {(line["case"], line["setting"]): line for line in found if "case" in line}


def shown(text: str, without_locals: str) -> list[str]:
    """The lines of a traceback without PySpark's frames, and without what differs from run to run.

    A frame's locals may have lines of any form; they are told by what the same traceback is without them.
    """
    lines: list[str] = []
    structure = stable(without_locals)[::-1]
    frame: re.Match[str] | None = None
    hidden = False
    for line in stable(text):
        if structure and line == structure[-1]:
            structure.pop()
            if found := FRAME.match(line):
                frame, hidden = found, "/pyspark/" in found["path"]
            elif frame and not line.startswith(frame["bars"] + "    "):
                frame, hidden = None, False
        if not hidden:
            lines.append(line)
    assert not structure, f"not found among the lines with locals: {structure[::-1]}"
    return lines


def stable(text: str) -> list[str]:
    """Lines without addresses, and without the depth of a recursion, which depends on the frames below it."""
    text = re.sub(r"0x[0-9a-f]{6,}", "0x…", text)
    return re.sub(r"repeated \d+ more", "repeated … more", text).splitlines()


def tracebacks(answers: Answers, side: str, only: Iterable[str] = ()) -> Iterator[tuple[str, str, list[str]]]:
    """Case, setting and shown lines of every error of one side."""
    for (name, setting), texts in answers.items():
        if texts["stock"] is not None and (not only or setting in only):
            plain = answers[name, setting.removesuffix(" with locals")]
            yield name, setting, shown(texts[side], plain[side])


def test_every_case_is_an_error_or_none_on_both_sides(answers: Answers) -> None:
    """Were a case no error at all, the other tests would compare nothing."""
    for (name, setting), texts in answers.items():
        assert (texts["stock"] is None) == (texts["bowstring"] is None), (name, setting)
        assert texts["stock"] is not None or name in ACCEPTED_BY_SOME, (name, setting)


def test_the_text_is_stocks_and_one_line_about_the_group(answers: Answers) -> None:
    """Outside PySpark's own frames, with every combination of settings."""
    stock = {(name, setting): lines for name, setting, lines in tracebacks(answers, "stock")}
    for name, setting, lines in tracebacks(answers, "bowstring"):
        notes = [note for line in lines if (note := NOTE.fullmatch(line))]
        assert without_notes(lines) == without_notes(stock[name, setting]), (name, setting)
        key = KEYS.get(name, USUAL_KEY)
        expected = [] if name in TAKES_NO_NOTES else [(key, "3")]
        assert [(note["key"], note["rows"]) for note in notes] == expected, (name, setting)


def test_switched_off_the_text_is_stocks(answers: Answers) -> None:
    """`BOWSTRING_ERROR_NOTES=off` leaves nothing of ours in an error."""
    settings = ("simplified", "full")
    stock = list(tracebacks(answers, "stock", settings))
    assert len(stock) > 100
    assert list(tracebacks(answers, "without notes", settings)) == stock


def crash_frames(report: str) -> list[tuple[str, str]]:
    """File, from PySpark's folder on, and function of each frame of the thread that crashed, outermost last."""
    stack = re.search(r"^Current thread .*\n((?:  File .*\n)+)", report, re.M)
    assert stack is not None, report
    frames = re.findall(r'  File "(.+)", line \d+ in (.+)', stack[1])
    return [(path.rpartition("/pyspark/")[2], function) for path, function in frames]


@pytest.mark.parametrize("kind", ["groups", "stream"])
def test_a_crash_is_reported_with_stocks_frames(found: list[dict[str, Any]], kind: str) -> None:
    """From the function to `main`, without those that do not run here, and nothing beneath."""
    (reports,) = (line["crashes"] for line in found if "crashes" in line)
    stock, bowstring = (crash_frames(reports[side][kind]) for side in ("stock", "bowstring"))
    daemon = next(place for place, (path, _) in enumerate(stock) if path == "daemon.py")
    above = stock[:daemon]
    shared = [frame for frame in bowstring if not frame[0].startswith("bowstring/")]
    rest = iter(above)
    assert all(frame in rest for frame in shared), (above, shared)
    assert shared[0] == above[0]
    main = above.index(("worker.py", "main"))
    assert shared[-len(above[main:]) :] == above[main:]
    if kind == "stream":
        assert ("worker.py", "process") in shared


def without_notes(lines: list[str]) -> list[str]:
    """Without ours, and without the line of ours that one case has itself."""
    return [line for line in lines if not NOTE.fullmatch(line)]
