"""Columns of every type, and results of every dtype: the native conversions beside PySpark's own, case by case."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from conftest import COMPLETE
from environments import Environment, build_bowstring, make

PROGRAMS = Path(__file__).resolve().parent / "parity"
CASES = 10_000
"""At least so many of the combinations exist with every pandas."""
NATIVE = {
    "boolean": "bool bool_obj_None boolean_ext_NA bool_arrowdtype_sliced",
    "int": "int32 float64_nan int_obj_None mixed_obj_int_float Int64_NA Float64_integral int32_arrowdtype",
    "long": "int64 int_obj_max Int64_max UInt64_NA int64_pyarrow_null",
    "float": "float32 float_obj_fine Float64_fine float_arrowdtype",
    "double": "float64_nan float_obj_None int_obj_None Float64_nan Int64_NA double_pyarrow_nan",
    "string": "str_obj_None string_python string_pyarrow string_arrowdtype cat_str_null",
    "binary": "bytes_obj_None binary_arrowdtype",
    "date": "date_obj_None date32_arrowdtype",
    "timestamp": "dt64ns dt64us datetime_obj_None datetime_obj_fold",
    "timestamp_ntz": "dt64us datetime_obj_year1 timestamp_arrowdtype_us",
    "interval": "td64ns timedelta_obj duration_arrowdtype",
    "decimal(10,2)": "decimal_arrowdtype",
}
"""Results that have a native path with every version of pandas and Spark, by declared type."""

SOME = ["int", "string", "timestamp", "decimal(10,2)", "array<int>"]
"""Declared types that are asked for where not everything is: one for each way of converting."""

NATIVE_INPUT = (
    "boolean byte short int long float double string large_string binary large_binary date timestamp timestamp_named "
    "timestamp_ntz interval decimal decimal_whole null"
).split()
"""Columns that have a native path with every version."""

BESIDE_TEXT = (
    "boolean byte short int long float double string binary date timestamp timestamp_ntz interval decimal "
    "list map struct"
).split()
"""The same in a frame with a column of text, which Spark 4.2 and 4.3 convert in an older way."""

CALLED_BY_STOCK = set("scalar-pandas-iter map-pandas-iter map-arrow-iter scalar-arrow scalar-arrow-iter".split())
"""Kinds of UDF whose functions PySpark's own code calls, on native streams. All others have a loop of their own."""


def run(program: str, environment: Environment, *arguments: str) -> dict[str, Any]:
    """What a program has found in a worker of this environment."""
    command = [make(environment), PROGRAMS / program, build_bowstring(environment.python), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1_000, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout)


def test_columns_of_every_type_arrive_as_stock_converts_them(environment: Environment) -> None:
    """No difference in values, dtypes, blocks or errors, nor in which values share an object."""
    outcome = run("input_cases.py", environment)
    assert outcome["differences"] == []
    assert outcome["impossible"] == []
    native = {tuple(pair) for pair in outcome["native"]}
    alone = {(name, what) for name in NATIVE_INPUT for what in ("all", "some null", "all null", "many")}
    nested = {(name, what) for name in ("list", "map", "struct") for what in ("all", "some null", "many")}
    expected = alone | {(f"{name} in a struct of mapInPandas", what) for name, what in alone | nested}
    beside_text = {(name, what) for name in BESIDE_TEXT for what in ("all", "some null")}
    expected |= {(f"{name} in a struct with text of mapInPandas", what) for name, what in beside_text}
    if environment.spark < "4.2":
        expected |= {(f"{name} in a struct", what) for name, what in alone}
    assert expected - native == set()


def test_groups_that_differ_do_not_show_what_a_worker_remembers(environment: Environment) -> None:
    """Frames, blocks and keys are stock's, whatever the group before had: nulls, options, other columns."""
    outcome = run("plan_cases.py", environment)
    assert outcome["differences"] == {}
    for function in ("look", "change", "set_options"):
        assert {f"{function}, nulls_that_come_and_go", f"{function}, without_rows"} <= set(outcome["answered"])
    assert "look_at_key, nulls_that_come_and_go" in outcome["answered"]


def test_results_of_every_dtype_are_converted_as_stock_converts_them(environment: Environment) -> None:
    """No difference in values, types, nulls or errors beyond the one that is known."""
    complete = environment.name in COMPLETE
    outcome = run("output_cases.py", environment, *([] if complete else SOME))
    assert outcome["tried"] > (CASES if complete else CASES // 5)
    assert outcome["differences"] == []
    native = {tuple(pair) for pair in outcome["native"]}
    expected = {field: names.split() for field, names in NATIVE.items() if complete or field in SOME}
    assert {(field, series) for field, names in expected.items() for series in names} - native == set()


def test_scalars_of_aggregates_of_arrays_become_what_pyarrow_makes_of_them(environment: Environment) -> None:
    """Those that are taken natively, and Python's, NumPy's and pyarrow's usual ones are."""
    outcome = run("scalar_cases.py", environment)
    assert outcome["differences"] == []
    assert outcome["unproven"] == []
    # Earlier Spark has no such functions, and asks nothing.
    assert len(outcome["unproven if refused"]) == (8 if environment.spark >= "4.1" else 0)
    native = {tuple(pair) for pair in outcome["native"]}
    integers = ("int", "int8", "int16", "int32", "int64", "Int8Scalar", "Int16Scalar", "Int32Scalar", "Int64Scalar")
    expected = {(name, scalar) for name in ("byte", "short", "int", "long") for scalar in integers}
    expected |= {(name, scalar) for name in ("float", "double") for scalar in ("float", "float64", "DoubleScalar")}
    expected |= {("string", "str"), ("string", "StringScalar"), ("boolean", "bool"), ("boolean", "BooleanScalar")}
    assert expected - native == set()


def test_kinds_with_a_loop_of_their_own_take_it(environment: Environment) -> None:
    """An exception that keeps a kind from its native path would only be slow."""
    native = run("callers.py", environment)
    assert {kind for kind, alone in native.items() if not alone} == CALLED_BY_STOCK & native.keys()
    assert len(native) > len(CALLED_BY_STOCK & native.keys())
