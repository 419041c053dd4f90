"""A pool of scoring workers that survives the loss of any of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from evomerge.errors import EngineError, EvomergeError, Infeasible, InvalidInput
from optimizer.jobs import Job, Outcome
from workers.config import WorkerConfig
from workers.worker import start_worker

# A worker that cannot start says nothing about the candidate; repeating it more often says nothing new either.
MAX_START_FAILURES = 2


@dataclass(frozen=True)
class _Worker:
    actor: Any
    label: str


class WorkerPool:
    """See ``optimizer.jobs.Pool``. Keeps ``count`` workers alive and hands each a job as soon as it is free."""

    def __init__(self, config: WorkerConfig, count: int) -> None:
        self._config = config
        self._idle: list[_Worker] = []
        self._starting: dict[Any, Any] = {}
        self._running: dict[Any, tuple[_Worker, Job]] = {}
        self._start_failures = 0
        self.descriptions: list[dict[str, Any]] = []
        for _ in range(count):
            self._start()

    @property
    def num_running(self) -> int:
        """Jobs submitted and not yet returned by ``wait``."""
        return len(self._running)

    @property
    def next_worker(self) -> str | None:
        """``host:pid`` of the worker that the next job goes to; None while all are busy or starting."""
        return self._idle[-1].label if self._idle else None

    def submit(self, job: Job) -> None:
        """Hand a job to ``next_worker``; call only while there is one."""
        worker = self._idle.pop()
        self._running[worker.actor.score.remote(job.subject, job.work.split.value, job.positions)] = (worker, job)

    def wait(self, timeout_s: float) -> Outcome | None:
        """Return the next finished job, or None when a worker became ready or the time is up.

        Raises:
            EngineError: workers cannot start.
            InvalidInput: a task or model turned out to be unusable; no candidate can be scored.
        """
        pending = [*self._running, *self._starting]
        if not pending:
            time.sleep(timeout_s)
            return None
        ready, _ = ray.wait(pending, num_returns=1, timeout=timeout_s)
        if not ready:
            return None
        (future,) = ready
        if future in self._starting:
            self._finish_start(future)
            return None
        worker, job = self._running.pop(future)
        return self._finish_job(future, worker, job)

    def close(self) -> None:
        """Stop every worker, whatever it is doing."""
        workers = [*self._idle, *(worker for worker, _ in self._running.values())]
        for actor in [*self._starting.values(), *(worker.actor for worker in workers)]:
            ray.kill(actor)
        self._idle, self._starting, self._running = [], {}, {}

    def _start(self) -> None:
        actor = start_worker(self._config)
        self._starting[actor.ready.remote()] = actor

    def _finish_start(self, future: Any) -> None:
        actor = self._starting.pop(future)
        try:
            description = ray.get(future)
        except InvalidInput as error:
            raise _original(error) from None
        except (RayError, EvomergeError) as error:
            self._start_failures += 1
            if self._start_failures >= MAX_START_FAILURES:
                raise EngineError(f"the {self._config.engine} engine does not start: {_cause(error)}") from error
            self._start()
        else:
            self._start_failures = 0
            self.descriptions.append(description)
            self._idle.append(_Worker(actor, description["worker"]))

    def _finish_job(self, future: Any, worker: _Worker, job: Job) -> Outcome:
        try:
            result = ray.get(future)
        except Infeasible as error:
            self._idle.append(worker)
            return Outcome(job, "infeasible", reason=str(_original(error)))
        except InvalidInput as error:
            raise _original(error) from None
        except RayActorError as error:
            self._start()
            return Outcome(job, "lost", reason=f"the worker died: {_cause(error)}")
        except RayError as error:
            # The engine's state after an unexpected error is unknown, so the worker goes with it.
            ray.kill(worker.actor)
            self._start()
            return Outcome(job, "lost", reason=f"the worker raised {_cause(error)}")
        self._idle.append(worker)
        return Outcome(job, "done", result=result)


def _original(error: BaseException) -> BaseException:
    """The error as the worker raised it, without Ray's traceback text around it."""
    return error.cause if isinstance(error, RayTaskError) else error


def _cause(error: BaseException) -> str:
    cause = _original(error)
    lines = [line for line in str(cause).strip().splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[-1].strip() if lines else 'no message'}"
