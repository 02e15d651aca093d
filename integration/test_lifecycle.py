"""Workers are born, reused, killed and buried as with stock, and a death is reported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from environments import Environment
from harness import Finished, is_stand_in, run_programs

ROWS = [
    sorted([[n % 4, sum(m * 0.5 for m in range(40) if m % 4 == n % 4), str(n)] for n in range(40)]),
    [0, 1, 4, 9],
]
"""What the program `rows` answers."""

KILLED_WITHIN = 15.0
"""Seconds for a cancelled task's worker to go: the JVM looks every 2 s, and waits `spark.python.task.killTimeout`."""


@pytest.fixture(scope="module")
def everyday(lifecycle: Environment, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One session with defaults: jobs one after another, settings, cancelled jobs, the end."""
    cancelled = ["cancelled_while_sleeping", "cancelled_while_busy"]
    alone = ["rows_with_variables", "started_by_a_script", "declines", "warnings_as_errors"]
    names = ["worker_pids", *alone, *cancelled, "left_after_stop"]
    return run_programs(lifecycle, names, tmp_path_factory.mktemp("everyday"))


@pytest.fixture(scope="module")
def deaths(lifecycle: Environment, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One session that limits memory and allows four attempts, with workers that die at the first."""
    names = ["dies_by_exit", "dies_by_signal", "takes_much_memory", "rows"]
    conf = {"spark.executor.pyspark.memory": "4g"}
    return run_programs(lifecycle, names, tmp_path_factory.mktemp("deaths"), master="local[2,4]", conf=conf)


def test_workers_serve_one_job_after_another(everyday: Finished) -> None:
    jobs = everyday.answers["worker_pids"]
    assert len({worker for job in jobs for worker, _ in job}) <= 2
    assert len({daemon for job in jobs for _, daemon in job}) == 1


@pytest.mark.parametrize("program", ["cancelled_while_sleeping", "cancelled_while_busy"])
def test_cancelling_a_job_ends_its_workers(everyday: Finished, program: str) -> None:
    answer = everyday.answers[program]
    assert answer["started"]
    assert answer["failed"]
    assert answer["gone_after"] is not None
    assert answer["gone_after"] < KILLED_WITHIN


@pytest.mark.parametrize("program", ["cancelled_while_sleeping", "cancelled_while_busy"])
def test_jobs_after_a_cancelled_one_answer(everyday: Finished, program: str) -> None:
    assert everyday.answers[program]["rows"] == ROWS


def test_no_worker_outlives_the_session(everyday: Finished) -> None:
    assert everyday.answers["left_after_stop"] == []


def test_no_process_outlives_the_driver(everyday: Finished) -> None:
    assert everyday.left == {}


@pytest.mark.parametrize("program", ["dies_by_exit", "dies_by_signal"])
def test_a_dying_worker_costs_one_attempt(deaths: Finished, program: str) -> None:
    assert deaths.answers[program] == [0, 1, 2, 3]


def test_jobs_after_a_death_answer(deaths: Finished) -> None:
    assert deaths.answers["rows"] == ROWS


def test_the_log_says_how_a_worker_died(lifecycle: Environment, deaths: Finished) -> None:
    if is_stand_in(lifecycle):
        pytest.skip("stock says nothing")
    assert "SIGSEGV" in deaths.log
    assert re.search(r"(exit|code|status)\D{0,20}3\b", deaths.log)


def test_each_task_gets_a_worker_of_its_own_without_reuse(lifecycle: Environment, tmp_path: Path) -> None:
    conf = {"spark.python.worker.reuse": "false"}
    finished = run_programs(lifecycle, ["worker_pids", "rows"], tmp_path, conf=conf)
    workers = [worker for job in finished.answers["worker_pids"] for worker, _ in job]
    assert len(set(workers)) == len(workers)
    assert len(workers) >= 4
    assert finished.answers["rows"] == ROWS
    assert finished.left == {}


def test_the_memory_limit_holds_as_in_stock(deaths: Finished) -> None:
    answer = deaths.answers["takes_much_memory"]
    assert "MemoryError" in answer["stock"]["greedy"]["text"]
    error = answer["ours"]["greedy"]
    note = "\nbowstring: group id=0, 1 row"
    assert error["text"].endswith(note)
    error["text"] = error["text"].removesuffix(note)
    assert answer["ours"] == answer["stock"]


def test_bowstring_variables_do_not_change_the_answer(everyday: Finished) -> None:
    answers = everyday.answers["rows_with_variables"]
    assert answers == dict.fromkeys(answers, ROWS)
    assert len(answers) == 3


def test_what_a_script_in_the_pythons_place_sets_reaches_functions(everyday: Finished) -> None:
    answer = everyday.answers["started_by_a_script"]
    facts = answer["stock"]["grouped"]
    assert (facts["BY_SCRIPT"], facts["module"], facts["files"], facts["mask"]) == ("yes", 42, 777, 0o077)
    assert answer["ours"] == answer["stock"]


def test_the_log_says_which_kind_was_left_to_stock_and_why(lifecycle: Environment, everyday: Finished) -> None:
    if is_stand_in(lifecycle):
        pytest.skip("stock has no such thing")
    assert everyday.answers["declines"] == [None, None, 3, {"kind_that_fails": 2}]
    lines = [line for line in everyday.log.splitlines() if "a task of kind_that_fails" in line]
    assert len(lines) == 2
    assert all("TypeError: of no importance" in line and "in kind_that_fails" in line for line in lines)


def test_where_warnings_are_errors_only_native_conversions_go_on(lifecycle: Environment, everyday: Finished) -> None:
    if not lifecycle.spark.startswith("3.5"):
        pytest.skip("what is said of Spark 3.5")
    answer = everyday.answers["warnings_as_errors"]
    assert "Warning: " in answer["stock"]["text"]
    assert answer["off"] == answer["stock"]
    assert answer["ours"] == (answer["stock"] if is_stand_in(lifecycle) else [0, 1, 2, 3])


SETTINGS = {
    "simple_workers": ("3.5", {"spark.python.use.daemon": "false"}),
    "unix_sockets": ("4.1", {"spark.python.unix.domain.socket.enabled": "true"}),
}
"""Since when, and Spark configuration that only a new application can have."""


@pytest.mark.parametrize("setting", SETTINGS)
def test_spark_settings_do_not_change_the_answer(lifecycle: Environment, setting: str, tmp_path: Path) -> None:
    since, conf = SETTINGS[setting]
    if tuple(map(int, since.split("."))) > tuple(map(int, lifecycle.spark.split("."))):
        pytest.skip(f"since Spark {since}")
    finished = run_programs(lifecycle, ["rows"], tmp_path, conf=conf)
    assert finished.answers["rows"] == ROWS
    assert finished.left == {}


def test_a_function_sees_pipelined_mode_as_in_stock(lifecycle: Environment, tmp_path: Path) -> None:
    if tuple(map(int, lifecycle.spark.split("."))) < (4, 3):
        pytest.skip("since Spark 4.3")
    conf = {"spark.python.unix.domain.socket.enabled": "true", "spark.python.udf.pipelined.enabled": "true"}
    finished = run_programs(lifecycle, ["rows", "pipelined_mode"], tmp_path, conf=conf)
    answer = finished.answers["pipelined_mode"]
    assert answer["ours"] == answer["stock"]
    assert answer["ours"]["grouped"] == [[0, "1 1 1 1 1 1"]]
    if not is_stand_in(lifecycle):
        assert answer["our threads"] == "['MainThread']"
    assert finished.answers["rows"] == ROWS
    assert finished.left == {}


def test_workers_listen_on_ipv6_where_the_jvm_prefers_it(lifecycle: Environment, tmp_path: Path) -> None:
    addresses = Path("/proc/net/if_inet6")
    if not addresses.exists() or " lo\n" not in addresses.read_text():
        pytest.skip("this machine has no ::1")
    conf = {
        "spark.driver.extraJavaOptions": "-Djava.net.preferIPv6Addresses=true -XX:TieredStopAtLevel=1",
        "spark.driver.bindAddress": "::1",
        "spark.driver.host": "[::1]",
    }
    variables = {"SPARK_LOCAL_IP": "::1", "SPARK_PREFER_IPV6": "True"}
    finished = run_programs(lifecycle, ["rows"], tmp_path, conf=conf, variables=variables)
    assert finished.answers["rows"] == ROWS
    assert finished.left == {}
