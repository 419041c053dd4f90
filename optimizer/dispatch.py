"""Keeps every worker busy: hands out work, records how it ended, and has lost work done again."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable

from evomerge.errors import Interrupted
from evomerge.failpoints import failpoint
from experiments.states import CandidateState, Split, Wanted
from optimizer.jobs import IN_PLACE, Choice, Job, Outcome, Pool, Work
from optimizer.journal import Journal
from optimizer.problem import Problem
from optimizer.search.interface import Scores
from optimizer.watch import Watch
from workers.config import ScoreResult

# A candidate that takes three workers down with it is the cause, not the victim.
MAX_LOSSES = 3
_POLL_S = 0.5

NextWork = Callable[[], Work | None]
Told = Callable[[Work, Scores | None], None]


class Dispatcher:
    """Hands work to the workers of a pool, with no barrier between one and the next."""

    def __init__(self, journal: Journal, problem: Problem, pool: Pool, watch: Watch, stop: threading.Event) -> None:
        self._journal = journal
        self._problem = problem
        self._pool = pool
        self._watch = watch
        self._stop = stop
        self._losses: Counter[Work] = Counter()
        self._suspects: set[Work] = set()
        if "population" in journal.decisions:
            pool.follow(Choice(**journal.decisions["population"]))
        elif journal.closed:
            pool.follow(IN_PLACE)

    def score(self, works: Iterable[Work]) -> None:
        """Do the work that is not in the record yet."""
        waiting = deque(work for work in works if work not in self._journal.closed)
        self.run(lambda: waiting.popleft() if waiting else None, lambda work, scores: None)

    def run(self, next_work: NextWork, told: Told, resumed: Iterable[Work] = (), *, joins: bool = True) -> None:
        """Do what ``next_work`` gives until it gives nothing while everything handed out is recorded.

        Args:
            next_work: called whenever a worker can take a job.
            told: called with every work whose end is in the record; None for its scores means infeasible.
            resumed: handed out first.
            joins: whether a worker that takes several jobs at once may get new work along with the last of those
                resumed; not where the earlier run had begun to score them.

        Raises:
            Interrupted: ``stop`` was set.
        """
        again: deque[Work] = deque()
        waiting = deque(resumed)
        exhausted = False
        while True:
            self._heed()
            while (worker := self._next_worker()) is not None:
                last = len(waiting) == 1 and not again
                with self._journal.together():
                    work = again.popleft() if again else waiting.popleft() if waiting else next_work()
                    exhausted = work is None
                    known = work is None or self._known_infeasible(work, told) or self._known_scores(work, told)
                    job = None if known or work is None else self._start(work, worker)
                if job is not None:
                    failpoint("driver.started_not_submitted")
                    self._pool.submit(job)
                    failpoint("driver.submitted")
                if exhausted or (last and self.width > 1 and not joins):
                    break
            if exhausted and not again and self._pool.num_running == 0:
                return
            outcome = self._pool.wait(_POLL_S)
            if outcome is not None and not self._settle(outcome, told):
                again.append(outcome.job.work)

    @property
    def width(self) -> int:
        """Jobs of the search that a worker takes at once; 1 before that is decided."""
        return 1 if self._pool.choice is None else self._pool.choice.width

    def _next_worker(self) -> str | None:
        worker, choice = self._pool.next_worker, self._pool.choice
        known = choice in (None, IN_PLACE) or "population" in self._journal.decisions
        if worker is not None and choice is not None and not known:
            # Before the first score, so that an experiment has no scores of the other way.
            self._journal.decide("population", choice.to_dict())
            self._watch.note(choice.sentence())
        return worker

    def _heed(self) -> None:
        """Do what people and the scheduler want."""
        self._journal.beat()
        orders = self._journal.orders
        if self._stop.is_set() or orders.wanted in (Wanted.PAUSE, Wanted.CANCEL):
            raise Interrupted("stopped on request")
        wanted = self._problem.num_workers
        self._pool.resize(wanted if orders.workers is None else min(wanted, orders.workers))

    def _start(self, work: Work, worker: str) -> Job:
        self._journal.started(work, worker)
        subject = self._problem.read(self._journal.candidates[work.candidate].recipe)
        table = self._journal.tables[work.split]
        positions = tuple(int(position) for position in table.positions(work.block))
        whole = len(positions) == table.items.count
        return Job(work, subject, None if whole else positions, alone=work in self._suspects)

    def _known_infeasible(self, work: Work, told: Told) -> bool:
        """A candidate that failed on one block of the search items fails on the others without being scored."""
        candidate = self._journal.candidates[work.candidate]
        if work.split is not Split.SEARCH or candidate.state is not CandidateState.INFEASIBLE:
            return False
        self._journal.infeasible(work, candidate.reason or "")
        told(work, None)
        return True

    def _known_scores(self, work: Work, told: Told) -> bool:
        """A parent that the store has scores of, of the same provenance, is not scored again."""
        candidate = self._journal.candidates[work.candidate]
        weights, provenance = self._problem.parents.get(candidate.recipe_digest), self._pool.provenance
        # What an adapter scores depends on its neighbours in the batch; what is written in place has none.
        if weights is None or provenance is None or (self.width > 1 and work.split is Split.SEARCH):
            return False
        found = self._journal.precedent(work, weights, provenance)
        if found is None:
            return False
        evaluation, items = found
        result = ScoreResult(items, {}, 0, 0, "", provenance)
        told(work, self._record(work, result, copied_from=evaluation))
        return True

    def _settle(self, outcome: Outcome, told: Told) -> bool:
        """Record how a job ended; return False where it must be done again."""
        work = outcome.job.work
        label = self._journal.candidates[work.candidate].label
        reason = outcome.reason or ""
        if outcome.kind == "lost":
            self._journal.lost(work, reason)
            self._losses[work] += not outcome.shared
            # One of those that were lost together may be the cause: one by one they show which.
            self._suspects.add(work)
            if self._losses[work] < MAX_LOSSES:
                self._watch.say(f"{label}: {reason}; it is scored again")
                return False
            reason = f"it took {MAX_LOSSES} workers down: {reason}"
        if outcome.result is None:
            self._journal.infeasible(work, reason)
            self._watch.failed(label, reason, len(self._journal.tables[work.split].positions(work.block)))
            told(work, None)
        else:
            told(work, self._record(work, outcome.result))
            failpoint("driver.told")
        return True

    def _record(self, work: Work, result: ScoreResult, copied_from: int | None = None) -> Scores:
        failpoint("driver.result_not_recorded")
        candidate = self._journal.candidates[work.candidate]
        weights = self._problem.parents.get(candidate.recipe_digest)
        scores = self._journal.done(work, result, weights=weights, copied_from=copied_from)
        failpoint("driver.recorded_not_told")
        self._watch.scored(candidate, work.split, self._journal.tables[work.split], len(scores.positions))
        return scores
