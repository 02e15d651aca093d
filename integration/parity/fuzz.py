"""Plays generated programs against environments, until a limit or until it is stopped. Needs hypothesis.

Without a limit it goes on for ever. Says every ten seconds how far it is; the last line is a summary in JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from match import UNSOUND, Match

from environments import ENVIRONMENTS, build_bowstring, make

ROUND = 250
"""Examples that hypothesis draws of one seed."""
INTERVAL = 10.0


def main() -> None:
    """Exits with 1 after a difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", default="spark-3.5.9,spark-4.3.0", help="comma-separated; %(default)s")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--groups", type=float, default=float("inf"), help="stop after so many groups an environment")
    parser.add_argument("--examples", type=int, help="play so many programs of one seed")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: another one each time")
    parser.add_argument("--differences", type=int, default=1, help="stop after so many; %(default)s")
    parser.add_argument("--without", default=",".join(UNSOUND), help="words to leave out of programs; %(default)s")
    parser.add_argument("--mutations", action="store_true", help="see that every deliberate mistake is found")
    arguments = parser.parse_args()
    names = arguments.environments.split(",")
    if len(names) > 1:
        rest = [*sys.argv[1:], "--seed", str(arguments.seed)]
        processes = [subprocess.Popen([sys.executable, __file__, *rest, "--environments", name]) for name in names]
        raise SystemExit(any([process.wait() for process in processes]))
    environment = ENVIRONMENTS[names[0]]
    interpreter, bowstring = make(environment), build_bowstring(environment.python)
    with Match(interpreter, bowstring, arguments.without.split(",")) as match:
        missed = mutate(match, arguments.seed, arguments.examples or ROUND) if arguments.mutations else []
        if not arguments.mutations:
            play(match, arguments, names[0])
        score = match.score
        for difference in [] if arguments.mutations else score.differences:
            print(f"\n{names[0]}: {difference}\n", flush=True)
        summary = {
            **{"environment": names[0], "seed": arguments.seed, "cases": score.cases, "errors": score.errors},
            **{"groups": score.groups, "differences": len(score.differences), "known": score.known, "missed": missed},
            "columns (all, native)": match.ask(census=True)["census"],
        }
        print(json.dumps(summary), flush=True)
    raise SystemExit(bool(missed) or (bool(score.differences) and not arguments.mutations))


def play(match: Match, arguments: argparse.Namespace, name: str) -> None:
    """Plays seed after seed."""
    started = said = time.monotonic()
    score = match.score

    def over() -> bool:
        nonlocal said
        now = time.monotonic()
        if now - said > INTERVAL:
            said = now
            print(
                f"{name}: {now - started:.0f} s, seed {arguments.seed}, {score.cases} cases, "
                f"{score.errors} of them errors, {score.groups} groups, {len(score.differences)} differences",
                flush=True,
            )
        return now - started > arguments.seconds or score.groups >= arguments.groups

    for number in itertools.count(arguments.seed):
        match.play(number, arguments.examples or ROUND, over=over)
        if arguments.examples or over() or len(score.differences) >= arguments.differences:
            return


def mutate(match: Match, seed: int, examples: int) -> list[str]:
    """The mistakes that were not found."""
    missed = []
    for name in match.ask(mutations=True)["mutations"]:
        match.ask(mutation=name)
        found = not match.play(seed, examples, shrink=False)
        print(f"{name}: {'found' if found else 'MISSED'} after {match.score.cases} cases", flush=True)
        match.score.cases = 0
        missed += [] if found else [name]
    return missed


if __name__ == "__main__":
    main()
