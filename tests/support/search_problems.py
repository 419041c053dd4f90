"""Search problems with a known optimum, and a driver with several candidates in flight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optimizer.search.interface import Coordinate, Prior, Proposal, Scores, Search, SearchItems, SearchSetting, Vector

ITEMS = 6
Objective = Callable[[Vector], float | None]


def weights(count: int, *, low: float = 0.0, high: float = 1.0) -> tuple[Coordinate, ...]:
    """One weight of each expert, 0.5 at the start and 0.1 for a step."""
    return tuple(Coordinate("weight", f"expert{index}", 0.5, 0.1, low, high) for index in range(count))


def setting(
    coordinates: tuple[Coordinate, ...],
    *,
    candidates: int | None = 100,
    workers: int = 1,
    seed: int = 3,
    tasks: int = 1,
    floors: Vector | None = None,
    prior: Prior | None = None,
) -> SearchSetting:
    """A setting with six items in one block."""
    items = SearchItems(np.arange(ITEMS) % tasks, np.ones(tasks), (np.arange(ITEMS),), floors)
    budget = None if candidates is None else candidates * ITEMS
    return SearchSetting(coordinates, items, seed, budget, workers, prior)


def bowl(point: Vector) -> float:
    """Best at 1.5 steps from the start in every coordinate."""
    return -float(((point - 1.5) ** 2).mean())


def scored(value: float) -> Scores:
    """Scores with this fitness."""
    return Scores(np.arange(ITEMS), np.full(ITEMS, value))


@dataclass
class Run:
    """What was asked, in order, what was told, in order, and both as a record: proposal, scores, whether told."""

    asked: list[Proposal]
    told: list[tuple[Proposal, Scores | None]]
    events: list[tuple[Proposal, Scores | None, bool]]

    @property
    def points(self) -> Vector:
        return np.array([one.point for one in self.asked])


def drive(
    search: Search,
    objective: Objective = bowl,
    *,
    candidates: int = 100,
    in_flight: int = 1,
    order: int = 0,
    score: Callable[[Vector], Scores | None] | None = None,
) -> Run:
    """Keep some candidates in flight and tell them in a random order; ends where the search does."""
    random, waiting, run = np.random.default_rng(order), list[Proposal](), Run([], [], [])
    while True:
        proposal = search.ask() if len(run.asked) < candidates and len(waiting) < in_flight else None
        if proposal is not None:
            waiting.append(proposal)
            run.asked.append(proposal)
            run.events.append((proposal, None, False))
            continue
        if not waiting:
            return run
        done = waiting.pop(int(random.integers(len(waiting))))
        value = objective(done.point)
        scores = score(done.point) if score is not None else None if value is None else scored(value)
        search.tell(done, scores)
        run.told.append((done, scores))
        run.events.append((done, scores, True))
