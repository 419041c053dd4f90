"""Merge landscapes with known truth: analytic functions and item-response merges, seen through single items' scores.

Every landscape is a vector of abilities ``gamma(x)`` of the raw coefficients x. Item i is solved with probability
``P_i = sigmoid(a_i @ gamma(x) - b_i)``: the multidimensional two-parameter item-response model that MERGE3 uses
(arXiv 2502.10436). A search sees 0 or 1 for each of its items; the truth is the mean of P over a population of
items that nobody sees. The same point always gets the same answers, like greedy decoding.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from landscape import HIGH, LOW, Landscape, Positions, Vector
from scipy import optimize
from scipy.special import expit, log_expit

from optimizer.search.interface import SearchItems

TRUTH_ITEMS = 2000
SELECTION_ITEMS = 100
# The abilities of the uniform merge lie this far below the optimum's: truth goes from about 0.35 to about 0.85.
TOP, DROP = 1.8, 2.4
# An instance where there is less to gain than this, or whose skills exclude each other, is drawn again.
HEADROOM, LEAST_OPTIMUM = (0.12, 1.0), 0.7


@dataclass(frozen=True)
class Problem(Landscape):
    """One instance of a task.

    Args:
        search: item parameters that the search may see.
        selection: item parameters that choose among the finalists.
        population: item parameters that define the truth.
        abilities: ``gamma``, from raw coefficients, shape (dimension,), to shape (r,).
        optimum: raw coefficients from where the best known truth is looked for.
        reference_weight: share of the reference log-likelihood in an item's value.
    """

    search: Items
    selection: Items
    population: Items
    abilities: Callable[[Vector], Vector]
    optimum: Vector
    reference_weight: float

    @property
    def search_tasks(self) -> Positions:
        """See ``Landscape``."""
        return self.search.tasks

    @property
    def task_weights(self) -> Vector:
        """See ``Landscape``."""
        return self.search.weights

    @property
    def tokens(self) -> Vector:
        """See ``Landscape``."""
        return self.search.tokens

    def score(self, raw: Vector, positions: Positions) -> Vector:
        """Return what some search items add to the fitness of raw coefficients, shape (m,)."""
        answers, logprobs = self._answers(self.search, raw, "search")
        values: Vector = answers + self.reference_weight * logprobs
        return values[positions]

    def reference_losses(self, raw: Vector, positions: Positions) -> Vector:
        """See ``Landscape``."""
        found: Vector = -log_expit(self.search.logits(self.abilities(raw)))[positions]
        return found

    def correct(self, raw: Vector) -> float:
        """Return the mean score on all search items, without the reference term."""
        return float(self.search.shares @ self._answers(self.search, raw, "search")[0])

    def select(self, raw: Vector) -> Vector:
        """See ``Landscape``."""
        found: Vector = self.selection.shares * self._answers(self.selection, raw, "selection")[0]
        return found

    def truth(self, raw: Vector) -> float:
        """Return the expected score over the population."""
        return float(self.population.shares @ expit(self.population.logits(self.abilities(raw))))

    @cached_property
    def best_known(self) -> float:
        """The highest truth that a local optimizer of the truth itself finds from the known good points."""
        starts = [self.optimum, max(self.seeds.values(), key=self.truth)]
        bounds = [(LOW, HIGH)] * self.dimension
        found = [
            optimize.minimize(lambda x: -self.truth(x), start, method="L-BFGS-B", bounds=bounds) for start in starts
        ]
        return max(max(-float(one.fun) for one in found), *(self.truth(start) for start in starts))

    def _answers(self, items: Items, raw: Vector, role: str) -> tuple[Vector, Vector]:
        """Return answers (0 or 1) and log-likelihoods of the references, always the same for the same point."""
        key = hashlib.blake2b(np.asarray(raw, dtype=np.float64).tobytes(), digest_size=8, key=role.encode()).digest()
        random = np.random.default_rng([self.seed, int.from_bytes(key, "little")])
        logits = items.logits(self.abilities(raw))
        answers = (random.random(len(logits)) < expit(logits)).astype(np.float64)
        logprobs = (
            log_expit(logits + 0.3 * random.standard_normal(len(logits))) if self.reference_weight else 0 * logits
        )
        return answers, logprobs


@dataclass(frozen=True)
class Items:
    """Parameters of items.

    Args:
        loadings: ``a``, shape (n, r).
        difficulties: ``b``, shape (n,).
        tasks: task index of every item, shape (n,).
        weights: weight of every task, shape (t,).
        tokens: that one evaluation of each item costs, shape (n,).
    """

    loadings: Vector
    difficulties: Vector
    tasks: Positions
    weights: Vector
    tokens: Vector

    def logits(self, abilities: Vector) -> Vector:
        """Return the log-odds of a right answer to every item."""
        found: Vector = self.loadings @ abilities - self.difficulties
        return found

    @cached_property
    def shares(self) -> Vector:
        """Weight of every item in the mean over tasks, summing to 1."""
        everything = np.arange(len(self.tasks))
        return SearchItems(self.tasks, self.weights, (everything,)).item_weights(everything)


def draw_items(random: np.random.Generator, count: int, skills: int, weights: Vector) -> Items:
    """Draw items of one task for each weight; an item leans on one skill and needs some of the others.

    Loadings sum to about 1, difficulties have a standard deviation of 1.2, prompts take 40 to 200 tokens.
    """
    tasks = np.sort(np.arange(count) % len(weights))
    focus = np.ones((len(weights), skills))
    if len(weights) > 1:
        # Each task has skills of its own, so that the best merge of one is not the best of the other.
        focus[:, :] = 0.25
        for skill in range(skills):
            focus[skill % len(weights), skill] = 1.5
    shares = np.array([random.dirichlet(0.6 * focus[task]) for task in tasks])
    sharpness = np.exp(0.3 * random.standard_normal((count, 1)) + 0.2)
    difficulties = 1.2 * random.standard_normal(count)
    tokens = np.clip(np.exp(4.5 + 0.35 * random.standard_normal(count)), 40, 200).round()
    return Items(shares * sharpness, difficulties, tasks, weights, tokens)


@dataclass(frozen=True)
class Task:
    """A family of problems, one for each seed.

    Args:
        name: shown in tables.
        shape: name of the landscape.
        dimension: number of coefficients.
        experts: number of experts.
        items: number of search items.
        passes: budget in passes over the search items.
        condition: of an ellipsoid.
        weights: of the tasks.
        reference_weight: share of the reference log-likelihood in an item's value.
        spread: standard deviation of the optimal coefficients around 0.65.
        headroom: smallest and largest gain of the best known truth over the best seed's.
    """

    name: str
    shape: str
    dimension: int
    passes: int
    items: int = 200
    experts: int = 2
    condition: float = 1.0
    weights: tuple[float, ...] = (1.0,)
    reference_weight: float = 0.0
    spread: float = 0.4
    headroom: tuple[float, float] = HEADROOM

    def problem(self, seed: int) -> Problem:
        """Return the instance of a seed: landscape and items are both drawn anew."""
        name = int.from_bytes(hashlib.blake2b(self.name.encode()).digest()[:4], "little")
        random = np.random.default_rng([seed, name])
        while True:
            found = self._draw(seed, random)
            least, most = self.headroom
            if least <= found.best_known - found.best_seed_truth <= most and found.best_known >= LEAST_OPTIMUM:
                return found

    def _draw(self, seed: int, random: np.random.Generator) -> Problem:
        optimum = np.clip(0.65 + self.spread * random.standard_normal(self.dimension), -0.3, 1.6)
        abilities, skills = SHAPES[self.shape](self, optimum, random)
        weights = np.array(self.weights)
        sizes = (self.items, SELECTION_ITEMS, TRUTH_ITEMS)
        search, selection, population = (draw_items(random, size, skills, weights) for size in sizes)
        return Problem(
            self.name, seed, self.experts, self.dimension, search, selection, population, abilities, optimum,
            self.reference_weight,
        )  # fmt: skip


Abilities = Callable[[Vector], Vector]


def _quadratic(task: Task, optimum: Vector, random: np.random.Generator) -> tuple[Abilities, int]:
    """Sphere or ellipsoid, rotated where the task says so."""
    exponents = np.linspace(0, 1, task.dimension) if task.dimension > 1 else np.zeros(1)
    curvature = random.permutation(task.condition**exponents)
    rotation = np.eye(task.dimension)
    if task.shape == "rotated":
        rotation = np.linalg.qr(random.standard_normal((task.dimension, task.dimension)))[0]
    matrix = rotation.T @ np.diag(curvature) @ rotation
    return _one_ability(lambda offset: offset @ matrix @ offset, task, optimum)


def _rastrigin(task: Task, optimum: Vector, random: np.random.Generator) -> tuple[Abilities, int]:
    """A bowl with shallow local optima, 0.5 apart."""
    width, depth = 0.5, 0.03
    return _one_ability(
        lambda offset: float(np.sum(offset**2 + depth * (1 - np.cos(2 * math.pi * offset / width)))), task, optimum
    )


def _one_ability(height: Callable[[Vector], float], task: Task, optimum: Vector) -> tuple[Abilities, int]:
    scale = DROP / height(np.full(task.dimension, 1 / task.experts) - optimum)
    return (lambda raw: np.array([TOP - scale * height(raw - optimum)])), 1


def _layered(task: Task, optimum: Vector, random: np.random.Generator) -> tuple[Abilities, int]:
    """Three abilities, each a bowl that is steep in two smooth profiles over the depth and flat elsewhere.

    Together the steep directions span 6 dimensions (fewer where there are fewer coefficients). The abilities' own
    optima differ a little, so the best merge is a compromise.
    """
    skills, steep = 3, 2
    slots = task.dimension // task.experts
    depth = np.linspace(0, 1, slots)
    uniform = np.full(task.dimension, 1 / task.experts)
    centers, matrices = [], []
    for _ in range(skills):
        center = optimum + 0.12 * random.standard_normal(task.dimension)
        profiles = []
        for _ in range(steep):
            bump = np.exp(-0.5 * ((depth - random.random()) / 0.25) ** 2)
            profile = np.concatenate([random.standard_normal() * bump for _ in range(task.experts)])
            profiles.append(profile / np.linalg.norm(profile))
        matrix = np.zeros((task.dimension, task.dimension))
        for profile in profiles:
            matrix += np.outer(profile, profile)
        matrix += 0.04 * np.eye(task.dimension)
        gap = uniform - center
        centers.append(center)
        matrices.append(matrix * DROP / float(gap @ matrix @ gap))
    stacked, shifts = np.array(matrices), np.array(centers)

    def abilities(raw: Vector) -> Vector:
        offsets = raw - shifts
        drops: Vector = np.einsum("ki,kij,kj->k", offsets, stacked, offsets)
        return TOP - drops

    return abilities, skills


SHAPES: dict[str, Callable[[Task, Vector, np.random.Generator], tuple[Abilities, int]]] = {
    "sphere": _quadratic,
    "ellipsoid": _quadratic,
    "rotated": _quadratic,
    "rastrigin": _rastrigin,
    "layered": _layered,
}

TASKS = (
    Task("sphere-2", "sphere", 2, 60),
    Task("ellipsoid-5", "ellipsoid", 5, 100, experts=5, condition=1e2),
    Task("rotated-10", "rotated", 10, 150, condition=1e3),
    Task("rastrigin-10", "rastrigin", 10, 150),
    Task("merge-2", "layered", 2, 60),
    Task("merge-10", "layered", 10, 150, experts=5),
    Task("sphere-20", "sphere", 20, 250),
    Task("ellipsoid-20", "ellipsoid", 20, 250, condition=1e4),
    Task("rotated-20", "rotated", 20, 250, condition=1e2),
    Task("merge-20", "layered", 20, 250),
    Task("merge-20-50", "layered", 20, 500, items=50),
    Task("merge-20-1000", "layered", 20, 150, items=1000),
    Task("merge-20-likelihood", "layered", 20, 250, reference_weight=0.1),
    Task("two-task-20", "layered", 20, 250, weights=(2.0, 1.0)),
    Task("sphere-64", "sphere", 64, 500),
    Task("merge-64", "layered", 64, 500),
    Task("little-gain-20", "layered", 20, 100, items=50, spread=0.12, headroom=(0.0, 0.04)),
    Task("little-gain-64", "layered", 64, 100, items=50, spread=0.12, headroom=(0.0, 0.04)),
)
