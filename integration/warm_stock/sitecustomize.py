"""Imports what the workers of PySpark's own daemon would import for every task, before it forks them.

`python -m pyspark.daemon` runs with this folder first in PYTHONPATH, and is itself unchanged; nothing of this is left
when it begins. A stock worker that has failed, or ended early, is a new process next time: without this, most of a run
of the scenarios would be imports of pandas.
"""

import importlib
import os
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

own = os.path.dirname(os.path.abspath(__file__))
first, colon, others = os.environ["PYTHONPATH"].partition(os.pathsep)
assert first == own
if colon:
    os.environ["PYTHONPATH"] = others
else:
    del os.environ["PYTHONPATH"]
sys.path.remove(own)
for name in MODULES:
    try:
        importlib.import_module(name)
    except ImportError:
        continue
del sys.modules["sitecustomize"]
