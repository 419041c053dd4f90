"""Many workers and uneven evaluation times, simulated: how much of the workers' time goes into scoring.

An evaluation of a candidate on a block takes its items' tokens times a log-normal factor of that candidate and block;
between the 5th and the 95th percentile it varies fivefold. Asking and telling take no time, so a worker idles for one
reason only: the search has nothing to propose. A run ends when the budget is committed; what is still being scored
then is told, and counts as the tail.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
from runner import Session

from optimizer.search.interface import Proposal, Scores, Search, Vector

SPREAD = 5.0
# Standard normal quantile of 95 %.
_Q95 = 1.6449


@dataclass(frozen=True)
class Simulation:
    """What one simulated run did.

    Args:
        scoring: share of the workers' time spent scoring, from the start until the budget was committed.
        scoring_with_tail: the same until the last result was in.
        time: until the last result, in mean times of one pass over the search items by one worker.
        items: item evaluations spent.
        tokens: tokens spent.
        center: raw coefficients of the search's center at the end.
    """

    scoring: float
    scoring_with_tail: float
    time: float
    items: int
    tokens: int
    center: Vector


def duration(session: Session, proposal: Proposal, spread: float) -> float:
    """Return how long scoring takes, in mean passes over the search items; the same for the same proposal."""
    tokens = session.problem.tokens
    share = float(tokens[session.items.blocks[proposal.block]].sum() / tokens.sum())
    sigma = math.log(spread) / (2 * _Q95)
    random = np.random.default_rng([session.problem.seed, proposal.number, proposal.block, 7])
    return share * math.exp(sigma * random.standard_normal() - sigma**2 / 2)


def simulate(session: Session, search: Search, workers: int, spread: float = SPREAD) -> Simulation:
    """Run a search on simulated workers until its budget is spent and everything in flight is told.

    Args:
        session: the problem with its budget.
        search: built for ``workers`` proposals at the same time.
        workers: number of workers, each scoring one proposal at a time.
        spread: ratio of the 95th to the 5th percentile of the evaluation times; 1 makes them even.
    """
    now, committed, busy = 0.0, 0.0, 0.0
    flights: list[tuple[float, int, float, Proposal, Scores]] = []
    spans: list[tuple[float, float]] = []
    started = 0
    while True:
        while len(flights) < workers and session.spent < session.budget:
            proposal = search.ask()
            if proposal is None:
                break
            scores = session.evaluate(proposal)
            end = now + duration(session, proposal, spread)
            heapq.heappush(flights, (end, started, now, proposal, scores))
            spans.append((now, end))
            started += 1
            committed = now
        if not flights:
            break
        now, _, began, proposal, scores = heapq.heappop(flights)
        busy += now - began
        search.tell(proposal, scores)
    before = sum(min(end, committed) - min(start, committed) for start, end in spans)
    return Simulation(
        scoring=before / (workers * committed) if committed > 0 else 1.0,
        scoring_with_tail=busy / (workers * now) if now > 0 else 1.0,
        time=now,
        items=session.spent,
        tokens=session.tokens,
        center=session.raw(search.center()),
    )
