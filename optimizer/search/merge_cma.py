"""MergeCMA: CMA-ES on single item scores, for few tokens, noisy and tied fitness, and workers that never wait.

A generation's candidates are scored on the same small block of items, and blocks rotate between generations. Candidates
are weighted by the expected weight of their rank under resampling of those items. The mean of the distribution, not a
lucky sample, is the result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from optimizer.search.blocks import Rotation
from optimizer.search.candidates import Candidate, contest, observations, surely_worse
from optimizer.search.distribution import Distribution, Sample, log_weights
from optimizer.search.interface import Proposal, Scores, SearchSetting, Vector
from optimizer.search.irt import ESTIMATORS, Estimator
from optimizer.search.rank_weights import expected_rank_weights, misranking, rank_weights
from optimizer.search.state import SearchState, state_of

_BOOTSTRAP_DRAWS = 100
# A generation is closed without its stragglers once this share is there and a whole generation's worth waits behind.
_SHARE_TO_CLOSE = 0.8
# Weight of the newest generation in the running misranking statistic.
_MISRANKING_MEMORY = 0.3
# A last look at the mean on all items must not cost more than this share of the budget.
_SHARE_TO_CONFIRM = 0.1
# Earlier candidates that help to tell how difficult items are, in generations.
_RECENT_GENERATIONS = 5
_POPULATION_GROWTH = 1.5
_LARGEST_GROWTH = 8
# At 64 dimensions a grown population loses the optimum again, at 20 it finds more (docs/search.md).
_LARGEST_GROWING_DIMENSION = 32


@dataclass(frozen=True)
class MergeCmaOptions:
    """The ingredients of MergeCMA, each of which can be taken out.

    Args:
        popsize: candidates of a generation; None is ``default_popsize``.
        separable_above: dimension above which only a diagonal covariance is learned.
        rotate: use another block in every generation; otherwise the first block for ever.
        bootstrap_weights: weight candidates by expected rank weights; otherwise by rank.
        growing_population: take half as many candidates again while the ranking is mostly noise, up to 8 times
            ``popsize``; in 32 dimensions and with ``popsize`` workers at most. Against noise this buys as much as more
            items would, and explores besides.
        growing_blocks: double the blocks of a generation while the ranking is mostly noise.
        misranking_limit: running misranking statistic above which either grows; see ``rank_weights.misranking``.
        asynchronous: what a worker gets while a generation is incomplete. ``steady``: another candidate from the
            present distribution; every ``popsize`` finished ones are a generation. ``speculative``: a candidate of
            the next generation, ahead of time; late candidates join a later generation. ``barrier``: nothing.
        racing: candidates surely worse than their generation's median get no more of its blocks, and workers that
            would be given a new one first score the best recent candidate on another block.
        racing_level: error level of one such decision.
        active: step away from bad candidates and take variance out of their directions (negative weights).
        active_above: dimension above which that is done; below, few candidates make such steps too long.
        use_prior: start from the prior's mean and shape; otherwise from 0 with one step in every coordinate.
        confirm_mean: score the mean on all items with the end of the budget.
        restarts: start over with twice the population once the distribution has collapsed or stopped climbing.
        estimator: how racing finds the best recent candidate.
    """

    popsize: Annotated[int, Field(ge=3)] | None = None
    separable_above: Annotated[int, Field(ge=0)] = 64
    rotate: bool = True
    bootstrap_weights: bool = True
    growing_population: bool = False
    growing_blocks: bool = False
    misranking_limit: Annotated[float, Field(ge=0, le=0.5)] = 0.15
    asynchronous: Literal["steady", "speculative", "barrier"] = "steady"
    racing: bool = False
    racing_level: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    active: bool = True
    active_above: Annotated[int, Field(ge=0)] = 5
    use_prior: bool = True
    confirm_mean: bool = True
    restarts: bool = False
    estimator: Estimator = "effects"


def default_popsize(dimension: int) -> int:
    """Return CMA-ES's ``4 + 3 ln d`` plus ``d / 2`` against noise.

    It does not grow with the workers: with more of them than candidates in a generation, scores arrive several updates
    late, but fewer updates from larger generations end lower (docs/search.md).
    """
    return 4 + int(3 * math.log(max(dimension, 1))) + dimension // 2


class MergeCma:
    """See the module; implements ``interface.Search`` and ``state.Traced``.

    The pool holds the candidates that no generation has used yet, oldest first. Its first ``popsize`` are the present
    generation, those behind them were drawn ahead of their time so that no worker waits.

    Args:
        setting: space, items, budget, workers, prior and seed.
        options: the ingredients.
    """

    def __init__(self, setting: SearchSetting, options: MergeCmaOptions | None = None) -> None:
        self.options = options or MergeCmaOptions()
        self.popsize = self.options.popsize or default_popsize(setting.dimension)
        grows = setting.dimension <= _LARGEST_GROWING_DIMENSION and setting.workers <= self.popsize
        self._largest_popsize = (_LARGEST_GROWTH if grows else 1) * self.popsize
        prior = setting.prior if self.options.use_prior else None
        self.distribution = Distribution.around(setting, prior, separable_above=self.options.separable_above)
        self._setting = setting
        self._sizes = [len(block) for block in setting.items.blocks]
        self._random = np.random.default_rng(setting.seed)
        self._rotation = Rotation(len(self._sizes), setting.seed, rotate=self.options.rotate)
        self._all: list[Candidate] = []
        self._pool: list[Candidate] = []
        self._used: list[Candidate] = []
        self._extra: list[tuple[Candidate, int]] = []
        self._last: list[tuple[Candidate, int]] = []
        self._confirmed = not self.options.confirm_mean or not self._can_confirm()
        self._spent = 0
        self._place = 0
        self._blocks_each = 1
        self._misranking = 0.0

    def ask(self) -> Proposal | None:
        """See ``Search.ask``; None once the budget has no room for a block, or at a barrier."""
        if self._left() < max(self._sizes):
            return None
        if not self._confirmed and self._left() < self._setting.items.count + max(self._sizes):
            self._confirm()
        unit = self._next()
        if unit is None:
            return None
        candidate, block = unit
        candidate.asked.append(block)
        self._spent += self._sizes[block]
        return Proposal(candidate.number, candidate.sample.point, block)

    def tell(self, proposal: Proposal, scores: Scores | None) -> None:
        """See ``Search.tell``."""
        candidate = self._all[proposal.number]
        if scores is None:
            candidate.infeasible = True
        else:
            candidate.scores[proposal.block] = scores
        if self.options.racing:
            self._race()
        while members := self._due():
            self._close(members)

    def center(self) -> Vector:
        """See ``Search.center``: the mean of the distribution, shape (dimension,)."""
        return self.distribution.mean.copy()

    @property
    def updates(self) -> int:
        """See ``Traced.updates``."""
        return self.distribution.updates

    def state(self) -> SearchState:
        """See ``Traced.state``."""
        return state_of(self.distribution, self._setting.coordinates)

    def _left(self) -> float:
        budget = self._setting.item_evaluations
        return math.inf if budget is None else budget - self._spent

    def _can_confirm(self) -> bool:
        budget = self._setting.item_evaluations
        return budget is not None and self._setting.items.count <= _SHARE_TO_CONFIRM * budget

    def _confirm(self) -> None:
        self._confirmed = True
        # The largest last, so that there is room for a largest block until the end.
        blocks = tuple(sorted(range(len(self._sizes)), key=lambda block: self._sizes[block]))
        mean = self._add(self.distribution.sample_of(self.center()), blocks)
        self._last = [(mean, block) for block in blocks]

    def _next(self) -> tuple[Candidate, int] | None:
        if self._last:
            return self._last.pop(0)
        unit = self._missing()
        if unit is not None:
            return unit
        if self._extra:
            return self._extra.pop(0)
        return None if self.options.asynchronous == "barrier" else self._draw()

    def _front(self) -> list[Candidate]:
        return self._pool if self.options.asynchronous == "steady" else self._pool[: self.popsize]

    def _missing(self) -> tuple[Candidate, int] | None:
        """The next block of the present generation: the first block of every candidate, then the second, and so on."""
        front = self._front()
        if len(front) < self.popsize:
            return self._draw()
        units = [
            (candidate, block)
            for candidate in front
            if (block := candidate.missing) is not None and not (candidate.dropped or candidate.infeasible)
        ]
        return min(units, key=lambda unit: len(unit[0].asked), default=None)

    def _draw(self) -> tuple[Candidate, int] | None:
        if (sample := self._sample()) is None:
            return None
        candidate = self._add(sample, self._blocks())
        self._pool.append(candidate)
        return candidate, candidate.blocks[0]

    def _sample(self) -> Sample | None:
        """The next candidate; None where it is not known yet."""
        return self.distribution.sample(self._random)

    def _blocks(self) -> tuple[int, ...]:
        """The blocks of the next candidate."""
        ahead = 0 if self.options.asynchronous == "steady" else len(self._pool) // self.popsize
        return self._rotation.take(self._place + ahead * self._blocks_each, self._blocks_each)

    def _add(self, sample: Sample, blocks: tuple[int, ...]) -> Candidate:
        candidate = Candidate(len(self._all), sample, blocks)
        self._all.append(candidate)
        return candidate

    def _due(self) -> list[Candidate]:
        """The candidates whose scores make the next update; empty while it has to wait."""
        ready = [candidate for candidate in self._front() if candidate.ready][: self.popsize]
        if len(ready) == self.popsize:
            return ready
        if self.options.asynchronous != "speculative":
            return []
        ahead = self._pool[self.popsize :]
        behind = sum(candidate.infeasible or not candidate.pending for candidate in ahead)
        overtaken = len(ready) >= _SHARE_TO_CLOSE * self.popsize and len(ready) + behind >= self.popsize
        return ready if overtaken else []

    def _close(self, members: list[Candidate]) -> None:
        self._pool = [candidate for candidate in self._pool if candidate not in members]
        if any(not member.infeasible for member in members):
            self._update(members)
        self._used = [*self._used, *members][-_RECENT_GENERATIONS * self.popsize :]
        self._place += self._blocks_each
        self._grow()
        if self.options.racing:
            self._favour()

    def _grow(self) -> None:
        """Take more candidates or more items once rankings have been mostly noise for a while."""
        if self._misranking <= self.options.misranking_limit:
            return
        # The statistic has to build up again before the next growth.
        self._misranking = 0.0
        if self.options.growing_population:
            self.popsize = min(self._largest_popsize, math.ceil(_POPULATION_GROWTH * self.popsize))
        if self.options.growing_blocks:
            self._blocks_each = min(2 * self._blocks_each, len(self._sizes))

    def _update(self, members: list[Candidate]) -> None:
        table = contest(members, self._used, self._setting.items)
        resampled = table.resampled(_BOOTSTRAP_DRAWS, self._random)
        noise = misranking(table.fitness, resampled)
        self._misranking += _MISRANKING_MEMORY * (noise - self._misranking)
        active = self.options.active and self._setting.dimension > self.options.active_above
        by_rank = log_weights(len(members), active=active)
        if self.options.bootstrap_weights:
            weights = expected_rank_weights(resampled, by_rank)
        else:
            weights = rank_weights(table.fitness, by_rank)
        # Where most are infeasible, ranks of the better half reach them; nothing may move towards them.
        infeasible = np.array([member.infeasible for member in members])
        weights[infeasible] = np.minimum(weights[infeasible], 0)
        self.distribution.update([member.sample for member in members], weights)

    def _race(self) -> None:
        """Drop candidates of the present generation that are surely worse than its median."""
        front = self._front()
        racing = [one for one in front if one.scores and not (one.ready or one.pending)]
        scored = [one for one in front if one.scores and not one.infeasible]
        if not racing or 2 * len(scored) < self.popsize:
            return
        fitness = contest(scored, self._used, self._setting.items).fitness
        median = scored[int(np.argsort(-fitness, kind="stable")[len(scored) // 2])]
        for one in racing:
            one.dropped = surely_worse(one, median, self.options.racing_level)

    def _favour(self) -> None:
        """Queue another block of the best recent candidate for the next worker that would be given a new one."""
        scored = [one for one in self._used if one.scores and not one.infeasible]
        if not scored:
            return
        estimates = ESTIMATORS[self.options.estimator](self._setting.items, observations(scored))
        best = scored[int(np.argmax(estimates.mean))]
        unseen = [block for block in range(len(self._sizes)) if block not in best.asked]
        self._extra = [(best, unseen[0])] if unseen and not best.pending else []
