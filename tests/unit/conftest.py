"""Unit tests of the Python half, without Spark and without a daemon: what needs no native half.

Run as `integration/.venvs/tools/bin/python -m pytest tests/unit`.
"""

import sys
from types import ModuleType

# Modules that use the native half import it and ask it which types have a native path. Nothing under test calls more.
native = ModuleType("bowstring._native")
native.types = list  # type: ignore[attr-defined]
sys.modules.setdefault("bowstring._native", native)
