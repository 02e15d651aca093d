"""What one Python process can say of itself and of its host.

The text of this file is also sent to executors, whose Python may not have bowstring: it needs the standard library
alone, imports no package that it asks about, and works from Python 3.9 on.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import linecache
import os
import re
import resource
import socket
import sys
import sysconfig
import tempfile
import uuid
from typing import Any

PACKAGES = ("pyspark", "pandas", "pyarrow", "numpy", "bowstring")


def source() -> str:
    """The text of this file, wherever it has come from."""
    return "".join(linecache.getlines(source.__code__.co_filename))


def gather() -> dict[str, Any]:
    """All facts, ready for JSON. Sizes are bytes; None is "no limit" or "not there"."""
    return {
        "host": socket.gethostname(),
        "python": {
            "executable": sys.executable,
            "version": ".".join(map(str, sys.version_info[:3])),
            "implementation": sys.implementation.name,
            "shared library": bool(sysconfig.get_config_var("Py_ENABLE_SHARED")),
            "broken links": _broken_links(),
        },
        "packages": {name: _version_of(name) for name in PACKAGES},
        "memory": {
            "RLIMIT_AS": _finite(resource.getrlimit(resource.RLIMIT_AS)[0]),
            "cgroup": _cgroup_limit(),
            "spark.executor.pyspark.memory": _megabytes("PYSPARK_EXECUTOR_MEMORY_MB"),
            "/dev/shm": _size_of("/dev/shm"),
        },
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")},
        "cores": len(os.sched_getaffinity(0)),
        "temporary folder": tempfile.gettempdir() if _writable() else None,
        "temporary folders": _wanted_folders(),
        "folders that cannot be written to": _refusing_folders(),
        "settings": {name: value for name, value in sorted(os.environ.items()) if name.startswith("BOWSTRING_")},
        # Where a worker is, Spark has set these.
        "Unix sockets": unix_sockets(os.environ.get("PYTHON_WORKER_FACTORY_SOCK_DIR")),
        "started as": _module_of_process(),
        "Databricks": os.environ.get("DATABRICKS_RUNTIME_VERSION"),
        "worker": _worker(),
    }


def unix_sockets(folder: str | None) -> dict[str, str | None] | None:
    """Whether a daemon can listen in that folder: why not, or None. None for no folder."""
    if not folder:
        return None
    # As long a name as `pyspark/daemon.py` and bowstring give.
    path = os.path.join(folder, f".{uuid.uuid4()}.sock")
    refused = None
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
        os.unlink(path)
    except OSError as error:
        refused = error.strerror or str(error)
    return {"folder": folder, "refused": refused}


def _module_of_process() -> str | None:
    """What `-m` names on the command line. A stock worker is a fork of its daemon and has the daemon's."""
    try:
        with open("/proc/self/cmdline", "rb") as file:
            words = file.read().decode(errors="replace").split("\0")
    except OSError:
        return None
    return words[words.index("-m") + 1] if "-m" in words[:-1] else None


def _finite(limit: int) -> int | None:
    return None if limit == resource.RLIM_INFINITY else limit


def _megabytes(variable: str) -> int | None:
    value = os.environ.get(variable, "")
    return int(value) << 20 if value.isdigit() and int(value) > 0 else None


def _cgroup_limit() -> int | None:
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as groups:
            own = [line.strip().split(":", 2) for line in groups]
    except OSError:
        return None
    found = []
    for number, controllers, path in own:
        if number == "0":
            places = [f"/sys/fs/cgroup{path}/memory.max", "/sys/fs/cgroup/memory.max"]
        elif "memory" in controllers.split(","):
            places = [f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes"]
            places.append("/sys/fs/cgroup/memory/memory.limit_in_bytes")
        else:
            continue
        for place in places:
            try:
                with open(place, encoding="ascii") as file:
                    text = file.read().strip()
            except OSError:
                continue
            # The older groups say "no limit" with a number close to 2 ** 63.
            if text.isdigit() and int(text) < 1 << 60:
                found.append(int(text))
    return min(found, default=None)


def _size_of(folder: str) -> int | None:
    try:
        status = os.statvfs(folder)
    except OSError:
        return None
    return status.f_frsize * status.f_blocks


def _writable(folder: str | None = None) -> bool:
    """Whether a file can be made there; without an argument, in any place that Python knows for them."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _refusing_folders() -> list[str]:
    """`NAME=folder` of those that somebody has chosen, and that cannot be written to."""
    chosen = [(name, os.environ.get(name, "")) for name in ("TMPDIR", "SPARK_LOCAL_DIRS", "LOCAL_DIRS")]
    named = [(name, folder) for name, folders in chosen for folder in folders.split(",") if folder]
    return [f"{name}={folder}" for name, folder in named if not _writable(folder)]


def _wanted_folders() -> list[str]:
    """Of which one has to be writable, in the order in which they are tried."""
    named = [os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
    return [*named, "/tmp", "/var/tmp", "/usr/tmp", os.getcwd()]


def _broken_links() -> list[str]:
    """Interpreters beside this one that lead nowhere, as in an environment that was moved without its Python."""
    folder = os.path.dirname(sys.executable or "")
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))] if os.path.isdir(folder) else []
    return [
        f"{path} -> {os.readlink(path)}"
        for path in paths
        if re.fullmatch(r"python[\d.]*", os.path.basename(path)) and os.path.islink(path) and not os.path.exists(path)
    ]


def _version_of(name: str) -> str | None:
    """The version of a package that an import would find, without importing it. "" if it does not tell."""
    here = sys.modules.get(name)
    version = getattr(here, "__version__", None)
    if isinstance(version, str):
        return version
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    # PySpark often comes from a zip file, which no metadata belong to, beside another version that was installed.
    get_data = getattr(spec.loader, "get_data", None)
    if name == "pyspark" and get_data is not None:
        try:
            text = get_data(os.path.join(os.path.dirname(spec.origin), "version.py")).decode()
        except OSError:
            text = ""
        found = re.search("__version__(?:: str)? = [\"']([^\"']+)", text)
        if found:
            return found[1]
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _worker() -> dict[str, Any] | None:
    """What bowstring says of this process if it is a worker of bowstring's."""
    if "_bowstring" not in sys.modules:
        return None
    hook = sys.modules.get("_bowstring._spark.hook")
    installed = getattr(hook, "INSTALLED", None)
    found: dict[str, Any] = {
        "installed": installed is not None,
        "refused": None,
        "unknown": [],
        "taken": {str(kind): count for kind, count in getattr(hook, "TAKEN", {}).items()},
        "declined": dict(getattr(hook, "DECLINED", {})),
        "unproven": [],
    }
    if installed is not None:
        proven = installed[2]
        types = sys.modules.get("pyspark.sql.types")
        # Earlier Spark has no such type.
        absent = set() if hasattr(types, "TimeType") else {"time"}
        found["unproven"] = sorted((proven.unproven_input | proven.unproven_output) - absent)
        from _bowstring._spark.surface import known  # type: ignore[import-not-found]

        line = ".".join(str(_version_of("pyspark")).split(".")[:2])
        surface = known.look(line)
        found["unknown"] = surface.sentences() if surface else []
        return found
    try:
        from _bowstring._spark import lines  # type: ignore[import-not-found]

        lines.find()
    except Exception as error:
        found["refused"] = str(error)
    return found
