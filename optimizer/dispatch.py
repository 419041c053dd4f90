"""Keeps every worker busy: hands out work, records how it ended, and has lost work done again."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class _End:
    """How a work ended, as recorded; None for its scores means infeasible or, where it is done ``again``, lost."""

    work: Work
    scores: Scores | None = None
    reason: str = ""
    again: bool = False


@dataclass
class _Queue:
    """What is to be done: first what was lost, then what an earlier run left open, then what is new."""

    next_new: NextWork
    resumed: deque[Work]
    again: deque[Work] = field(default_factory=deque)
    exhausted: bool = False

    def next(self) -> Work | None:
        """Return what comes next; None where there is nothing now."""
        known = self.again or self.resumed
        work = known.popleft() if known else self.next_new()
        self.exhausted = work is None
        return work


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
        queue = _Queue(next_work, deque(resumed))
        while True:
            self.heed()
            if self._next_worker() is not None:
                with self._journal.together():
                    self._hand_out(queue, told, joins=joins)
                failpoint("driver.started_not_submitted")
                self._pool.begin()
                failpoint("driver.submitted")
            if queue.exhausted and not queue.again and self._pool.num_running == 0:
                return
            for end in self._settle():
                self._report(end)
                if end.again:
                    queue.again.append(end.work)
                else:
                    told(end.work, end.scores)
                    failpoint("driver.told")

    def _hand_out(self, queue: _Queue, told: Told, *, joins: bool) -> None:
        """Give every worker that is free something to do."""
        while (worker := self._next_worker()) is not None:
            last = len(queue.resumed) == 1 and not queue.again
            work = queue.next()
            if work is None:
                return
            if not (self._known_infeasible(work, told) or self._known_scores(work, told)):
                self._pool.submit(self._start(work, worker))
            if last and self.width > 1 and not joins:
                return

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

    def heed(self) -> None:
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
        end = _End(work, self._record(work, ScoreResult(items, {}, 0, 0, "", provenance), copied_from=evaluation))
        self._report(end)
        told(work, end.scores)
        return True

    def _settle(self) -> list[_End]:
        """Wait for a job to end; record it, and all others that have ended by then, in one transaction."""
        ended: list[Outcome] = []
        ends: list[_End] = []
        try:
            while (outcome := self._pool.wait(0.0 if ended else _POLL_S)) is not None:
                ended.append(outcome)
        finally:
            # Also where the workers fail in the end: nothing that has a result is scored again.
            if ended:
                with self._journal.together(one.job.work for one in ended):
                    ends = [self._close(one) for one in ended]
                failpoint("driver.recorded_not_told")
        return ends

    def _close(self, outcome: Outcome) -> _End:
        """Record how a job ended."""
        work, reason = outcome.job.work, outcome.reason or ""
        if outcome.result is not None:
            return _End(work, self._record(work, outcome.result))
        if outcome.kind == "lost":
            self._journal.lost(work, reason)
            self._losses[work] += not outcome.shared
            # One of those that were lost together may be the cause: one by one they show which.
            self._suspects.add(work)
            if self._losses[work] < MAX_LOSSES:
                return _End(work, reason=reason, again=True)
            reason = f"it took {MAX_LOSSES} workers down: {reason}"
        self._journal.infeasible(work, reason)
        return _End(work, reason=reason)

    def _record(self, work: Work, result: ScoreResult, copied_from: int | None = None) -> Scores:
        failpoint("driver.result_not_recorded")
        weights = self._problem.parents.get(self._journal.candidates[work.candidate].recipe_digest)
        return self._journal.done(work, result, weights=weights, copied_from=copied_from)

    def _report(self, end: _End) -> None:
        candidate, table = self._journal.candidates[end.work.candidate], self._journal.tables[end.work.split]
        items = len(table.positions(end.work.block))
        if end.again:
            self._watch.say(f"{candidate.label}: {end.reason}; it is scored again")
        elif end.scores is None:
            self._watch.failed(candidate.label, end.reason, items)
        else:
            self._watch.scored(candidate, end.work.split, table, items)
