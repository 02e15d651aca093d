"""Runs the self-test in a worker, on the interpreter of an environment. Prints what it finds as JSON.

`combination` names the versions, `found` is what the self-test finds now, `used` what the worker was given.
"""

from __future__ import annotations

import sys
from importlib import import_module

from in_worker import run_in_worker


def answer() -> str:
    """Runs in the worker."""
    import json

    install, proven = import_module("_bowstring._spark.hook"), import_module("_bowstring._spark.proof.record")
    _, line, used = install.INSTALLED
    found = install.self_test().run(line)
    facts = {"found": json.loads(proven.to_text(found)), "used": json.loads(proven.to_text(used))}
    return json.dumps({"combination": proven.combination(), **facts})


if __name__ == "__main__":
    print(run_in_worker(sys.argv[1], answer))
