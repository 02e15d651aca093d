"""What a new worker does to itself, and how it ends. Loaded once, before the fork."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn


def settle(restore: Iterable[tuple[str, str | None]]) -> None:
    """Undo what belongs to the zygote: signal handlers, environment, shared random state.

    ``restore`` maps the variables that were set for the zygote alone to their former values.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Rust's handlers for stack overflows would swallow the first of these that another process sends.
    # Those of PYTHONFAULTHANDLER are the user's wish.
    if not faulthandler.is_enabled():
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        signal.signal(signal.SIGBUS, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for name, value in restore:
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    # Every worker would draw the same numbers otherwise; CPython does this for its own `random`.
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()
    threads = _blas_threads()
    if threads > 1:
        _set_blas_threads(threads)


def name_panics(panic: Any) -> None:
    """Say in each exception of this class, PyO3's for a panic of ours, whose it is."""
    panic.__str__ = lambda self: f"bowstring has panicked: {BaseException.__str__(self)}. This is a bug in bowstring."


def begin() -> Any:
    """Start PySpark's fault handler where it covers the whole connection, as stock does from 4.1."""
    try:
        from pyspark.util import enable_faulthandler
    except ImportError:
        return None
    guard = enable_faulthandler()
    guard.__enter__()
    return guard


def end(guard: Any, code: int) -> NoReturn:
    """Leave without running what the zygote has registered for its own exit."""
    if guard is not None:
        guard.__exit__(None, None, None)
    leave(code)


def leave(code: int) -> NoReturn:
    """Write out what is buffered and go."""
    flush()
    os._exit(code & 0xFF)


def flush() -> None:
    """Write out what is buffered."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


def _blas_threads() -> int:
    """How many threads OpenBLAS would have started here on its own."""
    for name in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"):
        try:
            count = int(os.environ[name])
        except (KeyError, ValueError):
            continue
        if count > 0:
            return count
    return len(os.sched_getaffinity(0))


def _set_blas_threads(threads: int) -> None:
    """Give every OpenBLAS that is loaded so many threads. It was loaded with one."""
    for library in _loaded_openblas():
        for name in (
            "scipy_openblas_set_num_threads64_",
            "scipy_openblas_set_num_threads",
            "openblas_set_num_threads64_",
            "openblas_set_num_threads",
        ):
            function = getattr(library, name, None)
            if function is not None:
                function(threads)
                break


def _loaded_openblas() -> Iterator[Any]:
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        fields = (line.rstrip("\n").split(None, 5) for line in maps)
        paths = {field[5] for field in fields if len(field) == 6}
    for path in sorted(paths):
        name = os.path.basename(path)
        if "openblas" in name and ".so" in name:
            import ctypes

            try:
                # Not loaded again: the same file is the same library.
                yield ctypes.CDLL(path)
            except OSError:
                pass
