"""Greedy model soup: experts join the average one by one, best first, as long as it does not get worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evomerge.errors import SpecError
from optimizer.search.interface import WEIGHT, Coordinate, Proposal, Scores, SearchSetting, Vector, standardized

METHODS = ("linear", "task_arithmetic")
# Equal scores that were added up in another order.
_TIE = 1e-9


class GreedySoup:
    """The greedy soup of arXiv 2203.05482 as a search: at most one candidate for every expert but the best.

    Each proposal depends on the score before it, so more than one worker gains nothing.

    Args:
        setting: one weight per expert, see :func:`check_soup`.
        scores: fitness of each expert by itself, one at least; one that could not be scored is left out.
    """

    def __init__(self, setting: SearchSetting, scores: Mapping[str, float]) -> None:
        """Start with the best expert alone."""
        self._setting = setting
        experts = [one.model for one in setting.coordinates]
        order = sorted(scores, key=lambda name: (-scores[name], experts.index(name)))
        self._soup = order[:1]
        self._best = scores[order[0]]
        self._waiting = order[1:]
        self._proposed: str | None = None
        self._count = 0

    def ask(self) -> Proposal | None:
        """Propose the soup with the next expert; None while a score is awaited and once all had their turn."""
        if self._proposed is not None or not self._waiting:
            return None
        self._proposed = self._waiting.pop(0)
        self._count += 1
        return Proposal(self._count - 1, self._point([*self._soup, self._proposed]))

    def tell(self, proposal: Proposal, scores: Scores | None) -> None:
        """Keep the proposed expert where the soup's fitness is at least the present one."""
        fitness = None if scores is None else self._setting.items.fitness(scores)
        if self._proposed is not None and fitness is not None and fitness >= self._best - _TIE:
            self._soup.append(self._proposed)
            self._best = fitness
        self._proposed = None

    def center(self) -> Vector:
        """The soup so far."""
        return self._point(self._soup)

    def _point(self, members: Sequence[str]) -> Vector:
        weights = [1.0 / len(members) if one.model in members else 0.0 for one in self._setting.coordinates]
        return standardized(self._setting.coordinates, np.array(weights))


def check_soup(method: str, models: Sequence[str], coordinates: Sequence[Coordinate]) -> None:
    """Refuse a search space that is not one weight per expert.

    Raises:
        SpecError: naming what does not fit.
    """
    weights = [one.model for one in coordinates if one.parameter == WEIGHT]
    if method not in METHODS or weights != list(models) or len(weights) != len(coordinates):
        raise SpecError(
            "search.algorithm",
            "'greedy_soup' averages whole experts, but this search space is not one weight per expert",
            "use merge: {method: linear, granularity: global} without other searched parameters",
        )
    for one in coordinates:
        if one.low > 0.0 or one.high < 1.0:
            raise SpecError(
                "merge.parameters.weight.range",
                f"[{one.low:g}, {one.high:g}] leaves out 0 or 1, which 'greedy_soup' needs",
                "use a range that holds [0, 1]",
            )
