"""Puts off the hook until the first task that has a native path.

For daemons that do not import pandas in advance: a worker that only runs RDD functions must not
pay for it, and one that gets Arrow data needs it anyway.
"""

from pyspark import worker

_NAMES = ("read_udfs", "read_udtf")
_ORIGINALS = {name: getattr(worker, name) for name in _NAMES}
_TYPES = worker.PythonEvalType
# RDD functions and pickled UDFs and UDTFs.
_WITHOUT_ARROW = (_TYPES.NON_UDF, _TYPES.SQL_BATCHED_UDF, _TYPES.SQL_TABLE_UDF)


def hook(install):
    """Calls `install` when the first task with Arrow data arrives."""

    def hooked(name):
        def read(*args):
            if args[2] in _WITHOUT_ARROW:
                return _ORIGINALS[name](*args)
            unhook()
            install()
            return getattr(worker, name)(*args)

        return read

    for name in _NAMES:
        setattr(worker, name, hooked(name))


def unhook():
    """Makes way for the real hook."""
    for name in _NAMES:
        setattr(worker, name, _ORIGINALS[name])
