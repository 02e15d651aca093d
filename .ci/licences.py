"""Fails if a dependency has a licence that `deny.toml` does not allow. `make deny` says the same and more.

Why there are both is in docs/decisions.md.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import tomllib

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = set(tomllib.loads((ROOT / "deny.toml").read_text())["licenses"]["allow"])


def acceptable(expression: str) -> bool:
    """Whether an SPDX expression leaves a choice that is allowed. Parentheses group, AND binds."""
    flat = expression.replace("(", " ").replace(")", " ").replace("/", " OR ")
    clauses = re.split(r"\s+AND\s+", " ".join(flat.split()))
    return all(any(term.strip() in ALLOWED for term in re.split(r"\s+OR\s+", clause)) for clause in clauses)


def main() -> int:
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    packages = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["packages"]
    bad = [
        (package["name"], package["license"]) for package in packages if not acceptable(package["license"] or "none")
    ]
    for name, licence in bad:
        print(f"{name}: licence {licence} is not on the list", file=sys.stderr)
    print(f"licences: {len(packages) - len(bad)} packages acceptable, {len(bad)} not")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
