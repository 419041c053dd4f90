"""Which process drives an experiment, and whether it still lives."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta

import psutil

from evomerge.errors import StateConflict
from experiments.entities import Driver

# A driver on another host cannot be looked at; it counts as alive for this long after its last heartbeat.
HEARTBEAT_GRACE = timedelta(seconds=60)


def this_process() -> Driver:
    """Return this process as a driver whose heart beats now."""
    process = psutil.Process(os.getpid())
    return Driver(socket.gethostname(), process.pid, process.create_time(), datetime.now(UTC))


def is_alive(driver: Driver) -> bool:
    """Return whether the driver can still write: its process on this host, its heartbeat on another."""
    if driver.host != socket.gethostname():
        return datetime.now(UTC) - driver.heartbeat < HEARTBEAT_GRACE
    try:
        process = psutil.Process(driver.pid)
        # A clock adjustment shifts the start time that is read; no pid comes round within 2 s.
        same = abs(process.create_time() - driver.process_started) < 2
        return same and process.status() != "zombie"
    except psutil.NoSuchProcess:
        return False


def check_free(experiment_id: str, holder: Driver | None) -> None:
    """Refuse an experiment that somebody drives.

    Raises:
        StateConflict: its driver lives.
    """
    if holder is not None and is_alive(holder):
        raise StateConflict(
            f"experiment {experiment_id}",
            f"process {holder.pid} on {holder.host} is driving it",
            "stop it, or take over with 'evomerge resume --force' if you are sure that it is gone",
        )
