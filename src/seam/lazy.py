"""Puts off the hook until the first task that has a native path.

For daemons that do not import pandas in advance: a worker that only runs RDD functions must not
pay for it, and one that gets Arrow data needs it anyway.
"""

from pyspark import worker

_original = worker.read_udfs
# RDD functions and pickled UDFs.
_WITHOUT_ARROW = (worker.PythonEvalType.NON_UDF, worker.PythonEvalType.SQL_BATCHED_UDF)


def hook(install):
    """Calls `install` when the first task with Arrow data arrives."""

    def read_udfs(*args):
        if args[2] in _WITHOUT_ARROW:
            return _original(*args)
        unhook()
        install()
        return worker.read_udfs(*args)

    worker.read_udfs = read_udfs


def unhook():
    """Makes way for the real hook."""
    worker.read_udfs = _original
