"""The Spark lines that are known: one row for each, or nothing is hooked at all."""

import inspect

import pyspark
from pyspark import worker


class Line:
    """How one Spark line differs where the hook touches it. Add a row; do not add an `if`."""

    def __init__(self, read_udfs, read_single_udf, framing, wraps, arrow):
        self.read_udfs = read_udfs
        self.read_single_udf = read_single_udf
        # "batch": a record batch is a group; "stream": an Arrow stream is a group.
        self.framing = framing
        # The function arrives wrapped, and its parts are seen where it is wrapped.
        self.wraps = wraps
        # The class of `stock_arrow.py` for functions of Arrow tables; None if the line has none.
        self.arrow = arrow


_OLD = "(pickleSer, infile, eval_type, runner_conf, udf_index)"
_PROFILED = _OLD[:-1] + ", profiler)"
_LINES = {
    "3.5.9": Line("(pickleSer, infile, eval_type)", _OLD, "batch", "SerializerStock", None),
    "4.0.5": Line("(pickleSer, infile, eval_type)", _PROFILED, "batch", "SerializerStock40", "ArrowStock40"),
    "4.1.4": Line("(pickleSer, infile, eval_type)", _PROFILED, "stream", "SerializerStock41", "ArrowStock41"),
    "4.2.1": Line("(pickleSer, infile, eval_type, runner_conf, eval_conf)", _OLD, "stream", None, "ArrowStock42"),
    "4.3.0": Line(
        "(pickleSer, udf_info_list, eval_type, runner_conf, eval_conf)",
        "(pickleSer, udf_info, eval_type, runner_conf, udf_index)",
        "stream",
        None,
        "ArrowStock43",
    ),
}


class Refused(Exception):
    """Why the native path is not taken."""


def find():
    """The row of the installed PySpark. Raises `Refused` with the reason if there is none."""
    line = _LINES.get(pyspark.__version__)
    if line is None:
        raise Refused(f"PySpark {pyspark.__version__} is not among the tested versions {', '.join(_LINES)}")
    for name in ("read_udfs", "read_single_udf"):
        found, expected = str(inspect.signature(getattr(worker, name))), getattr(line, name)
        if found != expected:
            raise Refused(f"pyspark.worker.{name} has the signature {found}, expected {expected}")
    return line
