"""What the self-test has found: as an object, as text, and in the record of the tested combinations.

`record.json` is made by `integration/record_self_test.py`: what the self-test finds with the versions of each
environment of the tests. It holds for the same versions elsewhere, so no daemon has to find it out again; and for every
release of a Spark line, and a vendor's, that has the same conversions.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy
import pandas
import pyarrow

from ..._worker.frames import _DEFAULT_OPTIONS
from ..lines import examine
from ..surface import SELF_TEST

_ZONE = "/usr/share/zoneinfo/America/New_York"


class SelfTest:
    """What the self-test found; the native half reads the attributes."""

    def __init__(
        self, arrow_strings: bool, timestamp_unit: str, interval_unit: str, nested_integer_objects: bool
    ) -> None:
        self.arrow_strings = arrow_strings
        self.timestamp_unit = timestamp_unit
        self.interval_unit = interval_unit
        self.nested_integer_objects = nested_integer_objects
        # The unit of timestamps in the older way of Spark 4.2 on; None: the older way is stock's.
        self.older_unit: str | None = None
        self.unproven_input: set[str] = set()
        self.unproven_output: set[str] = set()
        # Types that scalars of aggregates of arrays must not be converted to.
        self.unproven_scalars: set[str] = set()


def to_text(proven: SelfTest) -> str:
    """As an object of JSON."""
    facts = vars(proven).items()
    return json.dumps({name: sorted(fact) if isinstance(fact, set) else fact for name, fact in facts})


def from_text(text: str) -> SelfTest:
    """The reverse of `to_text`."""
    return _from_facts(json.loads(text))


def _from_facts(facts: dict[str, Any]) -> SelfTest:
    proven = SelfTest.__new__(SelfTest)
    proven.__dict__.update({name: set(fact) if isinstance(fact, list) else fact for name, fact in facts.items()})
    return proven


def combination() -> str | None:
    """Names all that the findings depend on. None if that cannot be told."""
    if not os.path.isfile(_ZONE):
        # Arrow knows no time zones then, nor "UTC", and conversions fail that do not elsewhere.
        return None
    try:
        found = examine()
    except Exception:
        # Why not, the installation will say.
        return None
    if SELF_TEST in found.surface.off:
        return None
    options = ",".join(map(str, _DEFAULT_OPTIONS))
    return (
        f"pyspark {found.name} {found.surface.conversions}, pandas {pandas.__version__} {options}, "
        f"pyarrow {pyarrow.__version__}, numpy {numpy.__version__}, "
        f"CPython {sys.version_info.major}.{sys.version_info.minor} {os.uname().machine}"
    )


def recorded(record: str) -> SelfTest | None:
    """The `SelfTest` of what is installed here, from the text of `record.json`. None if nobody has tested that."""
    facts = json.loads(record).get(combination())
    return None if facts is None else _from_facts(facts)
