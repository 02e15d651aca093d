"""Says where two answers to the same task differ first, to the last bit."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from driver import Answer

FLOATS = {pa.float16(): pa.int16(), pa.float32(): pa.int32(), pa.float64(): pa.int64()}
TEXTS = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}

FRAME = re.compile(r'^  File "(?P<path>[^"]*)", line \d+.*\n(?:    .*\n)*', re.MULTILINE)
ADDRESS = re.compile(r"\bat 0x[0-9a-f]+")
INTERNAL = re.compile(r"/pyspark/")


def difference(stock: Answer, bowstring: Answer, by_batch: bool = False) -> str | None:
    """The first difference in words, or None. `by_batch`: rows have to be in the same batches, too."""
    for name, left, right in (
        ("failure", stock.failure, bowstring.failure),
        ("traceback", *map(simplified, (stock.traceback, bowstring.traceback))),
    ):
        if left != right:
            return f"{name}\n--- stock\n{left}\n--- bowstring\n{right}"
    if stock.traceback is not None or stock.failure is not None:
        # The JVM throws away what came before an error, and how much that is depends on batches.
        return None
    if (stock.end, stock.accumulators) != (bowstring.end, bowstring.accumulators):
        return f"end of the reply: stock {stock.end}, bowstring {bowstring.end}"
    if stock.next is not None and bowstring.next is not None:
        found = difference(stock.next, bowstring.next)
        if found is not None:
            return f"in the next task: {found}"
    cuts = [[len(batch) for batch in answer.batches] for answer in (stock, bowstring)]
    if by_batch and cuts[0] != cuts[1]:
        return f"rows of batches: stock {cuts[0]}, bowstring {cuts[1]}"
    return different_rows(stock.schema, stock.batches, bowstring.schema, bowstring.batches)


def simplified(traceback: str | None) -> str | None:
    """A traceback without addresses of objects, and without frames of PySpark's, among which bowstring's stand.

    PySpark leaves out its own frames, except those at the end and where an error passed no code but its own. They show
    by which way stock's function was reached, and that is all that may differ.
    """
    if traceback is None:
        return None
    traceback = ADDRESS.sub("at 0x…", traceback)
    return FRAME.sub(lambda found: "" if INTERNAL.search(found["path"]) else found[0], traceback)


def different_rows(
    left_schema: pa.Schema | None,
    left: list[pa.RecordBatch],
    right_schema: pa.Schema | None,
    right: list[pa.RecordBatch],
) -> str | None:
    """The first difference in type or rows, whatever the batches."""
    if left_schema is None or right_schema is None:
        return None if left_schema is right_schema else f"schema\nstock: {left_schema}\nbowstring: {right_schema}"
    if not left_schema.equals(right_schema, check_metadata=True):
        return f"schema\n--- stock\n{described(left_schema)}\n--- bowstring\n{described(right_schema)}"
    rows = [sum(map(len, batches)) for batches in (left, right)]
    if rows[0] != rows[1]:
        return f"rows: stock {rows[0]}, bowstring {rows[1]}"
    for index, name in enumerate(left_schema.names):
        columns = [
            joined([batch.column(index) for batch in batches], left_schema.field(index).type)
            for batches in (left, right)
        ]
        found = first_difference(*columns, path=name)
        if found is not None:
            return found
    return None


def described(schema: pa.Schema) -> str:
    """Types, nullability and metadata."""
    return schema.to_string(show_field_metadata=True, show_schema_metadata=True)


def joined(arrays: list[pa.Array], arrow_type: pa.DataType) -> pa.Array:
    """One array."""
    if len(arrays) == 1:
        return arrays[0]
    return pa.concat_arrays(arrays) if arrays else pa.array([], arrow_type)


def first_difference(left: pa.Array, right: pa.Array, path: str) -> str | None:
    """The path of the first value in `left` that is not bit for bit that in `right`, with both."""
    if len(left) != len(right):
        return f"{path}: {len(left)} values in stock's answer, {len(right)} in bowstring's"
    if not left.is_null().equals(right.is_null()):
        return at_row(left, right, pc.not_equal(left.is_null(), right.is_null()), path)
    kind = left.type
    if pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            name = f"{path}.{kind.field(index).name}"
            # Below a null struct there is no value, whatever the buffers hold.
            found = first_difference(child(left, index), child(right, index), name)
            if found is not None:
                return found
        return None
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        lengths = [pc.list_value_length(as_list(array)) for array in (left, right)]
        if not lengths[0].equals(lengths[1]):
            return at_row(left, right, pc.not_equal(*lengths), path)
        return first_difference(as_list(left).flatten(), as_list(right).flatten(), path + "[]")
    if pa.types.is_dictionary(kind):
        return first_difference(left.dictionary_decode(), right.dictionary_decode(), path)
    bits = FLOATS.get(kind) or TEXTS.get(kind)
    plain = [array.view(bits) if bits else array for array in (left, right)]
    if plain[0].equals(plain[1]):
        return None
    return at_row(left, right, unequal(*plain), path)


def child(array: pa.StructArray, index: int) -> pa.Array:
    """A field's values, null where the struct is."""
    return array.flatten()[index]


def as_list(array: Any) -> Any:
    """A map is a list of its entries."""
    if not pa.types.is_map(array.type):
        return array
    # No cast: that refuses nulls in fields that are declared without them, such as those of a null variant.
    fields = [field.with_nullable(True) for field in (array.type.key_field, array.type.item_field)]
    entries = pa.StructArray.from_arrays([array.keys, array.items], fields=fields)
    parts = array.buffers()[:2], array.null_count, array.offset, [entries]
    return pa.Array.from_buffers(pa.list_(entries.type), len(array), *parts)


def unequal(left: pa.Array, right: pa.Array) -> pa.Array:
    """Where two arrays of the same nulls differ."""
    try:
        return pc.fill_null(pc.not_equal(left, right), False)
    except pa.ArrowNotImplementedError:
        return pa.array([not left[row].equals(right[row]) for row in range(len(left))])


def at_row(left: pa.Array, right: pa.Array, mask: pa.Array, path: str) -> str:
    """The first row of the mask, in words."""
    row = pc.index(mask, True).as_py()
    return f"{path}, row {row}: stock {in_words(left, row)}, bowstring {in_words(right, row)}"


def in_words(array: pa.Array, row: int) -> str:
    """One value, a float with its bits."""
    bits = FLOATS.get(array.type)
    try:
        value = repr(array[row].as_py())
    except (UnicodeDecodeError, ValueError):
        # Such as text that is not UTF-8.
        value = repr(array.view(TEXTS[array.type])[row].as_py()) if array.type in TEXTS else str(array.type)
    if bits is None or not array[row].is_valid:
        return value
    mask = (1 << bits.bit_width) - 1
    return f"{value} ({array.view(bits)[row].as_py() & mask:#x})"
