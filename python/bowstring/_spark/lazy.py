"""Puts off the hook until the first task that has a native path.

For daemons that do not import pandas in advance: a worker that only runs RDD functions must not
pay for it, and one that gets Arrow data needs it anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark import worker

from . import sent_along

_NAMES = ("read_udfs", "read_udtf")
_ORIGINALS: dict[str, Callable[..., Any]] = {name: getattr(worker, name) for name in _NAMES}
_TYPES = worker.PythonEvalType
# RDD functions and pickled UDFs and UDTFs.
_WITHOUT_ARROW = (_TYPES.NON_UDF, _TYPES.SQL_BATCHED_UDF, _TYPES.SQL_TABLE_UDF)


def hook(install: Callable[[], bool] | None, spared: int = 0) -> None:
    """Calls `install` when a task with Arrow data arrives, until it returns true.

    Not for the first ones, if so many are `spared`, and never if it is `None`.
    """

    def hooked(name: str) -> Callable[..., Any]:
        def read(*args: Any, **kwargs: Any) -> Any:
            nonlocal spared
            # A PySpark that nobody knows may have it in another place.
            eval_type = args[2] if len(args) > 2 else None
            sent_along.note(eval_type)
            if install is None or eval_type in _WITHOUT_ARROW:
                return _ORIGINALS[name](*args, **kwargs)
            if spared:
                spared -= 1
                return _ORIGINALS[name](*args, **kwargs)
            if not install():
                return _ORIGINALS[name](*args, **kwargs)
            return getattr(worker, name)(*args, **kwargs)

        return read

    for name in _NAMES:
        setattr(worker, name, hooked(name))


def unhook() -> None:
    """Makes way for the real hook."""
    for name in _NAMES:
        setattr(worker, name, _ORIGINALS[name])
