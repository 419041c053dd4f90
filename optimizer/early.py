"""What a run starts while its spec is still being checked."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import ray

from experiments.spec_sections import WorkersSpec
from merging.models import ModelRef
from optimizer.cluster import RayHost
from optimizer.fleet import Fleet
from workers.config import WorkerConfig
from workers.worker import start_worker


class EarlyStart:
    """Starts a Ray of this machine and the processes of workers, which load their libraries and nothing of a model.

    Reading, hashing and checking models and tasks takes the driver as long as that takes the workers. Where there is a
    Ray already, or that of RAY_ADDRESS is used, nothing is started early.

    Use it as a context: on leaving, what was started and not used is stopped.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self.fleet = Fleet()
        self._host: RayHost | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> EarlyStart:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Stop what was started."""
        self._end()

    def begin(self, workers: WorkersSpec, cpus: float) -> None:
        """Start, in threads of its own; returns at once.

        Args:
            workers: what the spec says of them.
            cpus: cores of each.
        """
        if os.environ.get("RAY_ADDRESS") or ray.is_initialized():
            return
        config = WorkerConfig(
            ModelRef("", ""), (), (), engine=workers.engine, gpus=workers.gpus, cpus=cpus,
            tensor_parallel=workers.tensor_parallel, batch_invariant=workers.batch_invariant,
            stall_seconds=workers.stall_seconds, ahead=workers.merge_ahead,
        )  # fmt: skip
        self._host = RayHost(cpus * workers.count)
        self._host.start()
        self._thread = threading.Thread(target=self._start_workers, args=(self._host, config, workers.count))
        self._thread.start()

    @property
    def begun(self) -> bool:
        """Whether a Ray was started."""
        return self._host is not None

    @contextmanager
    def resources(self) -> Iterator[None]:
        """Have Ray and the workers for the time of the context; they end with it.

        Raises:
            EngineError: Ray does not start.
        """
        assert self._host is not None and self._thread is not None
        try:
            self._host.wait()
            self._thread.join()
            # Ray prints what goes wrong in the cluster on stdout, which belongs to the results.
            with redirect_stdout(sys.stderr):
                yield
        finally:
            self._end()

    def _start_workers(self, host: RayHost, config: WorkerConfig, count: int) -> None:
        host.started.wait()
        if host.error is not None:
            return
        for _ in range(count):
            actor = start_worker(config)
            # What goes wrong here goes wrong again when the engine starts, and is said then.
            actor.load.remote()
            self.fleet.give(config, actor)

    def _end(self) -> None:
        if self._host is None or self._thread is None:
            return
        self._thread.join()
        if ray.is_initialized():
            self.fleet.close()
        self._host.end()
        self._host = self._thread = None
