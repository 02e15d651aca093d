"""Describes a frame exactly, as lines of text. Runs in the workers: give it to `driver.by_value` first."""

from __future__ import annotations

import struct
from typing import Any


def typed(value: Any) -> str:
    """One value with its type and every bit, recursively."""
    import numpy as np

    kind = type(value).__name__
    if isinstance(value, float):
        # NumPy's float64 is one, too.
        return f"{kind} {struct.pack('>d', value).hex()}"
    if isinstance(value, np.ndarray):
        return f"ndarray {value.dtype} {value.shape} [" + ", ".join(map(typed, value.ravel())) + "]"
    if isinstance(value, np.generic):
        return f"{kind} {value.dtype} {value.tobytes().hex()}"
    if isinstance(value, dict):
        return f"{kind} {{" + ", ".join(f"{typed(key)}: {typed(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return f"{kind} [" + ", ".join(map(typed, value)) + "]"
    # A Timestamp and a Timedelta have a unit that their text does not show.
    return f"{kind} {value!r} {getattr(value, 'unit', '')}"


def labels(index: Any) -> str:
    """An Index with its class, dtype and names."""
    facts = f"{type(index).__name__} {index.dtype!r} {list(index.names)}"
    if type(index).__name__ == "RangeIndex":
        return f"{facts} {index.start} {index.stop} {index.step}"
    return f"{facts} {list(map(typed, index))}"


def memory(values: Any) -> str:
    """Class, shape, order and permission of a block's array."""
    array = getattr(values, "_ndarray", values)
    facts = f"{type(values).__name__} {values.dtype!r} {values.shape}"
    if hasattr(array, "flags"):
        flags = array.flags
        return f"{facts} C={flags.c_contiguous} F={flags.f_contiguous} W={flags.writeable}"
    if hasattr(array, "_mask"):
        # What lies under a null can be seen, too.
        parts = " ".join(f"{part.tobytes().hex()} W={part.flags.writeable}" for part in (array._data, array._mask))
        return f"{facts} {parts}"
    if hasattr(array, "_pa_array"):
        return f"{facts} {array._pa_array.type} chunks={array._pa_array.num_chunks}"
    return facts


def column(values: Any, seen: dict[int, str], name: str) -> str:
    """The values of a column; an object that was there before is named by its first place."""
    import numpy as np

    array = getattr(values, "_ndarray", values)
    if not isinstance(array, np.ndarray):
        return " ".join(map(typed, array))
    if array.dtype != object:
        return array.tobytes().hex()
    texts = []
    for row, value in enumerate(array):
        first = seen.setdefault(id(value), f"{name}[{row}]")
        texts.append(f"{typed(value)} @{first}")
    return "; ".join(texts)


def describe(frame: Any, *, sharing: bool = True) -> list[str]:
    """Everything that a user's function can see of a frame, without changing it.

    Without `sharing`, all but whether a write to a block would copy it first.
    """
    manager = frame._mgr
    blocks = sorted(manager.blocks, key=lambda block: block.mgr_locs.as_array.tolist())
    seen: dict[int, str] = {}
    return [
        f"{type(frame).__name__} {frame.shape} {frame.attrs} {frame.flags.allows_duplicate_labels}",
        f"index {labels(frame.index)}",
        f"columns {labels(frame.columns)}",
        *(
            f"block {block.mgr_locs.as_array.tolist()} {type(block).__name__} {memory(block.values)} "
            f"shared={sharing and block.refs.has_reference()}"
            for block in blocks
        ),
        *(
            f"column {position} {column(manager.iget_values(position), seen, str(position))}"
            for position in range(frame.shape[1])
        ),
    ]


def anything(value: Any) -> list[str]:
    """A frame, a series, an array, a table or a batch of Arrow's; of all else its type and bits."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(value, pd.DataFrame):
        return describe(value, sharing=False)
    if isinstance(value, pd.Series):
        return [f"Series {value.name!r} {labels(value.index)}", *describe(value.to_frame(), sharing=False)]
    if isinstance(value, (pa.Table, pa.RecordBatch)):
        chunks = [getattr(part, "num_chunks", None) for part in value.columns]
        schema = value.schema.to_string(show_field_metadata=True, show_schema_metadata=True)
        return [f"{type(value).__name__} {value.shape} {chunks}", schema, *map(elements, value.columns)]
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return [f"{type(value).__name__} {value.type} {len(value)} {value.null_count}", elements(value)]
    if isinstance(value, pa.Scalar):
        return [f"{type(value).__name__} {value.type} {value}"]
    if isinstance(value, (tuple, list)):
        return [f"{type(value).__name__} {len(value)}", *(line for item in value for line in anything(item))]
    return [typed(value)]


def elements(array: Any) -> str:
    """The values of an array of Arrow's."""
    try:
        return "; ".join(map(typed, array.to_pylist()))
    except Exception as error:
        # Such as a date outside Python's years.
        return f"{type(error).__name__}: {error}"
