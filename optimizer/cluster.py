"""The Ray cluster that workers run on: that of RAY_ADDRESS, or one of our own on this machine."""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

import ray

from evomerge.errors import EngineError

# Recipes and scores are small: the object store needs none of the memory that engines need.
_OBJECT_STORE_BYTES = 256 * 2**20
# A head that is started again within seconds takes up where it was.
_HEAD_FAILURES = 3
_HEAD_TIMEOUT_S = 5.0
# How often the cluster is asked about.
_LOOK_S = 2.0


@contextmanager
def ray_cluster(*, num_cpus: float) -> Iterator[None]:
    """Connect to RAY_ADDRESS, or start a local Ray with at least ``num_cpus`` for the time of the context.

    A Ray that the caller has initialized already is used as it is and left running.
    """
    if ray.is_initialized():
        yield
        return
    host = RayHost(num_cpus)
    host.start()
    try:
        host.wait()
        # Ray prints what goes wrong in the cluster on stdout, which belongs to the results.
        with redirect_stdout(sys.stderr):
            yield
    finally:
        host.end()


def alive_nodes() -> frozenset[str]:
    """Return the ids of the nodes that are up."""
    return frozenset(node["NodeID"] for node in ray.nodes() if node["Alive"])


def room_for(cpus: float, gpus: float) -> int:
    """Return how many workers of so many cores and GPUs the nodes have room for, whatever runs on them now."""
    wanted = {name: amount for name, amount in (("CPU", cpus), ("GPU", gpus)) if amount > 0}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return sum(min(int(node.get(name, 0) / amount) for name, amount in wanted.items()) for node in nodes)


class Lifeline:
    """What this process needs of Ray to be alive: the head of the cluster, and the node that it is connected through.

    Ray itself says nothing when they go: calls wait, and after a minute it ends the process. Ray must be initialized.
    """

    def __init__(self) -> None:
        context = ray.get_runtime_context()
        host, _, port = context.gcs_address.rpartition(":")
        self._head = (host.strip("[]"), int(port))
        self._node = context.get_node_id()
        self._failures = 0

    def check(self) -> None:
        """Ask whether both are there; takes a millisecond.

        Raises:
            EngineError: the head did not answer several times in a row, or the node is dead.
        """
        try:
            socket.create_connection(self._head, timeout=_HEAD_TIMEOUT_S).close()
        except OSError as error:
            self._failures += 1
            if self._failures >= _HEAD_FAILURES:
                host, port = self._head
                raise EngineError(f"the head of the Ray cluster at {host}:{port} is gone ({error})") from error
            return
        self._failures = 0
        if self._node not in alive_nodes():
            raise EngineError("the Ray node that this process is connected through has died")


class ClusterWatch:
    """Looks from time to time whether the cluster lives, and says how many workers it has room for.

    Args:
        cpus: of one worker.
        gpus: of one worker.
        say: told what a person who waits should know.
    """

    def __init__(self, cpus: float, gpus: float, say: Callable[[str], None]) -> None:
        self._cpus, self._gpus, self._say = cpus, gpus, say
        self._lifeline = Lifeline()
        self._room: int | None = None
        self._looked = time.monotonic()

    def look(self, count: int, *, starting: bool) -> None:
        """Look, where the last time is long enough ago.

        Args:
            count: workers that are wanted.
            starting: whether any of them has not started yet.

        Raises:
            EngineError: the cluster is gone.
        """
        if time.monotonic() - self._looked < _LOOK_S:
            return
        self._lifeline.check()
        if starting:
            self._report_room(count)
        self._looked = time.monotonic()

    def _report_room(self, count: int) -> None:
        room = room_for(self._cpus, self._gpus)
        if room != self._room and room < count:
            self._say(
                f"the cluster has room for {room} of {count} workers ({self._cpus:g} CPUs and {self._gpus:g} GPUs "
                "each); the others start when a node joins"
            )
        self._room = room


class RayHost(threading.Thread):
    """Holds the connection to Ray in a thread of its own for as long as it is needed.

    In the main thread Ray would put its own SIGTERM handler in the place of the run's; and the processes that it
    starts die with the thread that started them, so that thread has to stay.
    """

    def __init__(self, num_cpus: float) -> None:
        super().__init__(name="ray-host", daemon=True)
        self.started = threading.Event()
        self.stop = threading.Event()
        self.error: Exception | None = None
        self._num_cpus = num_cpus

    def wait(self) -> None:
        """Wait until Ray runs.

        Raises:
            EngineError: it does not start.
        """
        # Short waits, so that a signal is handled while Ray starts.
        while not self.started.wait(0.2):
            continue
        if self.error is not None:
            raise EngineError(f"Ray does not start: {self.error}") from self.error

    def end(self) -> None:
        """Let go of Ray; what this thread has started ends with it."""
        self.stop.set()
        self.join()

    def run(self) -> None:
        """Connect, and hold the connection until the end."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            _connect(self._num_cpus)
        except Exception as error:  # handed to the thread that waits for it
            self.error = error
            return
        finally:
            self.started.set()
        self.stop.wait()
        ray.shutdown()


def _connect(num_cpus: float) -> None:
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
        return
    start_local_ray(num_cpus=max(os.cpu_count() or 1, math.ceil(num_cpus)))


def start_local_ray(*, num_cpus: int) -> None:
    """Start a Ray whose processes talk over loopback and that ends with the thread that calls this."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray.init(
        # Without it Ray joins whatever cluster was started last on this machine, anybody's.
        address="local",
        num_cpus=num_cpus,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=_OBJECT_STORE_BYTES,
        _node_ip_address="127.0.0.1",
    )
