# What the environment's Python runs to become the zygote, or a worker that starts over: it finds bowstring's module
# and leaves the process to it. `sys.argv`: `-c`, version of the executable, name of the process, words of the launch.
# Standard input is the control socket. Runs in a namespace of its own, of which nothing stays.

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec


def refuse(why):
    """Tells the supervisor, in its own language, or the log of a worker's task, and leaves."""
    line = " ".join(why.split()).encode("ascii", "backslashreplace")[:4000]
    if sys.argv[2] == "bowstring-worker":
        os.write(2, b"bowstring: %s" % line + os.linesep.encode())
    else:
        os.write(0, b"U" + line)
    os._exit(1)


def is_whole(path):
    """Whether an ELF file ends where its own header says; the dynamic linker dies of one that was copied in part."""
    with open(path, "rb") as file:
        head = file.read(64)
        size = file.seek(0, os.SEEK_END)
    table, entry, count = (int.from_bytes(head[a:b], "little") for a, b in ((40, 48), (58, 60), (60, 62)))
    return len(head) == 64 and table + entry * count <= size


def load(version):
    """The module, under a name that is nobody else's and not in `sys.modules`."""
    # Without the directory that `-c` has put first, and beyond a package of the user's that has our name.
    packages = [PathFinder.find_spec("bowstring", [entry]) for entry in sys.path if entry]
    places = [place for package in packages if package for place in package.submodule_search_locations or ()]
    install = f"{sys.executable} -m pip install bowstring=={version}"
    if not places:
        refuse(f"{sys.executable} has no package bowstring, which this executable needs; run {install}")
    spec = PathFinder.find_spec("_bowstring_start._native", places)
    if spec is None or spec.origin is None:
        folders = filter(os.path.isdir, places)
        others = [name for folder in folders for name in os.listdir(folder) if name.startswith("_native.")]
        what = f"{others[0]} is for another Python" if others else "its module _native is missing"
        this = f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"
        refuse(f"{places[0]} has nothing for {sys.executable}, which is {this}: {what}; run {install}")
    try:
        if spec.origin.endswith(".so") and not is_whole(spec.origin):
            refuse(f"{spec.origin} is cut short; run {install}")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:
        refuse(f"{spec.origin} cannot be loaded: {error}; run {install}")
    found = getattr(module, "__version__", "of nobody's")
    if found != version:
        refuse(f"{spec.origin} is bowstring {found}, but the executable is bowstring {version}; run {install}")
    return module


load(sys.argv[1]).run(sys.argv[2:])
