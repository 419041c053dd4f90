"""A pool of scoring workers that survives the loss of any of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from evals.provenance import Provenance
from evomerge.errors import EngineError, EvomergeError, Infeasible, InvalidInput
from optimizer.cluster import ClusterWatch, alive_nodes
from optimizer.fleet import Fleet
from optimizer.jobs import Choice, Job, Outcome
from optimizer.next_jobs import NextJobs
from optimizer.population import choose
from optimizer.remote_errors import cause, loss, original
from optimizer.workforce import Run, Start, Worker
from workers.config import WorkerConfig
from workers.worker import AHEAD, start_worker

# A worker that cannot start says nothing about the candidate; repeating it more often says nothing new either.
MAX_START_FAILURES = 2


class WorkerPool:
    """See ``optimizer.jobs.Pool``. Keeps ``count`` workers alive and hands each a job as soon as it is free.

    With ``WorkerConfig.ahead`` a worker has one more job, which it begins with at once when it is done, and which it is
    told about so that it merges meanwhile. Until then the job belongs to nobody: a worker that dies does not lose it,
    and one that has nothing else to do takes it over.

    Args:
        config: of every worker.
        count: number of workers; those that no node has room for start when one has.
        say: told what a person who waits should know.
        fleet: where workers may wait already, and go when the pool closes; None starts and stops all of them here.
    """

    def __init__(
        self,
        config: WorkerConfig,
        count: int,
        *,
        say: Callable[[str], None] = lambda message: None,
        fleet: Fleet | None = None,
    ) -> None:
        self._config = config
        self._count = count
        self._say = say
        self._fleet = fleet
        self._cluster = ClusterWatch(config.cpus, config.gpus, say)
        self._idle: list[Worker] = []
        self._starting: dict[Any, Start] = {}
        self._running: dict[Any, Run] = {}
        self._trials: dict[Any, Worker] = {}
        self._filling: list[Job] = []
        self._filled: list[tuple[Worker, tuple[Job, ...]]] = []
        self._next: NextJobs[Worker] = NextJobs()
        self._ended: deque[Outcome] = deque()
        self._start_failures = 0
        self.choice = choose(config.population, None)
        self.descriptions: list[dict[str, Any]] = []
        self.resize(count)

    def follow(self, choice: Choice) -> None:
        """See ``optimizer.jobs.Pool``.

        Raises:
            EngineError: the workers of this run cannot score candidates together.
        """
        if choice.width > 1 and self._config.population is None:
            raise EngineError(
                f"the experiment was begun with {choice.width} candidates at once, which this machine's engine cannot: "
                "resume it on one like that"
            )
        self.choice = choice

    def resize(self, count: int) -> None:
        """See ``optimizer.jobs.Pool``."""
        self._count = count
        while self._num_workers < count:
            self._start()
        # Those that start would take longest to be of use; a worker that fills its batch is about to begin.
        while self._num_workers > count and self._starting:
            _, start = self._starting.popitem()
            ray.kill(start.actor)
        while self._num_workers > count and len(self._idle) > bool(self._filling):
            ray.kill(self._idle.pop(0).actor)

    @property
    def _num_workers(self) -> int:
        return len(self._idle) + len(self._filled) + len(self._starting) + len(self._running) + len(self._trials)

    @property
    def num_running(self) -> int:
        """Jobs submitted and not yet returned by ``wait``."""
        begun = [*(run.jobs for run in self._running.values()), *(jobs for _, jobs in self._filled)]
        return len(self._filling) + len(self._ended) + len(self._next) + sum(map(len, begun))

    @property
    def next_worker(self) -> str | None:
        """``host:pid`` of the worker that the next job goes to, see ``optimizer.jobs.Pool``."""
        worker = self._next_worker
        return None if worker is None else worker.label

    @property
    def _next_worker(self) -> Worker | None:
        if self._ended or self.choice is None:
            return None
        if self._idle:
            return self._idle[-1]
        if not self._merges_ahead:
            return None
        return self._next.without_one([*self._busy, *(worker for worker, _ in self._filled)])

    @property
    def _busy(self) -> list[Worker]:
        return [run.worker for run in self._running.values()]

    @property
    def _merges_ahead(self) -> bool:
        return self._config.ahead and self.choice is not None and self.choice.width == 1

    @property
    def provenance(self) -> Provenance | None:
        """See ``optimizer.jobs.Pool``."""
        worker = self._next_worker
        return None if worker is None else worker.provenance

    def submit(self, job: Job) -> None:
        """Hand a job to ``next_worker``; call only while there is one."""
        if not self._idle and (worker := self._next_worker) is not None:
            self._next.give(worker, job)
            return
        self._filling.append(job)
        if job.alone or job.in_place or self.choice is None or len(self._filling) >= self.choice.width:
            self._fill()

    def _fill(self) -> None:
        """Close the batch of the worker that is next."""
        if self._filling:
            self._filled.append((self._idle.pop(), tuple(self._filling)))
            self._filling = []

    def begin(self) -> None:
        """See ``optimizer.jobs.Pool``."""
        self._fill()
        for worker, jobs in self._filled:
            self._run(worker, jobs)
        self._filled = []
        for worker, job in self._next.announce():
            worker.actor.merge_ahead.options(concurrency_group=AHEAD).remote(job.subject)

    def _run(self, worker: Worker, jobs: tuple[Job, ...]) -> None:
        stand_ins = jobs[0].stand_ins
        together = self.choice is not None and self.choice.width > 1 and not (jobs[0].in_place or stand_ins)
        if stand_ins:
            split, positions = jobs[0].work.split.value, [jobs[0].positions] * len(stand_ins)
            future = worker.actor.screen.remote(jobs[0].subject, stand_ins, split, positions)
        elif together:
            subjects, positions = [job.subject for job in jobs], [job.positions for job in jobs]
            future = worker.actor.score_many.remote(subjects, jobs[0].work.split.value, positions)
        else:
            (job,) = jobs
            future = worker.actor.score.remote(job.subject, job.work.split.value, job.positions)
        self._running[future] = Run(worker, jobs, together)

    def _take_over(self) -> None:
        """Let workers that have nothing to do begin with what waits for others, or for nobody."""
        while self._idle and not self._filling and (job := self._next.for_idle()) is not None:
            self._run(self._idle.pop(), (job,))
        self._next.settle(self._busy)

    def wait(self, timeout_s: float) -> Outcome | None:
        """Return the next finished job, or None when a worker became ready or the time is up.

        Raises:
            EngineError: workers cannot start, or the cluster is gone.
            InvalidInput: a task or model turned out to be unusable; no candidate can be scored.
        """
        if self._ended:
            return self._ended.popleft()
        self._take_over()
        self._cluster.look(self._count, starting=bool(self._starting))
        pending = [*self._running, *self._starting, *self._trials]
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
        if future in self._trials:
            self._finish_trial(future, self._trials.pop(future))
            return None
        self._ended.extend(self._finish_run(future, self._running.pop(future)))
        return self._ended.popleft()

    def close(self) -> None:
        """Stop every worker, whatever it is doing; idle ones go to the fleet where there is one."""
        busy = [*self._trials.values(), *self._busy]
        stopped = [*(start.actor for start in self._starting.values()), *(worker.actor for worker in busy)]
        for worker in [*self._idle, *(worker for worker, _ in self._filled)]:
            if self._fleet is None:
                stopped.append(worker.actor)
            else:
                self._fleet.give(self._config, worker.actor)
        for actor in stopped:
            ray.kill(actor)
        self._idle, self._starting, self._running, self._trials = [], {}, {}, {}
        self._filling, self._filled, self._next = [], [], NextJobs()

    def _start(self) -> None:
        waiting = None if self._fleet is None else self._fleet.take(self._config)
        if waiting is not None:
            self._starting[waiting.adopt.remote(self._config)] = Start(waiting)
            return
        actor = start_worker(self._config)
        self._starting[actor.ready.remote()] = Start(actor)

    def _finish_start(self, future: Any) -> None:
        start = self._starting.pop(future)
        try:
            description = ray.get(future)
        except InvalidInput as error:
            ray.kill(start.actor)
            raise original(error) from None
        except (RayError, EvomergeError) as error:
            ray.kill(start.actor)
            # A node that goes away takes workers with it that could have started elsewhere.
            lost_node = isinstance(error, RayActorError) and not start.nodes <= alive_nodes()
            self._start_failures += not lost_node
            if self._start_failures >= MAX_START_FAILURES:
                raise EngineError(f"the {self._config.engine} engine does not start: {cause(error)}") from error
            self._say(f"a worker did not start: {cause(error)}; another one is started")
            self.resize(self._count)
        else:
            self._start_failures = 0
            self.descriptions.append(description)
            worker = Worker(start.actor, description["worker"], description["provenance"])
            if self.choice is None and not self._trials:
                self._trials[start.actor.try_population.remote()] = worker
            else:
                self._idle.append(worker)

    def _finish_trial(self, future: Any, worker: Worker) -> None:
        try:
            self.choice = choose(self._config.population, ray.get(future))
        except (RayError, EvomergeError) as error:
            # A way that fails on its first candidates is no choice, and what state it leaves the engine in is unknown.
            self.choice = Choice(1, f"the trial of scoring several at once failed: {cause(error)}")
            ray.kill(worker.actor)
            self.resize(self._count)
        else:
            self._idle.append(worker)

    def _finish_run(self, future: Any, run: Run) -> list[Outcome]:
        try:
            results = ray.get(future)
        except Infeasible as error:
            results = original(error)
        except InvalidInput as error:
            ray.kill(run.worker.actor)
            raise original(error) from None
        except RayError as error:
            # The engine's state after an unexpected error is unknown, and one that cannot be reached may still live.
            ray.kill(run.worker.actor)
            self._next.lose(run.worker)
            self.resize(self._count)
            reason = loss(error, time.monotonic() - run.since, self._config.stall_seconds)
            shared = len(run.jobs) > 1
            return [Outcome(job, "lost", reason=reason, shared=shared) for job in run.jobs]
        if self._num_workers >= self._count:
            ray.kill(run.worker.actor)
            self._next.lose(run.worker)
        elif (job := self._next.of(run.worker)) is not None:
            self._run(run.worker, (job,))
        else:
            self._idle.append(run.worker)
        return [_outcome(*pair) for pair in zip(run.jobs, results if run.together else [results], strict=True)]


def _outcome(job: Job, result: Any) -> Outcome:
    if isinstance(result, BaseException):
        return Outcome(job, "infeasible", reason=str(result))
    if job.stand_ins:
        found = tuple(None if isinstance(one, BaseException) else one for one in result)
        return Outcome(job, "done", stand_ins=found)
    return Outcome(job, "done", result=result)
