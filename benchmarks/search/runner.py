"""One run of one arm on one problem: what it cost to get where, and what three rules would have returned in the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from landscape import Landscape, Positions, Vector
from scipy.stats import norm
from simulated_prior import COST, gradient_prior, prior_items
from simulated_screen import Screen, preselect

from evals.statistics import holm
from optimizer.finals import RACE_ERROR
from optimizer.search.blocks import cut_blocks, default_block_size
from optimizer.search.interface import Proposal, Scores, Search, SearchItems, SearchSetting

TARGETS = (0.5, 0.8, 0.95)
RULES = ("center", "native", "final")
FINALISTS = 3
# What a candidate's mean is pulled to the average by, in items, when finalists are chosen.
SHRINKAGE = 30
# Costs are known to 7 %: the truth of the recommendation is looked at on a geometric grid.
GRID_RATIO = 1.07


@dataclass(frozen=True)
class Arm:
    """A way to search.

    Args:
        name: shown in tables.
        make: builds the search.
        from_best_seed: scores the seeds first and starts at the best; else at the uniform merge, like the original.
        native: what the tool itself returns: its ``center``, or the ``best`` single sample.
        blocks: whether it can use blocks of items; else every candidate is scored on all items.
        block_size: items of a block; None is ``default_block_size``.
        keeps_mean: its center is the mean of a distribution, or else as quick; where it is a model fitted to all
            scores, which takes seconds, the best sample stands for it.
        prior: whether it starts from a gradient prior, which it pays for, and whether with its shape.
        screen: chooses the candidates of every generation; None where the search does.
    """

    name: str
    make: Callable[[SearchSetting], Search]
    from_best_seed: bool
    native: str
    blocks: bool = False
    block_size: int | None = None
    keeps_mean: bool = True
    prior: Literal["none", "gradient", "shaped"] = "none"
    screen: Screen | None = None


@dataclass(frozen=True)
class Run:
    """What one run did.

    Args:
        arm, task, seed: what was run.
        items: item evaluations spent, seeds included; the finals cost every arm the same and are left out.
        tokens: spent on them.
        candidates: points scored.
        best_seed, best_known: truths of the problem.
        cost: item evaluations until the recommendation of a rule was first true to a target, by rule and target; None
            where it never was.
        token_cost: the same in tokens.
        final: truth of what every rule returned.
        gap: score on the search items less truth, of what the native rule returned.
        curve: truth of the center at the grid, as progress from best seed (0) to best known (1).
        seconds: of processor time that the algorithm itself took.
    """

    arm: str
    task: str
    seed: int
    items: int
    tokens: int
    candidates: int
    best_seed: float
    best_known: float
    cost: dict[str, list[int | None]]
    token_cost: dict[str, list[int | None]]
    final: dict[str, float]
    gap: float
    curve: list[float]
    seconds: float


class Archive:
    """Every item score of a run, and the candidates that simple rules would return."""

    def __init__(self, count: int) -> None:
        self._points: dict[int, Vector] = {}
        self._values: dict[int, Vector] = {}
        self._sums = np.zeros(count)
        self._counts = np.zeros(count)
        self._best: tuple[float, int] | None = None

    def __len__(self) -> int:
        return len(self._points)

    def add(self, number: int, raw: Vector, scores: Scores, items: SearchItems) -> None:
        """Record a block of a candidate."""
        row = self._values.setdefault(number, np.full(items.count, np.nan))
        row[scores.positions] = scores.values
        self._points[number] = raw
        self._sums[scores.positions] += scores.values
        self._counts[scores.positions] += 1
        seen = np.nonzero(~np.isnan(row))[0]
        fitness = items.fitness(Scores(seen, row[seen]))
        if self._best is None or fitness > self._best[0]:
            self._best = (fitness, number)

    def best_sample(self) -> Vector | None:
        """Return the candidate with the highest score on the items it was scored on: the luckiest."""
        return None if self._best is None else self._points[self._best[1]]

    def leaders(self, count: int) -> list[Vector]:
        """Return the candidates with the highest shrunken mean of item scores less the items' own means."""
        if not self._points:
            return []
        means = self._sums / np.maximum(self._counts, 1)
        numbers = list(self._values)
        table = np.array([self._values[number] for number in numbers]) - means
        merit = np.nansum(table, axis=1) / (np.sum(~np.isnan(table), axis=1) + SHRINKAGE)
        return [self._points[numbers[index]] for index in np.argsort(-merit, kind="stable")[:count]]


class Session:
    """A problem being searched: counts what is spent and keeps the record."""

    def __init__(self, problem: Landscape, arm: Arm, budget: int) -> None:
        self.problem = problem
        self.arm = arm
        self.budget = budget
        self.spent = 0
        self.tokens = 0
        everything = np.arange(len(problem.search_tasks))
        size = arm.block_size or default_block_size(problem.search_tasks)
        blocks = cut_blocks(problem.search_tasks, size, problem.seed) if arm.blocks else (everything,)
        self.items = SearchItems(problem.search_tasks, problem.task_weights, blocks)
        self.archive = Archive(self.items.count)
        self._everything = everything
        self.seed_point: Vector | None = self._score_seeds() if arm.from_best_seed else None
        start = problem.uniform if self.seed_point is None else self.seed_point
        self.space = problem.space(start)

    def _score_seeds(self) -> Vector:
        fitness = {}
        for name, raw in self.problem.seeds.items():
            values = self.problem.score(raw, self._everything)
            self.charge(self._everything)
            fitness[name] = self.items.fitness(Scores(self._everything, values))
        return self.problem.seeds[max(fitness, key=lambda name: fitness[name])]

    def setting(self, workers: int = 1) -> SearchSetting:
        """Return what the search is built from; its budget is what seeds and prior left."""
        prior = None
        if self.arm.prior != "none":
            chosen, shaped = prior_items(self.problem), self.arm.prior == "shaped"
            weights = self.items.item_weights(self._everything)[chosen]
            prior = gradient_prior(self.problem, chosen, weights, self.raw, len(self.space), shaped=shaped)
            self.charge(np.repeat(chosen, COST))
        return SearchSetting(self.space, self.items, self.problem.seed, self.budget - self.spent, workers, prior)

    def raw(self, point: Vector) -> Vector:
        """Map a standardized point to raw coefficients, reflecting at the ends of the ranges."""
        low = np.array([one.low for one in self.space])
        span = np.array([one.high - one.low for one in self.space])
        steps = np.array([one.step for one in self.space])
        offset = (np.array([one.init for one in self.space]) + np.asarray(point) * steps - low) % (2 * span)
        found: Vector = low + np.minimum(offset, 2 * span - offset)
        return found

    def evaluate(self, proposal: Proposal) -> Scores:
        """Score a proposal and charge for it."""
        positions = self.items.blocks[proposal.block]
        raw = self.raw(proposal.point)
        scores = Scores(positions, self.problem.score(raw, positions))
        self.archive.add(proposal.number, raw, scores, self.items)
        self.charge(positions)
        return scores

    def charge(self, positions: Positions) -> None:
        """Count an evaluation of each of some items."""
        self.spent += len(positions)
        self.tokens += int(self.problem.tokens[positions].sum())

    def recommendation(self, search: Search, rule: str) -> Vector:
        """Return the raw coefficients that ``center`` or ``native`` would return now."""
        if self.arm.native == "center" or (rule == "center" and self.arm.keeps_mean):
            return self.raw(search.center())
        best = self.archive.best_sample()
        return self.raw(np.zeros(len(self.space))) if best is None else best

    def final(self, search: Search) -> Vector:
        """Choose among center, leaders and best seed on the selection items; the same for all arms.

        As in ``optimizer.finals``: the center gives way only to a leader that beats it clearly, item by item (here by a
        normal test, there by sign flips; Holm over the leaders). Then it or the best seed wins, whoever has more.
        """
        center, *leaders = [self.recommendation(search, "center"), *self.archive.leaders(FINALISTS)]
        own = self.problem.select(center)
        others = [self.problem.select(raw) for raw in leaders]
        adjusted = holm([_p_value(one - own) for one in others])
        better = [n for n, p in enumerate(adjusted) if p < RACE_ERROR and others[n].sum() > own.sum()]
        winner = max(better, key=lambda n: others[n].sum(), default=None)
        chosen, score = (center, own.sum()) if winner is None else (leaders[winner], others[winner].sum())
        if self.seed_point is not None and self.problem.select(self.seed_point).sum() > score:
            return self.seed_point
        return chosen


def _p_value(differences: Vector) -> float:
    """Return the two-sided p-value of a paired difference of means."""
    spread = float(differences.std(ddof=1)) * math.sqrt(len(differences))
    return 1.0 if spread == 0 else float(2 * norm.sf(abs(float(differences.sum())) / spread))


def _next(session: Session, search: Search) -> Proposal | None:
    if session.spent >= session.budget:
        return None
    proposal = search.ask()
    return search.ask() if proposal is None and preselect(session.arm.screen, session, search) else proposal


def run(problem: Landscape, arm: Arm, budget: int) -> Run:
    """Search until the budget of item evaluations is spent, looking at the truth on the way."""
    session = Session(problem, arm, budget)
    best_seed = problem.best_seed_truth
    span = problem.best_known - best_seed
    search = arm.make(session.setting())
    rules = RULES[:2]
    cost: dict[str, list[int | None]] = {rule: [None] * len(TARGETS) for rule in rules}
    token_cost: dict[str, list[int | None]] = {rule: [None] * len(TARGETS) for rule in rules}
    ticks = grid(budget, session.items.count)
    curve: list[float] = []
    start = time.process_time()
    while True:
        proposal = _next(session, search)
        if proposal is not None:
            search.tell(proposal, session.evaluate(proposal))
        if proposal is not None and session.spent < ticks[len(curve)]:
            continue
        for rule in rules:
            progress = (problem.truth(session.recommendation(search, rule)) - best_seed) / span
            if rule == "center":
                reached = progress
            for index, target in enumerate(TARGETS):
                if progress >= target and cost[rule][index] is None:
                    cost[rule][index], token_cost[rule][index] = session.spent, session.tokens
        while len(curve) < len(ticks) and (proposal is None or session.spent >= ticks[len(curve)]):
            curve.append(reached)
        if proposal is None or len(curve) == len(ticks):
            break
    seconds = time.process_time() - start
    returned = {rule: session.recommendation(search, rule) for rule in rules} | {"final": session.final(search)}
    return Run(
        arm.name,
        problem.name,
        problem.seed,
        session.spent,
        session.tokens,
        len(session.archive),
        best_seed,
        problem.best_known,
        cost,
        token_cost,
        {rule: problem.truth(raw) for rule, raw in returned.items()},
        problem.correct(returned["native"]) - problem.truth(returned["native"]),
        curve,
        seconds,
    )


def grid(budget: int, items: int) -> list[int]:
    """Return the item evaluations at which the truth is looked at: geometric, from one pass to the budget."""
    steps = int(np.ceil(np.log(budget / items) / np.log(GRID_RATIO)))
    return sorted({round(float(value)) for value in np.geomspace(items, budget, steps + 1)})
