"""A simulated merge for searches on blocks of items: logistic answers, workers that come back in any order."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from optimizer.search.blocks import cut_blocks
from optimizer.search.interface import Coordinate, Scores, SearchItems, SearchSetting


class SimulatedMerge:
    """Right or wrong answers whose chance falls with the distance from an optimum; the truth is known."""

    def __init__(self, dimension, items=96, seed=0):
        random = np.random.default_rng(seed)
        self.optimum = random.normal(size=dimension)
        self.difficulty = random.normal(size=items)
        self.tasks = (np.arange(items) % 2).astype(np.intp)
        self.seed = seed

    def chances(self, point):
        return expit(2 - 4 * np.mean((point - self.optimum) ** 2) - self.difficulty)

    def truth(self, point):
        return float(self.chances(point).mean())

    def scores(self, setting, proposal):
        positions = setting.items.blocks[proposal.block]
        random = np.random.default_rng([self.seed, proposal.number, proposal.block])
        return Scores(
            positions, (random.random(len(positions)) < self.chances(proposal.point)[positions]).astype(float)
        )

    def setting(self, passes=20.0, workers=1, block_size=16, seed=0, prior=None, limit=50.0):
        dimension, count = len(self.optimum), len(self.tasks)
        return SearchSetting(
            coordinates=(Coordinate("weight", None, 0.0, 1.0, -limit, limit),) * dimension,
            items=SearchItems(self.tasks, np.ones(2), cut_blocks(self.tasks, block_size, seed)),
            seed=seed,
            item_evaluations=None if passes is None else int(passes * count),
            workers=workers,
            prior=prior,
        )


def drive(search, setting, score, order_seed=0, most=100_000):
    """Run with all workers busy and results back in random order; return what was asked, and whether one waited."""
    random = np.random.default_rng(order_seed)
    flying, asked = [], []
    idle = False
    while len(asked) < most:
        while len(flying) < setting.workers:
            proposal = search.ask()
            if proposal is None:
                idle = True
                break
            asked.append(proposal)
            flying.append(proposal)
        if not flying:
            break
        proposal = flying.pop(int(random.integers(len(flying))))
        search.tell(proposal, score(proposal))
    return asked, idle
