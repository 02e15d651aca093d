"""Selection of environments and scenarios, and one runner process for each environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from environments import ENVIRONMENTS, FORMS, NEWEST, OLDEST, PYTHON, Environment, form, is_extra
from harness import Outcomes, list_scenarios, run_scenarios

COMPLETE = (OLDEST, NEWEST)
"""Environments in which every kind of work is tried by default; the others run the core and functions of columns,
partitions and groups."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options to try less than the default."""
    group = parser.getgroup("bowstring")
    group.addoption(
        "--environments",
        default=os.environ.get("BOWSTRING_ENVIRONMENTS", ""),
        help="comma-separated environments, or matrix: all of them; default those of every run",
    )
    group.addoption(
        "--kinds",
        default=os.environ.get("BOWSTRING_KINDS", "default"),
        choices=("default", "core", "all"),
        help="core: grouped map; all: every kind everywhere; default: core and udf everywhere, all on "
        + " and ".join(COMPLETE),
    )
    group.addoption(
        "--form", default=form(), choices=FORMS, help="embedded: CPython in the binary; wheel: in the environment"
    )
    group.addoption(
        "--all-zones",
        action="store_true",
        help="convert timestamps of every time zone there is, which takes minutes; default a sample",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Everybody asks `environments.form`."""
    os.environ["BOWSTRING_FORM"] = config.getoption("--form")


def chosen_environments(config: pytest.Config) -> list[Environment]:
    """The environments with Spark that this run covers."""
    option = config.getoption("--environments")
    usual = [name for name, environment in ENVIRONMENTS.items() if option == "matrix" or not environment.matrix]
    named = [] if option == "matrix" else [name for name in option.split(",") if name]
    unknown = set(named) - set(ENVIRONMENTS)
    if unknown:
        raise pytest.UsageError(f"unknown environments: {', '.join(sorted(unknown))}")
    wanted = [ENVIRONMENTS[name] for name in named or usual if name.startswith("spark-")]
    return [environment for environment in wanted if not is_extra(environment)]


def version(text: str) -> tuple[int, ...]:
    """`4.1` or `4.1.4` as numbers to compare."""
    return tuple(int(part) for part in text.split("."))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrises tests over environments, and those about scenarios over the scenarios that each one has."""
    environments = chosen_environments(metafunc.config)
    if "scenario" in metafunc.fixturenames:
        option = metafunc.config.getoption("--kinds")
        cases = []
        for environment in environments:
            kinds = {"core"} if option == "core" else {"core", "udf"}
            if option == "default" and (environment.core or environment.python != PYTHON):
                kinds = {"core"}
            elif option == "all" or (option == "default" and environment.name in COMPLETE):
                kinds.add("other")
            for facts in list_scenarios():
                if version(facts["since"]) <= version(environment.spark) and facts["kind"] in kinds:
                    cases.append(pytest.param(environment, facts, id=f"{environment.name}-{facts['name']}"))
        metafunc.parametrize(("environment", "scenario"), cases)
    elif "lifecycle" in metafunc.fixturenames:
        complete = [environment for environment in environments if environment.name in COMPLETE]
        metafunc.parametrize("lifecycle", complete, ids=lambda environment: environment.name, scope="module")
    elif "environment" in metafunc.fixturenames:
        # The conversions depend on Spark, pandas and pyarrow, which one Python for each line covers.
        lines = [environment for environment in environments if environment.python == PYTHON and not environment.core]
        metafunc.parametrize("environment", lines, ids=lambda environment: environment.name)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Shares tests out among processes: all tests of a file in an environment to one, for they share a session."""
    from xdist.scheduler import LoadScopeScheduling

    class ByEnvironment(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path, _, case = nodeid.partition("::")
            _, _, case = case.partition("[")
            names = [name for name in ENVIRONMENTS if f"{case.rstrip(']')}-".startswith(f"{name}-")]
            return f"{path} {max(names, key=len, default='')}"

    return ByEnvironment(config, log)


@pytest.fixture(scope="session")
def outcomes_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Environment], Outcomes]:
    """Answers with what the selected scenarios brought in an environment; the first question runs them."""
    wanted: dict[str, list[str]] = {}
    for item in request.session.items:
        call = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if "scenario" in call:
            wanted.setdefault(call["environment"].name, []).append(call["scenario"]["name"])

    @cache
    def of(name: str) -> Outcomes:
        return run_scenarios(ENVIRONMENTS[name], wanted[name], tmp_path_factory.mktemp(name))

    return lambda environment: of(environment.name)
