"""A server as people run it: a process of its own, with its token and address."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from warm import WarmCommand

_TOKEN = re.compile(r"evm_[\w-]{20,}")


@dataclass
class Service:
    """A running server."""

    process: subprocess.Popen[bytes] | WarmCommand
    log: Path
    url: str
    token: str

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Send a request and return the answer's JSON; anything but success fails the test."""
        answer = self.ask(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return httpx.request(method, f"{self.url}/api/v1{path}", headers=headers, timeout=120, **options)

    def kill(self) -> None:
        """End the server as a power cut would; its drivers and its Ray stay."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask the server to stop and wait."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


ServiceStarter = Callable[..., Service]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[ServiceStarter]:
    """Start servers of one state directory; whatever is left of them at the end is killed."""
    with services(tmp_path, warm=True) as start:
        yield start


@contextmanager
def services(folder: Path, *, warm: bool = False) -> Iterator[ServiceStarter]:
    """Start servers whose state is in a directory; whatever is left of them at the end is killed.

    Args:
        folder: of their state.
        warm: whether they are spared their imports.
    """
    started: list[Service] = []
    count = 0

    def go(
        store: str,
        *,
        token: str = "",
        settings: Mapping[str, str] | None = None,
        wait: bool = True,
        port: int | None = None,
        warm: bool = warm,
    ) -> Service:
        nonlocal count
        count += 1
        log, port = folder / f"server-{count}.log", port or free_port()
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("EVOMERGE_", "RAY_ADDRESS"))
        }
        environment |= {
            "EVOMERGE_STATE": str(folder / "state"),
            "EVOMERGE_ARTIFACT_ROOT": str(folder / "artifacts"),
            "EVOMERGE_LOG_FORMAT": "json",
            **(settings or {}),
        }
        words = ["serve", "--port", str(port), "--store", store]
        process: subprocess.Popen[bytes] | WarmCommand
        with log.open("wb") as output:
            if warm:
                process = WarmCommand(*words, environment=environment, stdout=output, stderr=output)
            else:
                command = [sys.executable, "-m", "evomerge", *words]
                process = subprocess.Popen(
                    command, env=environment, stdout=output, stderr=output, start_new_session=True
                )
        service = Service(process, log, f"http://127.0.0.1:{port}", token)
        started.append(service)
        if wait:
            wait_until(lambda: _is_up(service), 60)
        if not token:
            found = _TOKEN.search(log.read_text())
            service.token = found.group() if found else ""
        return service

    try:
        yield go
    finally:
        for one in started:
            if one.process.poll() is None:
                one.kill()
        _kill_what_is_left(folder)


def wait_until(condition: Callable[[], Any], timeout_s: float = 240) -> Any:
    """Return the first true value of a condition."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    pytest.fail("the condition was not met in time")


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_up(service: Service) -> bool:
    if service.process.poll() is not None:
        pytest.fail(f"the server ended: {service.log.read_text()}")
    try:
        return httpx.get(f"{service.url}/readyz", timeout=5).is_success
    except httpx.TransportError:
        return False


def _kill_what_is_left(folder: Path) -> None:
    """Kill the drivers and the Ray of a state directory, and all that these started."""
    ours = str(folder / "state")
    for process in psutil.process_iter():
        try:
            if process.environ().get("EVOMERGE_STATE") == ours:
                process.kill()
        except psutil.Error:
            continue
