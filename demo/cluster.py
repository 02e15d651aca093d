"""Runs scoring.py on a cluster of containers: two workers of one core each, docker/compose.yaml.

    make cluster-demo, which also builds the images, or `python3 demo/cluster.py [OPTIONS OF scoring.py]`

The table and the chart are those of `make demo`. The cluster's web pages are at the ports of docker/.env while it runs;
--keep leaves it running.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from integration.cluster.hosts import SPARK_MASTER, Cluster, docker, docker_answers, versions  # noqa: E402

WORKERS = 2
OUTPUT = PROJECT / "demo-output"


def say(text: str) -> None:
    print(text, flush=True)


def main(arguments: list[str]) -> int:
    """Brings the cluster up, runs the demonstration on its client, fetches the chart, takes the cluster down."""
    keep = "--keep" in arguments
    options = [argument for argument in arguments if argument != "--keep"]
    if not docker_answers():
        say("cluster demo: no Docker engine answers, or neither docker compose nor docker-compose is installed")
        return 1
    began = time.monotonic()
    cluster = Cluster("bowstring-demo")
    said = versions()
    image = f"{said['IMAGE_NAME']}:{said['SPARK_VERSION']}"
    say(f"starting a master, {WORKERS} workers, a history server and a client on {image}")
    try:
        cluster.up(["master", "worker", "history", "client"], WORKERS)
        cluster.wait_for_workers(WORKERS)
        pages = f"master http://localhost:{said['MASTER_UI_PORT']}, history http://localhost:{said['HISTORY_UI_PORT']}"
        say(f"all healthy after {time.monotonic() - began:.0f} s; web pages: {pages}\n")
        client = cluster.host("client")
        variables = {"PYTHONPATH": "/project", "PYTHONDONTWRITEBYTECODE": "1", "BOWSTRING_FORM": "wheel"}
        # Folders of matplotlib's and of Spark's that a home would have.
        variables |= {"HOME": "/tmp", "PYSPARK_PYTHON": "/opt/venv/bin/python"}
        command = ["docker", "exec", *(f"--env={name}={value}" for name, value in variables.items()), client.name]
        command += ["/opt/venv/bin/python", "/project/demo/scoring.py", "--master", SPARK_MASTER]
        status = subprocess.run(
            [*command, "--shared", "/data", "--output", "/data/output", *options], check=False
        ).returncode
        OUTPUT.mkdir(exist_ok=True)
        names = {"scoring.png": "cluster.png", "spark.log": "cluster.log"}
        for name, kept in names.items():
            docker("cp", f"{client.name}:/data/output/{name}", OUTPUT / kept, check=False)
        if status == 0:
            say(f"fetched: {(OUTPUT / 'cluster.png').relative_to(PROJECT)}")
        else:
            say(f"cluster demo: it failed; see {(OUTPUT / 'cluster.log').relative_to(PROJECT)}")
    finally:
        if keep:
            say("the cluster goes on; to end it: docker compose --project-name bowstring-demo down --volumes")
        else:
            cluster.down()
            say(f"cluster taken down; {time.monotonic() - began:.0f} s in all")
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
