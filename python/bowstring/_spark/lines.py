"""The Spark lines that are known: one row for each, or nothing is hooked at all."""

import inspect
from typing import Literal

import pyspark
from pyspark import worker


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
    "3.5.9": Line(_PLAIN, _OLD, _PLAIN, "batch", "SerializerStock", None, "of_series", "FrameRows"),
    "4.0.5": Line(_PLAIN, _PROFILED, _PLAIN, "batch", "SerializerStock40", "ArrowStock40", "of_series", "FrameRows"),
    "4.1.4": Line(_PLAIN, _PROFILED, _PLAIN, "stream", "SerializerStock41", "ArrowStock41", "of_lists", "TableRows"),
    "4.2.1": Line(_WITH_CONF, _OLD, _WITH_CONF, "stream", None, "ArrowStock42", "of_batches", "TableRows"),
    "4.3.0": Line(
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


def find() -> Line:
    """The row of the installed PySpark. Raises `Refused` with the reason if there is none."""
    line = _LINES.get(pyspark.__version__)
    if line is None:
        raise Refused(f"PySpark {pyspark.__version__} is not among the tested versions {', '.join(_LINES)}")
    for name in ("read_udfs", "read_single_udf", "read_udtf"):
        found, expected = str(inspect.signature(getattr(worker, name))), getattr(line, name)
        if found != expected:
            raise Refused(f"pyspark.worker.{name} has the signature {found}, expected {expected}")
    return line
