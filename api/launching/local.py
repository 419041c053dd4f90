"""Drivers as processes of this machine, on one local Ray that all of them share."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from api.launching.launcher import Capacity
from evomerge.errors import EngineError

_READY_S = 60.0
_STOP_S = 20.0
# Recipes and scores are small: the object store needs none of the memory that engines need.
_OBJECT_STORE_BYTES = 256 * 2**20


class LocalLauncher:
    """Starts drivers that outlive this process, and the Ray that their workers run on.

    Args:
        store: URL of the store, handed over in the environment.
        folder: for the drivers' output.
    """

    def __init__(self, store: str, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._drivers: dict[str, subprocess.Popen[bytes]] = {}
        self._ray: psutil.Process | None = None
        self._address = ""
        self._token = ""
        self._record = folder / "ray.json"
        self._lock = threading.Lock()

    def start(self, experiment_id: str, handle: str) -> None:
        """See ``Launcher``."""
        self._folder.mkdir(parents=True, exist_ok=True)
        address = self._ensure_ray()
        environment = {**os.environ, **_access(self._token), "EVOMERGE_STORE": self._store, "RAY_ADDRESS": address}
        command = [sys.executable, "-m", "evomerge", "driver", "--experiment", experiment_id]
        with (self._folder / f"{experiment_id}.log").open("ab") as log:
            self._drivers[handle] = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the server, which then stops its drivers in their own way.
                start_new_session=True,
            )

    def is_alive(self, handle: str) -> bool:
        """See ``Launcher``; a driver that an earlier server started is seen by its claim alone."""
        driver = self._drivers.get(handle)
        return driver is not None and driver.poll() is None

    def capacity(self) -> Capacity | None:
        """See ``Launcher``."""
        return Capacity(float(os.cpu_count() or 1), float(_num_gpus()))

    def close(self) -> None:
        """Stop every driver, each at the next moment that loses nothing, and then Ray."""
        living = [driver for driver in self._drivers.values() if driver.poll() is None]
        for driver in living:
            driver.terminate()
        deadline = time.monotonic() + _STOP_S
        for driver in living:
            try:
                driver.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                driver.kill()
        if self._ray is not None:
            _end_tree(self._ray.pid)
            self._record.unlink(missing_ok=True)

    def _ensure_ray(self) -> str:
        """Return the address of a Ray that lives; one of an earlier server of this folder is taken over."""
        with self._lock:
            if self._ray is None or not self._ray.is_running():
                self._ray, self._address, self._token = _recorded_ray(self._record) or self._start_ray()
            return self._address

    def _start_ray(self) -> tuple[psutil.Process, str, str]:
        # Ray listens on every interface, whatever address it is given, and runs what anybody there sends it.
        token = secrets.token_hex(32)
        port, log = _free_port(), self._folder / "ray.log"
        command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", f"--port={port}"]
        command += ["--node-ip-address=127.0.0.1", "--include-dashboard=false", "--disable-usage-stats"]
        command += [f"--num-cpus={os.cpu_count() or 1}", f"--object-store-memory={_OBJECT_STORE_BYTES}"]
        environment = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"} | _access(token)
        with log.open("ab") as output:
            started = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        _wait_for_port(port, started, log)
        process, address = psutil.Process(started.pid), f"127.0.0.1:{port}"
        known = {"pid": process.pid, "created": process.create_time(), "address": address, "token": token}
        self._record.touch(mode=0o600)
        self._record.write_text(json.dumps(known))
        return process, address, token


def _access(token: str) -> dict[str, str]:
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}


def _recorded_ray(record: Path) -> tuple[psutil.Process, str, str] | None:
    if not record.exists():
        return None
    known = json.loads(record.read_text())
    try:
        process = psutil.Process(known["pid"])
    except psutil.NoSuchProcess:
        return None
    # A clock adjustment shifts the start time that is read; no pid comes round within 2 s.
    same = abs(process.create_time() - known["created"]) < 2 and process.status() != psutil.STATUS_ZOMBIE
    return (process, known["address"], known["token"]) if same else None


def _num_gpus() -> int:
    """Return the GPUs of this machine without loading a framework for it."""
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    _end_tree(process.pid)
    raise EngineError(f"the local Ray does not start; see {log}")


def _end_tree(pid: int) -> None:
    """End a process and all that it started: Ray's own processes outlive a head that is killed."""
    try:
        parent = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    processes = [*parent.children(recursive=True), parent]
    for process in processes:
        _signal(process, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(processes, timeout=10)
    for process in stubborn:
        _signal(process, signal.SIGKILL)


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
