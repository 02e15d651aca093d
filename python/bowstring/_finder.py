"""Imports bowstring's modules from their sources, wherever those are: in the binary, or on disk.

In a worker the package is called `_bowstring`, so that nothing of the user's can be taken for it, nor it for anything
of theirs.
"""

import linecache
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

ROOT = "_bowstring"


class Finder:
    """Finder and loader in one.

    `sources`: text by name below the package, such as `_spark.hook`; `""` is the package itself.
    """

    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources
        self._packages = {name.rpartition(".")[0] for name in sources if name}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != ROOT and not name.startswith(ROOT + "."):
            return None
        below = name[len(ROOT) + 1 :]
        if below not in self._sources:
            return None
        return ModuleSpec(name, self, is_package=below in self._packages)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        space = module.__dict__
        below = space["__name__"][len(ROOT) + 1 :]
        source = self._sources[below]
        file = f"bowstring/{below.replace('.', '/')}.py"
        if below.startswith(("_spark.", "_worker.")) and below not in self._packages:
            # For those who look for the user's function on the stack, and for tracebacks that leave out PySpark's
            # frames, it is a module of PySpark (`context_provider` of `pyspark/logger/worker_io.py`, Spark 4.1 to 4.3).
            space["__name__"] = f"pyspark.bowstring.{below}"
            file = f"{sys.modules['pyspark'].__path__[0]}/{file}"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec", dont_inherit=True), space)


def install(sources: dict[str, str], native: ModuleType) -> None:
    """Makes `import _bowstring` work; `native` is what Rust has for the others, `_bowstring._native`."""
    sys.meta_path.insert(0, Finder(sources))
    sys.modules[f"{ROOT}._native"] = native
    __import__(ROOT)
    vars(sys.modules[ROOT])["_native"] = native
