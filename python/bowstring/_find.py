"""Where the executable `bowstring` is that was installed with this package."""

import os
import sys


def find_bowstring() -> str:
    """Its path.

    Raises `FileNotFoundError`, which says where it should have been.
    """
    import sysconfig

    package = os.path.dirname(os.path.abspath(__file__))
    user = f"{os.name}_user"
    folders = [
        # As installed: by pip, for this user alone, by `--target` and `--prefix`.
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", user) if user in sysconfig.get_scheme_names() else None,
        os.path.join(os.path.dirname(package), "bin"),
        os.path.normpath(os.path.join(package, "..", "..", "..", "..", "bin")),
        # Where an environment has been copied, its Python may know another place than it is in.
        os.path.dirname(sys.executable) if sys.executable else None,
    ]
    paths = [os.path.join(folder, "bowstring") for folder in folders if folder]
    for path in paths:
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    places = ", ".join(dict.fromkeys(os.path.dirname(path) for path in paths))
    raise FileNotFoundError(
        f"the executable of the package bowstring in {package} is missing; it is in none of {places}"
    )
