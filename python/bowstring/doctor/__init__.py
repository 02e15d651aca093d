"""Says whether bowstring will be used, and why not: on one host, and on the executors of a session."""

from __future__ import annotations

from typing import Any


def executors(spark: Any, tasks: int | None = None) -> str:
    """A table with one row for each host of a running session: what its Python workers are, and what is wrong there.

    Runs one small job of `tasks` tasks; by default so many that every host should get one.
    """
    from . import cluster

    return cluster.table(cluster.judged(cluster.ask(spark, tasks)))
