"""Arrow columns of every type as a function gets them: native beside stock, in one worker.

Each type without nulls, with some, with nothing else, empty, with one value, in several batches, sliced out of a larger
array, and with values at the edges of its range and beyond. Values, their types and which of them share an object,
dtypes, blocks and errors must be equal. Prints one line of JSON.

usage: input_cases.py BOWSTRING
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

from in_worker import run_in_worker


def types() -> dict[str, tuple[Any, Any, list[list[Any]]]]:
    """Arrow type, usual values, and lists of values at the edges, for each name."""
    import datetime
    import decimal

    import pyarrow as pa

    day, time = datetime.date, datetime.time
    nano = (2**63 - 1) // 1_000
    instants = [[nano], [nano + 1], [-nano], [-nano - 1], [-(2**62)], [2**62], [None, nano + 1]]
    texts = [["", "a\0b", "é😀"], ["x" * 70_000], ["same"] * 50]
    blobs = [[b"", b"\0\xff"], [b"x" * 70_000], [b"same"] * 50]

    def exact(text: str) -> decimal.Decimal:
        return decimal.Decimal(text)

    return {
        "boolean": (pa.bool_(), [True, False, True], []),
        "byte": (pa.int8(), [1, -128, 127], []),
        "short": (pa.int16(), [1, -32768, 32767], []),
        "int": (pa.int32(), [1, -(2**31), 2**31 - 1], []),
        "long": (pa.int64(), [1, -(2**63), 2**63 - 1], [[2**53 + 1, None, 2**63 - 1, -(2**63)]]),
        "float": (pa.float32(), [1.5, -0.0, float("inf")], [[float("nan"), None], [1e-45, 3.4e38]]),
        "double": (pa.float64(), [1.5, -0.0, 1e300], [[float("nan"), None], [5e-324, float("-inf")]]),
        "string": (pa.string(), ["a", "b", "a"], texts),
        "large_string": (pa.large_string(), ["a", "b", "a"], texts),
        "binary": (pa.binary(), [b"a", b"b", b"a"], blobs),
        "large_binary": (pa.large_binary(), [b"a", b"b", b"a"], blobs),
        "date": (
            pa.date32(),
            [day(2020, 2, 29), day(1969, 12, 31), day(2020, 2, 29)],
            [[day.min, day.max, None], [-719_163], [2_932_897], [None, 2**31 - 1]],
        ),
        "time": (
            pa.time64("ns"),
            [time(12, 34, 56, 123456), time(0), time(12, 34, 56, 123456)],
            [[time.max, None], [1], [1_000, 1_001], [86_400_000_000_000], [-1_000], [None, 2**62]],
        ),
        "time_us": (pa.time64("us"), [time(12, 34), time(0), time(12, 34)], []),
        "timestamp": (pa.timestamp("us", "UTC"), [0, -1, 1_593_604_800_123_456], instants),
        "timestamp_named": (pa.timestamp("us", "Europe/Dublin"), [0, -1, 1_593_604_800_123_456], instants),
        "timestamp_offset": (pa.timestamp("us", "-03:30"), [0, -1, 1_593_604_800_123_456], instants),
        "timestamp_ntz": (pa.timestamp("us"), [0, -1, 1_593_604_800_123_456], instants),
        "timestamp_ns": (pa.timestamp("ns"), [0, -1, 1_593_604_800_123_456], []),
        "interval": (pa.duration("us"), [0, -1, 86_400_000_001], instants),
        "decimal": (
            pa.decimal128(38, 18),
            [exact("1.5"), exact("-0.000000000000000001"), exact("1.5")],
            [[exact("9" * 20), exact("-" + "9" * 20 + "." + "9" * 18), exact("0")]],
        ),
        "decimal_whole": (pa.decimal128(20, 0), [exact("1"), exact("-2"), exact("1")], [[exact("9" * 20), None]]),
        "decimal_negative": (pa.decimal128(5, -2), [exact("100"), exact("-200"), exact("100")], []),
        "null": (pa.null(), [None, None, None], []),
        "list": (pa.list_(pa.int32()), [[1], [], [1, None]], []),
        "map": (pa.map_(pa.string(), pa.int32()), [[("a", 1)], [], [("b", None)]], []),
        "struct": (pa.struct([("a", pa.int32())]), [{"a": 1}, {"a": None}, {"a": 2}], []),
    }


def compare() -> dict[str, Any]:
    """Runs in the worker."""
    import warnings

    import numpy as np
    import pyarrow as pa
    from pyspark.sql.types import IntegerType, StructField, StructType

    warnings.simplefilter("ignore")
    install, kinds = (
        import_module("_bowstring._spark.hook"),
        import_module("_bowstring._spark.kinds.grouped_map"),
    )
    make_stock = install.self_test().make_stock
    native, line, proven = install.INSTALLED
    return_type = StructType([StructField("c", IntegerType())])
    tried, impossible, converted, differences = 0, set(), set(), []

    def outcome(convert: Any) -> tuple[str, Any]:
        try:
            return "frame", convert()
        except Exception as error:
            return "error", f"{type(error).__name__}: {error} <- {type(error.__cause__).__name__}"

    def described(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return "ndarray", str(value.dtype), [described(item) for item in value]
        if isinstance(value, dict):
            return "dict", [(key, described(item)) for key, item in value.items()]
        return type(value).__name__, repr(value)

    def items(array: Any) -> list[Any]:
        try:
            return list(array)
        except UnicodeDecodeError:
            return array._pa_array.combine_chunks().cast(pa.large_binary()).to_pylist()

    def sharing(values: list[Any]) -> list[int]:
        """For each value the position of the first that is the same object."""
        first: dict[int, int] = {}
        return [first.setdefault(id(value), index) for index, value in enumerate(values)]

    def facts(result: tuple[str, Any]) -> Any:
        if result[0] == "error":
            return result
        frame = result[1]
        columns = []
        for name in frame.columns:
            values = items(frame[name].array)
            shared = sharing(values) if frame[name].dtype == object else None
            columns.append((str(frame[name].dtype), [described(value) for value in values], shared))
        blocks = [(block.values.shape, str(block.dtype)) for block in frame._mgr.blocks]
        return "frame", str(frame.index), list(frame.columns), blocks, columns

    def try_group(name: str, what: str, chunks: list[Any]) -> None:
        nonlocal tried
        zone = getattr(chunks[0].type, "tz", None) or "UTC"
        # Two equal columns: they share a block with pandas 2, but no object.
        batches = [pa.RecordBatch.from_pydict({"a": chunk, "b": chunk}) for chunk in chunks]
        messages = [batch.serialize().to_pybytes() for batch in batches]
        schema = batches[0].schema.serialize().to_pybytes()
        adapters = [make_stock(line, return_type, zone, True) for _ in range(2)]
        asked, column = [], adapters[0].column
        adapters[0].column = lambda *args: asked.append(args) or column(*args)
        if name == "timestamp_named":
            # Else making the table would count.
            import_module("_bowstring._spark.proof.zones").input_table(adapters[1])
        task = native.GroupedMap(kinds.GroupedMap(adapters[0], None, [3, 0, 0, 1], False), line.framing, proven)
        ours = facts(outcome(lambda: task.frame(schema, messages)))
        # As the bytes are read, so that no buffer is larger than its values.
        received = [pa.ipc.read_record_batch(pa.py_buffer(message), batches[0].schema) for message in messages]

        def stock_frame() -> Any:
            table = adapters[1].join(received)
            return adapters[1].frame([adapters[1].column(table, index) for index in range(2)], [0, 1])

        stocks = facts(outcome(stock_frame))
        tried += 1
        if not asked:
            converted.add((name, what))
        if ours != stocks:
            differences.append([name, what, str(ours)[-600:], str(stocks)[-600:]])
        if len(chunks) == 1:
            text = pa.array(["text"] * len(received[0]))
            try_struct(f"{name} in a struct", what, received[0].columns, zone)
            try_struct(f"{name} in a struct with text", what, [*received[0].columns, text], zone)

    def try_struct(name: str, what: str, columns: list[Any], zone: str) -> None:
        """Columns inside one: as structs of a `pandas_udf` get to it up to Spark 4.1, and all of `mapInPandas`."""
        column = pa.StructArray.from_arrays(columns, names=["a", "b", "text"][: len(columns)])
        adapter = make_stock(line, return_type, zone, True)
        batch = pa.record_batch([column], names=["_0"])
        messages = batch.schema.serialize().to_pybytes(), batch.serialize().to_pybytes()
        if line.wraps:
            from pyspark.sql.pandas.serializers import ArrowStreamPandasUDFSerializer

            serializer = ArrowStreamPandasUDFSerializer(zone, True, True, True)
            position = [0] if line.framing == "stream" else []
            stocks = facts(outcome(lambda: serializer.arrow_to_pandas(pa.chunked_array([column]), *position)))
            compare_frames(name, what, native.StructFrames(adapter, proven).frame(column), stocks)
            older = None
        else:
            from pyspark.sql.conversion import ArrowBatchTransformer

            convert = ArrowBatchTransformer.to_pandas
            stocks = facts(outcome(lambda: convert(batch, timezone=zone, df_for_struct=True)[0]))
            older = adapter.legacy(), proven.older_unit
        frames = native.MapFrames(adapter, proven, older, lambda frame, rows: frame)
        compare_frames(f"{name} of mapInPandas", what, frames.of_messages(*messages), stocks)

    def compare_frames(name: str, what: str, frame: Any, stocks: Any) -> None:
        nonlocal tried
        tried += 1
        if frame is None:
            return
        converted.add((name, what))
        ours = facts(("frame", frame))
        if ours != stocks:
            differences.append([name, what, str(ours)[-600:], str(stocks)[-600:]])

    for name, (arrow, usual, edges) in types().items():
        first, second, third = usual
        groups = {
            "all": [usual],
            "some null": [[first, None, third, second]],
            "all null": [[None, None]],
            "empty": [[]],
            "one": [[first]],
            "one null": [[None]],
            "batches": [usual, [third, second], [first]],
            "batches, nulls in one": [usual, [None, third, second]],
            "batches, one empty": [[], usual],
            "many": [usual * 400],
        }
        groups |= {f"edge {index}": [values] for index, values in enumerate(edges)}
        for what, chunks in groups.items():
            try:
                arrays = [pa.array(values, arrow) for values in chunks]
            except (pa.ArrowException, ValueError, TypeError) as error:
                impossible.add(f"{name} {what}: {type(error).__name__}")
                continue
            if len(arrays) > 1 and line.framing == "batch":
                continue  # Here a batch is a group.
            try_group(name, what, arrays)
            try_group(name, f"{what}, sliced", [pa.concat_arrays([arrays[0][:1], *arrays])[len(arrays[0][:1]) :]])
    for name, arrow in (("string", pa.string()), ("large_string", pa.large_string())):
        data = pa.py_buffer(b"a\xff\xc3")
        width = np.int32 if name == "string" else np.int64
        offsets = pa.py_buffer(np.array([0, 1, 2, 2, 3], width).tobytes())
        text = pa.Array.from_buffers(arrow, 4, [None, offsets, data])
        try_group(name, "not UTF-8", [text])
        try_group(name, "not UTF-8, sliced", [text[2:]])
    return {
        "tried": tried,
        "native": sorted(converted),
        "impossible": sorted(impossible),
        "differences": differences,
    }


def main(bowstring: str) -> None:
    """Prints what a worker has found."""
    print(run_in_worker(bowstring, lambda: json.dumps(compare())))


if __name__ == "__main__":
    main(*sys.argv[1:])
