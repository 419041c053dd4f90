"""Scoring stand-ins of candidates on the workers: see ``optimizer.screening`` for what they are for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from experiments.states import Split
from optimizer.jobs import Job, Pool, Subject, Work
from optimizer.population import AUTO_WIDTH
from optimizer.problem import Space
from optimizer.screening import StandIns
from optimizer.search.interface import Vector
from optimizer.tables import SplitTable
from workers.config import ScoreResult

_POLL_S = 0.5


class Screener:
    """Has stand-ins scored by whoever is free; implements ``optimizer.screening.Screen``.

    Nothing of it reaches the record: a run that dies here asks for the same stand-ins again.

    Args:
        pool: its workers can screen, and have nothing else to do.
        space: decodes points.
        table: of the search items.
        heed: called while workers are waited for; raises where the run is to stop.
    """

    def __init__(self, pool: Pool, space: Space, table: SplitTable, heed: Callable[[], None]) -> None:
        self._pool = pool
        self._space = space
        self._table = table
        self._heed = heed

    def __call__(self, points: Sequence[Vector], center: Vector, block: int) -> StandIns:
        """See ``optimizer.screening.Screen``."""
        results = self._score([self._space.decode(point) for point in points], self._space.decode(center), block)
        scored = [one for one in results if one is not None]
        return StandIns(
            [None if one is None else self._table.items.fitness(self._table.read(one.items)) for one in results],
            sum(len(one.items) for one in scored),
            sum(one.generated_tokens for one in scored),
            next((one["losses"] for one in self._pool.descriptions if one.get("losses")), {}),
        )

    def _score(self, subjects: Sequence[Subject], center: Subject, block: int) -> list[ScoreResult | None]:
        """Return the result of every stand-in; None where it is infeasible, or takes a worker down by itself."""
        results: list[ScoreResult | None] = [None] * len(subjects)
        positions = tuple(int(position) for position in self._table.positions(block))
        everyone = range(len(subjects))
        waiting = deque(everyone[first : first + AUTO_WIDTH] for first in everyone[::AUTO_WIDTH])
        running: dict[int, range] = {}
        while waiting or running:
            self._heed()
            while waiting and self._pool.next_worker is not None:
                places = waiting.popleft()
                running[places.start] = places
                stand_ins = tuple(subjects[place] for place in places)
                self._pool.submit(Job(Work(places.start, Split.SEARCH, block), center, positions, True, stand_ins))
            self._pool.begin()
            outcome = self._pool.wait(_POLL_S)
            if outcome is None:
                continue
            places = running.pop(outcome.job.work.candidate)
            if outcome.kind == "lost" and len(places) > 1:
                # One of those that were lost together may be the cause: one by one they show which.
                waiting.extend(range(place, place + 1) for place in places)
            for place, result in zip(places, outcome.stand_ins, strict=False):
                results[place] = result
        return results
