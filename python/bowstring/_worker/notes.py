"""Says in an exception which group it was raised for.

A note (PEP 678) is a line below the message in every form of traceback; class, arguments and message stay as they are.
CPython 3.9 and 3.10 have no notes, so nothing is added there.
"""

from typing import Any

_MARK = "bowstring: group "

# Characters of the key: enough to find the group by, and no flood where a key is a long text.
_LIMIT = 300


def add(error: BaseException, key: Any, rows: list[int], complete: bool) -> None:
    """`key`: a record batch with the key columns' first row, without columns if nothing is grouped by; or None.

    `rows`: of the group, or of each side of a cogroup; more may come if it is not `complete`.
    """
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        # An exception object that the function has kept and raises again is this group's now.
        notes[:] = [note for note in notes if not (isinstance(note, str) and note.startswith(_MARK))]
    # The user's class may have a method of that name.
    counts = " and ".join(map(str, rows)) + (" row" if rows == [1] else " rows")
    base: Any = BaseException
    base.add_note(error, f"{_MARK}{_describe(key)}, {'' if complete else 'at least '}{counts}")


def _describe(key: Any) -> str:
    if key is None or key.num_rows == 0:
        return "with an unreadable key"
    if key.num_columns == 0:
        return "of all rows"
    text = ", ".join(f"{_name(name)}={_value(column[0])}" for name, column in zip(key.schema.names, key.columns))
    return text if len(text) <= _LIMIT else text[:_LIMIT] + "…"


def _name(name: str) -> str:
    # One line, whatever the column is called.
    return name if name.isprintable() else repr(name)


def _value(scalar: Any) -> str:
    try:
        return repr(scalar.as_py())
    except Exception:
        # Such as a date after the year 9999, which Python's class does not have.
        return str(scalar.cast("string"))
