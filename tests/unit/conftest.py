"""Unit tests of the Python half, without Spark and without a daemon: what needs no native half.

Run as `integration/.venvs/tools/bin/python -m pytest tests/unit`.
"""

import sys
from types import ModuleType

# Modules that use the native half import it; nothing under test calls it.
sys.modules.setdefault("bowstring._native", ModuleType("bowstring._native"))
