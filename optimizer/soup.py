"""Greedy model soup: experts join the average one by one, best first, as long as it does not get worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evomerge.errors import SpecError
from optimizer.search import Proposal, Vector
from optimizer.space import Gene, Genome

METHODS = ("linear", "task_arithmetic")


class GreedySoup:
    """The greedy soup of 2203.05482 as a search: at most one candidate for every expert but the best.

    Each proposal depends on the score before it, so more than one worker gains nothing.

    Args:
        genome: one weight per expert, see :func:`check_soup`.
        scores: fitness of each expert by itself; one that could not be scored is left out.
    """

    def __init__(self, genome: Genome, scores: Mapping[str, float]) -> None:
        """Start with the best expert alone."""
        self._genes = genome.genes
        order = sorted(scores, key=lambda name: (-scores[name], genome.models.index(name)))
        self._soup = order[:1]
        self._best = scores[order[0]]
        self._waiting = order[1:]
        self._proposed: str | None = None

    def ask(self) -> Proposal | None:
        """Propose the soup with the next expert; None while a score is awaited and once all had their turn."""
        if self._proposed is not None or not self._waiting:
            return None
        self._proposed = self._waiting.pop(0)
        return Proposal(self._point([*self._soup, self._proposed]), None)

    def tell(self, proposal: Proposal, fitness: float | None) -> None:
        """Keep the proposed expert where the soup's fitness is at least the present one."""
        if self._proposed is not None and fitness is not None and fitness >= self._best:
            self._soup.append(self._proposed)
            self._best = fitness
        self._proposed = None

    def center(self) -> Vector:
        """The soup so far."""
        return self._point(self._soup)

    def _point(self, members: Sequence[str]) -> Vector:
        weights = [1.0 / len(members) if gene.model in members else 0.0 for gene in self._genes]
        return np.array([_standardized(gene, weight) for gene, weight in zip(self._genes, weights, strict=True)])


def check_soup(genome: Genome) -> None:
    """Refuse a search space that is not one weight per expert.

    Raises:
        SpecError: naming what does not fit.
    """
    weights = [gene.model for gene in genome.genes if gene.parameter == "weight"]
    plain = len(genome.methods) == 1 and genome.methods[0] in METHODS
    if not plain or weights != list(genome.models) or len(weights) != genome.dimension:
        raise SpecError(
            "search.algorithm",
            "'greedy_soup' averages whole experts, but this search space is not one weight per expert",
            "use merge: {method: linear, granularity: global} without other searched parameters",
        )
    for gene in genome.genes:
        if gene.low > 0.0 or gene.high < 1.0:
            raise SpecError(
                "merge.parameters.weight.range",
                f"[{gene.low:g}, {gene.high:g}] leaves out 0 or 1, which 'greedy_soup' needs",
                "use a range that holds [0, 1]",
            )


def _standardized(gene: Gene, value: float) -> float:
    return (value - gene.init) / gene.step
