# What `bowstring doctor` has the environment's Python run. `sys.argv`: `-c`, the descriptor from which the sources are
# read, this executable, arguments. The sources are the finder's text, then names and texts in turn, and behind each of
# them is a zero byte.

import sys


def run():
    descriptor, bowstring, *arguments = sys.argv[1:]
    with open(int(descriptor), "rb") as file:
        texts = [text.decode() for text in file.read().split(b"\0")]
    finder, *named = texts[:-1]
    space = {"__name__": "_bowstring._finder"}
    exec(compile(finder, "bowstring/_finder.py", "exec"), space)
    space["install"](dict(zip(named[::2], named[1::2])), None)
    from _bowstring.doctor.program import main

    # `-c` has put the working directory first, which is the user's.
    sys.path[:] = [entry for entry in sys.path if entry]
    return main(["--bowstring", bowstring, *arguments])


sys.exit(run())
