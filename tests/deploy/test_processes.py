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
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from deployment import commands, compose, environments
from experiments.spec import parse_any
from experiments.states import ExperimentState, Wanted
from experiments.store import Store
from optimizer.launch import create

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
UNIT: dict[str, Any] = {
    "command": next(one.words for one in commands() if one.where == "evomerge.service"),
    "environment": {name: value for where, name, value in environments() if where == "evomerge.service"},
    "healthcheck": SERVICES["api"]["healthcheck"],
}
TOKEN = secrets.token_hex(32)
SECRETS = {"RAY_AUTH_TOKEN": TOKEN, "POSTGRES_PASSWORD": "secret"}
STORE = "postgresql://evomerge:secret@postgres:5432/evomerge"
PATIENCE_S = 120

Start = Callable[..., "Service"]


class Service:
    """A service of docker-compose.yml, or systemd's, as a process of this machine, on other ports."""

    def __init__(self, name: str, changes: dict[str, str], folder: Path, extra: list[str]) -> None:
        self._changes = changes
        self._log = folder / f"{name}.log"
        said = UNIT if name == "unit" else SERVICES[name]
        self._check = [self._changed(word) for word in said["healthcheck"].get("test", [])[1:]]
        self._environment = {
            **os.environ,
            "HOME": str(folder),
            "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
            **{key: self._changed(str(value)) for key, value in said["environment"].items()},
        }
        command = [self._changed(word) for word in said["command"]] + extra
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                command, env=self._environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def output(self) -> str:
        """All that it has written so far."""
        return self._log.read_text()

    def wait_until_healthy(self) -> None:
        """Ask as Docker would until the answer is yes."""
        deadline = time.monotonic() + PATIENCE_S
        while subprocess.run(self._check, env=self._environment, capture_output=True).returncode != 0:
            assert self.process.poll() is None and time.monotonic() < deadline, self.output
            time.sleep(1)

    def wait_until_done(self) -> None:
        """Wait for its good end."""
        assert self.process.wait(PATIENCE_S) == 0, self.output

    def stop(self) -> None:
        """End the process as Docker would: it is told, it is waited for, and then all that it started is killed."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _changed(self, text: str) -> str:
        text = re.sub(r"\$\{(\w+):[-?]([^}]*)\}", lambda match: SECRETS.get(match[1], match[2]), text)
        # All at once: a port may have another in it.
        known = "|".join(re.escape(one) for one in sorted(self._changes, key=len, reverse=True))
        return re.sub(known, lambda match: self._changes[match[0]], text)


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
def places(
    short_folder: str, postgresql: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What stands in the compose file and what stands for it here."""
    folder = tmp_path_factory.mktemp("volumes")
    gcs, dashboard, api = free_ports(3)
    return {
        "--port=6379": f"--port={gcs}",
        "ray-head:6379": f"127.0.0.1:{gcs}",
        "ray-head:8265": f"127.0.0.1:{dashboard}",
        "8265": dashboard,
        "8000": api,
        "0.0.0.0": "127.0.0.1",
        **{f"/{name}": str(folder / name) for name in ("models", "tasks", "artifacts")},
        STORE: postgresql(),
    }


@pytest.fixture(scope="module")
def cluster(short_folder: str, places: dict[str, str], start: Start) -> str:
    """The head and a worker, healthy; the value is the address of the dashboard."""
    here = ["--node-ip-address=127.0.0.1", "--object-store-memory=100000000"]
    agent, client = free_ports(2)
    head = start(
        "ray-head",
        {**places, "52365": agent},
        *here,
        f"--dashboard-agent-listen-port={agent}",
        f"--ray-client-server-port={client}",
        f"--temp-dir={short_folder}",
    )
    head.wait_until_healthy()
    (agent,) = free_ports(1)
    worker = start(
        "ray-worker-cpu", {**places, "52365": agent}, *here, f"--dashboard-agent-listen-port={agent}", "--num-cpus=1"
    )
    worker.wait_until_healthy()
    return f"http://127.0.0.1:{places['8265']}"


@pytest.fixture(scope="module")
def api(cluster: str, places: dict[str, str], start: Start) -> tuple[str, str]:
    """The API on an upgraded store, ready; the values are its address and the token that its first start printed."""
    start("migrate", places).wait_until_done()
    served = start("api", places)
    served.wait_until_healthy()
    secret = re.search(r"evm_\S+", served.output)
    assert secret is not None, served.output
    return f"http://127.0.0.1:{places['8000']}", secret[0]


@pytest.fixture
def black_box() -> Iterator[str]:
    """An endpoint that scores coefficients; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            score = 1.0 - (asked["coefficients"]["x"] - 0.7) ** 2
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"scores": [score for _ in asked["items"]]}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/score"
        server.shutdown()


def ask(url: str, token: str | None) -> tuple[int, Any]:
    """GET a JSON document; return the status and the body, None for an error's."""
    request = urllib.request.Request(url, headers={} if token is None else {"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None


def run_black_box(store: str, url: str, folder: Path) -> str:
    """Ask for an experiment, wait until a driver has finished it, and return its id."""
    box = {"url": url, "parameters": {"x": {"range": [-1, 1]}}, "items": 2}
    spec = {"name": "box", "blackbox": box, "search": {"budget": {"evaluations": 12}, "algorithm": "optuna-random"}}
    with Store.open(store) as opened:
        created, _ = create(opened, parse_any(spec), folder)
        opened.want(created.id, Wanted.RUN, by="test")
        deadline = time.monotonic() + PATIENCE_S
        while (found := opened.get_experiment(created.id)).state is not ExperimentState.FINISHED:
            assert time.monotonic() < deadline, found
            time.sleep(1)
    return created.id


def test_the_unit_runs_an_experiment_and_ends_with_all_that_it_started(
    start: Start, black_box: str, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    served = start("unit", {"8000": port, "/var/lib/evomerge": str(tmp_path)})
    served.wait_until_healthy()
    run_black_box(f"sqlite:///{tmp_path}/evomerge.db", black_box, tmp_path)
    family = psutil.Process(served.process.pid).children(recursive=True)
    served.process.terminate()
    assert served.process.wait(PATIENCE_S) == 0, served.output
    assert psutil.wait_procs(family, timeout=10)[1] == []


def test_ray_answers_only_who_has_the_token(cluster: str) -> None:
    assert ask(f"{cluster}/api/jobs/", None)[0] == 401
    assert ask(f"{cluster}/api/jobs/", secrets.token_hex(32))[0] == 403
    assert ask(f"{cluster}/api/jobs/", TOKEN) == (200, [])


def test_workers_have_the_cores_and_the_head_has_none(cluster: str) -> None:
    status, nodes = ask(f"{cluster}/api/v0/nodes", TOKEN)
    assert status == 200
    cores = {node["is_head_node"]: node["resources_total"].get("CPU", 0) for node in nodes["data"]["result"]["result"]}
    assert cores == {True: 0, False: 1}


def test_the_api_answers_only_who_has_a_token(api: tuple[str, str]) -> None:
    url, secret = api
    assert ask(f"{url}/api/v1/tokens", None)[0] == 401
    assert ask(f"{url}/api/v1/tokens", secret)[0] == 200


def test_the_api_runs_an_experiment_on_the_cluster(
    api: tuple[str, str], cluster: str, places: dict[str, str], black_box: str, tmp_path: Path
) -> None:
    experiment = run_black_box(places[STORE], black_box, tmp_path)
    _, jobs = ask(f"{cluster}/api/jobs/", TOKEN)
    assert [job["entrypoint"] for job in jobs] == [f"evomerge driver --experiment {experiment}"]
    assert not any("EVOMERGE_STORE" in str(job) or "postgresql" in str(job) for job in jobs)
