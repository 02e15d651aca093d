"""A PySpark that a vendor has changed: native but for the kinds that need what was changed, and working in any case.

And whether the surface files say of each kind what PySpark has for it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from environments import Environment, build_bowstring, make

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "vendors.py"
SURFACES = HERE.parent / "python" / "bowstring" / "_spark" / "surface"


def test_a_vendors_pyspark_is_native_but_for_what_it_has_changed(environment: Environment) -> None:
    """A grouped map of frames (`frames`, and `again` after a while) and `mapInArrow` (`batches`)."""
    command = [make(environment), PROGRAM, build_bowstring(environment.python)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    found = json.loads(done.stdout)
    said = {name: each.pop("said") for name, each in found.items()}
    native = {"frames": "native", "batches": "native", "again": "native"}
    stock = {"frames": "stock", "batches": "stock", "again": "stock"}
    assert found == {
        "line": stock,
        "version": native,
        "comment": native,
        "conversion": {"frames": "stock", "batches": "native", "again": "stock"},
        "read_udfs": stock,
    }
    assert said["version"] == said["comment"] == []
    # One line each.
    (line,), (conversion,), (read_udfs,) = said["line"], said["conversion"], said["read_udfs"]
    assert "PySpark 9.9." in line and "is of none of the known lines 3.5, 4.0, 4.1, 4.2, 4.3" in line
    assert "PySpark's own code serves " in conversion and "SQL_GROUPED_MAP_PANDAS_UDF" in conversion
    assert "SQL_MAP_ARROW_ITER_UDF" not in conversion
    assert ("._create_array is not" if environment.spark < "4.2" else ".convert is not") in conversion
    assert "pyspark.worker." in read_udfs and "every kind of UDF" in read_udfs


def test_a_kinds_serializer_is_in_its_surface(environment: Environment) -> None:
    """Of every kind that is fed Arrow, but for table functions."""
    command = [make(environment), "-W", "ignore", HERE / "parity" / "serializers.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    surface = json.loads((SURFACES / f"{environment.spark.rpartition('.')[0]}.json").read_text())
    symbols = surface["modules"]["pyspark.sql.pandas.serializers"]["symbols"]
    found = {int(kind): names for kind, names in json.loads(done.stdout).items()}
    # The kinds with state have none.
    assert set(map(int, surface["kinds"])) - {301, 302} <= set(found)
    for kind, names in found.items():
        for name in names:
            needs = symbols[name]["needs"]
            assert kind in needs or "all" in needs, (kind, name)
