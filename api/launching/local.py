"""Drivers as processes of this machine, on one local Ray that all of them share."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from api.launching.launcher import Capacity
from evomerge.errors import EngineError

_READY_S = 60.0
_STOP_S = 20.0


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
        self._ray: dict[str, Any] | None = None
        self._record = folder / "ray.json"
        self._lock = threading.Lock()

    def start(self, experiment_id: str, handle: str, *, workers: bool = True) -> None:
        """See ``Launcher``."""
        self._folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "EVOMERGE_STORE": self._store, **(self._ensure_ray() if workers else {})}
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
        if self._ray is not None and _lives(self._ray):
            head = psutil.Process(self._ray["pid"])
            head.terminate()
            try:
                head.wait(_STOP_S)
            except psutil.TimeoutExpired:
                head.kill()

    def _ensure_ray(self) -> dict[str, str]:
        """Return how to reach a Ray that lives; one of an earlier server of this folder is taken over."""
        with self._lock:
            if self._ray is None or not _lives(self._ray):
                self._ray = _read_record(self._record) or self._start_ray()
            return {
                "RAY_ADDRESS": self._ray["address"],
                "RAY_AUTH_MODE": "token",
                "RAY_AUTH_TOKEN": self._ray["token"],
            }

    def _start_ray(self) -> dict[str, Any]:
        log = self._folder / "ray.log"
        environment = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
        environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self._record.unlink(missing_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "optimizer.ray_head", str(self._record)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline and process.poll() is None:
            if (found := _read_record(self._record)) is not None:
                return found
            time.sleep(0.2)
        process.kill()
        raise EngineError(f"the local Ray does not start; see {log}")


def _read_record(record: Path) -> dict[str, Any] | None:
    """Return what a Ray that lives wrote about itself."""
    if not record.exists():
        return None
    known: dict[str, Any] = json.loads(record.read_text())
    return known if _lives(known) else None


def _lives(known: dict[str, Any]) -> bool:
    try:
        process = psutil.Process(known["pid"])
        # A clock adjustment shifts the start time that is read; no pid comes round within 2 s.
        same = abs(process.create_time() - known["created"]) < 2
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _num_gpus() -> int:
    """Return the GPUs of this machine without loading a framework for it."""
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
