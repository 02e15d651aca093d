"""Drives docker/compose.yaml: brings a cluster up, does things to its hosts, and looks at what is on them.

Whichever of `docker compose` and `docker-compose` is there, the command line is the same. Nothing here knows pytest.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKER = CHECKOUT / "docker"
SPARK_MASTER = "spark://master:7077"
START_SECONDS = 120
"""Until all hosts of a cluster are healthy."""
WORKERS_FOLDER = "/var/spark/work"

Answer = TypeVar("Answer")

LOOK = """
import json, os
found = []
established = set()
for name in ("tcp", "tcp6", "unix"):
    with open(f"/proc/net/{name}") as file:
        for line in list(file)[1:]:
            words = line.split()
            if name == "unix":
                established |= {f"socket:[{words[6]}]"} if words[5] == "03" and len(words) > 7 else set()
            elif words[3] == "01":
                established.add(f"socket:[{words[9]}]")
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{pid}/stat") as file:
            state, parent = file.read().rpartition(")")[2].split()[:2]
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            command = file.read().replace(bytes(1), b" ").decode(errors="replace").strip()
        with open(f"/proc/{pid}/smaps_rollup") as file:
            pss = next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        connected = not established.isdisjoint(links)
        program = os.readlink(f"/proc/{pid}/exe")
    except (OSError, StopIteration):
        continue
    if int(pid) != os.getpid() and state != "Z":
        found.append([int(pid), int(parent), program, command, pss, len(links), connected])
print(json.dumps(found))
"""
"""Runs on a host: its processes. It has no `ps`."""


def docker_answers() -> bool:
    """Whether there is a Docker engine, and something that reads compose files."""
    if shutil.which("docker") is None:
        return False
    engine = subprocess.run(["docker", "info", "--format", "{{.ServerVersion}}"], capture_output=True, check=False)
    return engine.returncode == 0 and compose_command() is not None


@cache
def compose_command() -> tuple[str, ...] | None:
    """`docker compose` if the plugin is there, else `docker-compose` if that is."""
    plugin = ("docker", "compose")
    if subprocess.run([*plugin, "version"], capture_output=True, check=False).returncode == 0:
        return plugin
    return ("docker-compose",) if shutil.which("docker-compose") else None


def docker(*arguments: str | Path, check: bool = True) -> str:
    """Standard output of a docker command. Raises `RuntimeError` with what it said if it fails."""
    done = subprocess.run(["docker", *map(str, arguments)], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(map(str, arguments))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def versions() -> dict[str, str]:
    """What docker/.env says; variables of the environment go before it."""
    lines = (line.strip() for line in (DOCKER / ".env").read_text().splitlines())
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: os.environ.get(name, value) for name, value in pairs}


def wait_for(what: str, ask: Callable[[], Answer], seconds: float) -> Answer:
    """The first answer that is true. Raises `TimeoutError` that says what was waited for, and the last answer."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s, last answer {answer!r}")
        time.sleep(0.25)
    return answer


@dataclass(frozen=True)
class Process:
    """A process of a host."""

    pid: int
    parent: int
    program: str
    """Path of its executable."""
    command: str
    pss: int
    """KiB of memory, what is shared counted in parts."""
    descriptors: int
    connected: bool
    """It has a connection over TCP, or a Unix socket with a name."""

    @property
    def is_java(self) -> bool:
        return Path(self.program).name == "java"

    @property
    def is_python_side(self) -> bool:
        """Part of a daemon, stock's or ours."""
        return Path(self.program).name.startswith(("python", "bowstring"))

    @property
    def is_executor(self) -> bool:
        return self.is_java and "CoarseGrainedExecutorBackend" in self.command


@dataclass(frozen=True)
class Host:
    """A container of the cluster."""

    name: str

    def run(self, *command: str, check: bool = True, user: str | None = None) -> str:
        """Standard output of a command on the host."""
        options = ["--user", user] if user else []
        return docker("exec", *options, self.name, *command, check=check)

    def processes(self) -> list[Process]:
        """All of them but the one that looks."""
        return [Process(*found) for found in json.loads(self.run("/opt/venv/bin/python", "-c", LOOK))]

    def executors(self) -> list[Process]:
        """The JVMs of executors."""
        return [process for process in self.processes() if process.is_executor]

    def python_side(self) -> list[Process]:
        """Daemons, zygotes and workers."""
        return [process for process in self.processes() if process.is_python_side]

    def orphans(self) -> list[Process]:
        """Processes of daemons that no executor has, neither above them nor at the other end of a connection.

        A worker that has lost its daemon goes on while the JVM keeps it for its next tasks, with stock as with us.
        """
        processes = {process.pid: process for process in self.processes()}

        def has_executor(process: Process | None) -> bool:
            return process is not None and (process.is_executor or has_executor(processes.get(process.parent)))

        python_side = [process for process in processes.values() if process.is_python_side]
        return [process for process in python_side if not process.connected and not has_executor(process)]

    def files_of_ours(self) -> list[str]:
        """Files that bowstring may have made, wherever a container can write."""
        places = ["/tmp", "/dev/shm", "/var/spark/local", WORKERS_FOLDER]
        names = ["(", "-iname", "*bowstring*", "-o", "-type", "s", "-o", "-name", "*.sock", ")"]
        return self.run("find", *places, *names, check=False).split()

    def log_of_executors(self, application: str) -> str:
        """What the executors of an application, and their Python side, wrote to standard error."""
        pattern = f"cat {WORKERS_FOLDER}/{application}/*/stderr"
        return self.run("bash", "-c", pattern, check=False)

    def kill_process(self, pid: int, signal: str = "KILL") -> None:
        self.run("bash", "-c", f"kill -{signal} {pid}")

    def kill(self) -> None:
        """As a power cut."""
        docker("kill", self.name)

    def start(self) -> None:
        docker("start", self.name)

    def pause(self) -> None:
        docker("pause", self.name)

    def unpause(self) -> None:
        docker("unpause", self.name)

    def address(self) -> str:
        """In the network of the cluster."""
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return docker("inspect", "--format", form, self.name).strip()

    def networks(self) -> list[str]:
        form = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"
        return docker("inspect", "--format", form, self.name).split()

    def log(self) -> str:
        """What its program has written."""
        done = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def is_healthy(self) -> bool:
        return docker("inspect", "--format", "{{.State.Health.Status}}", self.name).strip() == "healthy"

    def is_running(self) -> bool:
        return docker("inspect", "--format", "{{.State.Running}}", self.name).strip() == "true"


class Cluster:
    """A cluster of docker/compose.yaml, under a project name of its own."""

    def __init__(self, project: str, *, overlay: Path | None = None, **variables: str) -> None:
        self.project = project
        self.files = [DOCKER / "compose.yaml", *([overlay] if overlay else [])]
        self.variables = {**versions(), **variables}

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Standard output of a compose command."""
        command = compose_command()
        if command is None:
            raise RuntimeError("neither docker compose nor docker-compose is here")
        files = [option for file in self.files for option in ("--file", str(file))]
        names = ["--project-name", self.project, "--project-directory", str(DOCKER)]
        done = subprocess.run(
            [*command, *files, *names, *arguments],
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)} {' '.join(arguments)}: {done.stderr.strip()[-4000:]}")
        return done.stdout

    def up(self, services: Iterable[str], workers: int) -> None:
        """Starts hosts and waits until all are healthy. What is left of an earlier run goes first."""
        self.down()
        self.compose("up", "--detach", "--scale", f"worker={workers}", *services)
        hosts = [host for service in services for host in self.hosts(service)]
        try:
            wait_for(
                f"{len(hosts)} hosts of {self.project} are healthy",
                lambda: all(host.is_healthy() for host in hosts) or not all(host.is_running() for host in hosts),
                START_SECONDS,
            )
        finally:
            sick = [host for host in hosts if not host.is_healthy()]
            for host in sick:
                print(f"{host.name} is not healthy; the end of its log:\n{host.log()[-4000:]}")
        if sick:
            raise RuntimeError(f"not healthy: {', '.join(host.name for host in sick)}")

    def down(self) -> None:
        """Ends and removes all hosts, networks and volumes of this cluster."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "2")

    def hosts(self, service: str) -> list[Host]:
        """The containers of a service, in the order of their names."""
        label = "label=com.docker.compose"
        filters = [f"--filter={label}.project={self.project}", f"--filter={label}.service={service}"]
        found = docker("ps", "--all", *filters, "--format", "{{.Names}}").split()
        return [Host(name) for name in sorted(found)]

    def host(self, service: str) -> Host:
        """The only container of a service."""
        [host] = self.hosts(service)
        return host

    def workers(self) -> list[Host]:
        return self.hosts("worker")

    def state(self) -> dict[str, Any]:
        """What the master's web page says of workers and applications."""
        ask = "import sys, urllib.request as u; sys.stdout.write(u.urlopen('http://master:8080/json/').read().decode())"
        return json.loads(self.host("client").run("/opt/venv/bin/python", "-c", ask))

    def alive(self) -> int:
        """How many workers the master counts on."""
        return sum(worker["state"] == "ALIVE" for worker in self.state()["workers"])

    def wait_for_workers(self, number: int, seconds: float = 60) -> None:
        wait_for(f"the master has {number} workers", lambda: self.alive() == number, seconds)

    def cut_off(self, host: Host) -> Callable[[], None]:
        """Takes a host from the network. Returns what gives it its place and address back."""
        address, [network] = host.address(), host.networks()
        docker("network", "disconnect", network, host.name)
        return lambda: print(docker("network", "connect", "--ip", address, network, host.name), end="")
