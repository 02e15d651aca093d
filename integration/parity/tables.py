"""The questions of `cases/*.tsv`: which columns, results and types are tried. The answers are asked of stock.

What runs in workers is pickled by value, see `driver.by_value`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

CASES = Path(__file__).resolve().parent / "cases"


def read(table: str) -> list[list[str]]:
    """The rows of a table, without the line that explains it."""
    lines = (CASES / f"{table}.tsv").read_text().splitlines()[1:]
    return [line.split("\t") for line in lines]


def names(expression: str) -> dict[str, Any]:
    """What this expression of the tables may use."""
    import collections
    import datetime
    import decimal

    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from pyspark.sql import Row
    from pyspark.sql import types as T

    well_known_binary = b"\x01\x01\x00\x00\x00" + np.array([1.0, 2.0]).tobytes()
    known = {
        "S": lambda values, dtype=None: pd.Series(values, dtype=dtype),
        "O": lambda *values: pd.Series(list(values), dtype=object),
        "aser": lambda values, arrow: pd.Series(values, dtype=pd.ArrowDtype(arrow)),
        "dt64": lambda values, unit: pd.Series(np.array(values, dtype=f"datetime64[{unit}]")),
        "td64": lambda values, unit: pd.Series(np.array(values, dtype=f"timedelta64[{unit}]")),
        "np": np,
        "pd": pd,
        "pa": pa,
        "T": T,
        "D": datetime,
        "Dec": decimal.Decimal,
        "nan": float("nan"),
        "NA": pd.NA,
        "NaT": pd.NaT,
        "t0": datetime.datetime(2020, 7, 1, 12, 0, 0, 123456),
        "taw": datetime.datetime(2020, 7, 1, 12, 0, tzinfo=datetime.timezone.utc),
        "Row": Row,
        "Row2": Row(a=1, b="x"),
        "NT": collections.namedtuple("NT", "a b"),
        "WKB": well_known_binary,
    }
    for module, name in (
        ("pyspark.ml.linalg", "Vectors"),
        ("pyspark.ml.linalg", "VectorUDT"),
        ("pyspark.sql.types", "VariantVal"),
        ("pyspark.sql.types", "Geometry"),
        ("pyspark.sql.types", "Geography"),
    ):
        # Importing `pyspark.ml` takes most of the time of a new worker, and each error needs one.
        if name not in expression:
            continue
        try:
            known[name] = getattr(__import__(module, fromlist=[name]), name)
        except (ImportError, AttributeError):
            pass  # This Spark has none.
    return known


def possible(expression: str) -> bool:
    """Whether these versions can make what the expression says."""
    try:
        evaluate(expression)
    except Exception:
        return False
    return True


def evaluate(expression: str) -> Any:
    """What an expression of a table makes."""
    return eval(expression, names(expression))


def declared_types() -> dict[str, Any]:
    """The types of `fields.tsv` that this Spark has."""
    return {name: evaluate(expression) for name, expression in read("fields") if possible(expression)}
