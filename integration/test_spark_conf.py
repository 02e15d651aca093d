"""What spark-submit makes of `spark-conf/kubernetes`: the driver's pod, as the API server would get it.

There is no Kubernetes here. A server takes the request, keeps it and refuses it.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from environments import CHECKOUT, ENVIRONMENTS, NEWEST, make

SUBMIT = CHECKOUT / "spark-conf" / "kubernetes" / "submit.sh"
SECONDS = 180
"""Of which the client takes some ten to be refused several times."""


class Refusing(BaseHTTPRequestHandler):
    """Answers everything with an error, and keeps the pods that were asked for."""

    protocol_version = "HTTP/1.1"
    pods: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.split("?")[0].endswith("/pods"):
            self.pods.append(json.loads(body))
        status = json.dumps({"kind": "Status", "status": "Failure", "code": 403, "message": "refused"}).encode()
        self.send_response(403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(status)))
        self.end_headers()
        self.wfile.write(status)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def api_server() -> Iterator[ThreadingHTTPServer]:
    Refusing.pods = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_spark_submit_makes_the_drivers_pod_of_our_template(api_server: ThreadingHTTPServer) -> None:
    """With the template's limits, the workers' Python, and our folder for Spark's own files."""
    folder = make(ENVIRONMENTS[NEWEST]).parent
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK", "PYSPARK", "PYTHON"))}
    variables = {
        **kept,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "API_SERVER": f"http://127.0.0.1:{api_server.server_port}",
        "IMAGE": "registry/image:1",
    }
    done = subprocess.run([SUBMIT], env=variables, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert Refusing.pods, done.stderr[-4_000:]
    spec = Refusing.pods[0]["spec"]
    assert spec["securityContext"] == {
        "fsGroup": 185,
        "runAsGroup": 185,
        "runAsNonRoot": True,
        "runAsUser": 185,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    [container] = spec["containers"]
    assert container["image"] == "registry/image:1"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    variables = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert variables["PYSPARK_PYTHON"] == "/opt/venv/bin/bowstring"
    assert variables["PYSPARK_DRIVER_PYTHON"] == "/opt/venv/bin/python"
    # Otherwise Spark would have added a folder of its own, at another path than the image has.
    assert variables["SPARK_LOCAL_DIRS"] == "/var/spark/local"
    writable = {volume["name"] for volume in spec["volumes"] if "emptyDir" in volume}
    paths = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert {paths[name] for name in writable} == {"/tmp", "/var/spark/work", "/var/spark/local", "/var/spark/events"}
    # What Spark adds is configuration, which it does not write to.
    assert all("configMap" in volume for volume in spec["volumes"] if volume["name"] not in writable)
