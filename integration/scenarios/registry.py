"""The list of scenarios: what each is called, which Spark lines have it, and what is expected of stock."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

REGISTRY: dict[str, Scenario] = {}


@dataclass(frozen=True)
class Scenario:
    """One piece of work, run once with stock Python workers and once with bowstring."""

    name: str
    run: Callable[[Any], Any]
    kind: str
    """`core`: grouped maps; `udf`: functions of any other kind, in every environment too; `other`: the rest, where all
    kinds of work are wanted."""
    since: str
    """First Spark line that has the feature, such as `4.1`."""
    expect: str
    """`rows`, `error`, or `either` where the outcome differs between Spark lines."""
    conf: Mapping[str, str]
    """Session configuration, set before and taken back after."""
    needs: tuple[str, ...]
    """Modules without which the scenario is skipped."""
    grouped: bool
    """Where a worker fails, it does so for a group of a grouped map, and bowstring says for which."""

    def facts(self) -> dict[str, Any]:
        """What a test collector wants to know, ready for JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "since": self.since,
            "expect": self.expect,
            "grouped": self.grouped,
        }


def scenario(
    *,
    kind: str = "core",
    since: str = "3.5",
    expect: str = "rows",
    conf: Mapping[str, str] | None = None,
    needs: tuple[str, ...] = (),
    grouped: bool | None = None,
    variants: Mapping[str, Mapping[str, str]] | None = None,
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Registers `def name(spark)`; with `variants` once per named configuration, as `name[variant]`.

    The function returns a DataFrame, whose rows are compared without order, or any value, which is compared as it
    is. It makes its user-defined functions itself, so that each run gets the worker that is current. The scenarios in
    files called `grouped_…` are `grouped` unless they say otherwise.
    """

    def register(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        for variant, settings in (variants or {"": {}}).items():
            name = f"{function.__name__}[{variant}]" if variant else function.__name__
            if name in REGISTRY:
                raise ValueError(f"two scenarios are called {name}")
            merged = {**(conf or {}), **settings}
            file = function.__module__.rpartition(".")[2]
            about_groups = file.startswith("grouped_") if grouped is None else grouped
            REGISTRY[name] = Scenario(name, function, kind, since, expect, merged, needs, about_groups)
        return function

    return register


def load() -> dict[str, Scenario]:
    """Imports every module of this package and returns all scenarios by name, in the order of the files."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{__package__}.{module.name}")
    return REGISTRY
