"""Tier B: merges of the two example experts, as the real models scored them (``make_pool.py``), at any point.

Every seed deals the task's items anew into search, selection and test. A search sees 0 or 1 for each search item, drawn
with the surrogate's chance and always the same for the same point, plus the reference weight times the log-likelihood;
the truth is the mean chance over the test items.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from landscape import HIGH, LOW, Landscape, Positions, Vector
from scipy import optimize
from surrogate import Rows, Surrogate

POOL = Path(__file__).with_name("pool.npz")
SLOTS = 10
SEARCH_ITEMS, SELECTION_ITEMS = 96, 100


@dataclass(frozen=True)
class Pool:
    """What the file holds.

    Args:
        rows: the scored candidates.
        surrogate: fitted on them.
        tokens: of prompt and reference answer of every item, shape (items,).
    """

    rows: Rows
    surrogate: Surrogate
    tokens: Vector

    @classmethod
    @cache
    def load(cls, path: Path = POOL) -> Pool:
        """Read the file."""
        with np.load(path) as data:
            width = data["positions"].shape[1]
            rows = Rows(
                points=data["points"].astype(np.float64),
                positions=data["positions"].astype(np.intp),
                scores=np.unpackbits(data["scores"], axis=1)[:, :width].astype(np.float64),
                logprobs=data["logprobs"].astype(np.float64),
                items=len(data["items"]),
            )
            fitted = {name.removeprefix("fit_"): data[name] for name in data.files if name.startswith("fit_")}
            return cls(rows, Surrogate(fitted, rows.points), data["tokens"].astype(np.float64))


@dataclass(frozen=True)
class PoolProblem(Landscape):
    """The pool with the items' roles dealt by a seed.

    Args:
        pool: the real numbers.
        reference_weight: share of the reference log-likelihood in an item's value.
    """

    pool: Pool
    reference_weight: float

    @cached_property
    def roles(self) -> tuple[Positions, Positions, Positions]:
        """Items of search, selection and test."""
        order = np.random.default_rng([self.seed, 3]).permutation(self.pool.rows.items)
        return tuple(np.split(order, [SEARCH_ITEMS, SEARCH_ITEMS + SELECTION_ITEMS]))  # type: ignore[return-value]

    @property
    def search_tasks(self) -> Positions:
        """See ``Landscape``."""
        return np.zeros(SEARCH_ITEMS, dtype=np.intp)

    @property
    def task_weights(self) -> Vector:
        """See ``Landscape``."""
        return np.ones(1)

    @property
    def tokens(self) -> Vector:
        """See ``Landscape``."""
        return self.pool.tokens[self.roles[0]]

    def score(self, raw: Vector, positions: Positions) -> Vector:
        """See ``Landscape``."""
        answers, logprobs = self._answers(raw)
        values: Vector = answers + self.reference_weight * np.maximum(logprobs, -25.0)
        return values[self.roles[0][positions]]

    def correct(self, raw: Vector) -> float:
        """See ``Landscape``."""
        return float(self._answers(raw)[0][self.roles[0]].mean())

    def select(self, raw: Vector) -> Vector:
        """See ``Landscape``."""
        values = self._answers(raw)[0][self.roles[1]]
        found: Vector = values / len(values)
        return found

    def truth(self, raw: Vector) -> float:
        """See ``Landscape``."""
        return float(self._predict(raw)[0][self.roles[2]].mean())

    @cached_property
    def best_point(self) -> Vector:
        """Where a local optimizer of the truth itself ends, from the best scored candidates."""
        starts = sorted(self._starts(), key=self.truth)[-4:]
        bounds = [(LOW, HIGH)] * self.dimension
        found = [
            optimize.minimize(lambda x: -self.truth(x), start, method="L-BFGS-B", bounds=bounds) for start in starts
        ]
        best: Vector = min(found, key=lambda one: float(one.fun)).x
        return best

    @property
    def best_known(self) -> float:
        """See ``Landscape``."""
        return self.truth(self.best_point)

    def _starts(self) -> list[Vector]:
        if self.dimension == SLOTS * self.experts:
            return [*self.pool.rows.points[::4], *self.seeds.values()]
        line = np.linspace(0, 1.5, 9)
        return [np.array([a, b]) for a in line for b in line]

    def _answers(self, raw: Vector) -> tuple[Vector, Vector]:
        key = hashlib.blake2b(np.asarray(raw, dtype=np.float64).tobytes(), digest_size=8).digest()
        random = np.random.default_rng([self.seed, int.from_bytes(key, "little")])
        chances, logprobs = self._predict(raw)
        answers = (random.random(len(chances)) < chances).astype(np.float64)
        noise = self.pool.surrogate.noise * random.standard_normal(len(chances))
        return answers, np.minimum(logprobs + noise, 0.0)

    def _predict(self, raw: Vector) -> tuple[Vector, Vector]:
        return self.pool.surrogate.predict(np.repeat(raw, SLOTS * self.experts // self.dimension))


@dataclass(frozen=True)
class PoolTask:
    """A family of problems over the pool, one for each seed.

    Args:
        name: shown in tables.
        dimension: 20 weights, or 2 that hold for the whole depth.
        passes: budget in passes over the search items.
        reference_weight: share of the reference log-likelihood in an item's value.
    """

    name: str
    dimension: int
    passes: int
    reference_weight: float = 0.0

    @property
    def items(self) -> int:
        """Number of search items."""
        return SEARCH_ITEMS

    def problem(self, seed: int) -> PoolProblem:
        """Return the pool with the roles of a seed."""
        return PoolProblem(self.name, seed, 2, self.dimension, Pool.load(), self.reference_weight)


POOL_TASKS = (
    PoolTask("smollm2-2", 2, 60),
    PoolTask("smollm2-20", 20, 250),
    PoolTask("smollm2-20-likelihood", 20, 250, reference_weight=0.1),
)
