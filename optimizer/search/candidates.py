"""Candidates of MergeCMA with their scores, and the fair comparison of those that met different items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from optimizer.search.distribution import Sample
from optimizer.search.estimates import Observations, fit_effects
from optimizer.search.interface import Positions, Scores, SearchItems, Vector
from optimizer.search.rank_weights import Contest


@dataclass(eq=False)
class Candidate:
    """One point, the blocks it is meant for, and what came back.

    Args:
        number: see ``interface.Proposal``.
        sample: the point and its step.
        blocks: that its generation scores it on, in this order.
        asked: blocks that were proposed, in this order.
        scores: of every block that came back.
        infeasible: it cannot be merged or scored.
        dropped: it lost the race and gets no more of its blocks.
    """

    number: int
    sample: Sample
    blocks: tuple[int, ...]
    asked: list[int] = field(default_factory=list)
    scores: dict[int, Scores] = field(default_factory=dict)
    infeasible: bool = False
    dropped: bool = False

    @property
    def pending(self) -> bool:
        """Whether a proposed block has not come back."""
        return not self.infeasible and len(self.scores) < len(self.asked)

    @property
    def ready(self) -> bool:
        """Whether its generation need not wait for it."""
        return self.infeasible or (not self.pending and (self.dropped or self.missing is None))

    @property
    def missing(self) -> int | None:
        """The first of its generation's blocks that was not proposed yet."""
        return next((block for block in self.blocks if block not in self.asked), None)

    @property
    def positions(self) -> Positions:
        """Positions of all its scored items, shape (m,)."""
        return np.concatenate([part.positions for part in self.scores.values()])

    @property
    def values(self) -> Vector:
        """Values of all its scored items, in the order of ``positions``."""
        return np.concatenate([part.values for part in self.scores.values()])


def observations(candidates: Sequence[Candidate]) -> Observations:
    """Collect the scores of some candidates; row i belongs to ``candidates[i]``."""
    return Observations.of([list(candidate.scores.values()) for candidate in candidates])


def contest(members: Sequence[Candidate], recent: Sequence[Candidate], items: SearchItems) -> Contest:
    """Line up the scores of a generation.

    Where members met different items, because one is late or lost a race, the difficulty of every item is taken out
    of its scores. It is estimated together with the effects of the candidates, members and recent ones.

    Args:
        members: candidates of the generation.
        recent: earlier candidates, without the members.
        items: the search items.
    """
    scored = [member for member in members if not member.infeasible]
    values = np.zeros((len(members), items.count))
    seen = np.zeros((len(members), items.count), dtype=bool)
    for row, member in enumerate(members):
        if not member.infeasible:
            values[row, member.positions] = member.values
            seen[row, member.positions] = True
    if len({frozenset(member.scores) for member in scored}) > 1:
        table = observations([*scored, *(other for other in recent if not other.infeasible)])
        effects = fit_effects(table.candidates, table.items, table.values, (table.count, items.count))
        # The level of each task stays in, for the floors.
        levels = np.bincount(items.tasks, effects.item) / np.maximum(np.bincount(items.tasks), 1)
        values = values - effects.item + levels[items.tasks]
    (used,) = np.nonzero(seen.any(axis=0))
    return Contest(values[:, used], seen[:, used], items.tasks[used], items.weights, items.floors)


def surely_worse(candidate: Candidate, rival: Candidate, level: float) -> bool:
    """Whether a candidate is worse than a rival on the items that both have, by a one-sided paired test.

    Args:
        candidate, rival: each with at least one scored block.
        level: error level of this one decision.
    """
    common = [block for block in candidate.scores if block in rival.scores]
    if not common:
        return False
    difference = np.concatenate([candidate.scores[block].values - rival.scores[block].values for block in common])
    if len(difference) < 2:
        return False
    error = float(np.std(difference, ddof=1)) / math.sqrt(len(difference))
    return float(np.mean(difference)) < NormalDist().inv_cdf(level) * error
