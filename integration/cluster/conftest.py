"""The images, and a cluster for each file of tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .hosts import CHECKOUT, DOCKER, Cluster, docker_answers, versions

OVERLAY = Path(__file__).with_name("overlay.yaml")
SUBNET = os.environ.get("CLUSTER_SUBNET", "10.213.77.0/24")
WORKERS = 3
ARCHIVE = CHECKOUT / "dist" / "environment.tar.gz"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Nothing here can be tried without an engine."""
    if not docker_answers():
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="no Docker engine answers, or compose is missing"))


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """Builds the images that tests need. Their names."""
    if os.environ.get("BOWSTRING_BUILT") != "1":
        subprocess.run(["make", "wheel", f"WHEEL_PYTHON={versions()['PYTHON_VERSION']}"], cwd=CHECKOUT, check=True)
    targets = ("plain", "spark", "environment")
    subprocess.run([DOCKER / "build.sh", *targets], check=True, stdout=sys.stderr)
    return {target: f"bowstring-{target}:{versions()['SPARK_VERSION']}" for target in targets}


def quiet(**variables: str) -> dict[str, str]:
    """Ports that nobody else has, and no demonstration."""
    ports = ("MASTER_PORT", "MASTER_UI_PORT", "HISTORY_UI_PORT", "CONNECT_PORT", "CONNECT_UI_PORT")
    names = {"IMAGE_NAME": "bowstring-spark", "WORKER_IMAGE_NAME": "bowstring-spark", "CLUSTER_SUBNET": SUBNET}
    return {**dict.fromkeys(ports, "0"), **names, **variables}


@pytest.fixture(scope="session")
def cluster(images: dict[str, str]) -> Iterator[Cluster]:
    """Three workers that lose patience within seconds, and a client."""
    # Both must know it: a worker sends four heartbeats in that time.
    timeout = "-Dspark.worker.timeout=12"
    options = {"SPARK_MASTER_OPTS": f"{timeout} -Dspark.deploy.maxExecutorRetries=-1", "SPARK_WORKER_OPTS": timeout}
    made = Cluster(
        "bowstring-test",
        overlay=OVERLAY,
        **quiet(**options, WORKER_CONTAINER_MEMORY="1600m", WORKER_MEMORY="1g", WORKER_CORES="2"),
    )
    try:
        made.up(["master", "worker", "client"], WORKERS)
        made.wait_for_workers(WORKERS)
        yield made
    finally:
        made.down()
