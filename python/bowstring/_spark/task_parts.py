"""What the hook has seen of a task while PySpark has read it: what every kind of UDF begins with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

from pyspark.sql.types import DataType, StructType
from pyspark.worker import PythonEvalType

from .lines import Line
from .proof.record import SelfTest

SingleUdf = tuple[Any, ...]
"""(function, offsets, named offsets, return type), as `read_single_udf` returns them from Spark 4.3 on."""


Answer = tuple[Callable[[int, Any], object], Any]
"""What `read_udfs` answers with in place of stock's: the function of the worker's main loop, and the object that is
both deserializer and serializer."""


class TaskParts:
    """One task."""

    def __init__(
        self,
        line: Line,
        proven: SelfTest,
        arguments: tuple[Any, ...],
        result: tuple[Any, ...],
        singles: list[SingleUdf],
        wrapped: list[tuple[str, tuple[Any, ...]]],
    ) -> None:
        """`arguments`, `result`: of `read_udfs`; `singles`: what `read_single_udf` has returned for each UDF;
        `wrapped`: names and arguments of the functions in WRAPS that were called.
        """
        self.line = line
        self.proven = proven
        self.arguments = arguments
        self.result = result
        self.singles = singles
        self.wrapped = wrapped

    @property
    def conf(self) -> Any:
        """The runner conf as an object. Spark 4.2 on."""
        return self.arguments[3]

    def single_udfs(self) -> list[SingleUdf] | None:
        """Each UDF by itself; None if that is not known."""
        if not self.wrapped:
            return self.singles
        udfs = [_unwrapped(arguments, single) for (_, arguments), single in zip(self.wrapped, self.singles)]
        return udfs if len(udfs) == len(self.singles) else None


Kind = Callable[[TaskParts], Optional[Answer]]
"""What stands in for a kind of UDF; `None` leaves the task to stock."""


class ColumnUdf:
    """A UDF of columns: its function, and which columns it gets by position and by name."""

    def __init__(self, function: Callable[..., object], offsets: list[int], named: dict[str, int]) -> None:
        self.function = function
        self.offsets = offsets
        self.named = list(named.items())
        # The first two columns are the bounds of windows.
        self.bounded = False


def _unwrapped(arguments: tuple[Any, ...], single: SingleUdf) -> SingleUdf:
    if isinstance(arguments[1], DataType):
        # Spark 3.5.
        return arguments[0], single[0], {}, arguments[1]
    return arguments[:4]


def wants_large_types(conf: object) -> bool:
    """Whether this is a runner conf of the Spark lines where it is a dict, and asks for large Arrow types."""
    return isinstance(conf, dict) and conf.get("spark.sql.execution.arrow.useLargeVarTypes", "false").lower() == "true"


def is_struct(return_type: Any) -> bool:
    """Whether a struct with fields is declared."""
    return type(return_type) is StructType and len(return_type.fields) > 0


def kinds_by_number(names: dict[str, Kind]) -> dict[int, Kind]:
    """By eval type, from the names of those. Spark lines know more and more of them."""
    return {getattr(PythonEvalType, name): kind for name, kind in names.items() if hasattr(PythonEvalType, name)}
