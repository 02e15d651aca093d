"""What the native half has for the others: `native_module.rs` and the files of each class."""

from collections.abc import Callable, Iterator
from typing import Any, Literal, final, type_check_only

import pandas as pd
import pyarrow as pa

from ._spark.kinds.grouped_agg import GroupedAgg as GroupedAggTask
from ._spark.kinds.grouped_agg_arrow import GroupedAggArrow as GroupedAggArrowTask
from ._spark.kinds.grouped_map import CogroupedMap as CogroupedMapTask
from ._spark.kinds.grouped_map import GroupedMap as GroupedMapTask
from ._spark.kinds.scalar import ScalarIterTask, ScalarTask
from ._spark.proof.record import SelfTest
from ._spark.proof.verify import Verifier
from ._spark.stock.conversion import Stock

_Framing = Literal["batch", "stream"]

@final
@type_check_only
class InputFile:
    """A connection, as PySpark's main function reads it."""

    @property
    def closed(self) -> bool: ...
    def read(self, size: int = -1) -> bytes: ...
    def readable(self) -> bool: ...
    def close(self) -> None: ...

@final
@type_check_only
class OutputFile:
    """A connection, as PySpark's main function writes to it."""

    @property
    def closed(self) -> bool: ...
    def write(self, data: Any) -> int: ...
    def write_all(self, pieces: list[Any]) -> None:
        """Writes pieces of `bytes` and `pyarrow.Buffer` one after another. Large ones are not copied."""
    def flush(self) -> None: ...
    def writable(self) -> bool: ...
    def close(self) -> None: ...

@final
class SparkType:
    """A type of Spark that has a native path: a row of `crates/worker/src/convert/types.rs`."""

    @property
    def name(self) -> str:
        """As the self-test calls it."""
    @property
    def classes(self) -> list[str]:
        """The names of its classes in `pyspark.sql.types`, its own first."""
    @property
    def arrow(self) -> list[pa.DataType]:
        """The Arrow types of its columns, if they are few."""
    @property
    def is_nested(self) -> bool: ...
    @property
    def is_number(self) -> bool:
        """Whether pandas has values of NumPy's in a column without nulls."""
    @property
    def in_series(self) -> bool:
        """Whether a Series of it is made natively, with or without nulls."""
    @property
    def in_older_series(self) -> bool:
        """The same in stock's older way."""
    @property
    def is_result(self) -> bool:
        """Whether columns of results are converted natively."""
    @property
    def of_scalars(self) -> bool:
        """Whether plain scalars are converted to it natively."""
    @property
    def is_exact(self) -> bool:
        """Whether stock leaves a result of a plain function as it is that is exactly of the type's own class."""

def types() -> list[SparkType]:
    """The types with a native path."""

def to_list(array: pa.Array) -> list[Any] | None:
    """What `to_pylist` returns; None for types that are not converted here."""

def evaluate(function: Callable[..., Any], columns: list[list[Any]], rows: int, text: bool = False) -> list[Any]:
    """The results for each row. `text`: what is neither a `str` nor `None` is made one before the next call."""

def to_array(values: list[Any], empty: pa.Array) -> pa.Array | None:
    """What `pyarrow.array` makes of values of the type of `empty`; None if it has to be asked."""

def series_array(values: list[Any], empty: pa.Array) -> pa.Array | None:
    """The array that stock makes of a Series of these values; None if it has to be asked."""

def array_of_scalars(schema: pa.Schema, results: list[Any]) -> pa.RecordBatch | None:
    """The batch of one function's results, each for a row; None if stock has to make it."""

def verifier(stock: Stock | None) -> Verifier | None:
    """The `Verifier` of a task; None if the user has not asked for comparisons."""

def log_declined(kind: str, count: int, error: BaseException) -> None:
    """Logs that the `count`-th task of a kind goes to PySpark because ours raised `error`."""

@final
class Batches:
    """The record batches of a task's only stream, in the place of pyarrow's reader."""

    def __new__(
        cls,
        infile: InputFile,
        checked: bool,
        in_struct: bool,
        compare: Callable[[pa.RecordBatch, pa.RecordBatch], None] | None = None,
        frames: MapFrames | None = None,
    ) -> Batches:
        """`checked`: nothing is converted of a batch that is not sound; `in_struct`: gives `StructBatch`es."""
    @property
    def in_struct(self) -> bool: ...
    @property
    def frames(self) -> MapFrames | None: ...
    def flush_first(self, outfile: OutputFile) -> None:
        """Has `outfile` flushed before anybody waits for input."""
    def __iter__(self) -> Iterator[Any]: ...
    def __next__(self) -> Any: ...

@final
class StructBatch:
    """A batch of the fields of a struct, in the place of one with the struct as its only column."""

    def __new__(cls, fields: pa.RecordBatch) -> StructBatch: ...
    @property
    def fields(self) -> pa.RecordBatch: ...

@final
class StructStream:
    """Writes batches of fields as batches of one struct column."""

    @staticmethod
    def of(schema: pa.Schema) -> StructStream | None:
        """None if the schema has types that Spark does not."""
    def write(
        self,
        batch: pa.RecordBatch,
        outfile: OutputFile,
        compare: Callable[[pa.RecordBatch], None] | None = None,
    ) -> bool:
        """Whether the batch is written: not so with another schema. `compare` is called with what will be."""
    def close(self, outfile: OutputFile) -> None:
        """Ends the stream."""

@final
class Columns:
    """The native conversions of one task's columns, one of stock's two ways."""

    def __new__(cls, stock: Stock, proven: SelfTest, unit: str | None) -> Columns:
        """`unit`: that of timestamps, if it is not the one of grouped maps."""
    def values(self, array: pa.Array) -> tuple[str, tuple[Any, ...]] | None:
        """What the array becomes, as a maker of `converters.py` and its arguments; None: ask stock."""
    def array(self, values: Any, data_type: pa.DataType, nested: bool) -> pa.Array | None:
        """The reverse; None: ask stock. `nested`: the Arrow type says all about what it holds, too."""

@final
class StructFrames:
    """Builds the frames of one task's struct columns."""

    def __new__(cls, stock: Stock, proven: SelfTest) -> StructFrames: ...
    def frame(self, array: pa.StructArray) -> pd.DataFrame | None: ...

@final
class MapFrames:
    """Makes the frames of one task of `mapInPandas`."""

    def __new__(
        cls,
        stock: Stock,
        proven: SelfTest,
        older: tuple[Stock, str | None] | None,
        replace: Callable[[pd.DataFrame, int], Any],
    ) -> MapFrames:
        """`older`: stock's older way, and the unit of timestamps there; `replace`: of a frame and its rows."""
    def of_messages(self, schema: bytes, batch: bytes) -> Any:
        """What takes the place of a batch. For the self-test."""

@final
class GroupedMap:
    def __new__(cls, task: GroupedMapTask, framing: _Framing, proven: SelfTest) -> GroupedMap: ...
    def dump_stream(self, infile: InputFile, outfile: OutputFile) -> None: ...
    def frame(self, schema: bytes, messages: list[bytes]) -> pd.DataFrame:
        """The frame of one group. For the self-test."""
    def convert(self, result: pd.DataFrame) -> pa.RecordBatch:
        """The batch that a result becomes. For the self-test."""

@final
class CogroupedMap:
    def __new__(cls, task: CogroupedMapTask, proven: SelfTest) -> CogroupedMap: ...
    def dump_stream(self, infile: InputFile, outfile: OutputFile) -> None: ...

@final
class GroupedMapIter:
    def __new__(
        cls, task: GroupedMapTask, iterate: Callable[..., Any], converts_rest: bool, proven: SelfTest
    ) -> GroupedMapIter:
        """`converts_rest`: also what the function has not asked for."""
    def dump_stream(self, infile: InputFile, outfile: OutputFile) -> None: ...

@final
class GroupedMapArrow:
    def __new__(cls, task: GroupedMapTask, framing: _Framing) -> GroupedMapArrow: ...
    def dump_stream(self, infile: InputFile, outfile: OutputFile) -> None: ...

@final
class GroupedMapArrowIter:
    def __new__(cls, task: GroupedMapTask) -> GroupedMapArrowIter: ...
    def dump_stream(self, infile: InputFile, outfile: OutputFile) -> None: ...

@final
class CogroupedMapArrow:
    def __new__(cls, task: CogroupedMapTask) -> CogroupedMapArrow: ...
    def dump_stream(self, infile: InputFile, outfile: OutputFile) -> None: ...

@final
class GroupedAgg:
    def __new__(cls, task: GroupedAggTask, framing: _Framing, windows: bool, proven: SelfTest) -> GroupedAgg:
        """`windows`: there is a result for each row."""
    def dump_stream(self, infile: InputFile, outfile: OutputFile) -> None: ...

@final
class GroupedAggIter:
    def __new__(cls, task: GroupedAggTask, iterate: Callable[..., Any], proven: SelfTest) -> GroupedAggIter: ...
    def dump_stream(self, infile: InputFile, outfile: OutputFile) -> None: ...

@final
class GroupedAggArrow:
    def __new__(cls, task: GroupedAggArrowTask, framing: _Framing, windows: bool) -> GroupedAggArrow:
        """`windows`: there is a result for each row."""
    def dump_stream(self, infile: InputFile, outfile: OutputFile) -> None: ...

@final
class GroupedAggArrowIter:
    def __new__(cls, task: GroupedAggArrowTask) -> GroupedAggArrowIter: ...
    def dump_stream(self, infile: InputFile, outfile: OutputFile) -> None: ...

@final
class ScalarPandas:
    def __new__(cls, task: ScalarTask, proven: SelfTest) -> ScalarPandas: ...
    def takes(self, infile: InputFile) -> bool:
        """Whether all columns have a native path that pays. Waits for their schema."""
    def dump_stream(self, infile: InputFile, outfile: OutputFile) -> None: ...

@final
class ScalarPandasIter:
    def __new__(cls, task: ScalarIterTask, proven: SelfTest) -> ScalarPandasIter: ...
    def takes(self, infile: InputFile) -> bool:
        """As for `ScalarPandas`."""
    def make(self, result: object) -> Any:
        """What takes the place of the batch of a Series that was yielded; None: ask stock."""
    def dump_stream(self, infile: InputFile, outfile: OutputFile) -> None: ...

@final
class TableRows:
    """The rows of one task of a table function."""

    def __new__(cls, schema: pa.Schema, in_frames: bool, row: type) -> TableRows:
        """`in_frames`: stock makes frames of rows; `row`: Spark's class."""
    def encode(self, rows: list[Any]) -> bytes | None:
        """The message of a batch of these rows; None: ask stock."""
