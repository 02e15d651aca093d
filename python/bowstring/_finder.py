"""Imports bowstring's modules from their sources, wherever those are: in the binary, or on disk.

In a worker the package is called `_bowstring`, so that nothing of the user's can be taken for it, nor it for anything
of theirs.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType

ROOT = "_bowstring"
NATIVE = "_native"


class Finder:
    """Finder and loader in one.

    `sources`: text by name below the package, such as `_spark.hook`; `""` is the package itself. `data`: text of the
    other files by their place in the package. `make_native` makes what Rust has for the others, which takes time that
    a worker without Arrow data need not spend.
    """

    def __init__(
        self, sources: dict[str, str], make_native: Callable[[], ModuleType], data: dict[str, str] | None = None
    ) -> None:
        self._sources = sources
        self._data = data or {}
        self._make_native = make_native
        self._packages = {name.rpartition(".")[0] for name in sources if name}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != ROOT and not name.startswith(ROOT + "."):
            return None
        below = name[len(ROOT) + 1 :]
        if below not in self._sources and below != NATIVE:
            return None
        return ModuleSpec(name, self, is_package=below in self._packages)  # type: ignore[arg-type]

    def get_data(self, path: str) -> bytes:
        """As a loader of files has it, with the path below the package."""
        return self._data[path].encode()

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._make_native() if spec.name == f"{ROOT}.{NATIVE}" else None

    def exec_module(self, module: ModuleType) -> None:
        space = module.__dict__
        below = space["__spec__"].name[len(ROOT) + 1 :]
        if below == NATIVE:
            return
        source = self._sources[below]
        file = f"bowstring/{below.replace('.', '/')}.py"
        if below.startswith(("_spark.", "_worker.")) and below not in self._packages:
            # For those who look for the user's function on the stack, and for tracebacks that leave out PySpark's
            # frames, it is a module of PySpark (`context_provider` of `pyspark/logger/worker_io.py`, Spark 4.1 to 4.3).
            space["__name__"] = f"pyspark.bowstring.{below}"
            file = f"{sys.modules['pyspark'].__path__[0]}/{file}"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec", dont_inherit=True), space)


def install(sources: dict[str, str], make_native: Callable[[], ModuleType], data: dict[str, str] | None = None) -> None:
    """Makes `import _bowstring` work."""
    sys.meta_path.insert(0, Finder(sources, make_native, data))
