"""The Spark lines that are known: one row for each, or nothing is hooked at all.

Within a line it is the surface that decides what is native, not the version: see `surface`.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import Literal, NamedTuple

import pyspark
from pyspark import worker

from .surface.known import Surface, look


class Line:
    """How one Spark line differs where the hook touches it. Add a row; do not add an `if`."""

    def __init__(
        self,
        read_udfs: str,
        read_single_udf: str,
        read_udtf: str,
        framing: Literal["batch", "stream"],
        wraps: str | None,
        arrow: str | None,
        batched: str,
        rows: str,
    ) -> None:
        self.read_udfs = read_udfs
        self.read_single_udf = read_single_udf
        self.read_udtf = read_udtf
        # "batch": a record batch is a group; "stream": an Arrow stream is a group.
        self.framing = framing
        # The class of `stock/conversion.py` where the function arrives wrapped, and its parts are seen where it is
        # wrapped; else None.
        self.wraps = wraps
        # The class of `stock/arrow.py` for functions of Arrow tables; None if the line has none.
        self.arrow = arrow
        # The way of `kinds/arrow_batched.py` for Arrow-optimised functions.
        self.batched = batched
        # The class of `rows/table.py` for the rows of table functions.
        self.rows = rows


_OLD = "(pickleSer, infile, eval_type, runner_conf, udf_index)"
_PROFILED = _OLD[:-1] + ", profiler)"
_PLAIN = "(pickleSer, infile, eval_type)"
_WITH_CONF = _PLAIN[:-1] + ", runner_conf, eval_conf)"
_LINES = {
    "3.5": Line(_PLAIN, _OLD, _PLAIN, "batch", "SerializerStock", None, "of_series", "FrameRows"),
    "4.0": Line(_PLAIN, _PROFILED, _PLAIN, "batch", "SerializerStock40", "ArrowStock40", "of_series", "FrameRows"),
    "4.1": Line(_PLAIN, _PROFILED, _PLAIN, "stream", "SerializerStock41", "ArrowStock41", "of_lists", "TableRows"),
    "4.2": Line(_WITH_CONF, _OLD, _WITH_CONF, "stream", None, "ArrowStock42", "of_batches", "TableRows"),
    "4.3": Line(
        "(pickleSer, udf_info_list, eval_type, runner_conf, eval_conf)",
        "(pickleSer, udf_info, eval_type, runner_conf, udf_index)",
        "(pickleSer, udtf_info, eval_type, runner_conf, eval_conf)",
        "stream",
        None,
        "ArrowStock43",
        "of_batches",
        "TableRows43",
    ),
}


class Refused(Exception):
    """Why the native path is not taken."""


class Found(NamedTuple):
    """What the installed PySpark is."""

    name: str
    line: Line
    surface: Surface


@cache
def examine() -> Found:
    """The row of the installed PySpark, and what is known of its sources. Raises `Refused` if nothing can be native."""
    version: str = pyspark.__version__
    # A vendor's has more behind the first numbers, such as "3.5.4+amzn.0" or "3.5.8.7.3.3.0-56".
    numbers = re.match(r"\d+\.\d+(?!\d)", version)
    line = _LINES.get(numbers.group()) if numbers else None
    if numbers is None or line is None:
        raise Refused(f"PySpark {version} is of none of the known lines {', '.join(_LINES)}")
    surface = look(numbers.group())
    if surface is None:
        raise Refused(f"PySpark {version} is here without its sources, so nobody can tell whether it is a known one")
    if not surface.takes_any():
        raise Refused(f"this is PySpark {version}; {'; '.join(surface.sentences())}")
    return Found(numbers.group(), line, surface)


def find() -> Found:
    """The same, if what is to be replaced is what the sources say. Nothing may have been replaced yet."""
    found = examine()
    for name in ("read_udfs", "read_single_udf", "read_udtf"):
        signature, expected = str(inspect.signature(getattr(worker, name))), getattr(found.line, name)
        if signature != expected and found.surface.knows(f"pyspark.worker.{name}"):
            raise Refused(f"pyspark.worker.{name} has the signature {signature}, expected {expected}")
    return found
