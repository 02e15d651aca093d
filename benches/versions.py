"""Versions of what is installed beside the interpreter under test."""

from __future__ import annotations

import platform
from importlib.metadata import version


def versions() -> dict[str, str]:
    """Name and version of all that the figures depend on."""
    packages = ("pyspark", "pandas", "pyarrow", "numpy")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}
