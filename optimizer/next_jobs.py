"""The jobs that busy workers begin with when they are done with their present ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from optimizer.jobs import Job

Worker = TypeVar("Worker", bound=Hashable)


class NextJobs(Generic[Worker]):
    """At most one job for each busy worker, and those whose worker is gone before they began."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._next: dict[Worker, Job] = {}
        self._orphans: deque[Job] = deque()
        self._unannounced: list[tuple[Worker, Job]] = []

    def __len__(self) -> int:
        """Number of jobs."""
        return len(self._next) + len(self._orphans)

    def without_one(self, busy: Iterable[Worker]) -> Worker | None:
        """Return the first worker that has none, once nothing is left that lost its own."""
        return None if self._orphans else next((worker for worker in busy if worker not in self._next), None)

    def give(self, worker: Worker, job: Job) -> None:
        """Let a worker begin with a job next."""
        self._next[worker] = job
        self._unannounced.append((worker, job))

    def announce(self) -> list[tuple[Worker, Job]]:
        """Return what was given since the last call, as far as it is still the worker's."""
        found, self._unannounced = self._unannounced, []
        return [(worker, job) for worker, job in found if self._next.get(worker) is job]

    def of(self, worker: Worker) -> Job | None:
        """Take the job of a worker that is done."""
        return self._next.pop(worker, None)

    def lose(self, worker: Worker) -> None:
        """Keep the job of a worker that is gone for another one."""
        if (job := self._next.pop(worker, None)) is not None:
            self._orphans.append(job)

    def for_idle(self) -> Job | None:
        """Take a job for a worker that has nothing else to do, from those without a worker or from a busy one."""
        if self._orphans:
            return self._orphans.popleft()
        return self._next.popitem()[1] if self._next else None

    def settle(self, busy: Iterable[Worker]) -> None:
        """Give those without a worker to busy ones that have none."""
        for worker in busy:
            if self._orphans and worker not in self._next:
                self.give(worker, self._orphans.popleft())
