"""The Ray cluster that workers run on: that of RAY_ADDRESS, or one of our own on this machine."""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from evomerge.errors import EngineError

# Recipes and scores are small: the object store needs none of the memory that engines need.
_OBJECT_STORE_BYTES = 256 * 2**20


@contextmanager
def ray_cluster(*, num_cpus: float) -> Iterator[None]:
    """Connect to RAY_ADDRESS, or start a local Ray with at least ``num_cpus`` for the time of the context.

    A Ray that the caller has initialized already is used as it is and left running.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    host = _RayHost(num_cpus)
    host.start()
    try:
        # Short waits, so that a signal is handled while Ray starts.
        while not host.started.wait(0.2):
            continue
        if host.error is not None:
            raise EngineError(f"Ray does not start: {host.error}") from host.error
        yield
    finally:
        host.stop.set()
        host.join()


class _RayHost(threading.Thread):
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

    def run(self) -> None:
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
    ray.init(
        # Without it Ray joins whatever cluster was started last on this machine, anybody's.
        address="local",
        num_cpus=max(os.cpu_count() or 1, math.ceil(num_cpus)),
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=_OBJECT_STORE_BYTES,
        _node_ip_address="127.0.0.1",
    )
