"""PySpark's own daemon, with what its workers would import for every task imported before they are forked.

Nothing else differs from `python -m pyspark.daemon`. A stock worker that has failed, or ended early, is a new process
next time; without this, most of a run of the scenarios would be imports of pandas.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys

MODULES = (
    "pandas",
    "pyarrow.pandas_compat",
    "pyspark.sql.pandas.serializers",
    "pyspark.sql.pandas.types",
    "pyspark.sql.pandas.conversion",
    "pyspark.sql.conversion",
)
"""Some exist in some versions of PySpark only."""

SCRIPT = """#!/bin/sh
if [ "$2" = pyspark.daemon ]; then
    shift 2
    exec {python} {program} "$@"
fi
exec {python} "$@"
"""
"""What Spark is told to be the Python."""


def script(python: str) -> str:
    """The text of a program that stands for that Python."""
    return SCRIPT.format(python=python, program=os.path.abspath(__file__))


if __name__ == "__main__":
    # As `python -m` has it.
    sys.path[0] = os.getcwd()
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    runpy.run_module("pyspark.daemon", run_name="__main__", alter_sys=True)
