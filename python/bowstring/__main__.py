"""`python -m bowstring …` does what the executable `bowstring …` does."""

import os
import sys

from bowstring._find import find_bowstring


def main() -> None:
    """Becomes the executable."""
    try:
        path = find_bowstring()
        os.execv(path, [path, *sys.argv[1:]])
    except OSError as error:
        sys.exit(f"bowstring: {error}")


if __name__ == "__main__":
    main()
