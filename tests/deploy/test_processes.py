"""The very commands of the containers, run as processes beside each other: Ray head and worker, health checks, API."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from deployment import compose

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
TOKEN = secrets.token_hex(32)
PATIENCE_S = 120

Start = Callable[..., "Service"]


class Service:
    """A service of docker-compose.yml as a process of this machine, on other ports."""

    def __init__(self, name: str, changes: dict[str, str], folder: Path, extra: list[str]) -> None:
        self._changes = changes
        self._log = folder / f"{name}.log"
        self._check = [self._changed(word) for word in SERVICES[name]["healthcheck"]["test"][1:]]
        self._environment = {
            **os.environ,
            "HOME": str(folder),
            "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
            **{key: self._changed(str(value)) for key, value in SERVICES[name]["environment"].items()},
        }
        command = [self._changed(word) for word in SERVICES[name]["command"]] + extra
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                command, env=self._environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )

    def wait_until_healthy(self) -> None:
        """Ask as Docker would until the answer is yes."""
        deadline = time.monotonic() + PATIENCE_S
        while subprocess.run(self._check, env=self._environment, capture_output=True).returncode != 0:
            assert self.process.poll() is None and time.monotonic() < deadline, self._log.read_text()
            time.sleep(1)

    def stop(self) -> None:
        """End the process as Docker would: it is told, it is waited for, and then all that it started is killed."""
        self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _changed(self, text: str) -> str:
        text = re.sub(r"\$\{(\w+):[-?][^}]*\}", lambda match: self._changes.get(match[1], ""), text)
        for old, new in self._changes.items():
            text = text.replace(old, new)
        return text


def free_ports(count: int) -> list[str]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [str(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start services; they are ended, last first, after the module's tests."""
    started: list[Service] = []

    def start_one(name: str, changes: dict[str, str], *extra: str) -> Service:
        started.append(Service(name, changes, tmp_path_factory.mktemp(name), list(extra)))
        return started[-1]

    yield start_one
    for service in reversed(started):
        service.stop()


@pytest.fixture(scope="module")
def short_folder() -> Iterator[str]:
    """A folder for Ray, whose socket names are short; pytest's folders are not."""
    with tempfile.TemporaryDirectory(prefix="evomerge-ray-", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.fixture(scope="module")
def cluster(short_folder: str, start: Start) -> str:
    """The head and a worker, healthy; the value is the address of the dashboard."""
    gcs, dashboard, head_agent, worker_agent, client = free_ports(5)
    changes = {
        "RAY_AUTH_TOKEN": TOKEN,
        "--port=6379": f"--port={gcs}",
        "ray-head:6379": f"127.0.0.1:{gcs}",
        "0.0.0.0": "127.0.0.1",
        "8265": dashboard,
    }
    here = ["--node-ip-address=127.0.0.1", "--object-store-memory=100000000"]
    head = start(
        "ray-head",
        {**changes, "52365": head_agent},
        *here,
        f"--dashboard-agent-listen-port={head_agent}",
        f"--ray-client-server-port={client}",
        f"--temp-dir={short_folder}",
    )
    head.wait_until_healthy()
    worker = start(
        "ray-worker-cpu",
        {**changes, "52365": worker_agent},
        *here,
        f"--dashboard-agent-listen-port={worker_agent}",
        "--num-cpus=1",
    )
    worker.wait_until_healthy()
    return f"http://127.0.0.1:{dashboard}"


def ask(url: str, token: str | None) -> tuple[int, Any]:
    """GET a JSON document; return the status and the body, None for an error's."""
    request = urllib.request.Request(url, headers={} if token is None else {"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None


def test_ray_answers_only_who_has_the_token(cluster: str) -> None:
    assert ask(f"{cluster}/api/jobs/", None)[0] == 401
    assert ask(f"{cluster}/api/jobs/", secrets.token_hex(32))[0] == 403
    assert ask(f"{cluster}/api/jobs/", TOKEN) == (200, [])


def test_workers_have_the_cores_and_the_head_has_none(cluster: str) -> None:
    status, nodes = ask(f"{cluster}/api/v0/nodes", TOKEN)
    assert status == 200
    cores = {node["is_head_node"]: node["resources_total"].get("CPU", 0) for node in nodes["data"]["result"]["result"]}
    assert cores == {True: 0, False: 1}
