"""MergeCMA that starts over with twice the population once its distribution has collapsed or stopped climbing (IPOP).

Auger & Hansen (CEC 2005) restart CMA-ES with a growing population, so that a search which is caught in a local
optimum looks again, and more widely each time. Under noise a run has no best sample to remember: what is kept of it is
its mean, scored on all search items.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from optimizer.search.box import Box
from optimizer.search.interface import Prior, Proposal, Scores, Search, SearchItems, SearchSetting, Vector
from optimizer.search.merge_cma import MergeCma, MergeCmaOptions
from optimizer.search.state import SearchState

# Steps this small, half a percent of a range where nothing else is said, change less than blocks of items can tell.
COLLAPSED = 0.05
# Candidates that the two compared stretches of a run have each, in generations: less is mostly noise.
_STRETCH = 20
# What a new run must be able to afford, in generations; fewer do not climb from where it starts.
_LEAST_GENERATIONS = 20


class Contender:
    """The mean of a finished run, scored on one block after the other; speaks ``interface.Search``."""

    def __init__(self, point: Vector, items: SearchItems) -> None:
        self.infeasible = False
        self._point = point
        self._items = items
        self._unasked = list(range(len(items.blocks)))
        self._scores: list[Scores] = []

    @property
    def fitness(self) -> float | None:
        """Fitness on all search items; None before it has them."""
        if self.infeasible or len(self._scores) < len(self._items.blocks):
            return None
        positions = np.concatenate([part.positions for part in self._scores])
        return self._items.fitness(Scores(positions, np.concatenate([part.values for part in self._scores])))

    def ask(self) -> Proposal | None:
        """See ``Search.ask``; None once every block was proposed or one of them cannot be scored."""
        return Proposal(0, self._point, self._unasked.pop(0)) if self._unasked and not self.infeasible else None

    def tell(self, proposal: Proposal, scores: Scores | None) -> None:
        """See ``Search.tell``."""
        if scores is None:
            self.infeasible = True
        else:
            self._scores.append(scores)

    def center(self) -> Vector:
        """See ``Search.center``: the mean itself."""
        return self._point.copy()


class Progress:
    """Tells a run that still climbs from one that does not, by the scores of its candidates."""

    def __init__(self) -> None:
        self._told: list[tuple[int, float]] = []

    def add(self, block: int, fitness: float) -> None:
        """Take in what a candidate had on a block."""
        self._told.append((block, fitness))

    def stagnates(self, stretch: int) -> bool:
        """Whether the last ``stretch`` candidates are no better than the ``stretch`` before them.

        Blocks differ in difficulty, so each is compared with itself; blocks that only one side met do not count.
        """
        if len(self._told) < 2 * stretch:
            return False
        before = _by_block(self._told[-2 * stretch : -stretch])
        after = _by_block(self._told[-stretch:])
        common = before.keys() & after.keys()
        return bool(common) and sum(after[block] - before[block] for block in sorted(common)) <= 0


class RestartedMergeCma:
    """One MergeCMA after another; implements ``interface.Search`` and ``state.Traced``.

    Until the first restart it asks for exactly what MergeCMA alone would. A run ends when no coordinate's standard
    deviation is more than ``COLLAPSED`` of its start, or when its last 20 generations were no better than the 20 before
    (Hansen's criterion waits for 120 and more, which few budgets here have). That is looked at only while the budget
    has room for scoring two means on all items and for 20 generations of twice the population.

    A new run starts anywhere in the ranges, as in IPOP: from the old start it would mostly come back to where it was.
    The result is the run's mean with the best fitness over all search items. The last run's is scored with the end of
    the budget; where the budget is not counted in items it never is, and does not count.

    Args:
        setting: as for ``MergeCma``.
        options: of every run.
    """

    def __init__(self, setting: SearchSetting, options: MergeCmaOptions) -> None:
        self._setting = setting
        self._options = options
        self._largest = max(len(block) for block in setting.items.blocks)
        self._spent = 0
        self._contenders: list[Contender] = []
        self._run: MergeCma = MergeCma(setting, options)
        self._popsize = self._run.popsize
        self._restarts = 0
        self._updates_before = 0
        self._initial = self._run.distribution.deviations
        self._progress = Progress()
        self._over = False
        self._numbers: dict[tuple[int, int], int] = {}
        self._open: dict[tuple[int, int], tuple[Search, Proposal]] = {}
        self._owners: list[Search] = [self._run]

    def ask(self) -> Proposal | None:
        """See ``Search.ask``; None as for ``MergeCma``."""
        if self._ends():
            self._contend()
            self._restart()
        elif self._contenders and not self._over and self._left() < self._setting.items.count + self._largest:
            self._contend()
            self._over = True
        owners: list[Search] = [*self._contenders, *([] if self._over else [self._run])]
        for owner in owners:
            if (proposal := owner.ask()) is not None:
                return self._pass_on(owner, proposal)
        return None

    def tell(self, proposal: Proposal, scores: Scores | None) -> None:
        """See ``Search.tell``; what comes late goes to the run that asked for it."""
        owner, own = self._open.pop((proposal.number, proposal.block))
        owner.tell(own, scores)
        if owner is self._run and scores is not None:
            self._progress.add(proposal.block, self._setting.items.fitness(scores))

    def center(self) -> Vector:
        """See ``Search.center``: the best scored mean; before any was scored, that of the first run."""
        feasible = [one for one in self._contenders if not one.infeasible]
        if not feasible:
            return self._run.center()
        # Of several without a fitness, and of equal ones, the first.
        return max(feasible, key=lambda one: -math.inf if one.fitness is None else one.fitness).center()

    @property
    def updates(self) -> int:
        """See ``Traced.updates``."""
        return self._updates_before + self._run.updates

    def state(self) -> SearchState:
        """See ``Traced.state``: that of the present run."""
        return replace(self._run.state(), updates=self.updates, run=self._restarts)

    def _left(self) -> float:
        budget = self._setting.item_evaluations
        return math.inf if budget is None else budget - self._spent

    def _ends(self) -> bool:
        """Whether the present run is to end for another one."""
        generations = _LEAST_GENERATIONS * 2 * self._popsize * self._largest
        if self._over or self._left() < 2 * self._setting.items.count + generations:
            return False
        deviations = self._run.distribution.deviations
        collapsed = bool(np.all(deviations <= COLLAPSED * self._initial))
        return collapsed or self._progress.stagnates(_STRETCH * self._popsize)

    def _contend(self) -> None:
        contender = Contender(self._run.center(), self._setting.items)
        self._contenders.append(contender)
        self._owners.append(contender)

    def _restart(self) -> None:
        self._popsize *= 2
        self._restarts += 1
        self._updates_before = self.updates
        number = len(self._contenders)
        # Means are scored here, with items that a run cannot spend.
        reserved = 2 * self._setting.items.count
        setting = replace(
            self._setting,
            seed=int(np.random.SeedSequence([self._setting.seed, number]).generate_state(1)[0]),
            item_evaluations=None if self._setting.item_evaluations is None else int(self._left()) - reserved,
            prior=self._anywhere(number),
        )
        options = replace(self._options, popsize=self._popsize, use_prior=True, confirm_mean=False)
        self._run = MergeCma(setting, options)
        self._initial = self._run.distribution.deviations
        self._progress = Progress()
        self._owners.append(self._run)

    def _anywhere(self, number: int) -> Prior:
        """Return a start that is drawn from the ranges, with the steps of the first run."""
        box = Box.of(self._setting.coordinates).finite()
        random = np.random.default_rng([self._setting.seed, number])
        prior = self._setting.prior if self._options.use_prior else None
        factor = np.eye(self._setting.dimension) if prior is None else prior.factor
        return Prior(random.uniform(box.low, box.high), factor, f"restart {number}")

    def _pass_on(self, owner: Search, own: Proposal) -> Proposal:
        key = (self._owners.index(owner), own.number)
        number = self._numbers.setdefault(key, len(self._numbers))
        self._open[number, own.block] = (owner, own)
        self._spent += len(self._setting.items.blocks[own.block])
        return replace(own, number=number)


def merge_cma(setting: SearchSetting, options: MergeCmaOptions) -> Search:
    """Build MergeCMA, with restarts where the options say so."""
    return RestartedMergeCma(setting, options) if options.restarts else MergeCma(setting, options)


def _by_block(told: Sequence[tuple[int, float]]) -> dict[int, float]:
    """Return the mean fitness on every block."""
    found: dict[int, list[float]] = {}
    for block, fitness in told:
        found.setdefault(block, []).append(fitness)
    return {block: sum(values) / len(values) for block, values in found.items()}
