"""MergeCMA with pre-selection: more points are drawn than scored, and somebody else says which are worth it.

Every generation is drawn at once from the present distribution, when all scores of the one before are in (Ulmer,
Streichert & Zell, CEC 2003: evolution strategies with pre-selection by a model). Who chooses sees the points alone, and
what it bases its choice on never reaches the distribution, which learns from scores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from optimizer.search.distribution import Sample
from optimizer.search.interface import Search, SearchSetting, Vector
from optimizer.search.merge_cma import MergeCma, MergeCmaOptions


@dataclass(frozen=True)
class Vacancy:
    """A generation that nobody is chosen for yet.

    Args:
        generation: counts from 0.
        places: candidates that it has.
        block: of the search items that it is scored on first.
    """

    generation: int
    places: int
    block: int


@runtime_checkable
class Preselecting(Search, Protocol):
    """A search that waits at the beginning of every generation until its candidates are chosen."""

    @property
    def vacancy(self) -> Vacancy | None:
        """What it waits for, once ``ask`` has returned None for that reason."""
        ...

    def draw(self, count: int) -> list[Vector]:
        """Draw points for the vacancy, each of shape (dimension,); the next call forgets them."""
        ...

    def choose(self, chosen: Sequence[int]) -> None:
        """Fill the vacancy with points of the last ``draw``, by their places in it."""
        ...


class PreselectingCma(MergeCma):
    """See the module; implements :class:`Preselecting` beside what MergeCma does.

    Args:
        setting: space, items, budget, workers, prior and seed.
        options: those of MergeCMA. Whatever ``asynchronous`` says, a generation begins when the last one is scored.
    """

    def __init__(self, setting: SearchSetting, options: MergeCmaOptions | None = None) -> None:
        super().__init__(setting, options)
        self.vacancy: Vacancy | None = None
        self._drawn: list[Sample] = []
        self._chosen: deque[Sample] = deque()
        self._generations = 0

    def draw(self, count: int) -> list[Vector]:
        """See :class:`Preselecting`."""
        self._drawn = [self.distribution.sample(self._random) for _ in range(count)]
        return [sample.point for sample in self._drawn]

    def choose(self, chosen: Sequence[int]) -> None:
        """See :class:`Preselecting`."""
        self._chosen.extend(self._drawn[place] for place in chosen)
        self._drawn, self.vacancy = [], None
        self._generations += 1

    def _sample(self) -> Sample | None:
        if self._chosen:
            return self._chosen.popleft()
        if not self._pool:
            self.vacancy = Vacancy(self._generations, self.popsize, self._blocks()[0])
        return None
