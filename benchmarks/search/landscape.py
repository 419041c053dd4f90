"""What the benchmark needs of a problem, and what all its problems share: task-arithmetic weights and their seeds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.search.interface import Coordinate

Vector = NDArray[np.float64]
Positions = NDArray[np.intp]
# Range and first step of a weight: those of examples/json-math.yaml, a step being a tenth of the range.
LOW, HIGH, STEP = -0.5, 1.8, 0.23
SCALES = (0.3, 0.5, 0.7, 0.85, 1.0)


@dataclass(frozen=True)
class Landscape(ABC):
    """One instance of a benchmark task: everything that is the same for all arms.

    Points are raw coefficients here, ordered expert, slot.

    Args:
        name: of the task it is an instance of.
        seed: of the instance.
        experts: number of experts.
        dimension: number of coefficients.
    """

    name: str
    seed: int
    experts: int
    dimension: int

    @property
    @abstractmethod
    def search_tasks(self) -> Positions:
        """Task index of every search item, shape (n,)."""

    @property
    @abstractmethod
    def task_weights(self) -> Vector:
        """Weight of every task, shape (t,)."""

    @property
    @abstractmethod
    def tokens(self) -> Vector:
        """Tokens that one evaluation of each search item costs, shape (n,)."""

    @property
    @abstractmethod
    def best_known(self) -> float:
        """The highest truth known."""

    @abstractmethod
    def score(self, raw: Vector, positions: Positions) -> Vector:
        """Return what some search items add to the fitness, shape (m,)."""

    @abstractmethod
    def correct(self, raw: Vector) -> float:
        """Return the mean score on all search items, without the reference term."""

    @abstractmethod
    def select(self, raw: Vector) -> Vector:
        """Return what each selection item adds to the mean score on all of them."""

    @abstractmethod
    def truth(self, raw: Vector) -> float:
        """Return the expected score on items that nobody searches or selects with."""

    def reference_losses(self, raw: Vector, positions: Positions) -> Vector:
        """Return the negative log-likelihood of some search items' right answers, shape (m,).

        Raises:
            NotImplementedError: the landscape has no likelihoods.
        """
        raise NotImplementedError(self.name)

    @property
    def uniform(self) -> Vector:
        """The uniform mean, where mergekit-evolve starts."""
        return np.full(self.dimension, 1 / self.experts)

    @cached_property
    def seeds(self) -> dict[str, Vector]:
        """What needs no search: base, experts, uniform mean and the scales of ``optimizer.baselines``."""
        slots = self.dimension // self.experts
        found = {"base": np.zeros(self.dimension)}
        for expert in range(self.experts):
            found[f"expert {expert}"] = np.repeat(np.eye(self.experts)[expert], slots)
        found["uniform mean"] = self.uniform
        line = [scale for scale in SCALES if scale != 1 / self.experts]
        return found | {f"task arithmetic {scale:g}": np.full(self.dimension, scale) for scale in line}

    @cached_property
    def best_seed_truth(self) -> float:
        """The highest truth of a seed."""
        return max(self.truth(point) for point in self.seeds.values())

    def space(self, start: Vector) -> tuple[Coordinate, ...]:
        """Return the search space around raw coefficients."""
        slots = self.dimension // self.experts
        return tuple(
            Coordinate("weight", f"expert {index // slots}", float(value), STEP, LOW, HIGH)
            for index, value in enumerate(start)
        )
