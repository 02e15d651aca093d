"""What a generated function may do to a column before it returns it. Runs in the workers."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa


def cast(series: Any, how: str) -> Any:
    """The column made into something else; itself where that cannot be done."""
    if how == "same":
        return series
    try:
        return CASTS[how](series) if how in CASTS else series.astype(how)
    except Exception:
        return series


def objects(series: Any, replace: Any) -> Any:
    """An object column in which `replace(position, value)` stands for each value."""
    return pd.Series([replace(*item) for item in enumerate(series)], index=series.index, dtype=object)


def strided(series: Any) -> Any:
    """The same values with other values between them in memory."""
    return pd.Series(np.repeat(series.to_numpy(), 2)[::2], index=series.index)


def read_only(series: Any) -> Any:
    """The same values in memory that cannot be written."""
    values = series.to_numpy().copy()
    values.flags.writeable = False
    return pd.Series(values, index=series.index, copy=False)


def as_decimal(position: int, value: Any) -> Any:
    """A Decimal of the value's text."""
    return None if pd.isna(value) else decimal.Decimal(str(value))


CASTS = {
    "arrow": lambda s: s.astype(pd.ArrowDtype(pa.Array.from_pandas(s).type)),
    "nullable": lambda s: s.convert_dtypes(),
    "arrow-backed": lambda s: s.convert_dtypes(dtype_backend="pyarrow"),
    "some None": lambda s: objects(s, lambda i, v: None if i % 3 == 1 else v),
    "some NaN": lambda s: objects(s, lambda i, v: float("nan") if i % 3 == 1 else v),
    "some NA": lambda s: objects(s, lambda i, v: pd.NA if i % 3 == 1 else v),
    "some NaT": lambda s: objects(s, lambda i, v: pd.NaT if i % 3 == 1 else v),
    "some text": lambda s: objects(s, lambda i, v: str(v) if i % 3 == 1 else v),
    "some numbers": lambda s: objects(s, lambda i, v: i if i % 3 == 1 else v),
    "all text": lambda s: objects(s, lambda i, v: str(v)),
    "bytes": lambda s: objects(s, lambda i, v: str(v).encode()),
    "Decimal": lambda s: objects(s, as_decimal),
    "date": lambda s: s.dt.date,
    "datetime objects": lambda s: objects(s, lambda i, v: v.to_pydatetime()),
    "lists": lambda s: objects(s, lambda i, v: [v, None]),
    "arrays": lambda s: objects(s, lambda i, v: np.array([v, v])),
    "dicts": lambda s: objects(s, lambda i, v: {"a": v}),
    "in Berlin": lambda s: s.dt.tz_localize("Europe/Berlin", ambiguous="NaT", nonexistent="NaT"),
    "in UTC": lambda s: s.dt.tz_localize("UTC"),
    "and 1 ns": lambda s: s.astype(s.dtype.str.replace("us", "ns")) + pd.Timedelta(1, "ns"),
    "and a half": lambda s: s + 0.5,
    "times -0.0": lambda s: s * -0.0,
    "and 2**31": lambda s: s.astype("int64") + 2**31,
    "other bytes": lambda s: pd.Series(s.to_numpy().astype(s.dtype.newbyteorder()), index=s.index),
    "strided": strided,
    "read-only": read_only,
    "reversed": lambda s: s[::-1],
    "python strings": lambda s: s.astype("string[python]"),
}
"""Besides these every name of a dtype will do."""

DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint64", "float16", "float32", "float64", "object", "str"),
    *("Int8", "Int64", "UInt32", "Float32", "Float64", "boolean", "string", "category"),
    *("datetime64[s]", "datetime64[ms]", "datetime64[us]", "datetime64[ns]", "timedelta64[s]", "timedelta64[us]"),
)

GENTLE = (
    "object",
    "some None",
    "strided",
    "read-only",
    "reversed",
    "arrow",
    "nullable",
    "category",
    "some NA",
    "some NaN",
)
"""Those after which a column of most types is still accepted for its own type."""
