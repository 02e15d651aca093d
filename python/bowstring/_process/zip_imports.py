"""Makes `importlib.invalidate_caches` cheap for archives that have not changed.

PySpark calls it in every task, and Spark puts PySpark itself on the path as a zip file. CPython then
reads that archive's directory again for each package inside, forty milliseconds a task and more. An
archive whose device, inode, size and modification time are as before has the directory it had.
"""

import os
import sys
import zipimport

_invalidate = zipimport.zipimporter.invalidate_caches


def _facts(archive):
    try:
        status = os.stat(archive)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _invalidate_if_changed(importer):
    facts = _facts(importer.archive)
    if facts is None or getattr(importer, "_bowstring_facts", None) != facts:
        _invalidate(importer)
        importer._bowstring_facts = facts


def install():
    """Read every archive once more, so that what is remembered of it is true, and take over."""
    read = {}
    for importer in list(sys.path_importer_cache.values()):
        if type(importer) is not zipimport.zipimporter:
            continue
        facts = _facts(importer.archive)
        if importer.archive not in read:
            _invalidate(importer)
            read[importer.archive] = importer
        elif hasattr(importer, "_files"):
            importer._files = read[importer.archive]._files
        importer._bowstring_facts = facts
    zipimport.zipimporter.invalidate_caches = _invalidate_if_changed
