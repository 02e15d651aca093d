"""Every column of `cases/series.tsv` as a result of every declared type: native beside stock, in one worker.

Runs on the interpreter of an environment and starts a bowstring daemon, in whose worker the comparison is a user's
function: both conversions get the same frame, and what they return or raise must be equal. Prints one line of JSON.

usage: output_cases.py BOWSTRING [FIELD …]
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
from in_worker import run_in_worker

HERE = Path(__file__).resolve().parent
ZONES = ("UTC", "+05:30", "America/New_York")


def read_cases() -> list[tuple[str, str]]:
    """Names and expressions."""
    lines = (HERE / "cases" / "series.tsv").read_text().splitlines()[1:]
    return [(name, expression) for name, expression in (line.split("\t") for line in lines)]


def names() -> dict[str, Any]:
    """What the expressions may use."""
    import datetime
    import decimal

    import numpy as np
    import pandas as pd
    from pyspark.sql import Row

    instant = datetime.datetime(2020, 7, 1, 12, 0, 0, 123456)
    aware = datetime.datetime(2020, 7, 1, 12, 0, tzinfo=datetime.timezone.utc)
    known = {
        "S": lambda values, dtype=None: pd.Series(values, dtype=dtype),
        "O": lambda *values: pd.Series(list(values), dtype=object),
        "aser": lambda values, arrow: pd.Series(values, dtype=pd.ArrowDtype(arrow)),
        "dt64": lambda values, unit: pd.Series(np.array(values, dtype=f"datetime64[{unit}]")),
        "td64": lambda values, unit: pd.Series(np.array(values, dtype=f"timedelta64[{unit}]")),
        "np": np,
        "pd": pd,
        "pa": pa,
        "D": datetime,
        "Dec": decimal.Decimal,
        "nan": float("nan"),
        "NA": pd.NA,
        "NaT": pd.NaT,
        "t0": instant,
        "taw": aware,
        "Row": Row,
        "Row2": Row(a=1, b="x"),
        "NT": __import__("collections").namedtuple("NT", "a b"),
        "WKB": b"",
    }
    try:
        from pyspark.ml.linalg import Vectors
        from pyspark.sql.types import VariantVal

        known |= {"Vectors": Vectors, "VariantVal": VariantVal}
    except ImportError:
        pass
    return known


def outcome(convert: Any) -> tuple[str, Any]:
    """A record batch, or the class and text of what was raised."""
    try:
        return "batch", convert()
    except Exception as error:
        return "error", f"{type(error).__name__}: {error} <- {type(error.__cause__).__name__}"


def same(left: tuple[str, Any], right: tuple[str, Any]) -> bool:
    """Equal values, types and nulls; a NaN is equal to itself."""
    if left[0] != right[0] or left[0] == "error":
        return left == right
    ours, stocks = left[1].column(0), right[1].column(0)
    if ours.type != stocks.type and [field.type for field in ours.type] != [field.type for field in stocks.type]:
        return False
    ours, stocks = ours.field(0), stocks.field(0)
    return len(ours) == len(stocks) and (ours.equals(stocks) or str(ours) == str(stocks))


def fields() -> dict[str, Any]:
    """The declared types."""
    from pyspark.sql import types as T

    times = {"time": T.TimeType()} if hasattr(T, "TimeType") else {}
    return times | {
        "boolean": T.BooleanType(),
        "byte": T.ByteType(),
        "short": T.ShortType(),
        "int": T.IntegerType(),
        "long": T.LongType(),
        "float": T.FloatType(),
        "double": T.DoubleType(),
        "string": T.StringType(),
        "binary": T.BinaryType(),
        "date": T.DateType(),
        "timestamp": T.TimestampType(),
        "timestamp_ntz": T.TimestampNTZType(),
        "decimal(10,2)": T.DecimalType(10, 2),
        "decimal(38,18)": T.DecimalType(38, 18),
        "interval": T.DayTimeIntervalType(),
        "array<int>": T.ArrayType(T.IntegerType()),
        "array<string>": T.ArrayType(T.StringType()),
        "map<string,int>": T.MapType(T.StringType(), T.IntegerType()),
        "struct": T.StructType([T.StructField("a", T.IntegerType()), T.StructField("b", T.StringType())]),
        "void": T.NullType(),
    }


def compare(cases: list[tuple[str, str]], only: tuple[str, ...]) -> dict[str, Any]:
    """Runs in the worker."""
    import warnings

    import pandas as pd
    from pyspark.sql.types import StructField, StructType

    warnings.simplefilter("ignore")
    install, kinds = import_module("_bowstring._spark.hook"), import_module("_bowstring._spark.kinds.grouped_map")
    make_stock = install.self_test().make_stock
    native, line, proven = install.INSTALLED
    known, tried, impossible, differences, converted = names(), 0, set(), [], set()

    def column(name: str, expression: str) -> Any:
        try:
            return pd.DataFrame({"c": eval(expression, dict(known))})
        except Exception:
            impossible.add(name)  # in this pandas
            return None

    for field, spark_type in fields().items():
        if only and field not in only:
            continue
        return_type = StructType([StructField("c", spark_type)])
        for zone in ZONES if field == "timestamp" else ZONES[:1]:
            for safe in (True, False):
                for name, expression in cases:
                    # One frame each: generators can be taken apart once.
                    frames = [column(name, expression), column(name, expression)]
                    if frames[0] is None:
                        continue
                    adapters = [make_stock(line, return_type, zone, safe) for _ in frames]
                    asked = []
                    for method in ("field", "whole"):
                        original = getattr(adapters[0], method)
                        setattr(adapters[0], method, lambda *a, m=original, n=asked: n.append(m) or m(*a))
                    task = native.GroupedMap(
                        kinds.GroupedMap(adapters[0], None, [2, 0, 0], False), line.framing, proven
                    )
                    ours = outcome(lambda t=task, f=frames[0]: t.convert(f))
                    stocks = outcome(lambda a=adapters[1], f=frames[1]: a.batch(f))
                    tried += 1
                    if not asked:
                        converted.add((field, name))
                    if not same(ours, stocks):
                        differences.append([field, zone, safe, name, str(ours[1])[:300], str(stocks[1])[:300]])
    return {"tried": tried, "native": sorted(converted), "impossible": sorted(impossible), "differences": differences}


def main(bowstring: str, *only: str) -> None:
    """Prints what a worker has found."""
    cases = read_cases()
    print(run_in_worker(bowstring, lambda: json.dumps(compare(cases, only))))


if __name__ == "__main__":
    main(*sys.argv[1:])
