"""Stands in the place of `pyspark.daemon`: `spark.python.daemon.module=bowstring.daemon`.

Spark then starts the user's own Python with this module, and the module gives the process to the executable, whose
workers use that same Python. Nothing is imported and nothing is printed: standard output belongs to the JVM.
"""

import os
import sys

from bowstring._find import find_bowstring


def options(words: list[str], arguments: list[str]) -> list[str]:
    """What a Python with the command line `words` was given before `-m bowstring.daemon arguments…`.

    Raises `ValueError` where it was not started so: of a program that runs this module, nothing would be left.
    """
    end = len(words) - len(arguments) - 2
    before = words[1:end]
    if end < 1 or words[end:] != ["-m", "bowstring.daemon", *arguments]:
        raise ValueError
    at = 0
    while at < len(before):
        word = before[at]
        if word[:1] != "-" or len(word) < 2 or (word[1] != "-" and set(word[1:]) & set("cm")):
            raise ValueError
        # The value is the rest of the word, or the next one.
        at += 2 if word in ("-W", "-X", "--check-hash-based-pycs") else 1
    return before


def command_line() -> list[str]:
    """All words that this process was started with. CPython 3.9 has no `sys.orig_argv`."""
    if sys.version_info >= (3, 10):
        return sys.orig_argv
    with open("/proc/self/cmdline", "rb") as file:
        return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]


def main() -> None:
    """Becomes the daemon: bowstring's, or PySpark's where `BOWSTRING_DISABLE` says so."""
    arguments = sys.argv[1:]
    try:
        known = options(command_line(), arguments)
    except ValueError:
        sys.exit("bowstring: run this as `python -m bowstring.daemon`; what else runs it would be lost")
    if not sys.executable:
        sys.exit("bowstring: this Python does not know its own path (sys.executable)")
    try:
        if os.environ.get("BOWSTRING_DISABLE") == "1":
            os.execv(sys.executable, [sys.executable, *known, "-m", "pyspark.daemon", *arguments])
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        os.execv(find_bowstring(), ["bowstring-daemon", version, sys.executable, *known, "--", *arguments])
    except OSError as error:
        sys.exit(f"bowstring: {error}")


if __name__ == "__main__":
    main()
