"""What the Python behind a launcher runs: it gives its process to the zygote.

A launcher is whatever stands where the Python is expected and is none itself: a script that sets up an
environment, a shim of pyenv, a PEX file. It is run as stock runs it, down to its Python, so that its variables,
limits, umask, directory and signals are in force. What that Python knows beyond those goes along as arguments.
"""


def hand_over(words):
    """Becomes the zygote. Standard input is the control socket.

    `words`: (`embedded` ‖ path of the binary ‖ another path of it | `wheel` ‖ program for `-c` ‖ our version) ‖
    warm-up ‖ variables of the zygote… ‖ `--` ‖ arguments…; a variable is `!NAME=VALUE`, or `?NAME=VALUE` where the
    user's own goes first.
    """
    import os
    import stat
    import sys

    if not stat.S_ISSOCK(os.fstat(0).st_mode):
        sys.exit("bowstring: standard input was redirected on the way to Python")
    form, first, second, warm_up, *words = words.split(b"\0")
    end = words.index(b"--")
    options, host = _split(_command_line())
    path = []
    if host:
        why = _why_not(host)
        if why:
            _refuse(why)
        path = [os.fsencode(entry) for entry in sys.path if isinstance(entry, (str, bytes))]
    if sys.implementation.name != "cpython":
        _refuse(f"its Python is {sys.implementation.name}, and bowstring is for CPython")
    if not sys.executable:
        _refuse("its Python does not know its own path (sys.executable)")
    restore = []
    for item in words[:end]:
        name, _, value = item[1:].partition(b"=")
        before = os.environb.get(name)
        if item[:1] == b"?" and before is not None:
            continue
        os.environb[name] = value
        restore.append(name if before is None else name + b"=" + before)
    options = [os.fsencode(option) for option in options]
    program = os.fsencode(sys.executable)
    arguments = [b"bowstring-zygote", b"%d.%d" % sys.version_info[:2], *options, b"--"]
    arguments += [b"=" + entry for entry in path]
    arguments += [b"--", warm_up, program, *restore, *words[end:]]
    binaries = [first, second]
    if form == b"wheel":
        arguments = [program, *options, b"-c", first, second, *arguments]
        binaries = [program]
    for binary in binaries:
        try:
            os.execv(binary, arguments)
        except OSError as error:
            why = f"its Python cannot start bowstring: {error}"
    _refuse(why)


def _command_line():
    """All words that this process was started with. CPython 3.9 has no `sys.orig_argv`."""
    import os
    import sys

    if hasattr(sys, "orig_argv"):
        return sys.orig_argv
    with open("/proc/self/cmdline", "rb") as file:
        return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]


def _split(words):
    """The interpreter's options, and the program (`-m name` or a path) inside which we run, if there is one."""
    at = 1
    while at < len(words):
        word = words[at]
        if word == "-c":
            return words[1:at], ""
        if word[:1] != "-" or word == "-":
            return words[1:at], word
        for place, letter in enumerate(word[1:], 2):
            if letter == "m":
                return words[1:at], "-m " + (word[place:] or words[at + 1])
            if letter in "WX" or word[:2] == "--":
                # The value is the rest of the word, or the next one.
                at += word[:2] == "--" or place == len(word)
                break
        at += 1
    return words[1:], ""


def _why_not(host):
    """What would be lost of a program that runs us inside its own process, in words; empty if nothing would."""
    import os
    import sys

    if host[:3] == "-m ":
        return f"it runs Python's `{host}`, of which nothing would be left in the workers"
    monitoring = getattr(sys, "monitoring", None)
    watched = sys.gettrace() or sys.getprofile() or (monitoring and any(map(monitoring.get_tool, range(6))))
    for tool in ("coverage", "debugpy", "memray", "pydevd", "pyinstrument", "scalene", "viztracer", "yappi"):
        watched = watched or tool in sys.modules
    if watched or len(os.listdir("/proc/self/task")) > 1:
        return f"its `{host}` watches the Python that it runs (a debugger, a profiler, coverage), which would end"
    return ""


def _refuse(why):
    """Tells the supervisor, in its own language, and leaves."""
    import os

    os.write(0, b"U" + why.replace("\n", " ").encode("ascii", "backslashreplace")[:4000])
    os._exit(1)
