"""Makes `importlib.invalidate_caches` cheap for archives that have not changed.

PySpark calls it in every task, and Spark puts PySpark itself on the path as a zip file. CPython then
reads that archive's directory again for each package inside, forty milliseconds a task and more. An
archive whose device, inode, size and modification time are as before has the directory it had.
"""

from __future__ import annotations

import os
import sys
import zipimport
from typing import Any

_class: Any = zipimport.zipimporter
_invalidate = _class.invalidate_caches


def _facts(archive: str) -> tuple[int, int, int, int] | None:
    try:
        status = os.stat(archive)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _invalidate_if_changed(importer: Any) -> None:
    facts = _facts(importer.archive)
    if facts is None or getattr(importer, "_bowstring_facts", None) != facts:
        _invalidate(importer)
        importer._bowstring_facts = facts


def install() -> None:
    """Read every archive once more, so that what is remembered of it is true, and take over."""
    read: dict[str, Any] = {}
    importers: list[Any] = list(sys.path_importer_cache.values())
    for importer in importers:
        if type(importer) is not _class:
            continue
        facts = _facts(importer.archive)
        if importer.archive not in read:
            _invalidate(importer)
            read[importer.archive] = importer
        elif hasattr(importer, "_files"):
            importer._files = read[importer.archive]._files
        importer._bowstring_facts = facts
    _class.invalidate_caches = _invalidate_if_changed
