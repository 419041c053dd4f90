"""Screening as a run does it, with simulated stand-ins in place of truncated task vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.screening import choose_places
from optimizer.search.interface import Scores, Search
from optimizer.search.preselection import Preselecting

if TYPE_CHECKING:
    from runner import Session


@dataclass(frozen=True)
class Screen:
    """Stand-ins whose fitness on a block is the candidates' own plus normal noise.

    Args:
        correlation: of both, among the points of a generation (Pearson's); 0 is choosing by lot.
        charged: whether a stand-in costs as much as a candidate; else nothing.
        proposals: points for each candidate that is scored.
        lots: share of the places that go by lot.
    """

    correlation: float
    charged: bool = False
    proposals: int = 3
    lots: float = 0.5


def preselect(screen: Screen | None, session: Session, search: Search) -> bool:
    """Choose the candidates of the generation that a search waits for; False where it waits for none."""
    if screen is None or not isinstance(search, Preselecting) or (vacancy := search.vacancy) is None:
        return False
    positions = session.items.blocks[vacancy.block]
    points = [session.raw(point) for point in search.draw(vacancy.places * screen.proposals)]
    exact = [session.items.fitness(Scores(positions, session.problem.score(raw, positions))) for raw in points]
    if screen.charged:
        session.charge(np.repeat(positions, len(points)))
    random = np.random.default_rng([session.problem.seed, vacancy.generation, 11])
    noise = float(np.std(exact)) * random.standard_normal(len(exact))
    values = screen.correlation * np.array(exact) + math.sqrt(1 - screen.correlation**2) * noise
    search.choose(choose_places(values.tolist(), vacancy.places, math.ceil(screen.lots * vacancy.places)))
    return True
