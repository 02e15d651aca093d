"""Runs `match.py` in several environments at once. `--environments A,B` says which; all else is for `match.py`."""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path

from integration.environments import ENVIRONMENTS, NEWEST, OLDEST, build_bowstring, make

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Exits with 1 if one of them does."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--environments", default=f"{OLDEST},{NEWEST}", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: another one each time")
    arguments, rest = parser.parse_known_args()
    matches = []
    for name in arguments.environments.split(","):
        environment = ENVIRONMENTS[name]
        command = [make(environment), HERE / "match.py", build_bowstring(environment.python), "--name", name]
        matches.append(subprocess.Popen([*command, "--seed", str(arguments.seed), *rest]))
    try:
        raise SystemExit(any([match.wait() for match in matches]))
    except KeyboardInterrupt:
        # They have had it from the terminal, too, and end their daemons.
        for match in matches:
            match.wait()


if __name__ == "__main__":
    main()
